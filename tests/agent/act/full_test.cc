// Where there is no room: on the disk of the state, or in the journal.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "agent/act/ledger.h"
#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::HostState;
using model::Reason;

TEST_F(Clean, AFullDiskOrAReadOnlyStateStopsEverythingBefore) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a private mount";
  const std::string before = host.manifest();
  const std::string keep = "cp $STATE/anchor $STATE.anchor && ";
  const std::string put = " && cp $STATE.anchor $STATE/anchor";
  host.prefix = keep + "mount -t tmpfs -o size=128k,mode=0700 none $STATE" + put;
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kDiskFull);
  EXPECT_EQ(host.manifest(), before);
  host.prefix =
      keep + "mount -t tmpfs -o mode=0700 none $STATE" + put + " && mount -o remount,ro $STATE";
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kRefused);
  EXPECT_EQ(answer.reason(), Reason::kPermission) << answer.text();
  EXPECT_EQ(host.manifest(), before);
  host.prefix.clear();
  EXPECT_EQ(host.run(host.request()).state(), HostState::kCleaned);
}

// The journal says "begun", and the disk has no room for the anchor any more.
TEST_F(Clean, AnOrderIsCarriedOutOrForgottenWhenTheAnchorFindsTheDiskFull) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a private mount";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const std::string anchor = read_text(host.state() + "/anchor");
  ASSERT_EQ(::mount("none", host.state().c_str(), "tmpfs", 0, "size=2m,mode=0700"), 0);
  write_text(host.state() + "/anchor", anchor);
  const std::string before = host.manifest();
  const auto request = host.request();
  const std::string filler = host.state() + "/filler";
  const Answer answer = host.run_racing(request, "anchor:1", [&] {
    const int file = ::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const std::string page(4096, 'x');
    while (::write(file, page.data(), page.size()) > 0) {
    }
    ::close(file);
  });
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kDiskFull) << answer.text();
  EXPECT_EQ(host.manifest(), before);
  EXPECT_NE(host.process_state(worker), 'T');
  // With room again it stays begun: whoever replays the order is refused.
  fs::remove(filler);
  EXPECT_EQ(host.run(request).reason(), Reason::kExecuted);
  EXPECT_EQ(host.manifest(), before);
  model::Order second = host.order();
  second.title = "another";
  EXPECT_EQ(host.run(host.request(second, {"alice", "bob"})).state(), HostState::kCleaned);
  ::umount2(host.state().c_str(), MNT_DETACH);
}

TEST_F(Clean, AFullJournalSaysSoAndLeavesRoomToUndo) {
  const std::string before = host.manifest();
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  {
    auto ledger = Ledger::open(host.state() + "/journal");
    ASSERT_TRUE(ledger) << ledger.error().message;
    Begin begin;
    begin.steps.resize(1);
    Status written;
    for (std::size_t size = 1 << 22; size > 0; size /= 2) {  // smaller and smaller gaps
      begin.steps[0].path.assign(size, 'x');
      do {
        const Nonce id = transaction_id(begin.order, ++begin.slot, 0);
        written = ledger->write(id, begin);
        if (written) {
          ASSERT_TRUE(ledger->write(id, End{}));
        }
      } while (written);
    }
    EXPECT_EQ(written.error().code, Code::kOverloaded);
  }
  model::Order second = host.order();
  second.title = "another";
  const Answer answer = host.run(host.request(second, {"alice", "bob"}));
  EXPECT_EQ(answer.reason(), Reason::kVaultFull) << answer.text();
  EXPECT_NE(answer.text().find("act/journal"), std::string::npos) << answer.text();
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

}  // namespace
}  // namespace fleetsweep::act
