#include "protocol/trust/approvals.h"

#include <algorithm>
#include <set>

namespace fleetsweep::trust {
namespace {

ClauseApprovals approvals(const model::Clause& clause, bool sealed, const model::Root& root,
                          const Keys& signed_by, const Keys& stopped) {
  std::set<std::string> holders, present;
  std::vector<Approver> others;
  for (const std::uint16_t index : clause.keys) {
    if (index >= root.keys.size()) continue;
    const model::Key& key = root.keys[index];
    holders.insert(key.holder);
    if (std::ranges::binary_search(stopped, key.pub)) continue;
    if (std::ranges::binary_search(signed_by, key.pub))
      present.insert(key.holder);
    else
      others.push_back({key.holder, key.pub});
  }
  std::erase_if(others, [&](const Approver& other) { return present.contains(other.holder); });
  return {clause.threshold,
          sealed,
          {holders.begin(), holders.end()},
          {present.begin(), present.end()},
          std::move(others)};
}

}  // namespace

Approvals approvals(const model::Envelope& envelope, const model::Root& root, model::Role role,
                    const Keys& stopped) {
  using model::Role;
  // As quorum.h: else one stolen key could lock out everybody else.
  const bool counts_stopped = role == Role::kRoot || role == Role::kResume || role == Role::kStop;
  const Keys none;
  const Keys& without = counts_stopped ? none : stopped;
  const Keys signed_by = signers(envelope, root);
  Approvals result{.role = role, .root_version = root.version};
  for (const model::RoleRule& rule : root.roles) {
    if (rule.role != role) continue;
    for (const model::Clause& clause : rule.clauses)
      result.clauses.push_back(approvals(clause, false, root, signed_by, without));
    for (const model::Clause& clause : rule.sealed)
      result.clauses.push_back(approvals(clause, true, root, signed_by, without));
  }
  const auto met = meets(root, role, signed_by, stopped);
  if (met)
    result.by_sealed = *met == Approval::kSealed;
  else
    result.lacking = met.error();
  return result;
}

}  // namespace fleetsweep::trust
