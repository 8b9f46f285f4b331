// What the host's owner is told.

#include "agent/core/core.h"

namespace fleetsweep::agent {

std::string Core::why(const DocumentId& order) const {
  if (!state().orders.contains(order) && !jobs_.contains(order)) {
    for (auto notice = refused_.rbegin(); notice != refused_.rend(); ++notice)
      if (notice->id == order)
        return fmt::format("refused: {}: {} (log entry {})", name(notice->refusal.reason),
                           notice->refusal.detail, notice->index);
    return "unknown: no order with this id is in the log this host has seen";
  }
  const auto reason = reasons_.find(order);
  return reason == reasons_.end() ? "not looked at yet" : reason->second;
}

std::vector<DocumentId> Core::orders_of(const Digest& policy) const {
  std::vector<DocumentId> ids;
  for (const auto& [id, entry] : state().orders)
    if (entry.order.policy == policy) ids.push_back(id);
  return ids;
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
  status.activity = active_ ? (active_->kind == Active::Kind::kAct ? "acting" : "scanning")
                    : identity_.host.halted ? "halted"
                                            : "idle";
  status.log_size = log_.size();
  status.root_version = log_.root().version();
  status.witness_time = log_.floor().time;
  status.orders = state().orders.size();
  status.outbox = outbox_.size();
  status.receipts = seq_;
  for (const DocumentId& id : orders_in_log_order())
    status.lines.push_back({id, state().orders.at(id).order.title, why(id)});
  status.refused = refused_;
  return status;
}

}  // namespace fleetsweep::agent
