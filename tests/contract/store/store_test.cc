#include "controller/store/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "protocol/runtime/sqlite/sqlite.h"

namespace fleetsweep::store {
namespace {

const Timestamp kTime = timestamp(1'800'000'000);

TenantId tenant_id(std::uint8_t n) {
  TenantId id;
  id.value[0] = n;
  return id;
}

Receipt receipt(TenantNo tenant, HostNo host, std::uint64_t seq, const std::string& campaign) {
  Receipt receipt{.tenant = tenant, .host = host, .seq = seq, .campaign = campaign};
  receipt.id.value = {static_cast<std::uint8_t>(host), static_cast<std::uint8_t>(seq)};
  receipt.order.value[0] = 9;
  receipt.kind = model::ReceiptKind::kVerify;
  receipt.state = model::HostState::kNeedsReboot;
  receipt.reason = model::Reason::kHardLinks;
  receipt.matched = 4'000'000'000u;
  receipt.received = kTime;
  receipt.envelope = {1, 0, 2};
  return receipt;
}

class StoreContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/fs-store-XXXXXX";
    directory_ = mkdtemp(pattern);
    store_ = GetParam() == "memory" ? memory_store() : std::move(*open_sqlite_store(path()));
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::string path() const { return directory_ + "/controller.db"; }
  Status commit(std::vector<Record> records) { return store_->commit(records); }
  std::string directory_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Store, StoreContract, testing::Values("memory", "sqlite"),
                         [](const auto& info) { return info.param; });

TEST_P(StoreContract, EmptyStoreHasNothing) {
  EXPECT_TRUE(store_->tenants()->empty());
  EXPECT_FALSE(*store_->checkpoint(1));
  EXPECT_FALSE(*store_->blob(1, {}));
  EXPECT_FALSE(*store_->api_token({}));
  EXPECT_TRUE(store_->receipts(1, "c", 0, 10)->empty());
}

TEST_P(StoreContract, EveryRowComesBackAsItWasWritten) {
  const Tenant tenant{1, tenant_id(1), "acme", kTime};
  const Entry entry{1, 0, {0, 1, 2}, kTime};
  const Checkpoint checkpoint{1, 1, "note\n", kTime};
  const Witnessed witnessed{1, 1, kTime};
  const Blob blob{1, Digest{{7}}, Bytes(100'000, 3)};
  const Agent agent{1, 1, {5, 6}, Nonce{{4}}, kTime};
  const AgentSeen seen{1, 1, {8}, kTime};
  const AgentRekey used{1, 1, 1, {4, 2}, kTime, kTime + Seconds(5)};
  const AgentRekey offered{1, 1, 2, {4, 3}, kTime, std::nullopt};
  const Quota quota{1, QuotaKind::kPolicyBytes, std::uint64_t{1} << 40};
  const Fork fork{1, 1, 2, DocumentId{{3}}, kTime, {9}};
  const Clone clone{1, 1, 3, kTime};
  const CampaignHost host{1,
                          "c",
                          1,
                          3,
                          DocumentId{{2}},
                          model::ReceiptKind::kUndo,
                          model::HostState::kUndone,
                          model::Reason::kConflict};
  const Trip trip{1, DocumentId{{2}}, 1, 2, kTime};
  const ApiToken all{Digest{{1}}, ApiRole::kAdmin, std::nullopt, kTime};
  const ApiToken one{Digest{{2}}, ApiRole::kViewer,   tenant_id(1),
                     kTime,       kTime + Seconds(7), kTime + Seconds(1)};
  const Audit audit{kTime, "w'ho", "what", "detail"};
  ASSERT_TRUE(commit({tenant, entry, checkpoint, witnessed, blob, agent, seen, used, offered, quota,
                      fork, clone, host, trip, all, one, audit, receipt(1, 1, 1, "c")}));
  EXPECT_EQ(*store_->tenants(), std::vector{tenant});
  EXPECT_EQ(*store_->entries(1), std::vector{entry});
  EXPECT_EQ(**store_->checkpoint(1), checkpoint);
  EXPECT_EQ(*store_->witnessed(1), std::vector{witnessed});
  EXPECT_EQ(*store_->blobs(1), std::vector{blob.digest});
  EXPECT_EQ(**store_->blob(1, blob.digest), blob.bytes);
  EXPECT_EQ(*store_->agents(1), std::vector{agent});
  EXPECT_EQ(*store_->agents_seen(1), std::vector{seen});
  EXPECT_EQ(*store_->agent_rekeys(1), (std::vector{used, offered}));
  EXPECT_EQ(*store_->quotas(1), std::vector{quota});
  EXPECT_EQ(*store_->forks(1), std::vector{fork});
  EXPECT_EQ(*store_->clones(1), std::vector{clone});
  EXPECT_TRUE(store_->clones(2)->empty());
  EXPECT_EQ(*store_->campaign_hosts(1), std::vector{host});
  EXPECT_EQ(*store_->trips(1), std::vector{trip});
  EXPECT_EQ(**store_->api_token(all.hash), all);
  EXPECT_EQ(**store_->api_token(one.hash), one);
  EXPECT_EQ(*store_->api_tokens(), (std::vector{all, one}));
  EXPECT_EQ(*store_->audit(), std::vector{audit});
  EXPECT_EQ(store_->receipts(1, "c", 0, 10)->at(0).receipt, receipt(1, 1, 1, "c"));
}

TEST_P(StoreContract, DocumentThatWaitsKeepsItsOlderSelfOrStaysForEver) {
  const Pending first{1, DocumentId{{7}}, {1, 2}, "token", kTime, kTime + Seconds{60}};
  const Pending other{1, DocumentId{{8}}, {3}, "token", kTime, kTime + Seconds{60}};
  const Pending foreign{2, DocumentId{{7}}, {4}, "token", kTime, kTime + Seconds{60}};
  ASSERT_TRUE(commit({first, other, foreign}));
  EXPECT_EQ(*store_->pending(1), (std::vector{first, other}));
  Pending more = first;
  more.envelope = {1, 2, 3};
  ASSERT_TRUE(commit({more}));
  EXPECT_EQ(*store_->pending(1), (std::vector{more, other}));
  ASSERT_TRUE(commit({PendingGone{1, first.id}}));
  EXPECT_EQ(*store_->pending(1), std::vector{other});
  EXPECT_EQ(*store_->pending(2), std::vector{foreign});
  EXPECT_TRUE(commit({PendingGone{1, first.id}})) << "once more changes nothing";
}

TEST_P(StoreContract, RevokedTokenOpensTheDoor) {
  const ApiToken lost{Digest{{1}}, ApiRole::kAdmin, std::nullopt, kTime};
  const ApiToken kept{Digest{{2}}, ApiRole::kViewer, std::nullopt, kTime};
  ASSERT_TRUE(commit({lost, kept}));
  ASSERT_TRUE(commit({ApiTokenRevoked{lost.hash}, Audit{kTime, "a", "b", "c"}}));
  EXPECT_FALSE(*store_->api_token(lost.hash));
  EXPECT_EQ(*store_->api_tokens(), std::vector{kept});
  EXPECT_TRUE(commit({ApiTokenRevoked{lost.hash}})) << "once more changes nothing";
}

TEST_P(StoreContract, EndOrUseOfATokenIsForgottenOrGivenToAnother) {
  const ApiToken one{Digest{{1}}, ApiRole::kAdmin, std::nullopt, kTime};
  const ApiToken other{Digest{{2}}, ApiRole::kViewer, std::nullopt, kTime};
  ASSERT_TRUE(commit({one, other}));
  ASSERT_TRUE(commit({ApiTokenUsed{one.hash, kTime}, ApiTokenEnds{one.hash, kTime + Seconds(9)},
                      ApiTokenUsed{Digest{{3}}, kTime}}));
  EXPECT_EQ((*store_->api_token(one.hash))->expires, kTime + Seconds(9));
  EXPECT_EQ((*store_->api_token(one.hash))->used, kTime);
  EXPECT_EQ(**store_->api_token(other.hash), other);
  EXPECT_EQ(store_->api_tokens()->size(), 2u);
}

TEST_P(StoreContract, OneTenantNeverSeesAnothers) {
  ASSERT_TRUE(commit({Tenant{1, tenant_id(1), "", kTime}, Tenant{2, tenant_id(2), "", kTime},
                      Entry{1, 0, {1}, kTime}, Blob{1, Digest{{7}}, {1}}, receipt(1, 1, 1, "c")}));
  EXPECT_TRUE(store_->entries(2)->empty());
  EXPECT_FALSE(*store_->blob(2, Digest{{7}}));
  EXPECT_TRUE(store_->receipts(2, "c", 0, 10)->empty());
  EXPECT_FALSE(*store_->receipt_id(2, 1, 1));
}

TEST_P(StoreContract, TakenKeyLeavesNothingOfTheBatch) {
  ASSERT_TRUE(commit({receipt(1, 1, 1, "c")}));
  const Status again =
      commit({receipt(1, 2, 1, "c"), Audit{kTime, "a", "b", "c"}, receipt(1, 1, 1, "c")});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict) << again.error().message;
  EXPECT_FALSE(*store_->receipt_id(1, 2, 1));
  EXPECT_TRUE(store_->audit()->empty());
  ASSERT_FALSE(commit({receipt(1, 3, 1, "c"), receipt(1, 3, 1, "c")}));
  EXPECT_FALSE(*store_->receipt_id(1, 3, 1));
  EXPECT_FALSE(commit({Tenant{1, tenant_id(1), "", kTime}, Tenant{2, tenant_id(1), "", kTime}}));
  EXPECT_TRUE(store_->tenants()->empty());
  ASSERT_TRUE(commit({receipt(1, 2, 1, "c")})) << "and the store goes on";
}

TEST_P(StoreContract, ReceiptsArePagedInTheOrderTheyCame) {
  std::vector<Record> records;
  for (HostNo host = 5; host >= 1; --host) records.push_back(receipt(1, host, 1, "c"));
  records.push_back(receipt(1, 1, 2, "other"));
  ASSERT_TRUE(store_->commit(records));
  ASSERT_TRUE(commit({receipt(1, 1, 3, "c")}));
  std::vector<std::uint64_t> rows;
  std::size_t pages = 0;
  for (std::uint64_t after = 0;; ++pages) {
    const auto page = *store_->receipts(1, "c", after, 4);
    if (page.empty()) break;
    for (const auto& one : page) rows.push_back(one.row);
    after = rows.back();
  }
  EXPECT_EQ(pages, 2u);
  EXPECT_EQ(rows.size(), 6u);
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end()));
  EXPECT_EQ(store_->receipts(1, std::nullopt, 0, 10)->size(), 7u) << "those of no campaign too";
}

TEST_P(StoreContract, ReplayGoesByHostAndNumber) {
  ASSERT_TRUE(commit(
      {receipt(1, 2, 2, "c"), receipt(1, 2, 1, "c"), receipt(1, 1, 7, ""), receipt(2, 1, 1, "c")}));
  std::vector<std::pair<HostNo, std::uint64_t>> seen;
  ASSERT_TRUE(store_->for_each_receipt(1, [&](const Receipt& one) {
    seen.emplace_back(one.host, one.seq);
    return Status();
  }));
  EXPECT_EQ(seen, (std::vector<std::pair<HostNo, std::uint64_t>>{{1, 7}, {2, 1}, {2, 2}}));
  const Status stopped = store_->for_each_receipt(
      1, [](const Receipt&) -> Status { return fail(Code::kInvalid, "enough"); });
  EXPECT_FALSE(stopped);
}

TEST_P(StoreContract, NewerRowReplacesItsOlderSelf) {
  ASSERT_TRUE(commit({Checkpoint{1, 1, "old", kTime}, AgentSeen{1, 1, {1}, kTime},
                      CampaignHost{1, "c", 1, 1}, Witnessed{1, 1, kTime},
                      AgentRekey{1, 1, 1, {1}, kTime, {}}, Quota{1, QuotaKind::kAgents, 1},
                      Clone{1, 1, 1, kTime}}));
  ASSERT_TRUE(commit({Checkpoint{1, 2, "new", kTime}, AgentSeen{1, 1, {2}, kTime},
                      CampaignHost{1, "c", 1, 2}, Witnessed{1, 1, kTime + Seconds(9)},
                      AgentRekey{1, 1, 1, {2}, kTime, {}}, AgentRekeyUsed{1, 1, 1, kTime},
                      Quota{1, QuotaKind::kAgents, 2}, Clone{1, 1, 2, kTime}}));
  EXPECT_EQ(*store_->clones(1), (std::vector{Clone{1, 1, 2, kTime}}));
  EXPECT_EQ(*store_->agent_rekeys(1), (std::vector{AgentRekey{1, 1, 1, {2}, kTime, kTime}}));
  EXPECT_EQ(store_->quotas(1)->at(0).most, 2u);
  EXPECT_EQ((*store_->checkpoint(1))->note, "new");
  EXPECT_EQ(store_->agents_seen(1)->at(0).hello, Bytes{2});
  EXPECT_EQ(store_->campaign_hosts(1)->at(0).seq, 2u);
  EXPECT_EQ(store_->witnessed(1)->at(0).time, kTime) << "the first time stays";
  const std::vector<CampaignHost> rebuilt = {{1, "c", 2, 5}, {2, "d", 1, 6}};
  ASSERT_TRUE(store_->replace_campaign_hosts(rebuilt));
  EXPECT_EQ(*store_->campaign_hosts(1), std::vector{rebuilt[0]});
  EXPECT_EQ(*store_->campaign_hosts(2), std::vector{rebuilt[1]});
}

class SqliteStore : public StoreContract {};
INSTANTIATE_TEST_SUITE_P(Store, SqliteStore, testing::Values("sqlite"),
                         [](const auto& info) { return info.param; });

TEST_P(SqliteStore, RowsSurviveTheProcess) {
  ASSERT_TRUE(commit({Tenant{1, tenant_id(1), "acme", kTime}}));
  store_.reset();
  store_ = std::move(*open_sqlite_store(path()));
  EXPECT_EQ(store_->tenants()->size(), 1u);
}

TEST_P(SqliteStore, FileOfTheFirstVersionIsNotBroughtUp) {
  ASSERT_TRUE(commit({Tenant{1, tenant_id(1), "acme", kTime}}));
  store_.reset();
  {
    auto database = sqlite::Database::open(path());
    ASSERT_TRUE(database);
    ASSERT_TRUE(database->execute(
        "drop table pending; drop table agent_rekeys; drop table quotas; drop table clones;"
        "alter table api_tokens drop column expires; alter table api_tokens drop column used"));
    ASSERT_TRUE(database->execute("pragma user_version = 1"));
  }
  store_ = std::move(*open_sqlite_store(path()));
  EXPECT_EQ(store_->tenants()->size(), 1u);
  const Pending row{1, DocumentId{{7}}, {1}, "token", kTime, kTime};
  ASSERT_TRUE(commit({row}));
  EXPECT_EQ(*store_->pending(1), std::vector{row});
}

// Twenty kills at moments of the writer's own making: what it said was durable is there, and each
// batch is there as a whole or not at all.
TEST_P(SqliteStore, KilledWriterLosesNothingItAcknowledgedAndTearsNoBatch) {
  constexpr HostNo kBatch = 20;
  std::uint64_t next = 1;
  for (int round = 0; round < 20; ++round) {
    store_.reset();
    int acknowledged[2];
    ASSERT_EQ(pipe(acknowledged), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = open_sqlite_store(path());
      if (!store) _exit(1);
      for (std::uint64_t seq = next;; ++seq) {
        std::vector<Record> batch;
        for (HostNo host = 1; host <= kBatch; ++host) batch.push_back(receipt(1, host, seq, "c"));
        if (!(*store)->commit(batch)) _exit(2);
        if (write(acknowledged[1], &seq, sizeof seq) != sizeof seq) _exit(3);
      }
    }
    close(acknowledged[1]);
    std::uint64_t last = 0;
    for (int i = 0; i <= round; ++i)
      ASSERT_EQ(read(acknowledged[0], &last, sizeof last), ssize_t{sizeof last});
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    for (std::uint64_t seq = 0; read(acknowledged[0], &seq, sizeof seq) == ssize_t{sizeof seq};)
      last = seq;
    close(acknowledged[0]);

    store_ = std::move(*open_sqlite_store(path()));
    for (std::uint64_t seq = next; seq <= last + 1; ++seq) {
      HostNo present = 0;
      for (HostNo host = 1; host <= kBatch; ++host)
        present += store_->receipt_id(1, host, seq)->has_value();
      if (seq <= last)
        ASSERT_EQ(present, kBatch) << "acknowledged " << seq;
      else
        ASSERT_TRUE(present == 0 || present == kBatch) << "torn batch " << seq;
      if (present == kBatch) last = std::max(last, seq);
    }
    next = last + 1;
  }
}

TEST_P(SqliteStore, FullDiskIsSaidAndTheStoreGoesOnWhenThereIsRoom) {
  store_.reset();
  // A file system of its own size: SQLite's page limit is kept in the connection, so the limit is
  // set by the process limit on file size, as a full disk would be met in write().
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    auto store = open_sqlite_store(path());
    if (!store) _exit(1);
    const rlimit small{256 * 1024, 1024 * 1024};
    if (setrlimit(RLIMIT_FSIZE, &small) != 0) _exit(2);
    Status status;
    for (std::uint8_t i = 0; i < 200 && status; ++i) {
      const std::vector<Record> batch = {Blob{1, Digest{{i}}, Bytes(32'000, i)},
                                         receipt(1, 1, i, "c")};
      status = (*store)->commit(batch);
    }
    if (status) _exit(3);
    if (status.error().code != Code::kInternal) _exit(4);
    const rlimit room{1024 * 1024, 1024 * 1024};
    if (setrlimit(RLIMIT_FSIZE, &room) != 0) _exit(5);
    const std::vector<Record> more = {Audit{kTime, "a", "b", "c"}};
    _exit((*store)->commit(more) ? 0 : 6);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  store_ = std::move(*open_sqlite_store(path()));
  EXPECT_EQ(store_->audit()->size(), 1u);
  const auto blobs = *store_->blobs(1);
  for (std::size_t i = 0; i < blobs.size(); ++i)
    EXPECT_TRUE(*store_->receipt_id(1, 1, blobs[i].value[0])) << "blob without its batch";
}

}  // namespace
}  // namespace fleetsweep::store
