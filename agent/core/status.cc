// What the host's owner is told.

#include <fmt/ranges.h>

#include "agent/core/core.h"
#include "protocol/base/bytes.h"
#include "protocol/base/order_name.h"

namespace fleetsweep::agent {

std::string says(const model::Stop& stop) {
  std::vector<std::string> what;
  if (stop.halt_all) what.push_back("everything");
  if (stop.halt_from_class)
    what.push_back(fmt::format("orders of class {} and above", name(*stop.halt_from_class)));
  const auto add = [&](std::size_t count, std::string_view of) {
    if (count > 0) what.push_back(fmt::format("{} {}{}", count, of, count == 1 ? "" : "s"));
  };
  add(stop.orders.size(), "order");
  add(stop.policies.size(), "policy digest");
  add(stop.keys.size(), "approver key");
  add(stop.agents.size(), "host");
  return fmt::format("halts {}: {}",
                     what.empty() ? "nothing" : fmt::format("{}", fmt::join(what, ", ")),
                     escaped(stop.reason));
}

std::string Core::why(const DocumentId& order) const {
  if (!state().orders.contains(order) && !jobs_.contains(order)) {
    for (auto notice = refused_.rbegin(); notice != refused_.rend(); ++notice)
      if (notice->id == order)
        return fmt::format("refused: {}: {} (log entry {})", name(notice->refusal.reason),
                           notice->refusal.detail, notice->index);
    return "unknown: no order with this id is in the log this host has seen";
  }
  const auto reason = reasons_.find(order);
  if (reason == reasons_.end()) return "not looked at yet";
  std::string text = reason->second;
  const auto job = jobs_.find(order);
  // An undo says itself what it put back.
  if (job != jobs_.end() && job->second.acted != 0 && job->second.mode != model::Mode::kUndo)
    text += fmt::format("; objects acted on: {}", job->second.acted);
  if (job != jobs_.end() && job->second.round > 0)
    text +=
        fmt::format("; came back {} time{}", job->second.round, job->second.round == 1 ? "" : "s");
  if (job != jobs_.end() && !job->second.cut_off.empty())
    text += "; cut off: " + job->second.cut_off;
  if (is_by_sealed_keys(order)) text += "; approved with SEALED keys";
  return text;
}

bool Core::is_by_sealed_keys(const DocumentId& order) const {
  const auto found = state().orders.find(order);
  if (found == state().orders.end() || !state().root) return false;
  const auto approval =
      trust::meets(state().root->root(), trust::role_for(found->second.order.action_class),
                   found->second.signed_by, trust::stopped_keys(state()));
  return approval && *approval == trust::Approval::kSealed;
}

Result<DocumentId> Core::order_named(std::string_view text) const {
  std::set<DocumentId> known;
  for (const auto& [id, entry] : state().orders) known.insert(id);
  for (const auto& [id, job] : jobs_) known.insert(id);
  for (const trust::Notice& notice : refused_) known.insert(notice.id);
  return fleetsweep::order_named(text, known, "`fleetsweep-agent why`");
}

std::vector<model::Endpoint> Core::relays() const {
  if (!state().endpoints) return {};
  return state().endpoints->relays;
}

Core::Status Core::status() const {
  Status status;
  status.connected = session_.is_connected();
  status.welcomed = session_.is_welcomed();
  status.halted = identity_.host.halted;
  status.forked = log_.forked();
  status.activity = acting_                 ? "acting"
                    : walk_                 ? "scanning"
                    : identity_.host.halted ? "halted"
                                            : "idle";
  status.log_size = log_.size();
  status.root_version = log_.root().version();
  status.witness_time = log_.floor().time;
  status.orders = state().orders.size();
  status.outbox = outbox_.size();
  status.receipts = seq_;
  status.transport = rekeying_.in_use();
  status.rekey_pending = rekeying_.is_pending();
  for (const DocumentId& id : orders_in_log_order())
    status.lines.push_back({id, state().orders.at(id).order.title, why(id)});
  for (const auto& [id, job] : jobs_)
    if (!state().orders.contains(id) && is_busy(id))
      status.lines.push_back({id, "its order ended long ago", why(id)});
  status.refused = refused_;
  for (const auto& [id, entry] : state().stops) status.stops.push_back(says(entry.stop));
  status.consent = identity_.host.consent;
  return status;
}

}  // namespace fleetsweep::agent
