#include "controller/fleet/registry.h"

#include "protocol/base/assert.h"

namespace fleetsweep::fleet {

Agent& Registry::add(Agent agent) {
  FS_ASSERT(may_enrol(agent.id, agent.key.curve, agent.key.host));
  agent.no = static_cast<HostNo>(agents_.size() + 1);
  by_id_.emplace(agent.id, agent.no);
  by_host_.emplace(agent.key.host, agent.no);
  by_curve_.emplace(agent.key.curve, agent.no);
  ++token_uses_[agent.key.token];
  agents_.push_back(std::move(agent));
  return agents_.back();
}

Status Registry::may_enrol(const AgentId& id, const CurveKey& curve, const Digest& host) const {
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    const Agent& known = agents_[found->second - 1];
    if (known.key.host != host)
      return fail(
          Code::kConflict,
          "this identity is enrolled from another machine, {}: a cloned image makes keys of "
          "its own: move the agent's state away and enrol anew",
          escaped(known.key.hostname));
    return fail(Code::kConflict, "agent {} is enrolled already", id.hex().substr(0, 16));
  }
  if (by_curve_.contains(curve))
    return fail(Code::kConflict, "this CURVE key is enrolled already; make a new one");
  if (const auto found = by_host_.find(host); found != by_host_.end())
    return fail(
        Code::kConflict,
        "this host is enrolled already as agent {} ({}); a cloned image needs a machine id of "
        "its own",
        agents_[found->second - 1].id.hex().substr(0, 16),
        escaped(agents_[found->second - 1].key.hostname));
  return {};
}

HostNo Registry::note_clone(const AgentId& id, const Digest& host, Timestamp now) {
  const auto by_id = by_id_.find(id);
  const auto by_host = by_host_.find(host);
  const HostNo no = by_id != by_id_.end()       ? by_id->second
                    : by_host != by_host_.end() ? by_host->second
                                                : 0;
  if (no == 0) return no;
  ++find(no)->clones;
  find(no)->clone_last = now;
  return no;
}

void Registry::offer(HostNo no, const model::AgentKey& key) {
  FS_ASSERT(!had(key.curve));
  by_curve_.emplace(key.curve, no);
  find(no)->next = key;
}

CurveKey Registry::settle(HostNo no) {
  Agent& agent = *find(no);
  FS_ASSERT(agent.next);
  const CurveKey old = agent.key.curve;
  agent.key = *std::exchange(agent.next, std::nullopt);
  ++agent.rekeys;
  return old;
}

Agent* Registry::find(HostNo no) {
  return no == 0 || no > agents_.size() ? nullptr : &agents_[no - 1];
}

const Agent* Registry::find(HostNo no) const {
  return no == 0 || no > agents_.size() ? nullptr : &agents_[no - 1];
}

const Agent* Registry::find(const AgentId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &agents_[found->second - 1];
}

std::uint32_t Registry::uses(const PublicKey& token) const {
  const auto found = token_uses_.find(token);
  return found == token_uses_.end() ? 0 : found->second;
}

bool Registry::heard(HostNo no, Instant now) {
  Agent* agent = find(no);
  FS_ASSERT(agent);
  agent->last_heard = now;
  return std::exchange(agent->silent, false);
}

std::vector<HostNo> Registry::fall_silent(Instant now, Duration silence_max, Instant since) {
  std::vector<HostNo> fallen;
  for (Agent& agent : agents_) {
    if (agent.silent) continue;
    const Instant heard =
        std::max({agent.last_heard.value_or(since), since, Instant(agent.enrolled)});
    if (now - heard <= silence_max) continue;
    agent.silent = true;
    fallen.push_back(agent.no);
  }
  return fallen;
}

std::string_view liveness(const Agent& agent) {
  if (agent.silent) return "silent";
  return agent.last_heard ? "online" : "never";
}

}  // namespace fleetsweep::fleet
