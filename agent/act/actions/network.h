#pragma once

// What cuts this host off, once it is done.

#include "agent/act/firewall.h"
#include "agent/act/operation.h"

namespace fleetsweep::act {

// Puts its rules back if they are gone: it was done before the host was started again, or long ago.
Checked<void> isolate_again(Firewall& firewall, const Op& op);
// Another `ttl` from now on, with the endpoints that `op` has now. One whose time is over stays so.
Checked<void> renew_isolation(Firewall& firewall, const Op& op, Seconds ttl);

}  // namespace fleetsweep::act
