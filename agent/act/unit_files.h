#pragma once

// Whether systemd has to be told: a unit that is gone from the disk lives on in its memory, and
// starts again what was killed. Pure.

#include "agent/act/transaction.h"

namespace fleetsweep::act {

// A unit, a link that enables one, a drop-in, an init script that a unit is made of, or what makes
// units.
bool is_unit_file(std::string_view path);

// The same of the managers of users, with which no agent speaks.
bool is_user_unit_file(std::string_view path);

bool may_change_units(const Begin& begin);

// The operations that have touched one, and how far each is: as long as this is the same, systemd
// has to be told nothing more.
using UnitChanges = std::vector<std::pair<std::uint32_t, OpStage>>;
UnitChanges unit_changes(const Transaction& transaction);
UnitChanges user_unit_changes(const Transaction& transaction);

}  // namespace fleetsweep::act
