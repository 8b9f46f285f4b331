// What the scan of an order comes to.

#include "agent/core/core.h"
#include "agent/core/health.h"
#include "agent/plan/binding.h"
#include "agent/plan/plan.h"

namespace fleetsweep::agent {

using model::HostState;
using model::Mode;
using model::Reason;
using model::ReceiptKind;

namespace {

// The host cannot do what was asked, as opposed to: it tried and failed.
bool is_refusal(Reason reason) {
  return reason != Reason::kTimeout && reason != Reason::kIo && reason != Reason::kInternal &&
         reason != Reason::kUnscannable;
}

}  // namespace

// No result: the scanner could not, would not, or died. That is an answer too.
void Core::end_without_result(const Run& run, Reason reason, const std::string& detail,
                              Effects& effects, const Now& now) {
  const bool is_rescan = run.kind == Run::Kind::kRescan;
  if (is_rescan && !is_still_due(run)) return end_run(run.job.order);
  Job job = is_rescan ? jobs_.at(run.job.order) : run.job;
  if (is_rescan && ++failures_[job.order] < kTries) return;  // due, so it is started again
  Say say;
  say.reason = reason;
  say.started = job.started;
  say.run = &run;
  if (run.kind == Run::Kind::kAhead) {
    say.kind = ReceiptKind::kScan;
    say.state = HostState::kWaiting;
    return looked_ahead(job, fmt::format("no result: {}: {}", name(reason), detail), std::move(say),
                        effects, now);
  }
  const bool refused = is_refusal(reason) && !is_rescan;
  say.kind = is_rescan                   ? ReceiptKind::kVerify
             : refused                   ? ReceiptKind::kRefused
             : job.mode == Mode::kDryRun ? ReceiptKind::kScan
                                         : ReceiptKind::kClean;
  say.state = refused ? HostState::kRefused : HostState::kFailed;
  job.phase = Phase::kDone;
  job.state = say.state;
  job.reason = reason;
  job.reboot_rescan = false;
  executed_.insert({job.order, job.slot});
  tell(job, fmt::format("{}: {}: {}", name(job.state), name(reason), detail));
  report(job, std::move(say), effects, now);
  remember(job, effects);
  end_run(job.order);
}

void Core::end_dry_run(const Run& run, const model::ScanDone& done, const model::Policy& policy,
                       Effects& effects, const Now& now) {
  Job job = run.job;
  job.phase = Phase::kDone;
  job.state = run.trusted(done.result.verdicts.empty() ? HostState::kClean : HostState::kFound);
  job.reason = Reason::kNone;
  Say say = saw(ReceiptKind::kScan, run, done, policy);
  say.state = job.state;
  say.items = items_of_scan(policy, done.result, say.paths);
  if (job.state == HostState::kClean) job.reason = say.reason = reservation(run);
  // Result, receipt and "done" become durable together.
  executed_.insert({job.order, job.slot});
  const trust::DryRun dry{job.order, job.policy, trust::effective(log_.floor(), judged_by(now))};
  std::erase_if(dry_runs_, [&](const trust::DryRun& old) { return old.order == dry.order; });
  dry_runs_.push_back(dry);
  effects.records.push_back(PutDryRun{dry, done.sealed});
  tell(job, done_text(job, run, left_text(say)));
  report(job, std::move(say), effects, now);
  remember(job, effects);
  end_run(job.order);
}

// The last look before the first side effect: a Stop may have come meanwhile, or a window closed;
// then it is considered again in its time.
bool Core::may_go_on(const DocumentId& id, Effects& effects, const Now& now) {
  const trust::Verdict verdict = verdict_on(id, now);
  if (const auto* refusal = std::get_if<trust::Refusal>(&verdict))
    refuse(id, *refusal, effects, now);
  return std::holds_alternative<trust::Allowed>(verdict);
}

void Core::end_scan_before_apply(Run run, const model::ScanDone& done, const model::Policy& policy,
                                 Effects& effects, const Now& now) {
  if (!may_go_on(run.job.order, effects, now)) return;
  keep_cut_off(run.job);
  if (!run.is_untrusted() && plan::calls_for_action(policy, done.result.verdicts)) {
    if (run.job.round == 0) run.job.health = good_ones(run.health);
    run.job.remaining.clear();
    for (const model::Finding& finding : done.result.findings)
      run.job.remaining.push_back(plan::object_digest(finding.identity));
    reasons_[run.job.order] = "waiting: another order is being carried out";
    ready_.push_back({std::move(run), done.sealed, done.result.verdicts});
    return;
  }

  if (run.job.round > 0 && !run.is_untrusted()) return verify_again(run.job, effects, now);
  Job job = run.job;
  job.phase = Phase::kDone;
  job.state = run.trusted(HostState::kClean);
  Say say = saw(ReceiptKind::kClean, run, done, policy);
  say.state = job.state;
  say.items = items_of_scan(policy, done.result, say.paths);  // what is only to be reported
  job.reason = say.reason = reservation(run);
  executed_.insert({job.order, job.slot});
  report(job, std::move(say), effects, now);
  tell(job, done_text(job, run));
  remember(job, effects);
  end_run(job.order);
}

}  // namespace fleetsweep::agent
