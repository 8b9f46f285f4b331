#include "agent/driver/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "protocol/base/unique_fd.h"
#include "protocol/runtime/sqlite/sqlite.h"

namespace fleetsweep::agent {
namespace {

TEST(AgentStore, AJobComesBackAsItWasInAnotherProcess) {
  char folder[] = "/tmp/fleetsweep-store-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/core.db";
  Job job;
  job.order.value[0] = 1;
  job.slot = 2;
  job.round = 3;
  job.phase = Phase::kVerifying;
  job.mode = model::Mode::kApply;
  job.policy.value[1] = 3;
  job.wave = 4;
  job.started = timestamp(5);
  job.cleaned = timestamp(6);
  job.rescans = 7;
  job.boot.value[2] = 8;
  job.ended_in.value[3] = 9;
  job.reboot_rescan = true;
  job.remaining.resize(2);
  job.remaining[1].value.fill(9);
  job.state = model::HostState::kCleaned;
  job.reason = model::Reason::kGone;
  job.reported = 10;
  job.health = {{"port 22/tcp unchanged", model::Health::kGood, "listening"},
                {"file /x present", model::Health::kGood, ""}};
  job.said = "done: for people";
  job.ahead = "looked ahead: found";
  job.is_unreached = true;
  job.isolated_at = std::chrono::milliseconds(11);
  job.has_left = true;
  job.cut_off = "out 192.0.2.66";
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

TEST(AgentStore, AnUpdateForgetsWhatACleaningLeftAndWhichBootItEndedIn) {
  char folder[] = "/tmp/fleetsweep-store-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/core.db";
  Job left, clean;
  left.order.value[0] = 1;
  left.state = model::HostState::kResidual;
  left.boot.value[2] = 8;
  left.is_unreached = true;
  clean.order.value[0] = 2;
  clean.state = model::HostState::kVerified;
  {
    const auto store = open_store(path);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->commit({PutJob{left}, PutJob{clean}}));
  }
  {
    auto database = sqlite::Database::open(path);
    ASSERT_TRUE(database) << database.error().message;
    // As the version before these columns wrote it.
    const Status older = database->execute(
        "alter table jobs drop column has_left; alter table jobs drop column ended_in;"
        "alter table jobs drop column isolated_at; pragma user_version = 8;");
    ASSERT_TRUE(older) << older.error().message;
  }
  left.has_left = true;
  left.ended_in = left.boot;
  const auto store = open_store(path);
  ASSERT_TRUE(store) << store.error().message;
  const auto stored = (*store)->load();
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->jobs, (std::vector<Job>{left, clean}));
  std::filesystem::remove_all(folder);
}

TEST(AgentStore, HashesAreFetchedAgainAfterARestart) {
  char folder[] = "/tmp/fleetsweep-store-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/core.db";
  const Digest kept{{1}}, dropped{{2}};
  {
    const auto store = open_store(path);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->commit({PutHashPart{kept, Bytes(1000, 7)}, PutHashPart{dropped, {1}}}));
    ASSERT_TRUE((*store)->commit({DropHashPart{dropped}}));
  }
  const auto store = open_store(path);
  ASSERT_TRUE(store) << store.error().message;
  const auto stored = (*store)->load();
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->hash_parts, std::vector<Digest>{kept});
  const auto bytes = (*store)->hash_part(kept);
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(*bytes, Bytes(1000, 7));
  EXPECT_EQ((*store)->hash_part(dropped).error().code, Code::kNotFound);
  std::filesystem::remove_all(folder);
}

// A real file system without room: what was committed stays, what was not leaves no part behind,
// and with room again the same store goes on.
TEST(AgentStore, AFullDiskTearsATurnApartOrForgetsWhatWasDone) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a private mount";
  char folder[] = "/tmp/fleetsweep-store-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  ASSERT_EQ(::mount("none", folder, "tmpfs", 0, "size=1m,mode=0700"), 0);
  const std::string path = std::string(folder) + "/core.db";
  const auto acting = [](std::uint8_t number) {
    Job job;
    job.order.value[0] = number;
    job.phase = Phase::kActing;
    return job;
  };
  const auto turn = [&](std::uint8_t number) {
    PutStop stop;
    stop.id.value[0] = number;
    stop.envelope.assign(40'000, number);
    PutReceipt receipt{.seq = number, .id = {}, .envelope = Bytes(40'000, number)};
    receipt.id.value[0] = number;
    return std::vector<Record>{PutJob{acting(number)}, stop, receipt};
  };
  const auto expect_first_turn_only = [&](Store& store) {
    const auto stored = store.load();
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(stored->jobs, std::vector<Job>{acting(1)});
    EXPECT_EQ(stored->stops.size(), 1u);
    EXPECT_EQ(stored->outbox.size(), 1u);
    EXPECT_EQ(stored->seq, 1u);
  };
  {
    const auto store = open_store(path);
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE((*store)->commit(turn(1)));
    const std::string filler = std::string(folder) + "/filler";
    {
      const UniqueFd file(::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      const std::string page(4096, 'x');
      while (::write(file.get(), page.data(), page.size()) > 0) {
      }
    }
    const Status full = (*store)->commit(turn(2));
    ASSERT_FALSE(full);
    EXPECT_NE(full.error().message.find("disk is full"), std::string::npos) << full.error().message;
    expect_first_turn_only(**store);
    // As after kill -9: another process finds the disk as full as it was.
    const auto other = open_store(path);
    ASSERT_TRUE(other) << other.error().message;
    expect_first_turn_only(**other);
    EXPECT_FALSE((*other)->commit(turn(2)));
    std::filesystem::remove(filler);
    EXPECT_TRUE((*store)->commit(turn(2)));
  }
  const auto store = open_store(path);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->load()->jobs.size(), 2u);
  EXPECT_EQ((*store)->load()->seq, 2u);
  ::umount2(folder, MNT_DETACH);
  std::filesystem::remove(folder);
}

}  // namespace
}  // namespace fleetsweep::agent
