#pragma once

// How long the vault keeps what cleaning took. Nothing is purged before its time, and nothing that
// is under way; the journal says it before the first file goes.

#include "agent/act/ledger.h"
#include "agent/act/vault.h"
#include "protocol/trust/clock.h"

namespace fleetsweep::act {

// A clock that nobody keeps may be years ahead: then only what witnesses signed counts, which is
// never too late.
Timestamp believable_now(const trust::ClockReading& clock, Timestamp newest_witnessed);

// Closed transactions that began at `began_by` or before, and whose evidence is still there. Pure.
std::vector<const Transaction*> expired(const std::vector<Transaction>& history,
                                        Timestamp began_by);

// For good. After a crash in the middle: again, with Vault::purge() alone.
Result<Purged> purge(Vault& vault, Ledger& ledger, const Nonce& transaction, Timestamp now);

}  // namespace fleetsweep::act
