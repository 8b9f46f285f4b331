// Hash sets come beside their policy, part after part; without all of them nothing is looked for.

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/hash_set/hash_set.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::Reason;
using std::chrono::seconds;

// A policy with a set of three parts.
class HashSets : public AgentCore {
 protected:
  HashSets() {
    std::vector<hash_set::HashRecord> records(15'000);
    for (std::size_t i = 0; i < records.size(); ++i) {
      records[i].size = i;
      records[i].hash[0] = static_cast<std::uint8_t>(i);
    }
    for (Bytes& part : hash_set::encode_hash_set(records, 32)) {
      named.push_back({crypto::sha256(part), static_cast<std::uint32_t>(part.size())});
      parts[named.back().digest] = std::move(part);
    }
    name_parts();
  }
  void name_parts() {
    host.policy.detections[0].any_of = {{{.field = model::Field::kFileSha256, .parts = named}}};
    host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  }
  // The newest want of a blob, and no word of it any more.
  std::optional<model::Want> wanted() {
    const auto wants = of_kind<model::Want>(host.sent);
    host.sent.clear();
    for (auto want = wants.rbegin(); want != wants.rend(); ++want)
      if (!want->blob.is_zero()) return *want;
    return std::nullopt;
  }
  void answer(const model::Want& want, const Bytes& bytes) {
    const std::size_t size =
        std::min<std::size_t>(limits::kBlobChunkBytes, bytes.size() - want.blob_offset);
    const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(want.blob_offset);
    host.run(
        host.core->on_message(model::Blob{want.blob, want.blob_offset, bytes.size(),
                                          Bytes(from, from + static_cast<std::ptrdiff_t>(size))},
                              host.now()));
  }
  // Until this part is complete, or nothing is wanted any more. How many chunks it took.
  std::size_t serve(std::size_t count) {
    std::size_t chunks = 0;
    for (std::optional<model::Want> want; count > 0 && (want = wanted()); ++chunks) {
      const Bytes& bytes = parts.at(want->blob);
      answer(*want, bytes);
      count -= want->blob_offset + limits::kBlobChunkBytes >= bytes.size();
    }
    return chunks;
  }

  // What the scanner answers.
  model::ScanDone not_all_here() const {
    model::ScanDone done = host.clean();
    done.reason = Reason::kPolicyMissing;
    done.detail = "part 2 of a hash set is not here";
    return done;
  }
  // The first rescan is under way.
  DocumentId cleaned() {
    host.connect();
    const DocumentId dry = host.order(fixture::dry_run(host.policy), {"alice"});
    serve(3);
    host.scan_answers(host.found());
    const DocumentId id = host.order(fixture::apply(host.policy, dry), {"alice", "bob"});
    cool_off();
    host.scan_answers(host.found());
    host.act_answers(model::HostState::kCleaned);
    host.connect();
    wanted();
    return id;
  }

  std::vector<model::HashPart> named;
  std::map<Digest, Bytes> parts;
};

TEST_F(HashSets, AnOrderBeginsWithPartOfItsHashes) {
  host.connect();
  ASSERT_EQ(named.size(), 3u);
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  EXPECT_EQ(serve(2), 8u) << "four chunks each";
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_TRUE(host.receipts().empty()) << "it only waits";
  EXPECT_EQ(host.core->why(id), "waiting for its hash sets");
  serve(1);
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().reason, Reason::kNone);
}

TEST_F(HashSets, ACutConnectionOrACrashBeginsThemAnew) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  serve(1);
  answer(*wanted(), parts.at(named[1].digest));  // and one chunk of the next
  host.disconnect();
  host.sent.clear();
  host.connect();
  const auto again = wanted();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->blob, named[1].digest) << "the first is here for good";
  EXPECT_EQ(again->blob_offset, 0u);
  host.crash();
  host.connect();
  EXPECT_EQ(serve(2), 6u);
  EXPECT_EQ(host.scans(), 1u);
}

