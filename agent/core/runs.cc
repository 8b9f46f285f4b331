// How a run goes on and ends: scanned, acted, scanned again, and what the receipt says.

#include <fmt/ranges.h>

#include <algorithm>

#include "agent/core/core.h"
#include "agent/core/health.h"
#include "agent/plan/binding.h"
#include "agent/plan/network.h"
#include "agent/plan/plan.h"
#include "protocol/base/assert.h"

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

std::string unknown_text(const std::vector<model::HealthMark>& marks) {
  std::string text;
  for (const model::HealthMark& mark : marks)
    if (mark.health == model::Health::kUnknown)
      text += (text.empty() ? ", but nobody can tell: " : "; ") + health_text(mark);
  return text;
}

std::vector<std::string> verdict_names(const model::Policy& policy,
                                       const std::vector<std::uint16_t>& verdicts) {
  std::vector<std::string> names;
  for (const std::uint16_t verdict : verdicts)
    if (verdict < policy.verdicts.size()) names.push_back(policy.verdicts[verdict].id);
  return names;
}

// What was found or not found here is what something lets us see: no other word holds. Nor is such
// a host cleaned: what is removed may be put back unseen, and no rescan could tell.
constexpr HostState trusted(HostState state, bool is_untrusted) {
  return is_untrusted ? HostState::kUntrusted : state;
}

}  // namespace

// Nothing was found, and not everything was looked at: a good word with a reservation.
Reason Core::reservation(const Run& run) {
  return run.unscannable > 0 ? Reason::kUnscannable : Reason::kNone;
}

std::string Core::done_text(const Job& job, const Run& run, const std::string& detail) {
  std::string text = fmt::format("done: {}", name(job.state));
  if (run.is_untrusted())
    text += fmt::format(
        ": this host contradicts itself: {}{}: scan its disk from rescue media (docs/runbooks.md)",
        run.mismatches.front(),
        run.mismatches.size() == 1
            ? ""
            : fmt::format(", and {} more (in the log)", run.mismatches.size() - 1));
  if (job.reason == Reason::kUnscannable)
    text += fmt::format(", but {} objects could not be read", run.unscannable);
  if (run.partial > 0)
    text += fmt::format("; {} files were looked at in part (in the log)", run.partial);
  return text + detail;
}

// Before the job is remembered: a restart forgets nothing of it.
void Core::tell(Job& job, std::string text) {
  reasons_[job.order] = job.said = std::move(text);
}

// Nobody waits for a word that does not come. The next start tries again, and its word is newer.
void Core::report_interrupted(const Run& run, Effects& effects, const Now& now) {
  Say say;
  say.kind = run.job.mode == Mode::kUndo ? ReceiptKind::kUndo : ReceiptKind::kClean;
  say.state = HostState::kFailed;
  say.reason = Reason::kInternal;
  say.started = run.job.started;
  say.run = &run;
  report(run.job, std::move(say), effects, now);
}

// No result: the scanner could not, would not, or died. That is an answer too.
void Core::end_without_result(const Run& run, Reason reason, const std::string& detail,
                              Effects& effects, const Now& now) {
  Job job = run.job;
  const bool is_rescan = run.kind == Run::Kind::kRescan;
  if (is_rescan && ++failures_[job.order] < kTries) return;  // due, so it is started again
  Say say;
  const bool refused = is_refusal(reason) && !is_rescan;
  say.kind = is_rescan                   ? ReceiptKind::kVerify
             : refused                   ? ReceiptKind::kRefused
             : job.mode == Mode::kDryRun ? ReceiptKind::kScan
                                         : ReceiptKind::kClean;
  say.state = refused ? HostState::kRefused : HostState::kFailed;
  say.reason = reason;
  say.started = job.started;
  say.run = &run;
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
  job.state = trusted(done.result.verdicts.empty() ? HostState::kClean : HostState::kFound,
                      run.is_untrusted());
  job.reason = Reason::kNone;
  Say say;
  say.run = &run;
  say.kind = ReceiptKind::kScan;
  say.state = job.state;
  say.started = job.started;
  say.matched = static_cast<std::uint32_t>(done.result.findings.size());
  say.verdicts = verdict_names(policy, done.result.verdicts);
  say.items = items_of_scan(policy, done.result, say.paths);
  if (job.state == HostState::kClean) job.reason = say.reason = reservation(run);
  // Result, receipt and "done" become durable together.
  executed_.insert({job.order, job.slot});
  const trust::DryRun dry{job.order, job.policy, trust::effective(log_.floor(), judged_by(now))};
  std::erase_if(dry_runs_, [&](const trust::DryRun& old) { return old.order == dry.order; });
  dry_runs_.push_back(dry);
  effects.records.push_back(PutDryRun{dry, done.sealed});
  report(job, std::move(say), effects, now);
  tell(job, done_text(job, run));
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
  job.state = trusted(HostState::kClean, run.is_untrusted());
  Say say;
  say.run = &run;
  say.kind = ReceiptKind::kClean;
  say.state = job.state;
  say.started = job.started;
  say.matched = static_cast<std::uint32_t>(done.result.findings.size());
  say.verdicts = verdict_names(policy, done.result.verdicts);
  say.items = items_of_scan(policy, done.result, say.paths);  // what is only to be reported
  job.reason = say.reason = reservation(run);
  executed_.insert({job.order, job.slot});
  report(job, std::move(say), effects, now);
  tell(job, done_text(job, run));
  remember(job, effects);
  end_run(job.order);
}

