#include "agent/scan/manners.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "tests/wait.h"

namespace fleetsweep::scan {
namespace {

using std::chrono::seconds;

TEST(Manners, MoreReadsThanThePolicyAllowsAreNotRestedFor) {
  int moments = 0;
  const auto is_over = [&moments] { return ++moments == 2; };
  model::PolicyLimits limits;
  Manners unbounded(limits);
  unbounded.keep(0, 1'000'000, is_over);
  EXPECT_EQ(moments, 0);
  limits.iops = 10;
  Manners bounded(limits);
  bounded.keep(0, 10, is_over);
  EXPECT_EQ(moments, 0) << "a second's worth";
  bounded.keep(0, 10'000, is_over);
  EXPECT_EQ(moments, 2) << "a scan that is stopped rests no longer";
}

// What the kernel says of those who wait is what the test writes, for this program alone.
class PressureTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    if (::mount("none", "/proc/pressure", "tmpfs", 0, nullptr) != 0) {
      ASSERT_EQ(errno, ENOENT);
      GTEST_SKIP() << "this kernel does not say who waits";
    }
    is_mounted_ = true;
  }
  void TearDown() override {
    if (is_mounted_) ::umount("/proc/pressure");
  }
  static void say(int average, seconds total, const std::string& kind = "io") {
    std::ofstream("/proc/pressure/" + kind)
        << "some avg10=" << average
        << ".00 avg60=0.00 avg300=0.00 total=" << std::chrono::microseconds(total).count()
        << "\nfull avg10=0.00 total=0\n";
  }
  // Until it looks, which it does once a second, and rests: how often it asked whether it is over.
  static int asked_while_it_rested(const std::function<bool(int)>& is_over) {
    Manners manners(model::PolicyLimits{});
    int asked = 0;
    until([&] {
      manners.keep(0, 0, [&] { return is_over(++asked); });
      return asked > 0;
    });
    return asked;
  }
  bool is_mounted_ = false;
};

// After each of the three moments of a slice, and once behind them.
constexpr int kAskedInASlice = 4;

TEST_F(PressureTest, AScanGoesOnWhileOthersWaitForTheMachine) {
  say(95, seconds(0));
  const int asked = asked_while_it_rested([](int times) {
    if (times <= 2 * kAskedInASlice) say(95, seconds(times));  // somebody waits, and then nobody
    return false;
  });
  EXPECT_EQ(asked, 3 * kAskedInASlice);
}

TEST_F(PressureTest, AScanThatIsStoppedWhileItRestsRestsOn) {
  say(95, seconds(0));
  EXPECT_LT(asked_while_it_rested([](int) { return true; }), kAskedInASlice);
}

TEST_F(PressureTest, AScanRestsForTheDiskAlone) {
  for (const char* kind : {"cpu", "memory"}) {
    say(0, seconds(0));
    say(95, seconds(0), kind);
    EXPECT_GT(asked_while_it_rested([](int) { return true; }), 0) << kind;
    say(0, seconds(0), kind);
  }
}

}  // namespace
}  // namespace fleetsweep::scan
