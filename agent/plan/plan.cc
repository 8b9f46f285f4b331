#include "agent/plan/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/plan/binding.h"
#include "agent/plan/guard.h"
#include "agent/plan/network.h"
#include "agent/plan/redundant.h"
#include "agent/plan/restart.h"
#include "agent/verdict/verdict.h"
#include "protocol/base/assert.h"
#include "protocol/base/limits.h"

namespace fleetsweep::plan {

namespace {

bool applies(const model::Policy& policy, const model::Response& response, std::uint16_t verdict) {
  return policy.verdicts[verdict].confidence >= response.confidence_min &&
         std::find(response.verdicts.begin(), response.verdicts.end(), verdict) !=
             response.verdicts.end();
}

using model::ActionKind;
using model::Finding;
using model::PlanStep;
using model::Reason;

// One true verdict, and which findings an action of it may select.
struct Judged {
  std::uint16_t verdict = 0;
  std::set<std::uint32_t> now;    // numbers of findings, by all that was found now
  std::set<std::uint32_t> bound;  // ... and also by what the dry run had found alone
};

// An object counts only if the verdict holds both ways: what appeared since the dry run cannot make
// a verdict true that nobody signed for, and still makes a `not` false.
Result<std::vector<Judged>> judge_bound(const Input& input, const std::vector<bool>& is_bound) {
  std::vector<Finding> bound;
  for (std::size_t i = 0; i < input.findings.size(); ++i)
    if (is_bound[i]) bound.push_back(input.findings[i]);
  FS_TRY(const auto before, judge(input.policy, bound));
  FS_TRY(const auto all, judge(input.policy, input.findings));

  std::vector<Judged> result;
  for (const auto& now : all) {
    Judged judged{now.verdict, {now.findings.begin(), now.findings.end()}, {}};
    for (const auto& other : before)
      if (other.verdict == now.verdict)
        for (const auto number : other.findings)
          if (judged.now.contains(number)) judged.bound.insert(number);
    result.push_back(std::move(judged));
  }
  return result;
}

void positive_detections(const model::Condition& condition, bool positive,
                         std::set<std::uint16_t>& out) {
  if (positive) out.insert(condition.detections.begin(), condition.detections.end());
  const bool inner = condition.kind == model::Condition::Kind::kNot ? !positive : positive;
  for (const auto& child : condition.children) positive_detections(child, inner, out);
}

std::uint32_t root_number(const std::map<std::uint32_t, const Finding*>& by_number,
                          const Finding& finding) {
  const Finding* at = &finding;
  for (std::size_t hops = 0; hops < by_number.size() && at->joined != Finding::kNoJoin; ++hops) {
    const auto next = by_number.find(at->joined);
    if (next == by_number.end()) break;
    at = next->second;
  }
  return at->number;
}

// Each binding needs its own evidence: what a joined detection found elsewhere proves nothing here.
Refusal check_independence(const Input& input, const Judged& judged) {
  const auto& verdict = input.policy.verdicts[judged.verdict];
  std::set<std::uint16_t> named;
  positive_detections(verdict.condition, true, named);
  std::set<std::uint16_t> joins;
  for (const auto detection : named)
    if (input.policy.detections[detection].for_each >= 0)
      joins.insert(join_root(input.policy, detection));

  std::map<std::uint32_t, const Finding*> by_number;
  for (const auto& finding : input.findings) by_number.emplace(finding.number, &finding);
  using Evidence = std::vector<const Finding*>;
  Evidence on_host;
  std::map<std::uint32_t, Evidence> bindings;
  for (const auto& finding : input.findings) {
    if (!judged.bound.contains(finding.number)) continue;
    const bool joined = joins.contains(join_root(input.policy, finding.detection));
    auto* const evidence =
        joined ? &bindings[root_number(by_number, finding)] : &on_host;  // made even when not named
    if (named.contains(finding.detection)) evidence->push_back(&finding);
  }
  if (bindings.empty()) bindings.emplace(Finding::kNoJoin, Evidence{});
  for (auto& [root, evidence] : bindings) {
    evidence.insert(evidence.end(), on_host.begin(), on_host.end());
    const unsigned count = independent(input.policy, evidence);
    if (count < input.policy.limits.independent_min)
      return {Reason::kNotIndependent,
              fmt::format("verdict {} rests on {} independent kinds of evidence, {} are required",
                          verdict.id, count, input.policy.limits.independent_min)};
  }
  return {};
}

bool takes(ActionKind action, const model::Identity& identity) {
  switch (action) {
    case ActionKind::kSuspend:
    case ActionKind::kKill:
      return std::holds_alternative<model::ProcessIdentity>(identity);
    case ActionKind::kRemove:
      return std::holds_alternative<model::PersistenceIdentity>(identity) ||
             std::holds_alternative<model::RegistryIdentity>(identity);
    case ActionKind::kDisable:
      return std::holds_alternative<model::PersistenceIdentity>(identity);
    case ActionKind::kQuarantine:
    case ActionKind::kPurge:
    case ActionKind::kRestoreFromPackage:
      return std::holds_alternative<model::FileIdentity>(identity);
    case ActionKind::kBlock:
      return std::holds_alternative<model::ConnectionIdentity>(identity);
    default:
      return true;
  }
}

model::ObjectKind kind_of(const model::Identity& identity) {
  constexpr model::ObjectKind kKinds[] = {
      model::ObjectKind::kFile, model::ObjectKind::kProcess, model::ObjectKind::kPersistence,
      model::ObjectKind::kNetworkTraffic, model::ObjectKind::kWindowsRegistryKey};
  return kKinds[identity.index()];
}

bool is_running_only(const model::Identity& identity) {
  const auto* file = std::get_if<model::FileIdentity>(&identity);
  return file && has_no_name(*file);
}

std::string key_of(const PlanStep& step) {
  if (step.action.kind == ActionKind::kRestart) {
    const auto& units = step.action.allow;
    return units.empty() ? step.note : units.front();  // once, whatever it has loaded
  }
  if (!is_about_network(step.action.kind)) return object_key(step.identity);
  std::string key = step.action.direction;
  for (const auto& one : blocked_by(step)) key += " " + one;
  return key;
}

bool is_line(const PlanStep& step) {
  const auto* entry = std::get_if<model::PersistenceIdentity>(&step.identity);
  return entry && !entry->entry.empty();
}

// Two responses may want the same of one object, each with options of its own: it gets those of
// both.
void widen(model::Action& action, const model::Action& other) {
  const auto add = [](std::vector<std::string>& all, const std::vector<std::string>& more) {
    for (const auto& one : more)
      if (std::ranges::find(all, one) == all.end()) all.push_back(one);
  };
  add(action.what, other.what);
  add(action.clear_flags, other.clear_flags);
  action.tree |= other.tree;
  action.by_line &= other.by_line;
  action.ttl = std::max(action.ttl, other.ttl);
  const bool is_bounded = action.bytes_max != 0 && other.bytes_max != 0;
  action.bytes_max = is_bounded ? std::max(action.bytes_max, other.bytes_max) : 0;
  if (action.if_locked.empty()) action.if_locked = other.if_locked;
}

class Planner {
 public:
  explicit Planner(const Input& input) : input_(input) {
    FS_ASSERT(input.facts.size() == input.findings.size());
    for (const auto& finding : input.findings)
      bound_.push_back(plan::is_bound(finding, input.dry_run, input.came_back));
  }

