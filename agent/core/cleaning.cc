// How act is begun, and what its answer means.

#include <algorithm>

#include "agent/core/core.h"
#include "agent/plan/network.h"
#include "agent/report/undo.h"

namespace fleetsweep::agent {

using model::HostState;
using model::Mode;
using model::Reason;
using model::ReceiptKind;

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
  if (state().endpoints) request.stops.push_back(state().endpoints_envelope);
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
  is_reached_ = false;
  Job& job = acting_->job;
  end_run(job.order);  // the scan's failures are over
  keep_cut_off(job);   // it may have waited for its turn
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

// As act itself, also where it has more to say than that.
bool has_left(const model::ActDone& done) {
  return done.state == HostState::kResidual ||
         std::ranges::any_of(done.items, [](const model::ReceiptItem& item) {
           return item.outcome == model::Outcome::kSkipped && item.reason == Reason::kProtected;
         });
}

bool has_isolated(const model::ActDone& done) {
  return std::ranges::any_of(done.items, [](const model::ReceiptItem& item) {
    return item.action == model::ActionKind::kIsolate && item.outcome == model::Outcome::kDone;
  });
}

}  // namespace

// A hand is on it, so no other round begins. What was put back no rescan is to find: it would say
// that it came back. Of an undo that could not begin its own answer says why.
void Core::take_back(Job& job, const model::ActDone& undo, std::string_view by) {
  const bool has_begun = undo.state == HostState::kUndone || undo.acted > 0;
  if (has_begun || is_between_rounds(job.order)) job.phase = Phase::kDone;
  if (has_begun) job.reboot_rescan = false;
  const std::string text = undo_text(undo);
  if (undo.state == HostState::kFailed)
    tell(job, fmt::format("done: {}; its undo by {} failed: {}{}{}", name(job.state), by,
                          name(undo.reason), text.empty() ? "" : ": ", text));
  if (undo.state != HostState::kUndone) return;
  tell(job, fmt::format("undone by {}{}{}", by, text.empty() ? "" : ": ", text));
  job.cut_off.clear();
  job.is_unreached = false;
  job.has_left = false;
}

void Core::end_act(const model::ActDone& done, Effects& effects, const Now& now) {
  const Run run = std::move(*acting_);
  acting_.reset();
  Job job = run.job;
  end_run(job.order);
  if (job.mode == Mode::kApply && done.undo) return end_undone(std::move(job), done, effects, now);
  if (job.mode == Mode::kApply) {
    add_cut_off(job.cut_off, done);
    job.has_left |= has_left(done);
    if (has_isolated(done)) {
      job.is_unreached = true;
      job.isolated_at = now.uptime;
    }
  } else if (const auto undo = state().orders.find(job.order); undo != state().orders.end()) {
    if (const auto applied = jobs_.find(undo->second.order.undoes); applied != jobs_.end()) {
      take_back(applied->second, done, fmt::format("order {:.12}", job.order.hex()));
      effects.records.push_back(PutJob{applied->second});
    }
  }
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
  const bool needs_reboot = done.state == HostState::kNeedsReboot;
  const bool has_cleaned =
      done.state == HostState::kCleaned || done.state == HostState::kResidual || needs_reboot;
  if (job.round > 0 && has_cleaned) job.reason = Reason::kRespawned;
  job.ended_in = identity_.boot;  // act may have been resumed after a start
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
  // One step that failed leaves the others to be looked for as well.
  const bool has_changed = done.acted > 0 && done.reason != Reason::kStopped;
  const bool is_to_verify = job.mode == Mode::kApply && (has_cleaned || has_changed);
  job.reboot_rescan = is_to_verify && policy != policies_.end() &&
                      (policy->second.verify.after_reboot || needs_reboot);
  job.phase = is_to_verify && !needs_reboot ? Phase::kVerifying : Phase::kDone;
  job.cleaned = judged_by(now).local;
  job.rescans = 0;
  std::erase_if(job.remaining, [&](const Digest& object) {
    return std::ranges::find(done.removed, object) != done.removed.end();
  });
  if (job.phase == Phase::kDone && !job.reboot_rescan) job.remaining.clear();
  const std::string detail = job.mode == Mode::kUndo ? undo_text(done) : done.detail;
  tell(job, fmt::format("{}{}{}{}{}", name(job.state), done.reason == Reason::kNone ? "" : ": ",
                        done.reason == Reason::kNone ? "" : name(done.reason),
                        detail.empty() ? "" : ": ", detail));
  report(job, std::move(say), effects, now);
  remember(job, effects);
}

// It was undone while core was away: by the owner's hand, or by an undo order, whose own answer is
// still to come.
void Core::end_undone(Job job, const model::ActDone& done, Effects& effects, const Now& now) {
  job.phase = Phase::kDone;
  job.state = done.state;
  job.reason = done.reason;
  remember(job, effects);
  if (done.order == job.order) end_local_undo(done, effects, now);
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
  const bool is_undone = done.state == HostState::kUndone;
  if (is_undone || found != jobs_.end()) take_back(job, done, "the owner of this host");
  if (is_undone) {
    job.state = done.state;
    job.reason = done.reason;
    executed_.insert({job.order, job.slot});
  }
  if (is_undone || found != jobs_.end()) remember(job, effects);
  report(job, std::move(say), effects, now);
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

}  // namespace fleetsweep::agent
