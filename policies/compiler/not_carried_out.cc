#include "policies/compiler/not_carried_out.h"

#include <algorithm>

namespace fleetsweep::compiler {
namespace {

bool any_action(const model::Policy& policy, const auto& wanted) {
  return std::any_of(policy.responses.begin(), policy.responses.end(), [&](const auto& response) {
    return std::any_of(response.actions.begin(), response.actions.end(), wanted);
  });
}

}  // namespace

std::vector<std::string> not_carried_out(const model::Policy& policy) {
  if (policy.platform == model::Platform::kMacos)
    return {"any of it: they run on Linux and refuse this policy (reason platform)"};
  std::vector<std::string> out;
  if (policy.platform == model::Platform::kWindows)
    out.push_back(
        "anything on a Windows that runs: they run on Linux and look at its volume, "
        "mounted and named by 'root'; of running processes they see none");
  if (any_action(policy, [](const auto& action) { return action.if_locked == "on-reboot"; }))
    out.push_back("taking a locked file at the next reboot");
  return out;
}

}  // namespace fleetsweep::compiler