  model::Plan make() {
    plan_.transaction = input_.transaction;
    if (const auto refusal = check_capability(input_.policy, input_.platform))
      return refused(refusal);
    const auto verdicts = judge_bound(input_, bound_);
    if (!verdicts) return refused({Reason::kLimit, verdicts.error().message});
    for (const auto& judged : *verdicts) {
      bool acts = false;
      each_action(judged, [&](const model::Action& action) {
        if (action.kind != ActionKind::kRestart) select(action, judged);
        acts = acts || is_intrusive(action.kind);
      });
      if (acts && !judged.bound.empty() && !refusal_) refusal_ = check_independence(input_, judged);
    }
    drop_redundant(plan_.steps, input_.facts);
    kill_frozen_trees();
    name_who_stays();
    // Now it is known which files go.
    for (const auto& judged : *verdicts)
      each_action(judged, [&](const model::Action& action) {
        if (action.kind == ActionKind::kRestart) select(action, judged);
      });
    // Lines before files: what still names a file that is gone fails at every start.
    std::stable_sort(plan_.steps.begin(), plan_.steps.end(),
                     [](const PlanStep& a, const PlanStep& b) {
                       return std::pair(a.phase, !is_line(a)) < std::pair(b.phase, !is_line(b));
                     });
    if (refusal_) return refused(refusal_);
    return guard();
  }

