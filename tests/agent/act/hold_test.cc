#include "agent/act/hold.h"

#include <gtest/gtest.h>

namespace fleetsweep::act {
namespace {

constexpr const char* kHybrid =
    "30 29 0:25 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:26 / /sys/fs/cgroup/cpu rw,nosuid - cgroup cgroup rw,cpu\n"
    "32 30 0:27 / /sys/fs/cgroup/freezer rw,nosuid shared:7 - cgroup cgroup rw,freezer\n";

TEST(Hold, TheNewFreezerIsPreferredWhereBothAreMounted) {
  const auto v1 = freezer_mount(kHybrid);
  ASSERT_TRUE(v1);
  EXPECT_FALSE(v1->is_v2);
  EXPECT_EQ(v1->path, "/sys/fs/cgroup/freezer");
  const auto v2 = freezer_mount(std::string(kHybrid) +
                                "33 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  ASSERT_TRUE(v2);
  EXPECT_TRUE(v2->is_v2);
  EXPECT_EQ(v2->path, "/sys/fs/cgroup/unified");
}

TEST(Hold, AMountThatCannotBeWrittenOrShowsAPartIsNoPlaceToFreeze) {
  EXPECT_FALSE(freezer_mount(""));
  EXPECT_FALSE(freezer_mount("33 30 0:28 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"));
  EXPECT_FALSE(freezer_mount("33 30 0:28 /kubepods/pod1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"));
  EXPECT_FALSE(freezer_mount("33 30 0:28 / /sys/fs/cg\\040roup rw - cgroup2 cgroup2 rw\n"));
  EXPECT_FALSE(freezer_mount("31 30 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"));
}

TEST(Hold, AProcessOutsideOfOurNamespaceIsNotMoved) {
  constexpr const char* kGroups = "6:freezer,devices:/a b\n1:name=systemd:/x:y\n0::/../../other\n";
  EXPECT_EQ(group_in(kGroups, false), "/a b");
  EXPECT_FALSE(group_in(kGroups, true));
  EXPECT_EQ(group_in("0::/system.slice/x:y.service\n", true), "/system.slice/x:y.service");
  EXPECT_FALSE(group_in("1:cpu:/\n", false));
  EXPECT_FALSE(group_in("", true));
}

}  // namespace
}  // namespace fleetsweep::act
