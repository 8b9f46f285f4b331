#include "protocol/trust/state.h"

#include <algorithm>
#include <set>

namespace fleetsweep::trust {

Keys stopped_keys(const State& state) {
  std::set<PublicKey> keys;
  for (const auto& [id, entry] : state.stops)
    keys.insert(entry.stop.keys.begin(), entry.stop.keys.end());
  return {keys.begin(), keys.end()};
}

std::optional<Timestamp> older_rule_until(const State& state, model::Role role,
                                          const model::Envelope& envelope, Timestamp at) {
  std::optional<Timestamp> until;
  for (const OlderRule& rule : state.older_rules)
    if (rule.role == role && rule.until > at &&
        !meets(rule.root.root(), role, signers(envelope, rule.root.root())))
      until = std::max(until.value_or(rule.until), rule.until);
  return until;
}

namespace {

template <class T>
bool has(const std::vector<T>& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

const char* hit(const model::Stop& stop, const DocumentId& order, const model::Order& document,
                model::Class action_class, const std::optional<AgentId>& agent) {
  if (stop.halt_all) return "everything";
  if (stop.halt_from_class && action_class >= *stop.halt_from_class) return "its class";
  if (has(stop.orders, order)) return "the order";
  if (!document.policy.is_zero() && has(stop.policies, document.policy)) return "its policy";
  if (agent && has(stop.agents, *agent)) return "this host";
  return nullptr;
}

}  // namespace

std::optional<std::string> stopped(const State& state, const DocumentId& order,
                                   const model::Order& document, model::Class action_class,
                                   const std::optional<AgentId>& agent) {
  if (state.stops_overflowed)
    return "more Stops are active than this host can hold: everything stands still";
  for (const auto& [id, entry] : state.stops)
    if (const char* what = hit(entry.stop, order, document, action_class, agent))
      return fmt::format("Stop {} halts {}: {}", id.hex(), what, escaped(entry.stop.reason));
  return std::nullopt;
}

}  // namespace fleetsweep::trust
