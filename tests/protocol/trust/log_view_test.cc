#include "protocol/trust/log_view.h"

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::kHour;
using fixture::start;
using fixture::World;
using model::Reason;

Bytes order_number(const fixture::Tenant& tenant, std::uint8_t number) {
  model::Order order = fixture::dry_run(fixture::hash_policy());
  order.nonce.value.fill(number);
  return tenant.sign(order, {"alice"});
}

TEST(LogView, EntriesCountOnlyOnceAWitnessedCheckpointCoversThem) {
  World world;
  const Bytes entry = order_number(world.tenant, 1);
  const auto index = world.log.append(entry);
  ASSERT_TRUE(world.view.append(index, {entry}, world.clock));
  EXPECT_TRUE(world.view.state().orders.empty());
  EXPECT_EQ(world.view.wanted(), 2u);
  EXPECT_EQ(world.view.size(), 1u);
  world.pass(kHour);
  const auto advance = world.view.checkpoint(world.log.note(world.clock.local), world.clock);
  ASSERT_TRUE(advance);
  ASSERT_EQ(advance->folded.size(), 1u);
  EXPECT_EQ(advance->folded[0].entry, entry);
  EXPECT_EQ(advance->folded[0].seen, start() + kHour);
  EXPECT_EQ(world.view.state().orders.size(), 1u);
}

TEST(LogView, AnUnwitnessedOrForeignCheckpointIsUntrusted) {
  World world;
  const std::string note = world.log.note(world.clock.local);
  EXPECT_EQ(world.view.checkpoint("", world.clock).error().reason, Reason::kUntrusted);
  const std::string unwitnessed = note.substr(0, note.rfind("\xe2\x80\x94"));
  EXPECT_EQ(world.view.checkpoint(unwitnessed, world.clock).error().reason, Reason::kUntrusted);
  for (std::size_t i = 0; i < note.size(); ++i) {
    std::string changed = note;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto verdict = world.view.checkpoint(changed, world.clock);
    EXPECT_FALSE(verdict) << i;
  }
}

TEST(LogView, EntriesThatMakeAnotherTreeAreDroppedAndAskedForAgain) {
  World world;
  const Bytes honest = order_number(world.tenant, 1), forged = order_number(world.tenant, 2);
  const auto index = world.log.append(honest);
  ASSERT_TRUE(world.view.append(index, {forged}, world.clock));
  const auto verdict = world.view.checkpoint(world.log.note(world.clock.local), world.clock);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().reason, Reason::kLogFork);
  EXPECT_EQ(world.view.wanted(), index);
  EXPECT_FALSE(world.view.forked());
  ASSERT_TRUE(world.view.append(index, {honest}, world.clock));
  EXPECT_TRUE(world.view.checkpoint(world.log.note(world.clock.local), world.clock));
  EXPECT_EQ(world.view.state().orders.size(), 1u);
}

TEST(LogView, TwoWitnessedRootsForOneSizeAreAForkForEver) {
  World world;
  fixture::Log other;
  other.append(order_number(world.tenant, 3));
  const auto verdict = world.view.checkpoint(other.note(world.clock.local), world.clock);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().reason, Reason::kLogFork);
  EXPECT_TRUE(world.view.forked());
  world.witness();
  EXPECT_TRUE(world.view.forked());
}

TEST(LogView, AnOlderCheckpointChangesNothing) {
  World world;
  world.submit(order_number(world.tenant, 1));
  const auto before = world.view.saved();
  const auto advance = world.view.checkpoint(world.log.note(start() - kHour, 1), world.clock);
  ASSERT_TRUE(advance);
  EXPECT_FALSE(advance->fresher);
  EXPECT_EQ(world.view.saved(), before);
  // Nor does an older time for the same tree.
  EXPECT_FALSE(world.view.checkpoint(world.log.note(start() - kHour), world.clock)->fresher);
  EXPECT_EQ(world.view.floor().time, start());
}

