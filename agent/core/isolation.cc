// A host that is cut off has to hear its controller all the same, or nobody could release it. Act
// isolates for plan::kUnreachedMax only, and for the whole time when it is shown that the
// controller was heard since; else the kernel lifts it.

#include <algorithm>

#include "agent/core/core.h"
#include "agent/plan/network.h"

namespace fleetsweep::agent {

namespace {
// What is heard sooner may have been here before the host was cut off.
constexpr Duration kHeardAfter = std::chrono::seconds(5);
}  // namespace

model::ActRequest Core::stops_request() const {
  model::ActRequest request = act_request({});
  if (!is_reached_) request.checkpoint.clear();
  return request;
}

void Core::consider_isolation(Effects& effects, const Now& now) {
  if (acting_) return;
  Uptime newest{};
  for (const auto& [id, job] : jobs_)
    if (job.is_unreached) newest = std::max(newest, job.isolated_at);
  for (auto& [id, job] : jobs_) {
    if (!job.is_unreached) continue;
    if (job.isolated_at == Duration{}) job.isolated_at = now.uptime;  // of an older version
    const Uptime latest = job.isolated_at + plan::kUnreachedMax;
    if (now.uptime >= latest) {
      end_isolation(
          job, fmt::format("the controller was not heard for {}", to_human(plan::kUnreachedMax)),
          effects, now);
    } else if (session_.is_welcomed() && session_.last_heard() >= newest + kHeardAfter) {
      is_reached_ = true;
      effects.notes.push_back({"isolation_kept", {{"order", id.hex()}}});
      effects.actions.push_back(RememberStops{});
      job.is_unreached = false;
      effects.records.push_back(PutJob{job});
    } else {
      wake_ = std::min(wake_.value_or(latest), latest);
    }
  }
}

// The kernel's rules went with the boot they were made in.
void Core::end_isolations_of_other_boots(Effects& effects, const Now& now) {
  for (const auto& [id, job] : jobs_)
    if (job.is_unreached && job.ended_in != identity_.boot)
      end_isolation(job, "this host was started anew before the controller was heard", effects,
                    now);
}

// Of another round: the controller may have been heard, or not, since its scan began.
void Core::keep_cut_off(Job& job) const {
  if (job.round == 0) return;
  const Job& known = jobs_.at(job.order);
  job.cut_off = known.cut_off;
  job.is_unreached = known.is_unreached;
  job.isolated_at = known.isolated_at;
}

// The kernel has lifted it. Whoever ordered it hears of that when the controller is back.
void Core::end_isolation(Job job, const std::string& why, Effects& effects, const Now& now) {
  job.cut_off += "; no longer isolated: " + why;
  job.is_unreached = false;
  effects.notes.push_back({"isolation_lifted", {{"order", job.order.hex()}}, true});
  Say say;
  say.kind = model::ReceiptKind::kUndo;
  say.state = model::HostState::kFailed;
  say.reason = model::Reason::kTimeout;
  say.started = now.clock.local;
  model::ReceiptItem item;
  item.action = model::ActionKind::kIsolate;
  item.outcome = model::Outcome::kUndone;
  item.reason = model::Reason::kTimeout;
  say.items.push_back(std::move(item));
  report(job, std::move(say), effects, now);
  remember(job, effects);
}

// What is newly signed is to stay open, too.
void Core::on_endpoints(Effects& effects) {
  const auto cut_off = [](const auto& job) { return !job.second.cut_off.empty(); };
  const auto unreached = [](const auto& job) { return job.second.is_unreached; };
  if (std::ranges::none_of(jobs_, cut_off)) return;
  is_reached_ = std::ranges::none_of(jobs_, unreached);  // it has just been heard
  effects.actions.push_back(RememberStops{});
}

}  // namespace fleetsweep::agent
