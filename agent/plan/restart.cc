#include "agent/plan/restart.h"

#include <algorithm>

#include "agent/plan/guard.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/model/service_units.h"

namespace fleetsweep::plan {

namespace {

bool contains(const auto& list, const auto& one) {
  return std::find(list.begin(), list.end(), one) != list.end();
}

std::string text_of(const std::vector<std::int32_t>& pids) {
  constexpr std::size_t kShown = 5;
  std::string text = "processes ";
  for (std::size_t i = 0; i < std::min(pids.size(), kShown); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", pids[i]);
  if (pids.size() > kShown) text += fmt::format(" and {} more", pids.size() - kShown);
  return text;
}

// Of the first process that may not be ended; empty: all may.
std::string why_protected(const Service& service, const Input& input) {
  for (const Running& running : input.running) {
    if (running.unit != service.unit && !contains(service.pids, running.process.pid)) continue;
    if (const auto refusal = check_process(input, running.process, Ending::kForRestart))
      return refusal.detail;
  }
  return {};
}

// Empty: nothing speaks against it.
std::string why_not(const Service& service, Beside plan, const std::vector<std::string>& allow,
                    const Input& input) {
  if (!contains(allow, service.unit)) return "the policy does not speak of it, look at it first";
  if (const auto why = model::why_kept_running(service.unit); !why.empty())
    return fmt::format("no agent restarts it: {}", why);
  for (const auto pid : service.pids)
    if (contains(input.own_pids, pid)) return "no agent restarts it: it is the agent that cleans";
  if (const auto why = why_protected(service, input); !why.empty())
    return fmt::format("a process of it is not to be ended: {}", why);
  if (!plan.is_taken) return "the file stays where it is, and the service would load it again";
  if (!input.no_restarts.empty())
    return fmt::format("the policy means it to be restarted, but {}", input.no_restarts);
  if (!plan.has_room)
    return fmt::format("one order restarts {} services at most", limits::kServicesRestarted);
  return {};
}

}  // namespace

Restart restart_of(const Service& service, const std::string& path, Beside plan,
                   const std::vector<std::string>& allow, const Input& input) {
  const std::string loaded =
      fmt::format("which has {} loaded ({})", escaped(path), text_of(service.pids));
  if (!model::is_service_name(service.unit))
    return {"",
            fmt::format("needs restart: {}, {}",
                        service.unit.empty() ? "a program of no service" : escaped(service.unit),
                        loaded)};
  const std::string why = why_not(service, plan, allow, input);
  if (!why.empty())
    return {"", fmt::format("needs restart: {}, {}; {}: systemctl restart {}", service.unit, loaded,
                            why, service.unit)};
  return {service.unit, fmt::format("restart of {}, {}", service.unit, loaded)};
}

}  // namespace fleetsweep::plan
