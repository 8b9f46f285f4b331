#include "agent/overlay/container.h"

#include <gtest/gtest.h>

namespace fleetsweep {
namespace {

TEST(Container, AContainerIsKnownByTheIdOfItsInnermostScope) {
  const std::string id(64, 'a'), pod(64, 'b');
  EXPECT_EQ(container_id("0::/system.slice/docker-" + id + ".scope\n"), id);
  EXPECT_EQ(container_id("12:pids:/docker/" + id + "\n0::/\n"), id);
  EXPECT_EQ(container_id("0::/kubepods.slice/" + pod + "/cri-containerd-" + id + ".scope"), id);
  EXPECT_EQ(container_id("0::/machine.slice/libpod-" + id + ".scope/container"), id);
  EXPECT_EQ(container_id("0::/x-" + id + "f"), "") << "65 digits";
  EXPECT_EQ(container_id("0::/x" + id), "") << "a part of a longer word";
  EXPECT_EQ(container_id("0::/user.slice/session-1.scope"), "");
}

}  // namespace
}  // namespace fleetsweep
