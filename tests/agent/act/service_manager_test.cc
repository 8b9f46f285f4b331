#include "agent/act/service_manager.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/agent/act/fake_manager.h"
#include "tests/agent/act/temp_dir.h"
#include "tests/wait.h"

namespace fleetsweep::act {
namespace {

using How = FakeManager::How;
using Asked = std::vector<std::string>;
constexpr std::chrono::milliseconds kShort{300};

class ServiceManagerTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "systemd is root's";
  }
  Checked<void> restart(How how, std::chrono::milliseconds wait = kPatience) {
    fake_.emplace(folder_ / "private", how);
    auto manager = ServiceManager::open(folder_ / "private");
    if (!manager) return fail(manager.error());
    return manager->restart("cron.service", wait);
  }
  TempDir folder_;
  std::optional<FakeManager> fake_;
};

TEST_F(ServiceManagerTest, ARestartEndsBeforeSystemdSaysSo) {
  const auto done = restart(How::kDone);
  EXPECT_TRUE(done) << done.error().detail;
  EXPECT_EQ(fake_->asked(), Asked{"TryRestartUnit cron.service replace"});
}

TEST_F(ServiceManagerTest, ARestartThatFailedIsASuccess) {
  const auto failed = restart(How::kFails);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().reason, Reason::kIo);
  EXPECT_EQ(failed.error().detail,
            "systemd: restart cron.service: failed; systemctl status cron.service says why");
}

TEST_F(ServiceManagerTest, ARefusalOfSystemdIsASuccess) {
  const auto refused = restart(How::kRefuses);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kIo) << "and not 'gone', which is nobody's fault";
  EXPECT_EQ(refused.error().detail, "systemd: restart cron.service: Unit cron.service not found.");
}

TEST_F(ServiceManagerTest, AJobThatNeverEndsIsWaitedForForEver) {
  const auto late = restart(How::kSilent, kShort);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, Reason::kTimeout) << late.error().detail;
}

TEST_F(ServiceManagerTest, AManagerThatNeverStopsTalkingIsHeardForEver) {
  const auto late = restart(How::kFloods, kShort);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason, Reason::kTimeout) << late.error().detail;
}

TEST_F(ServiceManagerTest, AManagerThatDiesInTheMidstIsWaitedFor) {
  const auto gone = restart(How::kHangsUp);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().reason, Reason::kIo) << gone.error().detail;
}

TEST_F(ServiceManagerTest, UnitsAreNotReadAnewAndNobodySaysSo) {
  for (const How how : {How::kDone, How::kNoReload}) {
    const FakeManager fake(folder_ / "private", how);
    auto manager = ServiceManager::open(folder_ / "private");
    ASSERT_TRUE(manager) << manager.error().detail;
    const auto told = manager->reload();
    EXPECT_EQ(told.has_value(), how == How::kDone);
    if (!told) {
      EXPECT_EQ(told.error().detail, "systemd: read the units anew: no memory for units");
    }
    // The same line serves more than one question.
    EXPECT_TRUE(manager->restart("a.service"));
    EXPECT_EQ(fake.asked(), (Asked{"Reload", "TryRestartUnit a.service replace"}));
  }
}

TEST_F(ServiceManagerTest, WhereNoSystemdRunsNobodySaysSo) {
  const auto none = ServiceManager::open(folder_ / "private");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().reason, Reason::kCapability);
  EXPECT_EQ(none.error().detail, "no systemd runs this host");
  { const FakeManager fake(folder_ / "private", How::kDone); }
  EXPECT_FALSE(ServiceManager::open(std::string(200, 'x')));
}

TEST_F(ServiceManagerTest, OneThatNeverGreetsHoldsACleaningUp) {
  const FakeManager fake(folder_ / "private", How::kMute);
  const auto mute = ServiceManager::open(folder_ / "private", kShort);
  ASSERT_FALSE(mute);
  EXPECT_EQ(mute.error().reason, Reason::kCapability);
  EXPECT_NE(mute.error().detail.find("does not answer"), std::string::npos);
}

}  // namespace
}  // namespace fleetsweep::act
