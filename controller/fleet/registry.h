#pragma once

// The hosts of one tenant: who they are (proven at enrolment), what they say about themselves
// (claims), and when they were last heard. Pure.

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/model/order.h"
#include "protocol/model/wire.h"

namespace fleetsweep::fleet {

using HostNo = std::uint32_t;  // 1, 2, 3 ... in order of enrolment

struct Agent {
  HostNo no = 0;
  AgentId id;
  model::AgentKey key;
  std::vector<std::string> groups;  // from its EnrolBatch
  std::string jurisdiction;
  Timestamp enrolled;
  // Claims.
  std::string version;
  BootId boot;
  model::Facts facts;
  std::vector<std::string> capabilities;
  model::SandboxLevel sandbox = model::SandboxLevel::kNone;
  std::uint64_t log_size = 0;
  std::uint64_t root_version = 0;
  std::string activity;  // idle, scanning, acting, halted; from its beats
  // Ours.
  std::optional<Instant> last_heard;
  bool silent = false;
  bool forked = false;       // two receipts with one number: a cloned image or a stolen key
  std::uint32_t clones = 0;  // enrolments refused: its machine or identity again
  std::optional<Timestamp> clone_last;
  // `key` holds the transport key in use; the next one opens the door too until it was used.
  std::optional<model::AgentKey> next;
  std::uint32_t rekeys = 0;            // that were used
  std::vector<Timestamp> rekey_times;  // of the last offers, for the limit a day
};

class Registry {
 public:
  // The agent gets the next number. Its id, CURVE key and host are new: asserted.
  Agent& add(Agent agent);
  // kConflict with what to do: this host, identity or CURVE key is enrolled already.
  Status may_enrol(const AgentId& id, const CurveKey& curve, const Digest& host) const;
  // Somebody with a good token was refused because he looks like one we know. Its number, if so.
  HostNo note_clone(const AgentId& id, const Digest& host, Timestamp now);
  // Every key that any host of this tenant ever had since we run: none comes back.
  bool had(const CurveKey& curve) const { return by_curve_.contains(curve); }
  // A new transport key beside the one in use; an earlier offer is forgotten.
  void offer(HostNo no, const model::AgentKey& key);
  // The offered key is the one in use; returns the one that served until now.
  CurveKey settle(HostNo no);

  Agent* find(HostNo no);
  const Agent* find(HostNo no) const;
  const Agent* find(const AgentId& id) const;
  std::uint32_t uses(const PublicKey& token) const;  // hosts this token key has enrolled
  const std::vector<Agent>& all() const { return agents_; }
  std::size_t size() const { return agents_.size(); }

  // True when it was silent.
  bool heard(HostNo no, Instant now);
  // Hosts that fell silent since the last call: nothing heard for longer than `silence_max`. A host
  // never heard counts from `since` (when this controller began to listen).
  std::vector<HostNo> fall_silent(Instant now, Duration silence_max, Instant since);

 private:
  std::vector<Agent> agents_;  // index no - 1
  std::unordered_map<AgentId, HostNo> by_id_;
  std::unordered_map<Digest, HostNo> by_host_;
  std::unordered_map<CurveKey, HostNo> by_curve_;
  std::map<PublicKey, std::uint32_t> token_uses_;
};

// online, silent, never (enrolled but not heard since).
std::string_view liveness(const Agent& agent);

}  // namespace fleetsweep::fleet
