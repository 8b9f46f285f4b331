#include "protocol/trust/weakening.h"

#include <algorithm>
#include <map>

#include "protocol/base/limits.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::trust {

using model::Class;
using model::Role;
using model::Root;

namespace {

// What each organisation must give; empty: the role is nobody's.
std::map<std::uint8_t, unsigned> thresholds(const Root& root, Role role) {
  std::map<std::uint8_t, unsigned> result;
  for (const auto& rule : root.roles)
    if (rule.role == role)
      for (const auto& clause : rule.clauses) result[clause.org] = clause.threshold;
  return result;
}

std::uint32_t unlimited(std::uint32_t value, std::uint32_t none) {
  return value ? value : none;
}

}  // namespace

// Each organisation has its veto: more signatures of one do not make up for fewer of another.
bool is_role_weaker(const Root& before, const Root& after, Role role) {
  const auto old_needed = thresholds(before, role);
  auto new_needed = thresholds(after, role);
  if (new_needed.empty()) return false;
  return old_needed.empty() || std::any_of(old_needed.begin(), old_needed.end(), [&](auto& clause) {
           return new_needed[clause.first] < clause.second;
         });
}

bool is_class_weaker(const Root& before, const Root& after, Class action_class) {
  const auto i = static_cast<std::size_t>(action_class);
  const model::RootPolicy &old_policy = before.policy, &new_policy = after.policy;
  if (is_role_weaker(before, after, role_for(action_class)) ||
      new_policy.checkpoint_age_max[i] > old_policy.checkpoint_age_max[i] ||
      new_policy.cool_off[i] < old_policy.cool_off[i] ||
      new_policy.order_life_max[i] > old_policy.order_life_max[i] ||
      new_policy.offline_grace_max[i] > old_policy.offline_grace_max[i])
    return true;
  if (action_class < Class::kContain) return false;
  return is_role_weaker(before, after, Role::kRelease) ||
         is_role_weaker(before, after, Role::kConductor) ||
         after.witness_quorum < before.witness_quorum ||
         new_policy.dry_run_age_max > old_policy.dry_run_age_max ||
         unlimited(new_policy.items_max, limits::kItemsMax) >
             unlimited(old_policy.items_max, limits::kItemsMax) ||
         unlimited(new_policy.wave1_permille_max, 1000) >
             unlimited(old_policy.wave1_permille_max, 1000);
}

}  // namespace fleetsweep::trust
