#pragma once

// What suspend and kill have in common: a process and its family are kept from running before
// anything else happens to them, so that a watchdog cannot answer.

#include <set>

#include "agent/act/actions/action.h"
#include "agent/act/hold.h"
#include "agent/act/process.h"

namespace fleetsweep::act {

Hold hold_of(const Context& context);

// kGone only if nobody of the operation's process and its family is there any more.
Checked<Intent> prepare_process(Context& context, std::uint32_t op);

// Until two looks find nobody new. Each is in the journal before it is touched: a dead
// transaction's processes can be continued. The family as it was seen last. Who cannot be frozen
// ends it, unless `unfrozen` is there to name him: then the others are frozen all the same.
Checked<Family> freeze(Context& context, std::uint32_t op,
                       std::set<std::int32_t>* unfrozen = nullptr);

// family_of() with whom this transaction has stopped as one of it: who stood between may be gone.
Family frozen_family(const Context& context, std::uint32_t op);

// Whom this transaction keeps from running now.
std::set<std::int32_t> held(const Context& context);

// All that this operation stopped runs again, in the cgroup it came from.
Checked<void> thaw(Context& context, std::uint32_t op);

// A frozen process dies where it is thawed: its signal is there before it runs. Whose program it
// runs is not asked again: one that is about to exit has none any more, and is not gone yet.
Checked<void> end(Context& context, const ProcessKey& process);

}  // namespace fleetsweep::act
