// Keeps something from the network: addresses, ports, or all but the line to the controller. One
// table in the kernel's packet filter, which it makes and takes away as a whole.

#include "agent/act/actions/network.h"

#include "agent/act/actions/action.h"
#include "agent/act/firewall.h"
#include "agent/act/reach.h"

namespace fleetsweep::act {

namespace {

std::string table_of(const Op& op) {
  return fmt::format("fleetsweep-{:016x}", op.token);
}

// What does not parse was refused before it came into the journal.
Ruleset ruleset_of(const Op& op) {
  Ruleset rules;
  std::vector<plan::AddressRange> blocked;
  for (const auto& text : op.what)
    if (const auto port = plan::parse_local_port(text))
      rules.ports.push_back(*port);
    else if (const auto range = plan::parse_addresses(text))
      blocked.push_back(*range);
  (op.rest == "in" ? rules.in : rules.out) = plan::merged(std::move(blocked));
  rules.isolate = op.kind == OpKind::kIsolate;
  rules.ttl = Seconds(op.seconds);
  // Until it is known that the controller is reached all the same: renew_isolation().
  if (rules.isolate) rules.ttl = std::min(rules.ttl, plan::kUnreachedMax);
  rules.uid = op.uid;
  for (const auto& endpoint : op.spared)
    if (const auto parsed = parse_endpoint(endpoint))
      rules.open.push_back({plan::parse_addresses(parsed->host), parsed->port});
  for (const auto& resolver : op.roots)
    if (const auto range = plan::parse_addresses(resolver)) rules.resolvers.push_back(*range);
  return rules;
}

Checked<Intent> prepare(Context& context, std::uint32_t index) {
  const std::string table = table_of(context.op(index));
  FS_TRY(const bool exists, context.firewall.has(table));
  if (exists) return refuse(Reason::kConflict, "packet filter: there is a table {}", table);
  return Intent{};
}

Checked<Post> perform(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  FS_CHECK(context.firewall.add(table_of(op), ruleset_of(op)));
  return Post{};
}

Checked<Recovery> recover(Context& context, std::uint32_t index) {
  FS_TRY(const bool exists, context.firewall.has(table_of(context.op(index))));
  return Recovery{exists, {}};
}

Checked<UndoIntent> plan_undo(Context&, std::uint32_t) {
  return UndoIntent{};
}

// Whatever is left of it: nothing, if its time is over and the host has been started since.
Checked<void> undo(Context& context, std::uint32_t index) {
  return context.firewall.remove(table_of(context.op(index)));
}

}  // namespace

Checked<void> isolate_again(Firewall& firewall, const Op& op) {
  const std::string table = table_of(op);
  FS_TRY(const bool isolates, firewall.isolates(table));
  if (isolates) return {};
  FS_TRY(const bool exists, firewall.has(table));
  return exists ? firewall.replace(table, ruleset_of(op)) : firewall.add(table, ruleset_of(op));
}

Checked<void> renew_isolation(Firewall& firewall, const Op& op, Seconds ttl) {
  FS_TRY(const bool isolates, firewall.isolates(table_of(op)));
  if (!isolates || ttl <= Seconds(0)) return {};
  Ruleset rules = ruleset_of(op);
  rules.ttl = ttl;
  return firewall.replace(table_of(op), rules);
}

const Action kNetworkAction{prepare, perform, recover, plan_undo, undo};

}  // namespace fleetsweep::act
