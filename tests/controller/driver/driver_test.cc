// Commits that fail, sends that are refused, restarts, and logs that somebody edited.

#include "tests/controller/driver/driver_fixture.h"

namespace fleetsweep::controller {
namespace {

TEST_F(DriverTest, FullDiskAcknowledgesNothingAndLosesNothing) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  work();
  const Bytes one = receipt(1, id, 1);
  store_.broken = true;
  driver_->on_message(host, model::Receipts{{one}}, now_);
  work();
  EXPECT_EQ(wire_.count<model::ReceiptAck>(), 0u);
  EXPECT_EQ(in(model::HostState::kFound), 0u) << "what is not durable is not shown";
  EXPECT_FALSE(driver_->health());
  model::Stop stop;
  stop.halt_all = true;
  stop.issued = to_timestamp(now_);
  stop.reason = "test";
  const auto refused = submit(tenant_.sign(stop, {"alice"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);

  store_.broken = false;
  driver_->on_message(host, model::Receipts{{one}}, now_);
  work();
  EXPECT_EQ(wire_.count<model::ReceiptAck>(), 1u);
  EXPECT_EQ(in(model::HostState::kFound), 1u);
  EXPECT_TRUE(submit(tenant_.sign(stop, {"alice"})));
  EXPECT_TRUE(driver_->health());
}

// A commit is the slow part: a disk that has to be waited for.
TEST_F(DriverTest, EachReceiptTakesACommitOfItsOwn) {
  const HostRef host = enrol(1);
  const DocumentId order_id = order({{}});
  work();
  wire_.sent.clear();
  store_.commits = 0;
  constexpr std::size_t kReceipts = 2500;
  model::Receipt receipt;
  receipt.order = order_id;
  for (std::size_t sent = 0; sent < kReceipts;) {
    std::vector<VerifiedReceipt> batch;  // as a worker hands them over
    for (int i = 0; i < 10; ++i, ++sent) {
      ++receipt.seq;
      VerifiedReceipt one{.host = host, .receipt = receipt};
      one.id.value[0] = static_cast<std::uint8_t>(receipt.seq);
      one.id.value[1] = static_cast<std::uint8_t>(receipt.seq >> 8);
      receipt.previous = one.id;
      batch.push_back(std::move(one));
    }
    driver_->on_verified(std::move(batch), now_);
  }
  EXPECT_EQ(store_.commits, kReceipts / limits::kCommitReceipts) << "a turn may not grow for ever";
  driver_->flush(now_);
  EXPECT_LE(store_.commits, 4u);
  EXPECT_EQ(telemetry_.counts["fleetsweep_results_total"], kReceipts);
  std::size_t acknowledged = 0;
  for (const model::Message& message : wire_.sent)
    if (const auto* ack = std::get_if<model::ReceiptAck>(&message))
      acknowledged += ack->receipts.size();
  EXPECT_EQ(acknowledged, kReceipts);
}

TEST_F(DriverTest, RefusedSendIsRepeated) {
  enrol(1);
  work();
  wire_.sent.clear();
  wire_.taken = Outlet::Taken::kFull;
  order({{}});
  EXPECT_EQ(in(model::HostState::kOffered), 0u) << "nothing has left yet";
  wire_.taken = Outlet::Taken::kOk;
  now_ += Seconds(1);
  driver_->on_time(now_);
  work();
  EXPECT_EQ(wire_.count<model::Entries>(), 1u);
  EXPECT_EQ(in(model::HostState::kOffered), 1u);
}

TEST_F(DriverTest, RestartShowsTheSameStatesAndCounters) {
  for (std::uint8_t number = 1; number <= 5; ++number) enrol(number);
  const DocumentId id = order({{}});
  for (std::uint8_t number = 1; number <= 3; ++number)
    driver_->on_message({1, number}, model::Receipts{{receipt(number, id, 1)}}, now_);
  work();
  const auto rows = driver_->core().campaign_hosts();
  EXPECT_EQ(*store_.campaign_hosts(1), rows) << "the derived table says what a rebuild would";
  const double results = telemetry_.counts["fleetsweep_results_total"];
  telemetry_.counts.clear();
  load();
  EXPECT_EQ(driver_->core().campaign_hosts(), rows);
  EXPECT_EQ(telemetry_.counts["fleetsweep_results_total"], results);
  EXPECT_EQ(in(model::HostState::kFound), 3u);
}

TEST_F(DriverTest, ForgedEntryInTheLogDoesNotKeepTheControllerFromPassingOnAStop) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  work();
  const std::uint64_t size = store_.entries(1)->size();
  model::Stop stop;
  stop.tenant = tenant_.id();
  stop.halt_all = true;
  stop.reason = "test";
  const Bytes forged = codec::encode(crypto::sign_envelope(model::kPayloadStop, codec::encode(stop),
                                                           fixture::key_named("mallory")));
  ASSERT_TRUE(
      store_.commit(std::vector<store::Record>{store::Entry{1, size, forged, to_timestamp(now_)}}));
  load();
  const Tenant& tenant = *driver_->core().find(tenant_.id());
  EXPECT_EQ(tenant.entries.size(), size + 1) << "what was witnessed cannot be taken back";
  EXPECT_TRUE(tenant.state().stops.empty()) << "and yet it means nothing";
  const auto logged = submit(tenant_.sign(stop, {"alice"}));
  ASSERT_TRUE(logged) << logged.error().message;
  EXPECT_EQ(logged->index, size + 1);
  EXPECT_TRUE(rollout().orders().at(0).stopped);
  static_cast<void>(host);
  static_cast<void>(id);
}

TEST_F(DriverTest, LogThatIsNotTheWitnessedOneIsNotServed) {
  order({{}});
  work();
  store_.edited = true;
  const auto loaded =
      Driver::load(options_, {store_, wire_, crew_, telemetry_, tenant_.key("conductor")}, now_);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, testing::HasSubstr("are not those that were witnessed"));
}

TEST_F(DriverTest, WithoutItsWitnessNoCheckpointIsShown) {
  witness_up_ = false;
  const HostRef host = enrol(1);
  work();
  EXPECT_EQ(wire_.count<model::Checkpoint>(), 0u);
  EXPECT_GT(telemetry_.counts["fleetsweep_witness_failures_total"], 0);
  witness_up_ = true;
  now_ += Seconds(6);
  driver_->on_time(now_);
  work();
  EXPECT_EQ(wire_.count<model::Checkpoint>(), 1u);
  EXPECT_EQ(driver_->core().find(tenant_.id())->note_size, 2u);
  EXPECT_TRUE(driver_->core().agent(host));
}

TEST_F(DriverTest, NewLogKeyLosesTheTenant) {
  order({{}});
  work();
  const auto owner = [&]() -> const Tenant& { return *driver_->core().find(tenant_.id()); };
  const log::VerifierKey second{"log.example/second", log::KeyType::kEd25519,
                                fixture::key_named("second log").public_key()};
  options_.log_key = second.key;
  load();
  const auto root = [&](std::uint64_t start, const Digest& start_root) {
    log::CompactRange tree;
    for (std::uint64_t i = 0; i < start; ++i) tree.append(owner().leaves[i]);
    return tenant_.sign(
        tenant_.next(tenant_.verified(),
                     [&](model::Root& next) {
                       next.logs = {{second.text(), start, start_root, tree.frontier()}};
                     }),
        {"alice", "bob"});
  };
  const auto refused = submit(root(0, {}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("does not take over"));
  const std::uint64_t size = owner().leaves.size();
  const auto taken = submit(root(size, log::tree_root(owner().leaves)));
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(owner().name, second.name);
  work();
  load();
  EXPECT_EQ(owner().name, second.name);
  EXPECT_EQ(owner().state().root->version(), 2u);
}

// A host that doubts its clock asks a witness host; the controller carries both ways and no more.
TEST_F(DriverTest, AQuestionForTheTimeIsCarriedOnceAndItsAnswerGoesToWhoAsked) {
  const HostRef asker = enrol(1);
  const HostRef other = enrol(2);
  model::TimeRequest request;
  request.nonce.value.fill(5);
  wire_.sent.clear();
  for (int i = 0; i < 3; ++i) driver_->on_message(asker, request, now_);
  driver_->flush(now_);
  ASSERT_EQ(crew_.questions.size(), 1u) << "a host may not keep the witnesses busy";
  EXPECT_EQ(crew_.questions[0].host, asker);
  EXPECT_EQ(crew_.questions[0].query, (log::TimeQuery{tenant_.id(), request.nonce,
                                                      driver_->core().find(tenant_.id())->name}));
  driver_->on_message(other, request, now_);
  now_ += Seconds(20);
  driver_->on_message(asker, request, now_);
  driver_->flush(now_);
  EXPECT_EQ(crew_.questions.size(), 3u);

  driver_->on_time_told({asker, to_bytes("statement"), ""});
  driver_->on_time_told({other, {}, "no witness answered"});
  crew_.busy = true;
  now_ += Seconds(20);
  driver_->on_message(asker, request, now_);
  driver_->flush(now_);
  EXPECT_EQ(wire_.count<model::TimeReply>(), 1u);
  EXPECT_EQ(telemetry_.counts["fleetsweep_time_questions_total"], 5);
  for (const char* outcome : {"answered", "failed", "too_often"})
    EXPECT_TRUE(telemetry_.label_values.contains(outcome)) << outcome;
}

}  // namespace
}  // namespace fleetsweep::controller