// One cleaning after the other, each judged again in its turn.
void Core::consider_ready(Effects& effects, const Now& now) {
  while (!acting_ && !walk_ && !ready_.empty()) {
    Ready next = std::move(ready_.front());
    ready_.pop_front();
    const DocumentId id = next.run.job.order;
    if (may_go_on(id, effects, now)) act(std::move(next), effects);
  }
}

model::ActRequest Core::act_request(const DocumentId& order) const {
  model::ActRequest request;
  if (const auto entry = state().orders.find(order); entry != state().orders.end())
    request.order = entry->second.envelope;
  request.root_chain = state().root_chain;
  for (const auto& [id, stop] : state().stops) request.stops.push_back(stop.envelope);
  for (const auto& [id, resume] : state().resumes) request.stops.push_back(resume.envelope);
  request.checkpoint = log_.note();
  request.time = time_.proof();
  return request;
}

// What act has seen once, nobody can keep from it later.
void Core::remember_stops(Effects& effects) const {
  if (!state().root) return;  // act verifies them by the chain, which comes with the log
  if (!state().stops.empty() || !state().resumes.empty())
    effects.actions.push_back(RememberStops{});
}

// From here on a crash is resumed, so that it begins is durable before act hears of it.
void Core::act(Ready ready, Effects& effects) {
  acting_ = std::move(ready.run);
  Job& job = acting_->job;
  end_run(job.order);  // the scan's failures are over
  acting_->kind = Run::Kind::kAct;
  job.phase = Phase::kActing;
  job.boot = identity_.boot;
  executed_.insert({job.order, job.slot});
  remember(job, effects);
  reasons_[job.order] = "running";
  const model::Order& order = state().orders.at(job.order).order;
  model::ActRequest request = act_request(job.order);
  request.findings = std::move(ready.findings);
  request.verdicts = std::move(ready.verdicts);
  request.scanned = acting_->scanned;
  request.round = job.round;
  const bool is_undo = order.mode == Mode::kUndo;
  effects.actions.push_back(
      StartAct{std::move(request), is_undo ? Digest{} : order.policy, order.dry_run_order});
}

Effects Core::on_act_done(const model::ActDone& done, const Now& now) {
  Effects effects;
  if (done.local)
    end_local_undo(done, effects, now);
  else if (acting_)
    end_act(done, effects, now);
  return finish(std::move(effects), now);
}

namespace {

// Each round adds its own.
void add_cut_off(std::string& text, const model::ActDone& done) {
  for (std::size_t i = 0; i < std::min(done.items.size(), done.paths.size()); ++i)
    if (plan::is_about_network(done.items[i].action) &&
        done.items[i].outcome == model::Outcome::kDone)
      text += (text.empty() ? "" : "; ") + done.paths[i];
}

}  // namespace

// Taken back with all that the order did.
void Core::lift(const DocumentId& undone, Effects& effects) {
  const auto job = jobs_.find(undone);
  if (job == jobs_.end() || job->second.cut_off.empty()) return;
  job->second.cut_off.clear();
  effects.records.push_back(PutJob{job->second});
}

