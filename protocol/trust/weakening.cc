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

using Thresholds = std::map<std::uint8_t, unsigned>;  // what each organisation must give

// Empty: the role is nobody's, or has no such clauses.
Thresholds thresholds(const Root& root, Role role,
                      std::vector<model::Clause> model::RoleRule::*clauses) {
  Thresholds result;
  for (const auto& rule : root.roles)
    if (rule.role == role)
      for (const auto& clause : rule.*clauses) result[clause.org] = clause.threshold;
  return result;
}

// Each organisation has its veto: more signatures of one do not make up for fewer of another.
bool asks_less(const Thresholds& before, Thresholds after) {
  if (after.empty()) return false;
  return before.empty() || std::any_of(before.begin(), before.end(), [&](const auto& clause) {
           return after[clause.first] < clause.second;
         });
}

std::uint32_t unlimited(std::uint32_t value, std::uint32_t none) {
  return value ? value : none;
}

}  // namespace

bool is_role_weaker(const Root& before, const Root& after, Role role) {
  const auto asks_less_of = [&](auto clauses) {
    return asks_less(thresholds(before, role, clauses), thresholds(after, role, clauses));
  };
  return asks_less_of(&model::RoleRule::clauses) || asks_less_of(&model::RoleRule::sealed);
}

bool is_class_weaker(const Root& before, const Root& after, Class action_class) {
  const auto i = static_cast<std::size_t>(action_class);
  const model::RootPolicy &old_policy = before.policy, &new_policy = after.policy;
  if (is_role_weaker(before, after, role_for(action_class)) ||
      is_role_weaker(before, after, Role::kRelease) ||
      is_role_weaker(before, after, Role::kConductor) ||
      new_policy.checkpoint_age_max[i] > old_policy.checkpoint_age_max[i] ||
      new_policy.cool_off[i] < old_policy.cool_off[i] ||
      new_policy.order_life_max[i] > old_policy.order_life_max[i] ||
      new_policy.offline_grace_max[i] > old_policy.offline_grace_max[i] ||
      (action_class <= Class::kContain &&
       new_policy.standing_life_max > old_policy.standing_life_max))
    return true;
  if (action_class < Class::kContain) return false;
  return after.witness_quorum < before.witness_quorum ||
         new_policy.dry_run_age_max > old_policy.dry_run_age_max ||
         unlimited(new_policy.items_max, limits::kItemsMax) >
             unlimited(old_policy.items_max, limits::kItemsMax) ||
         unlimited(new_policy.wave1_permille_max, 1000) >
             unlimited(old_policy.wave1_permille_max, 1000);
}

}  // namespace fleetsweep::trust
