#pragma once

// How long the vault keeps what cleaning took. Nothing is purged before its time, and nothing that
// is under way; the journal says it before the first file goes.

#include "agent/act/ledger.h"
#include "agent/act/vault.h"
#include "protocol/model/policy.h"
#include "protocol/trust/clock.h"

namespace fleetsweep::act {

// A clock that nobody keeps may be years ahead: then only what witnesses signed counts, which is
// never too late.
Timestamp believable_now(const trust::ClockReading& clock, Timestamp newest_witnessed);

// So long a policy has evidence kept, counted from the end of a cleaning: its `undo_ttl`, but
// never less than a day nor less than to its last rescan. 0: it says nothing.
Seconds kept_by(const model::Policy& policy);

// Until when what `order` took is kept, all its rounds together: as long as its policy has it, or
// the host's owner, whichever is longer. None: neither says anything, or it is under way.
std::optional<Timestamp> kept_until(const std::vector<Transaction>& history,
                                    const DocumentId& order, std::optional<Seconds> owners);

// Closed transactions whose evidence is still there and whose time is over. Pure.
std::vector<const Transaction*> expired(const std::vector<Transaction>& history, Timestamp now,
                                        std::optional<Seconds> owners);
// The same by the owner's hand: those that began at `began_by` or before.
std::vector<const Transaction*> older(const std::vector<Transaction>& history, Timestamp began_by);

// For good. After a crash in the middle: again, with Vault::purge() alone. A journal that does not
// know it is told nothing.
Result<Purged> purge(Vault& vault, Ledger& ledger, const Nonce& transaction, Timestamp now);

}  // namespace fleetsweep::act