void Core::end_act(const model::ActDone& done, Effects& effects, const Now& now) {
  const Run run = std::move(*acting_);
  acting_.reset();
  Job job = run.job;
  end_run(job.order);
  if (job.mode == Mode::kApply)
    add_cut_off(job.cut_off, done);
  else if (const auto undo = state().orders.find(job.order);
           undo != state().orders.end() && done.state == HostState::kUndone)
    lift(undo->second.order.undoes, effects);
  // The crash came before act's journal: nothing was begun, so it is judged and begun anew.
  if (run.resumed && done.state == HostState::kRefused && done.reason == Reason::kNone) {
    job.phase = Phase::kHeld;
    if (job.round == 0) executed_.erase({job.order, job.slot});
    remember(job, effects);
    return;
  }
  job.state = done.state;
  job.reason = done.reason;
  // What came back and may not be touched, or is not what the dry run found, is there all the same.
  const bool is_refused = done.state == HostState::kRefused;
  if (job.round > 0 && (is_refused || done.reason == Reason::kChanged))
    job.state = HostState::kRespawned;
  if (job.round > 0 && done.state == HostState::kCleaned) job.reason = Reason::kRespawned;
  job.acted = job.round > 0 ? job.acted + done.acted : done.acted;
  Say say;
  say.kind = is_refused && job.round == 0 ? ReceiptKind::kRefused
             : job.mode == Mode::kUndo    ? ReceiptKind::kUndo
                                          : ReceiptKind::kClean;
  if (done.reason == Reason::kStopped) say.kind = ReceiptKind::kStop;
  say.state = job.state;
  say.reason = job.reason;
  say.started = job.started;
  say.run = &run;
  say.acted = done.acted;
  say.matched = static_cast<std::uint32_t>(job.remaining.size());
  say.items = done.items;
  say.paths = done.paths;
  const auto policy = policies_.find(job.policy);
  const bool is_to_verify = job.mode == Mode::kApply && (done.state == HostState::kCleaned ||
                                                         done.state == HostState::kNeedsReboot);
  job.reboot_rescan = is_to_verify && policy != policies_.end() &&
                      (policy->second.verify.after_reboot || done.state == HostState::kNeedsReboot);
  job.phase = is_to_verify && done.state == HostState::kCleaned ? Phase::kVerifying : Phase::kDone;
  job.cleaned = judged_by(now).local;
  job.rescans = 0;
  std::erase_if(job.remaining, [&](const Digest& object) {
    return std::ranges::find(done.removed, object) != done.removed.end();
  });
  if (job.phase == Phase::kDone && !job.reboot_rescan) job.remaining.clear();
  tell(job, fmt::format("{}{}{}{}{}", name(job.state), done.reason == Reason::kNone ? "" : ": ",
                        done.reason == Reason::kNone ? "" : name(done.reason),
                        done.detail.empty() ? "" : ": ", done.detail));
  report(job, std::move(say), effects, now);
  remember(job, effects);
}

// The owner undid it by hand; nobody ordered it, and everybody may know.
void Core::end_local_undo(const model::ActDone& done, Effects& effects, const Now& now) {
  const auto found = jobs_.find(done.order);
  Job job = found != jobs_.end() ? found->second : Job{.order = done.order};
  Say say;
  say.kind = ReceiptKind::kUndo;
  say.state = done.state;
  say.reason = done.reason;
  say.started = now.clock.local;
  say.acted = done.acted;
  say.items = done.items;
  say.paths = done.paths;
  say.local = true;
  if (is_between_rounds(job.order)) {  // the owner's hand is on it: no other round
    job.phase = Phase::kDone;
    remember(job, effects);
  }
  if (done.state == HostState::kUndone) {
    job.cut_off.clear();
    job.phase = Phase::kDone;
    job.reboot_rescan = false;
    job.state = done.state;
    job.reason = done.reason;
    executed_.insert({job.order, job.slot});
    tell(job, "undone by the owner of this host");
    remember(job, effects);
  }
  report(job, std::move(say), effects, now);
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
  Job job = run.job;
  const bool by_reboot = run.by_reboot;
  end_run(job.order);
  // Undone meanwhile: what it sees is what was put back.
  if (jobs_.at(job.order).phase == Phase::kDone && !by_reboot) return;
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
  if (is_gone && !run.is_untrusted() && !is_awaited && (by_reboot || !is_last))
    return remember(job, effects);
  Say say;
  say.run = &run;
  say.kind = ReceiptKind::kVerify;
  say.started = now.clock.local;
  say.matched = static_cast<std::uint32_t>(done.result.findings.size());
  say.verdicts = verdict_names(policy, done.result.verdicts);
  say.state = HostState::kVerified;
  std::string detail;
  if (!is_gone) {
    const bool is_residual = is_left(job, done.result.findings);
    say.state = is_residual ? HostState::kResidual : HostState::kRespawned;
    if (!is_residual) say.reason = Reason::kRespawned;
    say.items = items_of_scan(policy, done.result, say.paths);
    add_origins(policy, done, say.items, say.paths);
    detail = origins_text(done.origins);
  } else {
    detail = unknown_text(run.health);
  }
  say.state = trusted(say.state, run.is_untrusted());
  job.phase = Phase::kDone;
  job.remaining.clear();
  job.state = say.state;
  job.reason = say.reason;
  if (is_gone) job.reason = say.reason = reservation(run);
  if (!is_gone || run.is_untrusted()) job.reboot_rescan = false;
  tell(job, done_text(job, run, detail));
  report(job, std::move(say), effects, now);
  if (job.state == HostState::kRespawned && job.round < rounds_of(job)) {
    ++job.round;
    job.phase = Phase::kHeld;
  }
  remember(job, effects);
}

