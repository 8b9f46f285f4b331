#include "agent/verdict/verdict.h"

#include <algorithm>
#include <map>
#include <set>

#include "protocol/base/limits.h"

namespace fleetsweep {
namespace {

using model::Condition;
using model::Finding;
using model::Policy;

// The findings, seen from the end of their joins.
struct Bound {
  std::set<std::uint16_t> detections;                         // with a finding at all
  std::set<std::pair<std::uint16_t, std::uint32_t>> in;       // (detection, finding at the root)
  std::map<std::uint16_t, std::vector<std::uint32_t>> roots;  // findings of each root detection
  std::map<std::uint32_t, std::uint32_t> root_of;             // finding -> finding at its root
};

Bound bind(const std::vector<Finding>& findings) {
  Bound bound;
  std::map<std::uint32_t, const Finding*> by_number;
  for (const Finding& finding : findings) by_number[finding.number] = &finding;
  for (const Finding& finding : findings) {
    const Finding* root = &finding;
    for (std::size_t step = 0; root != nullptr && root->joined != Finding::kNoJoin; ++step) {
      const auto next = by_number.find(root->joined);
      // A chain that leads nowhere, or in a circle, is bound to nothing.
      root = next == by_number.end() || step > limits::kJoinDepth ? nullptr : next->second;
    }
    if (root == nullptr) continue;
    bound.detections.insert(finding.detection);
    bound.in.emplace(finding.detection, root->number);
    bound.root_of[finding.number] = root->number;
    if (root == &finding) bound.roots[finding.detection].push_back(finding.number);
  }
  return bound;
}

void named(const Condition& condition, std::set<std::uint16_t>& detections) {
  detections.insert(condition.detections.begin(), condition.detections.end());
  for (const Condition& child : condition.children) named(child, detections);
}

// One evaluation: what each root is bound to, and whether the host's other findings count.
struct View {
  const Policy& policy;
  const Bound& bound;
  std::map<std::uint16_t, std::uint32_t> binding;  // root detection -> finding; kNoJoin: to none
  bool others = true;

  bool present(std::uint16_t detection) const {
    const auto root = binding.find(join_root(policy, detection));
    if (root == binding.end()) return others && bound.detections.contains(detection);
    return bound.in.contains({detection, root->second});
  }

  bool holds(const Condition& condition) const {
    const auto child = [this](const Condition& inner) { return holds(inner); };
    switch (condition.kind) {
      case Condition::Kind::kAnd:
        return std::all_of(condition.children.begin(), condition.children.end(), child);
      case Condition::Kind::kOr:
        return std::any_of(condition.children.begin(), condition.children.end(), child);
      case Condition::Kind::kNot:
        return !condition.children.empty() && !holds(condition.children.front());
      case Condition::Kind::kAtLeast:
        return std::count_if(condition.detections.begin(), condition.detections.end(),
                             [this](std::uint16_t d) { return present(d); }) >= condition.count;
    }
    return false;
  }

  // The detections through which a condition holds, with those that they are joined to; what has to
  // be absent is none.
  void add_signs(const Condition& condition, std::set<std::uint16_t>& signs) const {
    if (condition.kind == Condition::Kind::kNot || !holds(condition)) return;
    for (const std::uint16_t detection : condition.detections)
      for (int at = present(detection) ? detection : -1; at >= 0;
           at = policy.detections[static_cast<std::size_t>(at)].for_each)
        signs.insert(static_cast<std::uint16_t>(at));
    for (const Condition& inner : condition.children) add_signs(inner, signs);
  }
};

// Detections that others are joined to, directly or not, and that the condition reaches.
std::set<std::uint16_t> joins_of(const Policy& policy, const Condition& condition) {
  std::set<std::uint16_t> detections, roots;
  named(condition, detections);
  for (const std::uint16_t detection : detections)
    if (policy.detections[detection].for_each >= 0) roots.insert(join_root(policy, detection));
  return roots;
}

// Calls `visit` for every choice of one finding for each root; false when there are more than
// `left`.
template <class Visit>
bool each_binding(View& view, const std::vector<std::uint16_t>& roots, std::size_t at,
                  std::size_t& left, Visit visit) {
  if (left == 0) return false;
  if (at == roots.size()) {
    --left;
    visit();
    return true;
  }
  const auto found = view.bound.roots.find(roots[at]);
  if (found == view.bound.roots.end()) {
    view.binding[roots[at]] = Finding::kNoJoin;
    return each_binding(view, roots, at + 1, left, visit);
  }
  for (const std::uint32_t finding : found->second) {
    view.binding[roots[at]] = finding;
    if (!each_binding(view, roots, at + 1, left, visit)) return false;
  }
  return true;
}

}  // namespace

std::uint16_t join_root(const Policy& policy, std::uint16_t detection) {
  while (policy.detections[detection].for_each >= 0)
    detection = static_cast<std::uint16_t>(policy.detections[detection].for_each);
  return detection;
}

Result<std::vector<TrueVerdict>> judge(const Policy& policy, const std::vector<Finding>& findings) {
  const Bound bound = bind(findings);
  std::vector<TrueVerdict> result;
  for (std::size_t i = 0; i < policy.verdicts.size(); ++i) {
    const Condition& condition = policy.verdicts[i].condition;
    const std::set<std::uint16_t> roots = joins_of(policy, condition);
    const std::vector<std::uint16_t> order(roots.begin(), roots.end());

    View nothing{policy, bound, {}, true};
    for (const std::uint16_t root : roots) nothing.binding[root] = Finding::kNoJoin;
    const bool without_bindings = nothing.holds(condition);

    bool is_true = false;
    std::set<std::uint32_t> made_it;  // findings at roots
    std::set<std::uint16_t> signs;
    View view{policy, bound, {}, true};
    std::size_t left = limits::kJoinBindings;
    const bool all_tried = each_binding(view, order, 0, left, [&] {
      view.others = true;
      if (!view.holds(condition)) return;
      is_true = true;
      view.add_signs(condition, signs);
      view.others = !without_bindings;
      if (!view.holds(condition)) return;
      for (const auto& [root, finding] : view.binding) made_it.insert(finding);
    });
    if (!all_tried)
      return fail(Code::kInvalid,
                  "verdict {}: more than {} combinations of what its joined detections found: the "
                  "policy matches too much",
                  policy.verdicts[i].id, limits::kJoinBindings);
    if (!is_true) continue;

    TrueVerdict verdict{static_cast<std::uint16_t>(i), {}, {}};
    for (const Finding& finding : findings) {
      const auto root = bound.root_of.find(finding.number);
      if (root == bound.root_of.end()) continue;
      if (roots.contains(join_root(policy, finding.detection)) && !made_it.contains(root->second))
        continue;
      verdict.findings.push_back(finding.number);
      if (signs.contains(finding.detection)) verdict.signs.push_back(finding.number);
    }
    std::sort(verdict.findings.begin(), verdict.findings.end());
    std::sort(verdict.signs.begin(), verdict.signs.end());
    result.push_back(std::move(verdict));
  }
  return result;
}

}  // namespace fleetsweep
