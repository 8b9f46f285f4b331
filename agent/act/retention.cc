#include "agent/act/retention.h"

#include <algorithm>

#include "protocol/base/limits.h"

namespace fleetsweep::act {

Timestamp believable_now(const trust::ClockReading& clock, Timestamp newest_witnessed) {
  return clock.synchronised ? std::max(clock.local, newest_witnessed) : newest_witnessed;
}

Seconds kept_by(const model::Policy& policy) {
  Seconds kept = policy.limits.undo_ttl;
  if (kept <= Seconds(0)) return Seconds(0);
  for (const Seconds rescan : policy.verify.rescans) kept = std::max(kept, rescan);
  return std::max(kept, Seconds(limits::kUndoSecondsMin));
}

namespace {

bool has_ended(const Transaction& transaction) {
  return !transaction.is_open() && !transaction.purged;
}

}  // namespace

std::optional<Timestamp> kept_until(const std::vector<Transaction>& history,
                                    const DocumentId& order, std::optional<Seconds> owners) {
  std::optional<Timestamp> until;
  for (const auto& transaction : history) {
    if (transaction.begin.order != order || transaction.purged) continue;
    const Seconds kept = std::max(transaction.begin.undo_ttl, owners.value_or(Seconds(0)));
    if (transaction.is_open() || kept == Seconds(0)) return std::nullopt;
    const Timestamp end = std::max(transaction.end->at, transaction.begin.at) + kept;
    until = std::max(until.value_or(end), end);
  }
  return until;
}

std::vector<const Transaction*> expired(const std::vector<Transaction>& history, Timestamp now,
                                        std::optional<Seconds> owners) {
  std::vector<const Transaction*> result;
  for (const auto& transaction : history) {
    if (!has_ended(transaction)) continue;
    const auto until = kept_until(history, transaction.begin.order, owners);
    if (until && *until <= now) result.push_back(&transaction);
  }
  return result;
}

std::vector<const Transaction*> older(const std::vector<Transaction>& history, Timestamp began_by) {
  std::vector<const Transaction*> result;
  for (const auto& transaction : history)
    if (has_ended(transaction) && transaction.begin.at <= began_by) result.push_back(&transaction);
  return result;
}

Result<Purged> purge(Vault& vault, Ledger& ledger, const Nonce& transaction, Timestamp now) {
  Purged purged{now, 0, 0};
  for (const auto& kept : vault.kept(transaction)) {
    ++purged.files;
    purged.bytes += kept.bytes;
  }
  if (ledger.find(transaction) != nullptr) FS_CHECK(ledger.write(transaction, purged));
  FS_CHECK(vault.purge(transaction));
  return purged;
}

}  // namespace fleetsweep::act