 private:
  void each_action(const Judged& judged, const auto& visit) const {
    for (const auto& response : input_.policy.responses)
      if (applies(input_.policy, response, judged.verdict))
        for (const auto& action : response.actions) visit(action);
  }

  void select(const model::Action& action, const Judged& judged) {
    for (const auto& selector : action.select) {
      if (action.kind == ActionKind::kIsolate || selector.kind == model::Selector::Kind::kList) {
        add_once(action, selector, judged);
        continue;
      }
      for (std::uint32_t i = 0; i < input_.findings.size(); ++i) {
        const Finding& finding = input_.findings[i];
        const bool named = selector.kind == model::Selector::Kind::kAll ||
                           std::find(selector.detections.begin(), selector.detections.end(),
                                     finding.detection) != selector.detections.end();
        if (!named || !judged.now.contains(finding.number)) continue;
        if (action.kind == ActionKind::kRestart)
          select_services(action, judged, i);
        else if (selector.kind == model::Selector::Kind::kProcessesOf)
          select_processes(action, judged, i);
        else
          add(action, judged, i, finding.identity);
      }
    }
    // A report without a selection is about all of the verdict's objects.
    if (action.select.empty() && action.kind == ActionKind::kReport)
      for (std::uint32_t i = 0; i < input_.findings.size(); ++i)
        if (judged.now.contains(input_.findings[i].number))
          add(action, judged, i, input_.findings[i].identity);
  }

  // About the host and not about one object of it: because of any that the verdict rests on.
  void add_once(const model::Action& action, const model::Selector& selector,
                const Judged& judged) {
    const auto& because = judged.bound.empty() ? judged.now : judged.bound;
    const auto& named = selector.detections;
    for (std::uint32_t i = 0; i < input_.findings.size(); ++i) {
      const Finding& finding = input_.findings[i];
      if (!because.contains(finding.number)) continue;
      if (!named.empty() && std::find(named.begin(), named.end(), finding.detection) == named.end())
        continue;
      model::Action resolved = action;
      resolved.select = {selector};
      return add(resolved, judged, i, model::ConnectionIdentity{});
    }
  }

  bool is_taken(const model::FileIdentity& file) const {
    return std::any_of(plan_.steps.begin(), plan_.steps.end(), [&](const PlanStep& step) {
      const auto& other = file_of(step.identity);
      return is_whole_file(step) && step.skipped == Reason::kNone && other.device == file.device &&
             other.inode == file.inode;
    });
  }

  // What was taken from the disk stays in their memory until they start again. `allow` of a step is
  // the one that is restarted; of one that is only named it is empty.
  void select_services(const model::Action& action, const Judged& judged, std::uint32_t i) {
    const auto& file = file_of(input_.findings[i].identity);
    for (const auto& service : input_.facts[i].mapped_by) {
      const bool has_room =
          restarted_.size() < limits::kServicesRestarted || restarted_.contains(service.unit);
      const Restart restart =
          restart_of(service, file.path, {is_taken(file), has_room}, action.allow, input_);
      model::Action resolved = action;
      resolved.allow.clear();
      if (!restart.unit.empty()) {
        resolved.allow = {restart.unit};
        restarted_.insert(restart.unit);
      }
      add(resolved, judged, i, input_.findings[i].identity, restart.note);
    }
  }

  void select_processes(const model::Action& action, const Judged& judged, std::uint32_t i) {
    const auto& file = file_of(input_.findings[i].identity);
    for (const Running& running : input_.running)
      if (runs(running, file)) add(action, judged, i, running.process);
  }

