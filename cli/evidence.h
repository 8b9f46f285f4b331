#pragma once

// What a close-out rests on, as bytes: everything that prove() needs to see for itself, and in the
// words of a controller only what no host said. Its JSON form is part of a report.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::cli {

struct ProvenEntry {
  std::uint64_t index = 0;  // in the control log
  Bytes entry;
  std::vector<Digest> proof;  // that it is in the tree of Evidence::checkpoint
  bool operator==(const ProvenEntry&) const = default;
};

// The controller's word on a host of which no receipt says where it stands.
struct SilentHost {
  AgentId agent;
  model::HostState state = model::HostState::kPending;
  bool operator==(const SilentHost&) const = default;
};

struct Evidence {
  std::string checkpoint;  // the note
  // Every root; the campaign's orders, Releases and Close; every Stop that bears on it and the
  // Resumes that lift one of those; the EnrolBatches of the hosts. Ascending.
  std::vector<ProvenEntry> log;
  std::vector<Bytes> policies;
  std::vector<Bytes> enrolments;  // AgentKey envelopes
  std::vector<Bytes> receipts;    // the results log, as it was closed
  std::vector<Bytes> late;        // receipts that came after
  std::vector<SilentHost> silent;
  bool operator==(const Evidence&) const = default;
};

nlohmann::json to_json(const Evidence& evidence);
// kInvalid: names the member and what was expected there.
Result<Evidence> evidence_of(const nlohmann::json& object);

}  // namespace fleetsweep::cli
