// Where act cannot change the network of its host.

#include "tests/agent/act/network.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fleetsweep::act {
namespace {

using model::HostState;
using model::Reason;
using testing::HasSubstr;

TEST_F(Network, AnAgentInANetworkOfItsOwnClaimsToHaveBlocked) {
  block({kBad});
  host_.launcher = "unshare -n";
  const Answer answer = host_.run(host_.request());
  EXPECT_EQ(answer.reason(), Reason::kCapability) << answer.text();
  EXPECT_THAT(answer.text(), HasSubstr("a network of its own"));
}

TEST_F(Network, AMissingRightIsFoundWhenTheFirstStepIsDone) {
  block({kBad});
  host_.launcher = "setpriv --bounding-set -net_admin --inh-caps -net_admin";
  const Answer answer = host_.run(host_.request());
  EXPECT_EQ(answer.state(), HostState::kRefused) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kPermission) << answer.text();
  EXPECT_THAT(answer.text(), HasSubstr("NET_ADMIN"));
}

}  // namespace
}  // namespace fleetsweep::act

// In a network, among processes and with mounts of its own: the network is then that of the first
// process, as on a host.
int main(int count, char** arguments) {
  testing::InitGoogleTest(&count, arguments);
  if (::geteuid() != 0) {
    std::printf("needs root for namespaces of its own\n");
    return 77;
  }
  if (::unshare(CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS) != 0) return 2;
  const pid_t init = ::fork();
  if (init == 0) {
    ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::_exit(2);
    ::_exit(RUN_ALL_TESTS());
  }
  int status = 0;
  ::waitpid(init, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
