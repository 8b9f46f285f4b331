#pragma once

// Messages between an agent (DEALER) and its edge (ROUTER). One message is one ZeroMQ frame.

#include <string>
#include <variant>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/time.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::model {

// What a host says about itself: claims, never authority.
struct Facts {
  std::string hostname;
  std::string os;          // linux
  std::string os_id;       // debian
  std::string os_version;  // 12
  std::string kernel;      // 6.1.0-18-amd64
  std::string arch;        // x86_64
  std::vector<std::string> labels;
  bool operator==(const Facts&) const = default;
};

struct Hello {
  TenantId tenant;
  std::uint64_t log_size = 0;
  std::uint64_t root_version = 0;
  std::string agent_version;
  BootId boot;
  Facts facts;
  std::vector<std::string> capabilities;  // action names
  SandboxLevel sandbox = SandboxLevel::kNone;
  bool operator==(const Hello&) const = default;
};
struct Welcome {
  Duration heartbeat{};
  std::uint32_t in_flight_max = 0;
  bool operator==(const Welcome&) const = default;
};
struct RetryAfter {
  Duration wait{};
  std::string reason;
  bool operator==(const RetryAfter&) const = default;
};
// "Send me what is new from entry N"; with a digest: "and this blob from this offset".
struct Want {
  std::uint64_t entries_from = 0;
  Digest blob;
  std::uint64_t blob_offset = 0;
  bool operator==(const Want&) const = default;
};
struct Entries {
  std::uint64_t from = 0;
  std::vector<Bytes> entries;  // encoded envelopes, the exact bytes the leaf hashes cover
  bool operator==(const Entries&) const = default;
};
struct Checkpoint {
  std::string note;  // C2SP signed note with cosignatures
  bool operator==(const Checkpoint&) const = default;
};
struct Blob {
  Digest digest;
  std::uint64_t offset = 0;
  std::uint64_t total = 0;  // 0: the edge does not have it
  Bytes bytes;
  bool operator==(const Blob&) const = default;
};
struct Receipts {
  std::vector<Bytes> receipts;  // encoded envelopes
  bool operator==(const Receipts&) const = default;
};
struct ReceiptAck {
  std::vector<DocumentId> receipts;  // durable at the controller
  bool operator==(const ReceiptAck&) const = default;
};
struct Beat {
  std::uint64_t log_size = 0;
  std::string state;  // idle, scanning, acting, halted
  std::uint64_t rss_bytes = 0;
  Duration cpu{};  // since the last beat
  bool operator==(const Beat&) const = default;
};

// An agent whose clock is in doubt asks a witness host, through its edge.
struct TimeRequest {
  Nonce nonce;
  bool operator==(const TimeRequest&) const = default;
};
struct TimeReply {
  Bytes statement;  // an encoded envelope: TimeStatement
  bool operator==(const TimeReply&) const = default;
};
// A new transport key for the same identity. The old one holds until the new one has connected.
struct Rekey {
  Bytes agent_key;  // an encoded envelope, signed by the identity key
  bool operator==(const Rekey&) const = default;
};
struct Rekeyed {
  CurveKey curve;  // durable at the controller
  bool operator==(const Rekeyed&) const = default;
};

// On the enrolment socket only.
struct EnrolRequest {
  Bytes agent_key;  // an encoded envelope
  bool operator==(const EnrolRequest&) const = default;
};
struct EnrolReply {
  std::string error;              // empty: enrolled
  std::vector<Bytes> root_chain;  // encoded envelopes, version 1 first
  Bytes enrol_batch;
  Bytes endpoints;
  bool operator==(const EnrolReply&) const = default;
};

using Message =
    std::variant<Hello, Welcome, RetryAfter, Want, Entries, Checkpoint, Blob, Receipts, ReceiptAck,
                 Beat, EnrolRequest, EnrolReply, TimeRequest, TimeReply, Rekey, Rekeyed>;

}  // namespace fleetsweep::model
