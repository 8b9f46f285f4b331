// An order may be looked for before its time: what is there is counted, and its traces are kept in
// a receipt. Nothing that is seen here is acted on: when its time has come the host is scanned
// anew.

#include <algorithm>

#include "agent/core/core.h"

namespace fleetsweep::agent {

using model::HostState;
using model::Reason;
using model::ReceiptKind;

// Once, before it first begins, and as a dry run would: after its cool-off, within the order's
// windows, and in this host's place in its jitter, counted from when the order came. Only when
// nothing else is to be done, and when it can be over before the order is due.
void Core::look_ahead(const std::vector<DocumentId>& orders, const Now& now) {
  if (walk_ || !session_.is_welcomed()) return;
  for (const DocumentId& id : orders) {
    const auto early = ahead_of_time_.find(id);
    const trust::OrderEntry& entry = state().orders.at(id);
    // Nobody counts on a host that cannot say what it sees.
    if (early == ahead_of_time_.end() || !entry.order.schedule.scan_ahead ||
        entry.order.mode != model::Mode::kApply || executed_.contains({id, 0}) ||
        missing_of(entry.order))
      continue;
    const auto job = jobs_.find(id);
    if (job != jobs_.end() && !job->second.ahead.empty()) continue;
    const PolicyBrief& policy = policies_.at(entry.order.policy);
    const auto read = static_cast<std::size_t>(policy.facts.dry_run);
    if (log_.floor().time < std::max(entry.logged.seen + log_.root().root().policy.cool_off[read],
                                     state().weakened_until[read]))
      continue;
    const trust::ClockReading clock = judged_by(now);
    if (*early->second.until - clock.local < policy.timeout) continue;
    model::Schedule schedule = entry.order.schedule;
    schedule.not_before = {};
    const trust::Due due = trust::due(schedule, id, identity_.host.agent, entry.logged.seen,
                                      clock.local, clock.utc_offset);
    if (!due.now) {
      if (due.at) wake_at(*due.at, now);
      continue;
    }
    Run run;
    run.kind = Run::Kind::kAhead;
    run.job = job != jobs_.end() ? job->second : Job{.order = id};
    run.job.mode = entry.order.mode;
    run.job.policy = entry.order.policy;
    run.job.wave = early->second.wave;
    run.job.started = now.clock.local;
    run.sandbox = identity_.host.sandbox;
    if (join_walk(run)) reasons_[id] += "; looking ahead of it";
  }
}

// What is due does not wait for it. It is looked for anew when nothing is.
void Core::give_way(Effects& effects) {
  if (!walk_ || !std::ranges::all_of(walk_->runs, [](const auto& run) {
        return !run || run->kind == Run::Kind::kAhead;
      }))
    return;
  walk_.reset();
  effects.notes.push_back({"look_ahead_gives_way", {}});
  effects.actions.push_back(EndScan{});
}

// That nothing was found ends nothing: the order still waits for its time.
void Core::end_look_ahead(const Run& run, const model::ScanDone& done, const model::Policy& policy,
                          Effects& effects, const Now& now) {
  Say say = saw(ReceiptKind::kScan, run, done, policy);
  const bool is_found = !done.result.verdicts.empty();
  say.state = run.trusted(is_found ? HostState::kFound : HostState::kWaiting);
  if (say.state == HostState::kWaiting) say.reason = reservation(run);
  say.items = items_of_scan(policy, done.result, say.paths);
  std::string what = run.is_untrusted() ? "untrusted"
                     : is_found         ? fmt::format("found, {} objects", say.matched)
                                        : "nothing found";
  what += seen_text(run, say.reason) + left_text(say);
  looked_ahead(run.job, what, std::move(say), effects, now);
}

// What it saw, or why it saw nothing, is durable together with its receipt: it looks once.
void Core::looked_ahead(Job job, const std::string& what, Say say, Effects& effects,
                        const Now& now) {
  job.ahead = "looked ahead: " + what;
  job.state = say.state;
  job.reason = say.reason;
  reasons_[job.order] = job.ahead;
  report(job, std::move(say), effects, now);
  remember(job, effects);
  end_run(job.order);
}

}  // namespace fleetsweep::agent