  void add(const model::Action& action, const Judged& judged, std::uint32_t i,
           const model::Identity& identity, std::string note = "") {
    if (!takes(action.kind, identity)) {
      if (!refusal_)
        refusal_ = {Reason::kCapability, fmt::format("'{}' cannot be done to {}", name(action.kind),
                                                     describe(identity))};
      return;
    }
    const bool is_proposal = action.kind == ActionKind::kRestoreFromPackage;
    if (is_proposal && input_.facts[i].proposal.empty()) return;  // no package misses it
    PlanStep step;
    step.note = is_proposal ? input_.facts[i].proposal : std::move(note);
    if (step.note.empty() && !std::holds_alternative<model::ProcessIdentity>(identity))
      step.note = input_.facts[i].left_alone;
    // What only a process still has is taken from it before it is killed.
    const bool is_last_chance = action.kind == ActionKind::kQuarantine && is_running_only(identity);
    step.phase = is_last_chance ? model::Phase::kCollect : phase_of(action.kind);
    step.action = action;
    std::erase_if(step.action.select, [](const model::Selector& selector) {
      return selector.kind != model::Selector::Kind::kList;
    });
    for (auto& list : step.action.select)
      if (list.expires != Timestamp{} && list.expires <= input_.now) list.values.clear();
    step.finding = i;
    step.detection = input_.policy.detections[input_.findings[i].detection].id;
    step.rule = input_.findings[i].rule;
    step.verdict = input_.policy.verdicts[judged.verdict].id;
    step.object = kind_of(identity);
    step.identity = identity;
    step.package_owned = input_.facts[i].package != Package::kUnowned;
    step.skipped = skip(step, judged, input_.findings[i]);
    const auto [at, is_new] =
        seen_.emplace(std::pair(action.kind, key_of(step)), plan_.steps.size());
    if (is_new) return plan_.steps.push_back(std::move(step));
    if (step.skipped != Reason::kNone) return;
    PlanStep& known = plan_.steps[at->second];
    if (known.skipped == Reason::kNone)
      widen(known.action, step.action);
    else
      known = std::move(step);  // one of its findings is bound: that suffices
  }

  Reason skip(const PlanStep& step, const Judged& judged, const Finding& finding) const {
    if (!is_intrusive(step.action.kind) || step.action.kind == ActionKind::kRestart)
      return Reason::kNone;  // who is restarted hangs on the file that goes
    if (!judged.bound.contains(finding.number)) return Reason::kChanged;
    // Its name is gone, and with the last process that has it the rest.
    if (step.action.kind == ActionKind::kPurge && is_running_only(step.identity))
      return Reason::kGone;
    if (step.action.kind == ActionKind::kBlock && blocked_by(step).empty())
      return step.action.select.empty() ? Reason::kCapability : Reason::kExpired;
    if (is_about_network(step.action.kind)) return Reason::kNone;
    // What lies in an archive says nothing of the rest of it: a mailbox, a backup. Who wants the
    // archive names the archive.
    const bool is_member = !finding.member.empty();
    if ((!input_.facts[step.finding].left_alone.empty() || is_member) &&
        !std::holds_alternative<model::ProcessIdentity>(step.identity))
      return Reason::kProtected;
    if (!is_whole_file(step)) return Reason::kNone;
    if (file_of(step.identity).sha256.is_zero()) return Reason::kUnscannable;
    // package_owned: report. (Under `never` the guard refuses the whole plan.)
    if (input_.facts[step.finding].package == Package::kTampered &&
        input_.policy.limits.package_owned == model::PackageOwned::kReport)
      return Reason::kProtected;
    return Reason::kNone;
  }

  // Who is frozen with its descendants is killed with them: nothing else would ever end those.
  void kill_frozen_trees() {
    std::set<std::int32_t> frozen;
    for (const PlanStep& step : plan_.steps) {
      if (step.action.kind != ActionKind::kSuspend || !step.action.tree ||
          step.skipped != Reason::kNone)
        continue;
      const auto pid = std::get<model::ProcessIdentity>(step.identity).pid;
      frozen.insert(pid);
      for (const auto& process : reached(pid)) frozen.insert(process.pid);
    }
    for (PlanStep& step : plan_.steps)
      if (step.action.kind == ActionKind::kKill &&
          frozen.contains(std::get<model::ProcessIdentity>(step.identity).pid))
        step.action.tree = true;
  }

  std::vector<model::ProcessIdentity> reached(
      std::int32_t ancestor, std::vector<model::ProcessIdentity>* left = nullptr) const {
    const auto stays = [this](const model::ProcessIdentity& process) {
      return static_cast<bool>(check_process(input_, process, Ending::kForGood));
    };
    return descendants(input_.running, ancestor, stays, left);
  }

  void name_who_stays() {
    for (PlanStep& step : plan_.steps) {
      if (!step.action.tree || step.skipped != Reason::kNone) continue;
      std::vector<model::ProcessIdentity> left;
      reached(std::get<model::ProcessIdentity>(step.identity).pid, &left);
      if (left.empty()) continue;
      step.note = fmt::format("left running with its own: process {}: {}", left.front().pid,
                              check_process(input_, left.front(), Ending::kForGood).detail);
      if (left.size() > 1) step.note += fmt::format(", and {} more", left.size() - 1);
    }
  }

