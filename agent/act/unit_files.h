#pragma once

// Whether systemd has to be told: a unit that is gone from the disk lives on in its memory, and
// starts again what was killed. Pure.

#include <optional>

#include "agent/act/transaction.h"

namespace fleetsweep::act {

// A unit, a link that enables one, a drop-in, an init script that a unit is made of, or what makes
// units.
bool is_unit_file(std::string_view path);

// The last step that changes one; nothing: none does.
std::optional<std::uint32_t> last_unit_step(const Begin& begin);

// One was changed, whether or not it was put back since.
bool has_touched_units(const Transaction& transaction);

}  // namespace fleetsweep::act
