// A program that lies in memory only, on a host that act sees as its own.

#include "agent/act/ledger.h"
#include "agent/act/vault.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/act/act_host.h"
#include "tests/agent/memory_program.h"

namespace fleetsweep::act {
namespace {

using model::ActionKind;
using model::HostState;
using model::Outcome;

struct Memory : testing::Test {
  ActHost host{"/dev/shm"};
  pid_t worker = 0;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has a mount namespace";
    host.be_whole_host();
    const UniqueFd program = sleep_in_memory("worker", host.at("/opt/kit/worker"));
    worker = host.start("/opt/kit/worker");
    std::filesystem::remove(host.at("/opt/kit/worker"));
    host.find_running_file(kByHash, worker);
    host.find_process(worker);
    host.dry_run = host.findings;
    host.policy.limits.independent_min = 0;
  }
  // Of each text or program that the vault holds under one of these names.
  std::vector<Metadata> kept(OpKind kind, const std::string& suffix = "") {
    std::vector<Metadata> all;
    const auto vault = Vault::open(host.state());
    const auto ledger = Ledger::open(host.state() + "/journal");
    EXPECT_TRUE(vault && ledger);
    for (const auto& transaction : ledger->history())
      for (std::size_t i = 0; i < transaction.ops.size(); ++i)
        if (transaction.begin.ops[i].kind == kind && transaction.ops[i].stage == OpStage::kDone) {
          auto loaded = vault->load(transaction.id, std::to_string(i) + suffix,
                                    [](BytesView) -> Status { return {}; });
          EXPECT_TRUE(loaded);
          if (loaded) all.push_back(*loaded);
        }
    return all;
  }
};

TEST_F(Memory, ProgramThatNeverHadAFileIsKilledAndNothingIsKeptOfIt) {
  const auto request = host.request();
  const Answer answer = host.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const auto item = answer.item("/memfd:worker", ActionKind::kQuarantine);
  ASSERT_TRUE(item) << answer.text();
  EXPECT_EQ(item->outcome, Outcome::kDone) << answer.text();
  EXPECT_FALSE(host.is_alive(worker));
  const Digest program = crypto::sha256(as_bytes(read_text("/bin/sleep")));
  for (const auto& all : {kept(OpKind::kStore), kept(OpKind::kCollect, "-exe")}) {
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].path, "/memfd:worker");
    EXPECT_EQ(all[0].sha256, program);
    EXPECT_EQ(all[0].pids, std::vector<std::int32_t>{worker});
  }
  // It has no place to go back to.
  const std::string before = host.contents();
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(host.contents(), before);
}

}  // namespace
}  // namespace fleetsweep::act
