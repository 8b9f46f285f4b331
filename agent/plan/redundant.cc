#include "agent/plan/redundant.h"

#include <algorithm>
#include <set>

#include "agent/plan/binding.h"
#include "agent/plan/guard.h"

namespace fleetsweep::plan {

namespace {

using model::ActionKind;
using model::PlanStep;
using model::Reason;

bool changes_entry(ActionKind kind) {
  return kind == ActionKind::kDisable || kind == ActionKind::kRemove;
}

using Inode = std::pair<std::uint64_t, std::uint64_t>;

Inode inode_of(const PlanStep& step) {
  const auto& file = file_of(step.identity);
  return {file.device, file.inode};
}

// Who is told to keep a file and to destroy it keeps it, under whichever of its names.
void drop_purges(std::vector<PlanStep>& steps) {
  std::set<Inode> kept;
  for (const PlanStep& step : steps)
    if (step.skipped == Reason::kNone && is_whole_file(step) &&
        step.action.kind != ActionKind::kPurge)
      kept.insert(inode_of(step));
  std::erase_if(steps, [&](const PlanStep& step) {
    return step.action.kind == ActionKind::kPurge && kept.contains(inode_of(step));
  });
}

// Quarantine and removal keep the content anyway: no second copy in the vault. Of a registry that
// is a whole hive, and its export is another thing.
void drop_collects(std::vector<PlanStep>& steps) {
  std::set<std::string> kept;
  for (const PlanStep& step : steps)
    if (step.skipped == Reason::kNone &&
        (step.action.kind == ActionKind::kQuarantine || step.action.kind == ActionKind::kRemove))
      kept.insert(object_key(step.identity));
  std::erase_if(steps, [&](const PlanStep& step) {
    return step.action.kind == ActionKind::kCollect &&
           std::ranges::find(step.action.what, "reg_export") == step.action.what.end() &&
           kept.contains(object_key(step.identity));
  });
}

// What is removed need not be disabled, and what goes as a whole needs no edit and no other
// rights before, which would make another file of it than the one that was found. The links of a
// unit are no part of its file.
void drop_changes(std::vector<PlanStep>& steps, const std::vector<ObjectFacts>& facts) {
  std::set<std::string> removed;
  std::set<Inode> going;
  for (const PlanStep& step : steps) {
    const auto& file = file_of(step.identity);
    const bool whole = is_whole_file(step);
    if (step.skipped != Reason::kNone || (whole && !has_all_names(file, facts[step.finding])))
      continue;
    if (step.action.kind == ActionKind::kRemove) removed.insert(object_key(step.identity));
    if (whole) going.insert(inode_of(step));
  }
  std::erase_if(steps, [&](const PlanStep& step) {
    const auto* entry = std::get_if<model::PersistenceIdentity>(&step.identity);
    if (entry == nullptr || !changes_entry(step.action.kind) || is_whole_file(step)) return false;
    const bool disables = step.action.kind == ActionKind::kDisable;
    const bool is_of_links = disables && disabling_of(*entry) == model::Disabling::kLinks;
    return (disables && removed.contains(object_key(step.identity))) ||
           (!is_of_links && going.contains(inode_of(step)));
  });
}

}  // namespace

void drop_redundant(std::vector<PlanStep>& steps, const std::vector<ObjectFacts>& facts) {
  drop_purges(steps);
  drop_collects(steps);
  drop_changes(steps, facts);
}

}  // namespace fleetsweep::plan
