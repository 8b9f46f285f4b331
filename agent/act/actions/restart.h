#pragma once

// What a restart leaves behind.

#include "agent/act/actions/action.h"

namespace fleetsweep::act {

// Processes of services that were restarted which live on with what was removed, as cron lets its
// jobs: "cron.service: 12, 13". Empty: none.
std::string left_running(const Context& context);

}  // namespace fleetsweep::act
