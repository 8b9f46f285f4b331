// One look at the host for all who wait for one.

#include <algorithm>

#include "agent/core/core.h"
#include "agent/core/health.h"
#include "protocol/base/limits.h"

namespace fleetsweep::agent {

using model::Reason;

namespace {
// The controller was heard so lately: a restart of it is no trouble of the host.
constexpr Duration kHeartbeatMax = std::chrono::minutes(5);
}  // namespace

// A new start of the agent is none either.
model::Health Core::heartbeat(const Now& now) const {
  const auto heard = session_.last_heard();
  if (now.uptime - heard.value_or(loaded_at_) >= kHeartbeatMax) return model::Health::kBad;
  return heard ? model::Health::kGood : model::Health::kUnknown;
}

bool Core::is_running(const DocumentId& order) const {
  const auto is_it = [&](const Run& run) { return run.job.order == order; };
  return (acting_ && is_it(*acting_)) || std::ranges::any_of(ready_, is_it, &Ready::run) ||
         (walk_ &&
          std::ranges::any_of(walk_->runs, [&](const auto& run) { return run && is_it(*run); }));
}

// Into the walk that is about to begin. What a clean order or a rescan sees is read now and not
// remembered from before, so they do not share one with others, which that would make slow.
bool Core::join_walk(const Run& run) {
  if (acting_ || !ready_.empty() || (walk_ && walk_->is_begun)) return false;
  const bool verify = run.kind != Run::Kind::kDryRun && run.kind != Run::Kind::kAhead;
  const auto entry = state().orders.find(run.job.order);
  std::uint64_t bytes = entry == state().orders.end() ? 0 : entry->second.order.policy_size;
  if (const auto policy = policies_.find(run.job.policy); policy != policies_.end())
    for (const model::HashPart& part : policy->second.facts.parts) bytes += part.bytes;
  if (!walk_) {
    walk_ = Walk{};
    walk_->verify = verify;
  } else if (walk_->verify != verify || walk_->runs.size() == limits::kSweepPolicies ||
             walk_->policy_bytes + bytes > kWalkPolicyBytes || alone_.contains(run.job.order) ||
             alone_.contains(walk_->runs.front()->job.order)) {
    return false;
  }
  walk_->policy_bytes += bytes;
  walk_->runs.emplace_back(run);
  return true;
}

void Core::begin_walk(Effects& effects) {
  if (!walk_ || std::exchange(walk_->is_begun, true)) return;
  StartScan start{{}, walk_->verify};
  for (const auto& run : walk_->runs) start.policies.push_back(run->job.policy);
  effects.notes.push_back({"walk_begins",
                           {{"orders", std::to_string(start.policies.size())},
                            {"verify", start.verify ? "yes" : "no"}}});
  effects.actions.push_back(std::move(start));
}

Effects Core::on_scan_done(const model::ScanDone& done, const model::Policy& policy,
                           const Now& now) {
  Effects effects;
  if (walk_ && walk_->answered < walk_->runs.size()) {
    auto run = std::exchange(walk_->runs[walk_->answered++], std::nullopt);
    const bool had_company = walk_->runs.size() > 1;
    if (walk_->answered == walk_->runs.size()) walk_.reset();
    if (run) conclude(std::move(*run), had_company, done, policy, effects, now);
  }
  return finish(std::move(effects), now);
}

void Core::conclude(Run run, bool had_company, const model::ScanDone& done,
                    const model::Policy& policy, Effects& effects, const Now& now) {
  // As judging: what a scan makes of a policy may be what kills us.
  const trust::Guarded read(guard_, Digest{run.job.order.value});
  run.sandbox = done.sandbox;
  run.scanned = done.result.scanned;
  run.scanned_bytes = done.result.scanned_bytes;
  run.unscannable = done.result.unscannable;
  run.partial = done.result.partial;
  run.mismatches = done.result.mismatches;
  for (const std::string& what : done.result.unscannable_paths)
    effects.notes.push_back({"unscannable", {{"what", what}}, true});
  for (const std::string& what : done.result.partial_paths)
    effects.notes.push_back({"partial", {{"what", what}}, false});
  for (const std::string& what : done.result.mismatches)
    effects.notes.push_back({"mismatch", {{"what", what}}, true});
  run.health = done.health;
  mark_heartbeat(run.health, heartbeat(now));
  for (const model::HealthMark& mark : run.health)
    effects.notes.push_back(
        {"health",
         {{"check", mark.check}, {"health", std::string(name(mark.health))}, {"seen", mark.seen}},
         mark.health != model::Health::kGood});
  if (!read)
    end_without_result(run, Reason::kPoison, "reading it killed this agent twice", effects, now);
  else if (done.reason == Reason::kInternal && had_company)
    alone_.insert(run.job.order);
  else if (done.reason == Reason::kPolicyMissing && ++failures_[run.job.order] < kTries)
    return;  // considered again, when what was damaged is here anew
  else if (done.reason != Reason::kNone)
    end_without_result(run, done.reason, done.detail, effects, now);
  else if (run.kind == Run::Kind::kDryRun)
    end_dry_run(run, done, policy, effects, now);
  else if (run.kind == Run::Kind::kAhead)
    end_look_ahead(run, done, policy, effects, now);
  else if (run.kind == Run::Kind::kBeforeApply)
    end_scan_before_apply(std::move(run), done, policy, effects, now);
  else
    end_rescan(run, done, policy, effects, now);
}

Effects Core::on_child_lost(model::Child child, const std::string& why, const Now& now) {
  Effects effects;
  effects.notes.push_back(
      {"child_lost", {{"child", std::string(name(child))}, {"why", why}}, true});
  if (child == model::Child::kScan && walk_) {
    const Walk walk = std::move(*walk_);
    walk_.reset();
    for (const auto& run : walk.runs) {
      if (!run) continue;
      // What is not ended is still to be done, and begins anew at the end of this turn.
      if (walk.runs.size() > 1)
        alone_.insert(run->job.order);
      else if (run->kind == Run::Kind::kRescan || ++failures_[run->job.order] == kTries)
        end_without_result(*run, Reason::kInternal, why, effects, now);
    }
  } else if (child == model::Child::kAct && acting_) {
    // The journal knows how far it came: it stays kActing and is resumed.
    const Run run = std::move(*acting_);
    acting_.reset();
    reasons_[run.job.order] = "interrupted: " + why;
    if (++failures_[run.job.order] == kTries) report_interrupted(run, effects, now);
  }
  return finish(std::move(effects), now);
}

void Core::end_run(const DocumentId& order) {
  alone_.erase(order);
  failures_.erase(order);
}

}  // namespace fleetsweep::agent