  // What changes something; a step with `tree` stands for each descendant too.
  std::vector<PlanStep> intrusive() const {
    std::vector<PlanStep> steps;
    for (const auto& step : plan_.steps) {
      if (!is_intrusive(step.action.kind) || step.action.kind == ActionKind::kRestart) continue;
      steps.push_back(step);
      if (!step.action.tree) continue;
      const auto& ancestor = std::get<model::ProcessIdentity>(step.identity);
      for (auto& process : reached(ancestor.pid)) {
        steps.push_back(step);
        steps.back().identity = std::move(process);
      }
    }
    return steps;
  }

  model::Plan guard() {
    const std::vector<PlanStep> steps = intrusive();
    std::map<std::string, const PlanStep*> objects;
    for (const auto& step : steps) {
      if (is_about_network(step.action.kind)) continue;
      // A whole file counts as such, even when a process of the same key is only frozen.
      auto& object = objects[object_key(step.identity)];
      if (object == nullptr || takes_files(step.action.kind)) object = &step;
    }
    std::vector<const PlanStep*> distinct;
    for (const auto& [key, step] : objects) distinct.push_back(step);
    if (const auto refusal = check_limits(input_, distinct)) return refused(refusal);
    for (const auto& step : steps)
      if (step.skipped == Reason::kNone)
        if (const auto refusal = check_object(input_, step)) return refused(refusal);
    if (const auto refusal = check_names(input_, steps)) return refused(refusal);
    return std::move(plan_);
  }

  model::Plan refused(const Refusal& refusal) {
    plan_.refused = refusal.reason;
    plan_.detail = refusal.detail;
    return std::move(plan_);
  }

  const Input& input_;
  std::vector<bool> bound_;
  model::Plan plan_;
  Refusal refusal_;
  std::map<std::pair<ActionKind, std::string>, std::size_t> seen_;
  std::set<std::string> restarted_;  // units
};

}  // namespace

bool runs(const Running& running, const model::FileIdentity& file) {
  const auto& exe = running.process.exe;
  return file.inode != 0 &&
         ((exe.device == file.device && exe.inode == file.inode) ||
          (running.layer_device == file.device && running.layer_inode == file.inode));
}

std::vector<model::ProcessIdentity> descendants(const std::vector<Running>& running,
                                                std::int32_t ancestor, const Stays& stays,
                                                std::vector<model::ProcessIdentity>* left) {
  std::set<std::int32_t> family = {ancestor}, apart;
  std::vector<model::ProcessIdentity> result;
  for (bool grew = true; grew;) {
    grew = false;
    for (const Running& one : running)
      if (family.contains(one.parent) && !apart.contains(one.process.pid)) {
        if (stays && stays(one.process)) {
          apart.insert(one.process.pid);
          if (left != nullptr) left->push_back(one.process);
        } else if (family.insert(one.process.pid).second) {
          result.push_back(one.process);
          grew = true;
        }
      }
  }
  return result;
}

bool calls_for_action(const model::Policy& policy, const std::vector<std::uint16_t>& verdicts) {
  for (const model::Response& response : policy.responses) {
    const bool acts = std::any_of(
        response.actions.begin(), response.actions.end(),
        [](const model::Action& action) { return action.kind != model::ActionKind::kReport; });
    for (const std::uint16_t verdict : verdicts)
      if (acts && verdict < policy.verdicts.size() && applies(policy, response, verdict))
        return true;
  }
  return false;
}

model::Phase phase_of(ActionKind kind) {
  switch (kind) {
    case ActionKind::kSuspend:
      return model::Phase::kContain;
    case ActionKind::kCollect:
      return model::Phase::kCollect;
    case ActionKind::kBlock:
    case ActionKind::kIsolate:
      return model::Phase::kBlock;
    case ActionKind::kDisable:
    case ActionKind::kRemove:
      return model::Phase::kUnpersist;
    case ActionKind::kKill:
      return model::Phase::kKill;
    case ActionKind::kQuarantine:
    case ActionKind::kPurge:
      return model::Phase::kQuarantine;
    case ActionKind::kRestoreFromPackage:
      return model::Phase::kRepair;
    case ActionKind::kRestart:
      return model::Phase::kReload;
    case ActionKind::kReport:
      break;
  }
  return model::Phase::kVerify;
}

model::Plan make_plan(const Input& input) {
  return Planner(input).make();
}

}  // namespace fleetsweep::plan
