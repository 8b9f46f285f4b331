#pragma once

// What a new root makes easier than the one before it. Whoever would not have agreed has a day of
// witness time to notice: so long the older, stronger rule holds.

#include "protocol/model/order.h"
#include "protocol/model/root.h"

namespace fleetsweep::trust {

inline constexpr Seconds kWeakeningDelay{24 * 3600};

// Roles whose documents must meet the older rule too for that day; what rests on another role is an
// order, whose class is held back, or a Stop, which may be easier at once.
inline constexpr model::Role kOlderRuleRoles[] = {model::Role::kRoot, model::Role::kResume,
                                                  model::Role::kEnrol, model::Role::kInfra};

// One organisation's threshold is lower or gone, whatever another's is now; the same among the
// sealed clauses, or there are some now; or a role that nobody had is granted. Other people at the
// same thresholds are no weakening: a stolen key has to leave at once, and who may let it leave is
// what the thresholds say.
bool is_role_weaker(const model::Root& before, const model::Root& after, model::Role role);

// Whether an order of this class could run under `after` that could not have run, or not so soon,
// under `before` with the same people.
bool is_class_weaker(const model::Root& before, const model::Root& after,
                     model::Class action_class);

}  // namespace fleetsweep::trust
