#pragma once

// How the host is, as far as a policy asks: measured when a cleaning is about to begin and at each
// rescan after it. What cannot be measured is unknown, never good.

#include <span>

#include "agent/scan/root.h"
#include "protocol/model/local.h"

namespace fleetsweep::scan {

// A mark for each check, in their order. `agent heartbeat` is core's to judge.
std::vector<model::HealthMark> measure_health(std::span<const std::string> checks,
                                              const Root& root);

// The default routes of /proc/net/route and /proc/net/ipv6_route: "eth0 via 10.0.0.1", sorted and
// separated by commas; empty: none. The lines are the kernel's.
std::string default_routes(std::string_view route, std::string_view ipv6_route);

}  // namespace fleetsweep::scan
