// Receipts: counted once, kept when they contradict each other, and closed over.

#include "tests/controller/driver/driver_fixture.h"

namespace fleetsweep::controller {
namespace {

TEST_F(DriverTest, TwoReceiptsWithOneNumberAreAForkAndCountOnce) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  driver_->on_message(host, model::Receipts{{receipt(1, id, 1, 1), receipt(1, id, 1, 2)}}, now_);
  work();
  EXPECT_EQ(store_.forks(1)->size(), 1u);
  EXPECT_TRUE(driver_->core().agent(host)->forked);
  EXPECT_EQ(telemetry_.counts["fleetsweep_results_total"], 1);
  EXPECT_EQ(telemetry_.counts["fleetsweep_receipt_forks_total"], 1);
}

TEST_F(DriverTest, ForkedHostLooksWellAfterARestart) {
  const HostRef numbers = enrol(1);
  const HostRef chain = enrol(2);
  const DocumentId id = order({{}});
  driver_->on_message(numbers, model::Receipts{{receipt(1, id, 1, 1), receipt(1, id, 1, 2)}}, now_);
  // The second names no receipt before it, though there is one.
  driver_->on_message(chain, model::Receipts{{receipt(2, id, 1), receipt(2, id, 2)}}, now_);
  work();
  const auto before = telemetry_.counts;
  EXPECT_EQ(before.at("fleetsweep_receipt_forks_total"), 2);

  telemetry_ = {};
  load();
  for (const HostRef& host : {numbers, chain}) EXPECT_TRUE(driver_->core().agent(host)->forked);
  for (const char* metric : {"fleetsweep_receipt_forks_total", "fleetsweep_results_total"})
    EXPECT_EQ(telemetry_.counts[metric], before.at(metric)) << metric;
}

TEST_F(DriverTest, HostNamesASeriesOfItsOwn) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  model::ReceiptItem known, invented;
  known.verdict = fixture::hash_policy().verdicts.at(0).id;
  invented.verdict = "a word of the host";
  driver_->on_message(host, model::Receipts{{receipt(1, id, 1, 2, {known, invented})}}, now_);
  work();
  EXPECT_EQ(telemetry_.counts["fleetsweep_findings_total"], 2);
  EXPECT_TRUE(telemetry_.label_values.contains(known.verdict));
  EXPECT_TRUE(telemetry_.label_values.contains("other"));
  EXPECT_FALSE(telemetry_.label_values.contains(invented.verdict));
}

TEST_F(DriverTest, NobodyCountsHowOftenWhatCameBackWasCleaned) {
  using model::HostState;
  using model::Reason;
  using model::ReceiptKind;
  const HostRef host = enrol(1);
  model::Receipt said{.seq = 0, .order = order({{}})};
  const auto says = [&](ReceiptKind kind, HostState state, Reason reason) {
    ++said.seq;
    said.kind = kind;
    said.state = state;
    said.reason = reason;
    driver_->on_message(host, model::Receipts{{signed_by(1, said)}}, now_);
    work();
    return telemetry_.counts["fleetsweep_respawn_rounds_total"];
  };
  EXPECT_EQ(says(ReceiptKind::kClean, HostState::kCleaned, Reason::kNone), 0);
  EXPECT_EQ(says(ReceiptKind::kVerify, HostState::kRespawned, Reason::kRespawned), 0);
  EXPECT_EQ(says(ReceiptKind::kClean, HostState::kCleaned, Reason::kRespawned), 1);
  EXPECT_EQ(says(ReceiptKind::kVerify, HostState::kRespawned, Reason::kRespawned), 1);
  EXPECT_EQ(says(ReceiptKind::kClean, HostState::kRespawned, Reason::kChanged), 2);
  EXPECT_EQ(telemetry_.counts["fleetsweep_results_total"], 5);
}

TEST_F(DriverTest, ACloseNamesOtherReceiptsThanThoseThatAreStored) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  work();
  std::vector<Bytes> receipts = {receipt(1, id, 1), receipt(1, id, 2)};
  driver_->on_message(host, model::Receipts{receipts}, now_);
  work();
  const std::vector<Digest> leaves = {log::leaf_hash(receipts[0]), log::leaf_hash(receipts[1])};
  const auto close = [&](std::uint64_t size, const Digest& root) {
    model::Close close;
    close.campaign = campaign_;
    close.results_size = size;
    close.results_root = root;
    return submit(tenant_.sign(close, {"alice"}));
  };
  const Digest root = log::tree_root(leaves);
  EXPECT_EQ(close(3, root).error().code, Code::kConflict) << "more than there are";
  EXPECT_EQ(close(1, root).error().code, Code::kConflict);
  EXPECT_EQ(close(2, leaves[0]).error().code, Code::kConflict);
  model::Close other;
  other.campaign = "nobody-knows-it";
  EXPECT_EQ(submit(tenant_.sign(other, {"alice"})).error().code, Code::kNotFound);
  EXPECT_TRUE(driver_->core().find(tenant_.id())->state().closes.empty());

  // What comes after it was signed does not make it wrong: that receipt is late.
  const Bytes late = receipt(1, id, 3);
  driver_->on_message(host, model::Receipts{{late}}, now_);
  work();
  ASSERT_TRUE(close(2, root));
  EXPECT_EQ(rollout().phase(), "closed");
  const auto log = driver_->results_log(*driver_->core().find(tenant_.id()), campaign_);
  ASSERT_TRUE(log);
  EXPECT_THAT((*log)->leaves, testing::ElementsAre(leaves[0], leaves[1], log::leaf_hash(late)));
  EXPECT_EQ((*log)->index.at(fixture::id_of(receipts[1])), 1u);
  // Once more, with what came late: only the first one counts, and saying so kills nobody.
  const auto again = close(3, log::tree_root((*log)->leaves));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
  EXPECT_THAT(again.error().message, testing::HasSubstr("changes nothing"));
}

TEST_F(DriverTest, AResultsLogForgetsItsOrderAtARestart) {
  const HostRef one = enrol(1), two = enrol(2);
  const DocumentId id = order({{}});
  work();
  // In the order of arrival, which is neither that of the hosts nor that of the numbers.
  const std::vector<Bytes> receipts = {receipt(2, id, 1), receipt(1, id, 2), receipt(2, id, 2),
                                       receipt(1, id, 1)};
  std::vector<Digest> leaves;
  for (const Bytes& bytes : receipts) {
    const auto host = bytes == receipts[0] || bytes == receipts[2] ? two : one;
    driver_->on_message(host, model::Receipts{{bytes}}, now_);
    work();
    leaves.push_back(log::leaf_hash(bytes));
    const auto log = driver_->results_log(*driver_->core().find(tenant_.id()), campaign_);
    EXPECT_EQ((*log)->leaves, leaves) << "grown one by one";
  }
  load();
  const auto log = driver_->results_log(*driver_->core().find(tenant_.id()), campaign_);
  EXPECT_EQ((*log)->leaves, leaves) << "read anew";
  const auto none = driver_->results_log(*driver_->core().find(tenant_.id()), "another");
  EXPECT_TRUE((*none)->leaves.empty());
}

}  // namespace
}  // namespace fleetsweep::controller