std::uint8_t Core::rounds_of(const Job& job) const {
  const auto policy = policies_.find(job.policy);
  return policy == policies_.end() ? 0 : policy->second.verify.respawn_rounds;
}

// It came back, and is to be cleaned again as soon as every gate lets it.
bool Core::is_between_rounds(const DocumentId& order) const {
  const auto job = jobs_.find(order);
  return job != jobs_.end() && job->second.phase == Phase::kHeld && job->second.round > 0;
}

// No other round, now or ever: that it is there was said.
void Core::end_rounds(Job job, const trust::Refusal& refusal, Effects& effects) {
  reasons_[job.order] = fmt::format("{}, and not cleaned again: {}: {}", job.said,
                                    name(refusal.reason), refusal.detail);
  if (trust::may_change(refusal.reason)) return;
  job.said = reasons_[job.order];
  job.phase = Phase::kDone;
  remember(job, effects);
}

// It came back and went by itself: whether it stays away the rescans say, from the first on.
void Core::verify_again(Job job, Effects& effects, const Now& now) {
  end_run(job.order);
  job.phase = Phase::kVerifying;
  job.cleaned = judged_by(now).local;
  job.rescans = 0;
  job.remaining.clear();
  job.boot = identity_.boot;
  const auto policy = policies_.find(job.policy);
  job.reboot_rescan = policy != policies_.end() && policy->second.verify.after_reboot;
  tell(job, fmt::format("{}, and gone again: to be looked for", name(job.state)));
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

void Core::report(const Job& job, Say say, Effects& effects, const Now& now) {
  model::Receipt receipt;
  receipt.tenant = identity_.tenant;
  receipt.agent = identity_.host.agent;
  receipt.seq = ++seq_;
  receipt.previous = previous_;
  receipt.order = job.order;
  receipt.policy = job.policy;
  receipt.kind = say.kind;
  receipt.state = say.state;
  receipt.reason = say.reason;
  receipt.wave = job.wave;
  receipt.log_size = log_.size();
  receipt.root_version = log_.root().version();
  receipt.started = say.started;
  receipt.finished = now.clock.local;
  receipt.boot = identity_.boot;
  receipt.clock = clock_state(now);
  // Of the parser and of this process the weaker.
  receipt.sandbox =
      say.run ? std::min(say.run->sandbox, identity_.host.sandbox) : identity_.host.sandbox;
  receipt.agent_version = identity_.version;
  receipt.agent_sha256 = identity_.program;
  receipt.consent = identity_.host.consent.digest;
  receipt.local = say.local;
  if (say.run) {
    receipt.scanned = say.run->scanned;
    receipt.scanned_bytes = say.run->scanned_bytes;
    receipt.unscannable = say.run->unscannable;
  }
  // Where the host contradicts itself goes along like a path.
  if (say.run)
    for (const std::string& what : say.run->mismatches) {
      say.items.emplace_back().detection = "cross-view";
      say.paths.resize(say.items.size() - 1);
      say.paths.push_back(what);
    }
  receipt.matched = say.matched;
  receipt.acted = say.acted;
  receipt.verdicts = std::move(say.verdicts);
  hide_paths(say.items, say.paths, log_.root().root(), seal_);
  SignedReceipt made = sign_receipt(std::move(receipt), std::move(say.items), key_);
  previous_ = made.id;
  outbox_.add(seq_, made.id, made.envelope.size());
  effects.notes.push_back({"receipt",
                           {{"seq", std::to_string(seq_)},
                            {"order", job.order.hex()},
                            {"kind", std::string(name(made.receipt.kind))},
                            {"state", std::string(name(made.receipt.state))},
                            {"reason", std::string(name(made.receipt.reason))}}});
  effects.records.push_back(PutReceipt{seq_, made.id, std::move(made.envelope)});
}

}  // namespace fleetsweep::agent
