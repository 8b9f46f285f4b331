#pragma once

// Signed bytes as they travel: DSSE's three parts. https://github.com/secure-systems-lab/dsse
// protocol.md v1.

#include <string>
#include <vector>

#include "protocol/base/ids.h"

namespace fleetsweep::model {

struct EnvelopeSignature {
  KeyId key;  // a hint, never a decision
  Bytes signature;
  bool operator==(const EnvelopeSignature&) const = default;
};

struct Envelope {
  std::string payload_type;  // domain separation; one of the kPayloadType... below
  Bytes payload;
  std::vector<EnvelopeSignature> signatures;
  bool operator==(const Envelope&) const = default;
};

inline constexpr std::string_view kPayloadRoot = "application/vnd.fleetsweep.root.v1+capnp";
inline constexpr std::string_view kPayloadOrder = "application/vnd.fleetsweep.order.v1+capnp";
inline constexpr std::string_view kPayloadRelease = "application/vnd.fleetsweep.release.v1+capnp";
inline constexpr std::string_view kPayloadStop = "application/vnd.fleetsweep.stop.v1+capnp";
inline constexpr std::string_view kPayloadResume = "application/vnd.fleetsweep.resume.v1+capnp";
inline constexpr std::string_view kPayloadEndpoints =
    "application/vnd.fleetsweep.endpoints.v1+capnp";
inline constexpr std::string_view kPayloadEnrolBatch =
    "application/vnd.fleetsweep.enrolbatch.v1+capnp";
inline constexpr std::string_view kPayloadAgentKey = "application/vnd.fleetsweep.agentkey.v1+capnp";
inline constexpr std::string_view kPayloadTime = "application/vnd.fleetsweep.time.v1+capnp";
inline constexpr std::string_view kPayloadReceipt = "application/vnd.fleetsweep.receipt.v1+capnp";
inline constexpr std::string_view kPayloadClose = "application/vnd.fleetsweep.close.v1+capnp";

}  // namespace fleetsweep::model
