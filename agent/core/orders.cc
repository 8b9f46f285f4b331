// Which order may run now, which waits, which is refused.

#include <algorithm>
#include <tuple>

#include "agent/core/core.h"
#include "protocol/base/assert.h"

namespace fleetsweep::agent {

using model::HostState;
using model::Mode;
using model::Reason;
using model::ReceiptKind;

std::vector<DocumentId> Core::orders_in_log_order() const {
  std::vector<DocumentId> ids;
  for (const auto& [id, entry] : state().orders) ids.push_back(id);
  std::sort(ids.begin(), ids.end(), [this](const DocumentId& a, const DocumentId& b) {
    return state().orders.at(a).logged.index < state().orders.at(b).logged.index;
  });
  return ids;
}

void Core::consider(Effects& effects, const Now& now) {
  wake_.reset();
  ahead_of_time_.clear();
  time_wake_.reset();
  fetch_wake_.reset();
  consider_stopped(effects);
  consider_interrupted(effects, now);
  const auto orders = orders_in_log_order();
  const auto is_undo = [this](const DocumentId& id) {
    return state().orders.at(id).order.mode == Mode::kUndo;
  };
  for (const DocumentId& id : orders)
    if (is_undo(id)) consider_order(id, effects, now);
  consider_ready(effects, now);
  consider_rescans(effects, now);
  for (const DocumentId& id : orders)
    if (!is_undo(id)) consider_order(id, effects, now);
  look_ahead(orders, now);
  begin_walk(effects);
  consider_isolation(effects, now);
  fetch(effects, now);
  drop_hashes(effects, now);
}

// Wall time is watched through uptime; the driver calls again when somebody sets the clock.
void Core::wake_at(Timestamp wall, const Now& now) {
  const auto wait = std::max(wall - judged_by(now).local, Seconds(0));
  // A day at most: an hour of winter time, or a leap of a second, costs no more than that.
  const Uptime at = now.uptime + std::min<Duration>(wait, std::chrono::hours(24));
  if (!wake_ || at < *wake_) wake_ = at;
}

trust::ClockReading Core::judged_by(const Now& now) const {
  return trust::corrected(now.clock, log_.floor(), time_.told());
}

// An order that nothing but a doubtful clock keeps from running is neither refused nor left to wait
// for that clock before a witness host was asked. Who has no such host, or no contact, goes by the
// clock there is: it starts nothing early, and expiry has the witnesses' time besides.
bool Core::waits_for_time(const trust::Verdict& verdict, Effects& effects, const Now& now) {
  const auto* waiting = std::get_if<trust::Waiting>(&verdict);
  const auto* refusal = std::get_if<trust::Refusal>(&verdict);
  const bool is_about_time =
      (waiting && waiting->what == trust::WaitFor::kTime) ||
      (refusal && (refusal->reason == Reason::kClock || refusal->reason == Reason::kExpired ||
                   refusal->reason == Reason::kStale || refusal->reason == Reason::kRootExpired));
  if (!is_about_time ||
      trust::clock_state(log_.floor(), judged_by(now)) == model::ClockState::kOk ||
      log_.root().root().time_keys.empty() || !session_.is_welcomed())
    return false;
  if (auto request = time_.ask(now)) effects.actions.push_back(Send{std::move(*request)});
  time_wake_ = time_.next_deadline(now.uptime);
  return time_.is_open(now.uptime);
}

trust::Verdict Core::verdict_on(const DocumentId& id, const Now& now) const {
  const auto policy = policies_.find(state().orders.at(id).order.policy);
  // Another round of what was carried out is judged as the first was: by all gates but this one.
  const bool is_again = is_between_rounds(id);
  std::set<trust::Execution> others;
  if (is_again) {
    others = executed_;
    others.erase({id, jobs_.at(id).slot});
  }
  return trust::judge(
      trust::Situation{
          .state = state(),
          .host = identity_.host,
          .floor = log_.floor(),
          .clock = judged_by(now),
          .forked = log_.forked(),
          .policy = policy == policies_.end() ? nullptr : &policy->second.facts,
          .executed = is_again ? others : executed_,
          .dry_runs = dry_runs_,
          .poisoned = poisoned_,
      },
      id);
}

void Core::consider_order(const DocumentId& id, Effects& effects, const Now& now) {
  if (is_running(id)) return;
  const model::Order& order = state().orders.at(id).order;
  const auto job = jobs_.find(id);
  if (job != jobs_.end()) {
    const bool is_once = order.schedule.repeat == Seconds(0);
    if (job->second.phase == Phase::kDone && is_once) return;
    if (job->second.phase == Phase::kActing || job->second.phase == Phase::kVerifying) return;
  }
  if (outbox_.is_full()) {
    reasons_[id] = "waiting: the outbox is full of receipts that the controller has not taken";
    return;
  }
  // Counted before it is judged: if judging is what kills us, only the guard remembers.
  const trust::Guarded read(guard_, Digest{id.value});
  if (!read) poisoned_.insert(id);
  if (const auto bad = bad_policies_.find(order.policy); bad != bad_policies_.end())
    return refuse(id, bad->second, effects, now);

  trust::Verdict verdict = verdict_on(id, now);
  // Without all its hashes nobody can tell what is clean.
  if (std::holds_alternative<trust::Allowed>(verdict) && order.mode != Mode::kUndo &&
      missing_of(order))
    verdict = trust::Refusal{Reason::kPolicyMissing, "not all of its hash sets are here yet"};
  // When it ends it is refused as expired, whatever it waits for until then.
  if (!std::holds_alternative<trust::Allowed>(verdict) &&
      order.schedule.not_after >= judged_by(now).local)
    wake_at(order.schedule.not_after + Seconds(1), now);
  if (const auto* allowed = std::get_if<trust::Allowed>(&verdict)) {
    if (!begin(id, *allowed, effects, now))
      reasons_[id] = "waiting: another order is being carried out";
  } else if (waits_for_time(verdict, effects, now)) {
    reasons_[id] = "waiting for a witness host to say what time it is";
  } else if (const auto* waiting = std::get_if<trust::Waiting>(&verdict)) {
    reasons_[id] = fmt::format("waiting for {}{}{}", name(waiting->what),
                               waiting->detail.empty() ? "" : ": ", waiting->detail);
    if (waiting->until && waiting->what == trust::WaitFor::kTime) {
      wake_at(*waiting->until, now);
      const model::ClockState clock = trust::clock_state(log_.floor(), judged_by(now));
      if (clock != model::ClockState::kOk)
        reasons_[id] += fmt::format("; this host's clock says {}: {}", to_rfc3339(now.clock.local),
                                    name(clock));
      if (job != jobs_.end() && !job->second.ahead.empty())
        reasons_[id] += "; " + job->second.ahead;
      ahead_of_time_[id] = *waiting;
    }
  } else {
    refuse(id, std::get<trust::Refusal>(verdict), effects, now);
  }
}

// Known, and neither done nor refused for good.
bool Core::is_open(const DocumentId& id) const {
  const auto job = jobs_.find(id);
  return state().orders.contains(id) && (job == jobs_.end() || job->second.phase != Phase::kDone);
}

void Core::refuse(const DocumentId& id, trust::Refusal refusal, Effects& effects, const Now& now) {
  const trust::OrderEntry& entry = state().orders.at(id);
  // Who it is for does not change. What happens to an order for others is theirs to report.
  // Of poison nothing more is read.
  const trust::Host& host = identity_.host;
  if (refusal.reason != Reason::kPoison)
    if (auto ours = trust::in_scope(entry.order.scope, host.agent, host.jurisdiction, host.groups);
        !ours && ours.error().reason == Reason::kScope)
      refusal = std::move(ours.error());
  Reason reason = refusal.reason;
  if (reason == Reason::kPolicyMissing) {
    const auto missing = missing_of(entry.order);
    const auto problem = fetch_.problem(missing ? missing->digest : entry.order.policy);
    if (!problem) {
      const bool is_set = missing && !missing->is_policy;
      reasons_[id] = is_set ? "waiting for its hash sets" : "waiting for its policy";
      return;
    }
    reason = *problem;
  }
  if (reason == Reason::kDryRunMissing && is_open(entry.order.dry_run_order)) {
    reasons_[id] = "waiting for its dry run on this host";
    return;
  }
  if (is_between_rounds(id)) return end_rounds(jobs_.at(id), {reason, refusal.detail}, effects);
  reasons_[id] = fmt::format("refused: {}: {}", name(reason), refusal.detail);
  const auto found = jobs_.find(id);
  Job job = found != jobs_.end() ? found->second : Job{.order = id};
  if (reason == Reason::kExecuted && found != jobs_.end()) {
    reasons_[id] = fmt::format("done: {}", name(job.state));
    return;
  }
  job.mode = entry.order.mode;
  job.policy = entry.order.policy;
  job.phase = trust::may_change(reason) ? Phase::kHeld : Phase::kDone;
  const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(reason);
  // Not ours, or over before we were there: nothing that anybody waits to hear from this host.
  const bool is_history =
      reason == Reason::kExpired && entry.order.schedule.not_after < identity_.enrolled;
  const bool is_silent = reason == Reason::kScope || reason == Reason::kExecuted || is_history;
  if (is_silent || (job.reported & bit)) {
    if (job.phase == Phase::kDone) jobs_[id] = job;
    return;
  }
  job.reported |= bit;
  job.started = now.clock.local;
  Say say;
  say.kind = reason == Reason::kStopped ? ReceiptKind::kStop : ReceiptKind::kRefused;
  say.state = reason == Reason::kExpired ? HostState::kExpired : HostState::kRefused;
  say.reason = reason;
  say.started = now.clock.local;
  job.state = say.state;
  job.reason = reason;
  job.said = reasons_[id];
  report(job, std::move(say), effects, now);
  remember(job, effects);
}

bool Core::begin(const DocumentId& id, const trust::Allowed& allowed, Effects& effects,
                 const Now& now) {
  const model::Order& order = state().orders.at(id).order;
  Run run;
  run.job = {.order = id,
             .slot = allowed.slot,
             .mode = order.mode,
             .policy = order.policy,
             .wave = allowed.wave,
             .started = now.clock.local};
  if (is_between_rounds(id) && jobs_.at(id).slot == allowed.slot)
    (run.job = jobs_.at(id)).started = now.clock.local;
  else if (const auto before = jobs_.find(id); before != jobs_.end())
    std::tie(run.job.reported, run.job.ahead) =
        std::tie(before->second.reported, before->second.ahead);
  run.sandbox = identity_.host.sandbox;
  give_way(effects);
  if (order.mode != Mode::kUndo) {
    run.kind = order.mode == Mode::kDryRun ? Run::Kind::kDryRun : Run::Kind::kBeforeApply;
    if (!join_walk(run)) return false;
  } else if (acting_ || walk_) {
    return false;
  }
  reasons_[id] = "running";
  effects.notes.push_back(
      {"order_begins", {{"order", id.hex()}, {"mode", std::string(name(order.mode))}}});
  if (order.mode == Mode::kUndo) act({std::move(run), {}, {}}, effects);
  return true;
}

// By a Stop, by the owner, or because nobody knows whose log it is.
bool Core::is_halted(const DocumentId& id) const {
  if (identity_.host.halted || log_.forked()) return true;
  const auto halts = [&](const model::Order& order) {
    return trust::stopped(state(), id, order, order.action_class, identity_.host.agent).has_value();
  };
  if (const auto entry = state().orders.find(id); entry != state().orders.end())
    return halts(entry->second.order);
  // Of one that the fold has forgotten only its policy is known: a Stop of any class stops it.
  model::Order forgotten;
  forgotten.action_class = model::Class::kDestroy;
  if (const auto job = jobs_.find(id); job != jobs_.end()) forgotten.policy = job->second.policy;
  return halts(forgotten);
}

// It reaches what is running: no new step. act says how far it came; of a scan nothing is left, and
// when nobody waits for it nothing more is read.
void Core::consider_stopped(Effects& effects) {
  if (acting_ && !acting_->asked_to_stop && is_halted(acting_->job.order)) {
    acting_->asked_to_stop = true;
    effects.actions.push_back(AskActToStop{});
  }
  std::erase_if(ready_, [this](const Ready& ready) { return is_halted(ready.run.job.order); });
  if (!walk_) return;
  for (auto& run : walk_->runs) {
    if (!run || !is_halted(run->job.order)) continue;
    effects.notes.push_back({"scan_ended_by_stop", {{"order", run->job.order.hex()}}, true});
    run.reset();
  }
  if (std::ranges::any_of(walk_->runs, [](const auto& run) { return run.has_value(); })) return;
  walk_.reset();
  effects.actions.push_back(EndScan{});
}

// What a crash cut short is finished by act from its journal, never begun again.
// Halted or not: act sees the owner's halt itself, ends what was begun and thaws what it froze.
void Core::consider_interrupted(Effects& effects, const Now&) {
  if (acting_ || walk_) return;
  for (const auto& [id, job] : jobs_) {
    if (job.phase != Phase::kActing) continue;
    if (const auto failed = failures_.find(id);
        failed != failures_.end() && failed->second >= kTries)
      continue;
    acting_ = Run{};
    is_reached_ = false;
    acting_->kind = Run::Kind::kAct;
    acting_->job = job;
    acting_->resumed = true;
    acting_->sandbox = identity_.host.sandbox;
    model::ActRequest request = act_request(id);
    request.resume = true;
    request.round = job.round;
    effects.actions.push_back(StartAct{std::move(request), job.policy, {}});
    effects.notes.push_back({"order_resumes", {{"order", id.hex()}}});
    return;
  }
}

void Core::remember(const Job& job, Effects& effects) {
  jobs_[job.order] = job;
  effects.records.push_back(PutJob{job});
}

}  // namespace fleetsweep::agent
