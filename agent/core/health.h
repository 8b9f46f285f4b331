#pragma once

// What a policy's health checks say before a cleaning and after it. Pure.

#include <string>
#include <vector>

#include "protocol/model/local.h"

namespace fleetsweep::agent {

// Those that are good: only they can turn bad.
std::vector<model::HealthMark> good_ones(const std::vector<model::HealthMark>& marks);

// Of the checks that were good before: those that are bad now, or, of routes, others. What nobody
// can tell any more has not turned bad, and is_unknown() says so.
std::vector<model::HealthMark> turned_bad(const std::vector<model::HealthMark>& before,
                                          const std::vector<model::HealthMark>& now);

// Of `agent heartbeat`, which only core can judge.
void mark_heartbeat(std::vector<model::HealthMark>& marks, model::Health health);

// "port 22/tcp unchanged: nothing listens".
std::string health_text(const model::HealthMark& mark);

}  // namespace fleetsweep::agent
