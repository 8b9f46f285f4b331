// Done means rescanned and gone: when it is looked at again, and what that says.

#include <algorithm>

#include "agent/core/core.h"
#include "agent/core/health.h"
#include "agent/plan/binding.h"

namespace fleetsweep::agent {

using model::HostState;
using model::Reason;
using model::ReceiptKind;

namespace {

// So long after its order is over a rescan waits for hashes that were damaged.
constexpr Seconds kHashesWait = std::chrono::hours(24);
// So long after its cleaning a host is waited for that does not start anew.
constexpr Seconds kRebootWait = std::chrono::days(366);

// What starts or keeps what is there again, beside the finding it belongs to.
void add_origins(const model::Policy& policy, const model::ScanDone& done,
                 std::vector<model::ReceiptItem>& items, std::vector<std::string>& paths) {
  for (const model::Origin& origin : done.origins) {
    const auto finding =
        std::ranges::find(done.result.findings, origin.finding, &model::Finding::number);
    if (finding == done.result.findings.end()) continue;
    model::ReceiptItem item;
    item.detection = policy.detections[finding->detection].id;
    item.object = origin.object;
    item.reason = Reason::kRespawned;
    items.push_back(std::move(item));
    paths.push_back(origin.text);
  }
}

std::string origins_text(const std::vector<model::Origin>& origins) {
  if (origins.empty()) return {};
  const std::size_t more = origins.size() - 1;
  return fmt::format(": {}{}", origins.front().text,
                     more == 0 ? "" : fmt::format(", and {} more (in the receipt)", more));
}

// First of all items: a receipt shows only so many.
std::string ask_for_isolation(std::vector<model::ReceiptItem>& items,
                              std::vector<std::string>& paths) {
  constexpr char kAsked[] = "asks to be isolated: it came back after the last round";
  model::ReceiptItem item;
  item.detection = "respawn";
  item.action = model::ActionKind::kIsolate;
  item.reason = Reason::kRespawned;
  items.insert(items.begin(), std::move(item));
  paths.insert(paths.begin(), kAsked);
  return std::string("; ") + kAsked;
}

std::string unknown_text(const std::vector<model::HealthMark>& marks) {
  std::string text;
  for (const model::HealthMark& mark : marks)
    if (mark.health == model::Health::kUnknown)
      text += (text.empty() ? ", but nobody can tell: " : "; ") + health_text(mark);
  return text;
}

}  // namespace

void Core::consider_rescans(Effects& effects, const Now& now) {
  for (const auto& [id, job] : jobs_) {
    const bool by_reboot =
        job.phase == Phase::kDone && job.reboot_rescan && job.ended_in != identity_.boot;
    if (job.phase != Phase::kVerifying && !by_reboot) continue;
    if (is_halted(id) || is_running(id) || is_being_undone(id)) continue;
    if (!by_reboot) {
      const Timestamp due = job.cleaned + rescans_of(job)[job.rescans];
      // A clock that was set back does not put a rescan off.
      const Timestamp time = judged_by(now).local;
      if (time >= job.cleaned && time < due) {
        wake_at(due, now);
        continue;
      }
    }
    Run run;
    run.kind = Run::Kind::kRescan;
    run.job = job;
    run.by_reboot = by_reboot;
    run.sandbox = identity_.host.sandbox;
    if (missing_of(job.policy, 0)) {
      if (const auto why = hashes_stay_away(job, now)) {
        failures_[id] = kTries;  // it is not tried again
        end_without_result(run, *why, "its hash sets are not here any more", effects, now);
      }
      continue;
    }
    give_way(effects);
    join_walk(run);  // or the next one, as soon as this one ends
  }
}

// Also by an act that died: nobody knows what it had put back.
bool Core::is_being_undone(const DocumentId& order) const {
  return std::ranges::any_of(jobs_, [&](const auto& item) {
    const auto undo = state().orders.find(item.first);
    return item.second.phase == Phase::kActing && undo != state().orders.end() &&
           undo->second.order.undoes == order;
  });
}

// A host that waits for its hashes is not left `cleaned` for ever.
std::optional<Reason> Core::hashes_stay_away(const Job& job, const Now& now) {
  const auto entry = state().orders.find(job.order);
  if (entry == state().orders.end()) return Reason::kPolicyMissing;  // no order, nothing to fetch
  const model::Order& order = entry->second.order;
  if (const auto problem = fetch_.problem(missing_of(order)->digest)) return problem;
  const Timestamp end = order.schedule.not_after + kHashesWait;
  if (judged_by(now).local >= end) return Reason::kPolicyMissing;
  wake_at(end, now);
  return std::nullopt;
}

// Done means rescanned and gone: at least once, whatever the policy says.
std::vector<Seconds> Core::rescans_of(const Job& job) const {
  const auto policy = policies_.find(job.policy);
  std::vector<Seconds> rescans;
  if (policy != policies_.end()) rescans = policy->second.verify.rescans;
  if (rescans.empty()) rescans.push_back(Seconds(0));
  // A stored count that no longer fits stays in bounds.
  while (rescans.size() <= job.rescans) rescans.push_back(rescans.back());
  return rescans;
}

// Its order is forgotten, and it was not started anew in all that time. By witness time: no clock
// that is ahead ends it too early.
bool Core::waits_in_vain(const Job& job) const {
  return job.phase == Phase::kDone && job.reboot_rescan && job.ended_in == identity_.boot &&
         job.cleaned + kRebootWait < log_.floor().time;
}

// What was said of it last still holds, but nobody will look at it again.
void Core::give_up_reboot(Job& job, Effects& effects, const Now& now) {
  job.reboot_rescan = false;
  Say say;
  say.kind = ReceiptKind::kVerify;
  say.state = job.state;
  say.reason = Reason::kExpired;
  say.started = now.clock.local;
  report(job, std::move(say), effects, now);
  remember(job, effects);
}

// Undone meanwhile: what it sees is what was put back.
bool Core::is_still_due(const Run& rescan) const {
  const Job& job = jobs_.at(rescan.job.order);
  return rescan.by_reboot ? job.phase == Phase::kDone && job.reboot_rescan
                          : job.phase == Phase::kVerifying;
}

bool Core::looks_gone(const model::ScanDone& done, const model::Policy& policy) const {
  const auto& expected = policy.verify.expect_none_of;
  return std::none_of(
      done.result.verdicts.begin(), done.result.verdicts.end(), [&](std::uint16_t verdict) {
        return expected.empty() ||
               std::find(expected.begin(), expected.end(), verdict) != expected.end();
      });
}

// Cleaning did not, or could not, remove it, and nothing else is there. What was removed and is
// found again came back, as did what a rescan has not seen. Numbers of processes begin anew with
// each boot, those of connections with each connection.
bool Core::is_left(const Job& job, const std::vector<model::Finding>& findings) const {
  if (job.rescans > 0) return false;
  bool is_any_left = false;
  for (const model::Finding& finding : findings) {
    const bool is_process = std::holds_alternative<model::ProcessIdentity>(finding.identity);
    if (is_process && job.boot != identity_.boot) return false;
    const bool is_left = std::ranges::find(job.remaining, plan::object_digest(finding.identity)) !=
                         job.remaining.end();
    if (!is_left && !std::holds_alternative<model::ConnectionIdentity>(finding.identity))
      return false;
    is_any_left |= is_left;
  }
  return is_any_left;
}

void Core::end_rescan(const Run& run, const model::ScanDone& done, const model::Policy& policy,
                      Effects& effects, const Now& now) {
  end_run(run.job.order);
  if (!is_still_due(run)) return;
  // As it is now, not as it was when this began: what else was done about it meanwhile stays.
  Job job = jobs_.at(run.job.order);
  const bool by_reboot = run.by_reboot;
  if (by_reboot) job.reboot_rescan = false;
  const bool is_gone = looks_gone(done, policy);
  if (is_gone) ++job.rescans;
  const bool is_last = job.rescans >= std::max<std::size_t>(policy.verify.rescans.size(), 1);
  const auto sick = is_gone && !run.is_untrusted() ? turned_bad(job.health, run.health)
                                                   : std::vector<model::HealthMark>();
  if (!sick.empty()) return end_sick(run, std::move(job), sick, effects, now);
  // A rescan after a reboot can only take the good word back.
  // Who waited for one is told that it was enough.
  const bool is_awaited = by_reboot && job.state == HostState::kNeedsReboot;
  // The look after the reboot it waited for is the first of its rescans.
  if (is_awaited && is_gone && !run.is_untrusted() && !is_last) {
    job.phase = Phase::kVerifying;
    job.cleaned = judged_by(now).local;
    tell(job, "gone after the reboot: to be looked for again");
    return remember(job, effects);
  }
  if (is_gone && !run.is_untrusted() && !is_awaited && (by_reboot || !is_last))
    return remember(job, effects);
  Say say = saw(ReceiptKind::kVerify, run, done, policy);
  say.started = now.clock.local;
  const bool is_back = !is_gone && !is_left(job, done.result.findings);
  // What act could not do, or knows to be left there, no rescan has to find.
  if (is_back) {
    say.state = HostState::kRespawned;
    say.reason = Reason::kRespawned;
  } else if (job.state == HostState::kFailed) {
    say.state = job.state;
    say.reason = job.reason;
  } else {
    say.state = is_gone && !job.has_left ? HostState::kVerified : HostState::kResidual;
    if (is_gone) say.reason = reservation(run);
  }
  if (!is_gone) {
    say.items = items_of_scan(policy, done.result, say.paths);
    add_origins(policy, done, say.items, say.paths);
  }
  std::string detail = is_gone ? unknown_text(run.health) : origins_text(done.origins);
  say.state = run.trusted(say.state);
  if (say.state == HostState::kRespawned && policy.verify.asks_isolation &&
      job.round >= policy.verify.respawn_rounds)
    detail += ask_for_isolation(say.items, say.paths);
  job.phase = Phase::kDone;
  job.remaining.clear();
  job.state = say.state;
  job.reason = say.reason;
  if (!is_gone || run.is_untrusted()) job.reboot_rescan = false;
  tell(job, job.state == HostState::kFailed
                ? job.said + (is_gone ? "; a rescan finds nothing any more" : "; a rescan finds it")
                : done_text(job, run, detail));
  report(job, std::move(say), effects, now);
  const bool is_known = state().orders.contains(job.order);  // else no gate can be asked
  if (job.state == HostState::kRespawned && job.round < rounds_of(job) && is_known) {
    ++job.round;
    job.phase = Phase::kHeld;
  }
  remember(job, effects);
}

// It is gone, and what worked before the cleaning does not any more.
void Core::end_sick(const Run& run, Job job, const std::vector<model::HealthMark>& sick,
                    Effects& effects, const Now& now) {
  Say say;
  say.kind = ReceiptKind::kVerify;
  say.state = HostState::kFailed;
  say.reason = Reason::kHealth;
  say.started = now.clock.local;
  say.run = &run;
  std::string detail;
  for (const model::HealthMark& mark : sick) {
    model::ReceiptItem item;
    item.detection = "health";
    item.outcome = model::Outcome::kFailed;
    item.reason = Reason::kHealth;
    say.items.push_back(std::move(item));
    say.paths.push_back(health_text(mark));
    detail += ": " + health_text(mark);
  }
  job.phase = Phase::kDone;
  job.reboot_rescan = false;
  job.remaining.clear();
  job.state = say.state;
  job.reason = say.reason;
  tell(job, fmt::format("{}: {}{}", name(job.state), name(job.reason), detail));
  report(job, std::move(say), effects, now);
  remember(job, effects);
}

}  // namespace fleetsweep::agent
