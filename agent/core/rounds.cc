// What came back is cleaned again under the same order, as often as its policy says.

#include "agent/core/core.h"

namespace fleetsweep::agent {

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
  job.ended_in = identity_.boot;
  const auto policy = policies_.find(job.policy);
  job.reboot_rescan = policy != policies_.end() && policy->second.verify.after_reboot;
  tell(job, fmt::format("{}, and gone again: to be looked for", name(job.state)));
  remember(job, effects);
}

}  // namespace fleetsweep::agent
