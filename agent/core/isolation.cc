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
  for (const auto& [id, stored] : jobs_) {
    if (!stored.is_unreached) continue;
    // After a restart of core the kernel alone knows whether it is in time.
    if (!cut_off_at_) cut_off_at_ = now.uptime;
    const Uptime latest = *cut_off_at_ + plan::kUnreachedMax;
    Job job = stored;
    if (now.uptime >= latest) {
      end_isolation(job, effects, now);
    } else if (session_.is_welcomed() && session_.last_heard() >= *cut_off_at_ + kHeardAfter) {
      is_reached_ = true;
      effects.notes.push_back({"isolation_kept", {{"order", id.hex()}}});
      effects.actions.push_back(RememberStops{});
    } else {
      wake_ = std::min(wake_.value_or(latest), latest);
      continue;
    }
    job.is_unreached = false;
    remember(job, effects);
  }
}

// Of another round: the controller may have been heard, or not, since its scan began.
void Core::keep_cut_off(Job& job) const {
  if (job.round == 0) return;
  const Job& known = jobs_.at(job.order);
  job.cut_off = known.cut_off;
  job.is_unreached = known.is_unreached;
}

// The kernel has lifted it. Whoever ordered it hears of that when the controller is back.
void Core::end_isolation(Job& job, Effects& effects, const Now& now) {
  job.cut_off += fmt::format("; no longer isolated: the controller was not heard for {}",
                             to_human(plan::kUnreachedMax));
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