// Many chunks are more than an edge gives a host at once.
TEST_F(HashSets, AnEdgeThatIsBusyIsAskedAtOnceOrNeverAgain) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  serve(1);
  const auto refused = wanted();
  ASSERT_TRUE(refused);
  host.run(host.core->on_message(model::RetryAfter{seconds(2), "busy"}, host.now()));
  host.pass(seconds(4));
  host.run(host.core->on_message(model::Welcome{seconds(60), 16}, host.now()));
  EXPECT_FALSE(wanted()) << "while its answer may still come";
  host.pass(seconds(20));
  EXPECT_EQ(serve(2), 6u);
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(HashSets, OtherHashesThanTheSignedOnesAreTaken) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  serve(2);
  Bytes lie = parts.at(named[2].digest);
  lie.back() ^= 1;
  while (const auto want = wanted()) answer(*want, lie);
  EXPECT_EQ(host.scans(), 0u);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kPolicyMismatch);
}

TEST_F(HashSets, FewerHashesThanTheSignedOnesAreTaken) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  serve(2);
  Bytes cut = parts.at(named[2].digest);
  cut.pop_back();
  const auto want = wanted();
  ASSERT_TRUE(want);
  answer(*want, cut);
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.last().reason, Reason::kPolicyMismatch);
}

TEST_F(HashSets, AnEdgeThatHasNotAllOfThemIsNeverAskedAgain) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  serve(2);
  const auto want = wanted();
  ASSERT_TRUE(want);
  host.run(host.core->on_message(model::Blob{.digest = want->blob}, host.now()));
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kPolicyMissing);
  host.pass(seconds(31));
  serve(1);
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(HashSets, AHostThatWillNotCarryAnOrderOutFetchesItsHashes) {
  host.policy.platform = model::Platform::kWindows;
  name_parts();
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kPlatform);
  EXPECT_FALSE(wanted());
}

TEST_F(HashSets, HashesOfOrdersThatAreOverFillTheDisk) {
  host.connect();
  model::Order order = fixture::dry_run(host.policy);
  order.schedule.not_after = host.clock.local + Seconds(3600);
  host.order(order, {"alice"});
  serve(3);
  host.scan_answers(host.clean());
  host.crash();
  host.connect();
  order.title = "again, while they are there";
  host.order(order, {"alice"});
  EXPECT_FALSE(wanted());
  host.scan_answers(host.clean());
  host.pass(std::chrono::hours(2));
  host.crash();
  host.connect();
  order.title = "later";
  order.schedule.not_after = host.clock.local + Seconds(3600);
  host.order(order, {"alice"});
  host.pass(seconds(21));  // the harness gives no answer to the first want
  EXPECT_EQ(serve(3), 10u) << "they were dropped, and come again";
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(HashSets, ARebootAfterTheOrderIsOverFindsThatItsHashesAreGone) {
  host.policy.verify.after_reboot = true;
  name_parts();
  const DocumentId id = cleaned();
  for (int i = 0; i < 3; ++i) {
    host.scan_answers(host.clean());
    host.pass(std::chrono::minutes(30));
  }
  EXPECT_EQ(host.last().state, model::HostState::kVerified) << host.core->why(id);
  host.pass(std::chrono::hours(24 * 30));
  host.crash();
  ++host.clock.boot.value[0];
  host.crash();
  ASSERT_EQ(host.scans(), 1u);  // the harness looks whether all hashes of a scan are there
  host.scan_answers(host.clean());
  host.crash();
  EXPECT_EQ(host.scans(), 0u);
}

TEST_F(HashSets, ARebootAfterTheOrderIsForgottenFindsThatItsHashesAreGone) {
  host.policy.verify.after_reboot = true;
  name_parts();
  const DocumentId id = cleaned();
  host.scan_answers(host.clean());
  later(fixture::kDay * 100);
  host.scan_answers(host.clean());
  ASSERT_EQ(host.core->status().orders, 0u);
  ++host.clock.boot.value[0];
  host.crash();
  ASSERT_EQ(host.scans(), 1u);  // the harness looks whether all hashes of a scan are there
  // Lost in the store, they cannot come again: nobody waits for them.
  host.run(host.core->on_damaged_hashes({named[0].digest}, host.now()));
  host.scan_answers(not_all_here());
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().reason, Reason::kPolicyMissing);
  host.crash();
  EXPECT_EQ(host.scans(), 0u);
}

TEST_F(HashSets, WhatIsSignedAndIsNoHashSetIsWaitedForForEver) {
  const Bytes text(100, 'x');
  named = {{crypto::sha256(text), 100}};
  parts = {{named[0].digest, text}};
  name_parts();
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  serve(1);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kMalformed);
  EXPECT_FALSE(wanted()) << "nobody asks for it again";
}

