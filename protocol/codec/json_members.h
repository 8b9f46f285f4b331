#pragma once

// JSON leaves open what a member that stands twice in one object means, and readers differ. Where
// people sign or decide by what they read, it is refused.

#include <string_view>

#include "protocol/base/result.h"

namespace fleetsweep::codec {

// kInvalid: names the first such member. Text that is not JSON passes: its reader says so.
Status no_member_twice(std::string_view json);

}  // namespace fleetsweep::codec
