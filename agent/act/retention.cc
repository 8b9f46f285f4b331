#include "agent/act/retention.h"

namespace fleetsweep::act {

Timestamp believable_now(const trust::ClockReading& clock, Timestamp newest_witnessed) {
  return clock.synchronised ? std::max(clock.local, newest_witnessed) : newest_witnessed;
}

std::vector<const Transaction*> expired(const std::vector<Transaction>& history,
                                        Timestamp began_by) {
  std::vector<const Transaction*> result;
  for (const auto& transaction : history)
    if (!transaction.is_open() && !transaction.purged && transaction.begin.at <= began_by)
      result.push_back(&transaction);
  return result;
}

Result<Purged> purge(Vault& vault, Ledger& ledger, const Nonce& transaction, Timestamp now) {
  Purged purged{now, 0, 0};
  for (const auto& kept : vault.kept(transaction)) {
    ++purged.files;
    purged.bytes += kept.bytes;
  }
  FS_CHECK(ledger.write(transaction, purged));
  FS_CHECK(vault.purge(transaction));
  return purged;
}

}  // namespace fleetsweep::act