// The author of an order decides what its policy's digest is the digest of.
TEST_F(HashSets, APartThatAnOrderCallsItsPolicyIsFetchedForEver) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  serve(3);
  model::Order order = fixture::dry_run(host.policy);
  order.policy = named[0].digest;
  order.policy_size = named[0].bytes;
  order.title = "a part";
  host.order(order, {"alice"});
  host.pass(seconds(21));  // the harness gives no answer to the first want
  serve(1);
  ASSERT_EQ(host.receipts().size(), 1u);
  EXPECT_EQ(host.last().reason, Reason::kMalformed);
  EXPECT_FALSE(wanted());
}

TEST_F(HashSets, APartThatAnEarlierOrderCallsItsPolicyIsFetchedForEver) {
  host.connect();
  model::Order order = fixture::dry_run(host.policy);
  order.policy = named[1].digest;
  order.policy_size = named[1].bytes;
  order.title = "a part";
  const DocumentId id = host.order(order, {"alice"});
  host.order(fixture::dry_run(host.policy), {"alice"});
  host.pass(seconds(21));  // the harness gives no answer to the first want
  serve(1);
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("malformed"));
  host.serve_policy();
  EXPECT_EQ(serve(3), 10u);
  EXPECT_EQ(host.scans(), 1u);
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("malformed"));
  EXPECT_FALSE(wanted());
}

TEST_F(HashSets, AnUrgentOrderWaitsBehindTheHashesOfALaterOne) {
  host.connect();
  model::Order later = fixture::dry_run(host.policy);
  later.schedule.not_before = host.clock.local + Seconds(6 * 3600);
  host.order(later, {"alice"});
  const auto first = wanted();
  ASSERT_TRUE(first);
  model::Policy small = host.policy;
  const Bytes part = hash_set::encode_hash_set(std::vector<hash_set::HashRecord>(1), 32).front();
  parts[crypto::sha256(part)] = part;
  small.detections[0].any_of = {
      {{.field = model::Field::kFileSha256,
        .parts = {{crypto::sha256(part), static_cast<std::uint32_t>(part.size())}}}}};
  host.also(small);
  const DocumentId urgent = host.order(fixture::dry_run(small), {"alice"});
  host.pass(seconds(21));  // the edge has forgotten the first
  host.serve_policy();
  const auto next = wanted();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->blob, crypto::sha256(part)) << host.core->why(urgent);
  answer(*next, part);
  EXPECT_EQ(host.scans(), 1u) << host.core->why(urgent);
  EXPECT_EQ(serve(3), 10u) << "and then the others";
}

TEST_F(HashSets, OfTwoOrdersThatAreDueTheLongOneComesFirst) {
  host.connect();
  model::Policy small = host.policy;
  small.detections[0].any_of = {{{.field = model::Field::kFileSha256, .parts = {named[2]}}}};
  host.also(small);
  host.order(fixture::dry_run(host.policy), {"alice"});
  host.order(fixture::dry_run(small), {"alice"});
  host.pass(seconds(21));
  host.serve_policy();
  const auto next = wanted();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->blob, named[2].digest);
}

TEST_F(HashSets, HashesThatAreDamagedInTheStoreAreNeverFetchedAgain) {
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  serve(3);
  ASSERT_EQ(host.scans(), 1u);
  for (int times = 1; times <= 2; ++times) {
    host.run(host.core->on_damaged_hashes({named[1].digest}, host.now()));
    host.scan_answers(not_all_here());
    EXPECT_TRUE(host.receipts().empty());
    EXPECT_THAT(host.core->why(id), testing::HasSubstr("waiting for its hash sets"));
    EXPECT_EQ(serve(3), 4u) << "that part alone";
    EXPECT_EQ(host.scans(), 1u + static_cast<unsigned>(times));
  }
  host.scan_answers(not_all_here());
  ASSERT_EQ(host.receipts().size(), 1u) << "the third time it is the answer";
  EXPECT_EQ(host.last().reason, Reason::kPolicyMissing);
  EXPECT_FALSE(wanted());
}

