#include "agent/driver/store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace fleetsweep::agent {
namespace {

TEST(AgentStore, AJobComesBackAsItWasInAnotherProcess) {
  char folder[] = "/tmp/fleetsweep-store-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/core.db";
  Job job;
  job.order.value[0] = 1;
  job.slot = 2;
  job.phase = Phase::kVerifying;
  job.mode = model::Mode::kApply;
  job.policy.value[1] = 3;
  job.wave = 4;
  job.started = timestamp(5);
  job.cleaned = timestamp(6);
  job.rescans = 7;
  job.boot.value[2] = 8;
  job.reboot_rescan = true;
  job.cleaned_objects.resize(2);
  job.cleaned_objects[1].value.fill(9);
  job.state = model::HostState::kCleaned;
  job.reason = model::Reason::kGone;
  job.reported = 10;
  Job plain;
  plain.order.value[0] = 2;
  for (int process = 0; process < 2; ++process) {
    const auto store = open_store(path);
    ASSERT_TRUE(store) << store.error().message;
    if (process == 0) {
      ASSERT_TRUE((*store)->commit({PutJob{job}, PutJob{plain}}));
    }
    const auto stored = (*store)->load();
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(stored->jobs, (std::vector<Job>{job, plain}));
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace fleetsweep::agent