TEST(LogView, ACheckpointAheadOfUsAsksForMore) {
  World world;
  world.log.append(order_number(world.tenant, 1));
  const auto advance = world.view.checkpoint(world.log.note(world.clock.local), world.clock);
  ASSERT_TRUE(advance);
  EXPECT_TRUE(advance->need_more);
  EXPECT_EQ(world.view.wanted(), 1u);
}

TEST(LogView, WhatWeHaveIsSkippedAndAGapIsRefused) {
  World world;
  const Bytes first = order_number(world.tenant, 1);
  world.log.append(first);
  ASSERT_TRUE(world.view.append(0, {world.tenant.root_envelope(), first}, world.clock));
  EXPECT_EQ(world.view.wanted(), 2u);
  ASSERT_TRUE(world.view.append(0, {world.tenant.root_envelope()}, world.clock));
  EXPECT_EQ(world.view.wanted(), 2u);
  EXPECT_EQ(world.view.append(3, {first}, world.clock).error().reason, Reason::kMalformed);
}

TEST(LogView, LogSpamIsCappedByTheDay) {
  World world;
  const std::vector<Bytes> spam(limits::kIntakeEntriesPerDay, Bytes{1, 2, 3});
  const auto verdict = world.view.append(1, spam, world.clock);
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().reason, Reason::kLimit);
  EXPECT_EQ(world.view.wanted(), limits::kIntakeEntriesPerDay);
  world.pass(kDay);
  EXPECT_TRUE(world.view.append(world.view.wanted(), {Bytes{1}}, world.clock));
}

TEST(LogView, ARestartReplaysTheStoreAndEndsInTheSameView) {
  World world;
  std::vector<std::pair<Bytes, Timestamp>> store = {{world.tenant.root_envelope(), start()}};
  for (std::uint8_t i = 0; i < 5; ++i) {
    world.pass(kHour);
    const Bytes entry = order_number(world.tenant, i);
    world.submit(entry);
    store.emplace_back(entry, world.clock.local);
  }
  LogView again(world.tenant.verified());
  for (const auto& [entry, seen] : store) again.replay(entry, seen);
  ASSERT_TRUE(again.resume(world.view.saved()));
  EXPECT_EQ(again.state(), world.view.state());
  EXPECT_EQ(again.saved(), world.view.saved());
  EXPECT_EQ(again.floor(), world.view.floor());

  LogView damaged(world.tenant.verified());
  store[2].first[0] ^= 1;
  for (const auto& [entry, seen] : store) damaged.replay(entry, seen);
  EXPECT_EQ(damaged.resume(world.view.saved()).error().reason, Reason::kLogFork);
}

TEST(LogView, ANewRootMayNameTheWitnessesOfTheVeryCheckpointThatCoversIt) {
  World world;
  const auto new_witness = log::VerifierKey{"witness.example/two", log::KeyType::kCosignatureV1,
                                            fixture::key_named("second witness").public_key()};
  const Bytes next = world.tenant.sign(
      world.tenant.next(world.view.root(),
                        [&](model::Root& root) { root.witnesses = {new_witness.text()}; }),
      {"alice", "bob"});
  const auto index = world.log.append(next);
  ASSERT_TRUE(world.view.append(index, {next}, world.clock));
  log::Note note = *log::Note::parse(world.log.note(world.clock.local));
  note.signatures.back() = log::cosign(note.body, new_witness.name,
                                       fixture::key_named("second witness"), world.clock.local);
  const auto advance = world.view.checkpoint(note.text(), world.clock);
  ASSERT_TRUE(advance) << advance.error().detail;
  EXPECT_EQ(world.view.root().version(), 2u);
  EXPECT_EQ(world.view.state().root->version(), 2u);
}

TEST(LogView, WithoutWitnessesTheTimeIsOnlyOurOwn) {
  World world([](model::Root& root) {
    root.witnesses.clear();
    root.witness_quorum = 0;
  });
  EXPECT_EQ(world.view.floor().time, start());
  EXPECT_FALSE(world.view.floor().witnessed);
}

}  // namespace
}  // namespace fleetsweep::trust