// No file descriptor was left, or no memory: what the store holds is as good as before.
TEST_F(HashSets, AnErrorOfTheMomentThrowsHashesAway) {
  host.connect();
  host.order(fixture::dry_run(host.policy), {"alice"});
  serve(3);
  wanted();
  host.scan_answers(not_all_here());
  EXPECT_EQ(host.scans(), 2u) << "at once";
  EXPECT_FALSE(wanted());
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().state, model::HostState::kFound);
}

TEST_F(HashSets, AHostThatDoesNotGetItsHashesBackStaysCleanedForEver) {
  const DocumentId id = cleaned();
  host.run(host.core->on_damaged_hashes({named[1].digest}, host.now()));
  host.scan_answers(not_all_here());
  EXPECT_EQ(host.last().state, model::HostState::kCleaned);
  const auto want = wanted();
  ASSERT_TRUE(want);
  host.run(host.core->on_message(model::Blob{.digest = want->blob}, host.now()));
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().kind, model::ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, model::HostState::kFailed);
  EXPECT_EQ(host.last().reason, Reason::kPolicyMissing);
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("its hash sets are not here any more"));
}

TEST_F(HashSets, AHostWithoutContactIsCleanedForEver) {
  const DocumentId id = cleaned();
  host.disconnect();
  host.run(host.core->on_damaged_hashes({named[1].digest}, host.now()));
  host.scan_answers(not_all_here());
  const Timestamp end = fixture::start() + 2 * fixture::kDay;
  host.pass(end - host.clock.local - Seconds(60));
  EXPECT_EQ(host.last().state, model::HostState::kCleaned) << "they may still come";
  host.pass(Seconds(120));
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().state, model::HostState::kFailed);
  EXPECT_EQ(host.last().reason, Reason::kPolicyMissing);
}

TEST_F(HashSets, ABlobThatNobodyWantsAnyMoreKeepsCoreAwake) {
  host.connect();
  const auto say_missing = [&] {
    while (const auto want = wanted())
      host.run(host.core->on_message(model::Blob{.digest = want->blob}, host.now()));
  };
  model::Policy one = host.policy, two = host.policy;
  one.title = "one";
  two.title = "two";
  model::Order order = fixture::dry_run(one);
  order.schedule.not_after = host.clock.local + Seconds(3600);
  host.order(order, {"alice"});
  say_missing();
  host.order(fixture::dry_run(two), {"alice"});
  say_missing();
  host.pass(std::chrono::hours(2));
  host.connect();
  say_missing();
  const unsigned before = host.turns;
  host.pass(seconds(25));
  EXPECT_LT(host.turns - before, 10u);
}

// consider_order() counts before it judges; nobody else does.
TEST_F(HashSets, WithAFullOutboxAnOrderThatKillsItsJudgeKillsForEver) {
  host.connect();
  model::ActDone done;
  done.undo = done.local = true;
  for (std::size_t i = 0; i < limits::kOutboxReceipts; ++i)
    host.run(host.core->on_act_done(done, host.now()));
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("the outbox is full"));
  EXPECT_FALSE(host.guard.read.contains(Digest{id.value}));
  EXPECT_FALSE(wanted()) << "it was judged to know whether it needs its hashes";
  host.ack_all();
  EXPECT_EQ(serve(3), 10u);
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(HashSets, HashesOfAnOrderThatIsOverStayUntilTheNextStart) {
  host.connect();
  model::Order order = fixture::dry_run(host.policy);
  order.schedule.not_after = host.clock.local + Seconds(3600);
  host.order(order, {"alice"});
  serve(3);
  host.scan_answers(host.clean());
  host.pass(std::chrono::hours(2));
  host.connect();
  order.title = "later";
  order.schedule.not_after = host.clock.local + Seconds(3600);
  host.order(order, {"alice"});
  host.pass(seconds(21));  // the harness gives no answer to the first want
  EXPECT_EQ(serve(3), 10u) << "they were dropped, and come again";
}

TEST_F(HashSets, APartThatKillsItsReaderIsReadForEver) {
  host.guard.poison.insert(named[1].digest);
  host.connect();
  const DocumentId id = host.order(fixture::dry_run(host.policy), {"alice"});
  serve(3);
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().reason, Reason::kPoison);
}

}  // namespace
}  // namespace fleetsweep::agent
