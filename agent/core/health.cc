#include "agent/core/health.h"

#include <algorithm>

#include "protocol/model/health_check.h"

namespace fleetsweep::agent {

using model::Health;
using model::HealthCheck;
using model::HealthMark;

std::vector<HealthMark> good_ones(const std::vector<HealthMark>& marks) {
  std::vector<HealthMark> good;
  std::ranges::copy_if(marks, std::back_inserter(good),
                       [](const HealthMark& mark) { return mark.health == Health::kGood; });
  return good;
}

std::vector<HealthMark> turned_bad(const std::vector<HealthMark>& before,
                                   const std::vector<HealthMark>& now) {
  std::vector<HealthMark> bad;
  for (const HealthMark& mark : now) {
    const auto old = std::ranges::find(before, mark.check, &HealthMark::check);
    if (old == before.end() || old->health != Health::kGood) continue;
    const auto check = model::parse_health_check(mark.check);
    const bool is_route = check && check->kind == HealthCheck::Kind::kDefaultRoute;
    if (mark.health == Health::kBad)
      bad.push_back(mark);
    else if (is_route && mark.health == Health::kGood && mark.seen != old->seen)
      bad.push_back({mark.check, Health::kBad, mark.seen + ", and was " + old->seen});
  }
  return bad;
}

void mark_heartbeat(std::vector<HealthMark>& marks, Health health) {
  for (HealthMark& mark : marks) {
    const auto check = model::parse_health_check(mark.check);
    if (!check || check->kind != HealthCheck::Kind::kAgent) continue;
    mark.health = health;
    mark.seen = health == Health::kGood  ? "the controller answers"
                : health == Health::kBad ? "the controller does not answer"
                                         : "the controller has not answered yet";
  }
}

std::string health_text(const HealthMark& mark) {
  return fmt::format("{}: {}", mark.check, mark.seen);
}

}  // namespace fleetsweep::agent
