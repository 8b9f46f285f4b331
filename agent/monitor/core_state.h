#pragma once

// What of the state folder belongs to core's user.

#include <string>

#include "protocol/base/result.h"
#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::monitor {

// As root: makes core/ and puts it, the keys and the enrolment into the hands of `user` (uid 0:
// back into root's). act/ stays root's. kInvalid, and says what to do, when `user` cannot pass
// through a folder above.
Status give_to_core(const std::string& state, const runtime::User& user);

}  // namespace fleetsweep::monitor
