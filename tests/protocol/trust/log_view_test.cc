#include "protocol/trust/log_view.h"

#include <gmock/gmock.h>

#include <set>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
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
  // Another day, and nobody has vouched for it: it is asked for again instead of kept for ever.
  world.pass(kDay);
  EXPECT_EQ(world.view.append(limits::kIntakeEntriesPerDay, {Bytes{1}}, world.clock).error().reason,
            Reason::kMalformed);
  EXPECT_EQ(world.view.wanted(), 1u);
  EXPECT_TRUE(world.view.append(1, {Bytes{1}}, world.clock));
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

// The log's key was lost after three entries: a root names a log of another key that goes on there.
struct NewLog {
  World world;
  log::VerifierKey key{"second.example/log", log::KeyType::kEd25519,
                       fixture::key_named("second log").public_key()};
  log::CompactRange old_tree;

  NewLog() {
    for (std::uint8_t i = 1; i <= 2; ++i) world.submit(order_number(world.tenant, i));
    for (const Bytes& entry : world.log.entries()) old_tree.append(log::leaf_hash(entry));
  }
  Bytes next_root(const log::CompactRange& start) const {
    return world.tenant.sign(
        world.tenant.next(
            world.view.root(),
            [&](model::Root& root) {
              root.logs = {{key.text(), start.size(), start.root(), start.frontier()}};
            }),
        {"alice", "bob"});
  }
  // A checkpoint of the new log over entries that go on where the old one was.
  std::string note(const std::vector<Bytes>& more, log::CompactRange tree) const {
    for (const Bytes& entry : more) tree.append(log::leaf_hash(entry));
    log::Note note = log::sign_checkpoint({key.name, tree.size(), tree.root()},
                                          fixture::key_named("second log"));
    note.signatures.push_back(log::cosign(note.body, "witness.example/one",
                                          fixture::key_named("witness"), world.clock.local));
    return note.text();
  }
};

TEST(LogView, ALogOfANewKeyGoesOnWhereTheLostOneStopped) {
  NewLog f;
  LogView& view = f.world.view;
  f.world.pass(kHour);
  const std::vector<Bytes> more = {f.next_root(f.old_tree), order_number(f.world.tenant, 3)};
  ASSERT_TRUE(view.append(3, more, f.world.clock));
  const auto advance = view.checkpoint(f.note(more, f.old_tree), f.world.clock);
  ASSERT_TRUE(advance) << advance.error().detail;
  EXPECT_EQ(view.size(), 5u);
  EXPECT_EQ(view.state().root->version(), 2u);
  EXPECT_EQ(view.state().orders.size(), 3u);
  EXPECT_EQ(view.floor().time, f.world.clock.local);

  // Whoever has the old key, and even the witness's word, moves nothing any more.
  f.world.pass(kHour);
  for (const Bytes& entry : more) f.world.log.append(entry);
  const auto old = view.checkpoint(f.world.log.note(f.world.clock.local), f.world.clock);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().reason, Reason::kUntrusted);
  EXPECT_EQ(view.floor().time, f.world.clock.local - kHour);
}

TEST(LogView, OneWhoJoinsAfterwardsReadsTheWholeTree) {
  NewLog f;
  const std::vector<Bytes> more = {f.next_root(f.old_tree)};
  std::vector<Bytes> all = f.world.log.entries();
  all.push_back(more[0]);
  const auto chain = accept_root_chain({f.world.tenant.root_envelope(), more[0]}, {});
  ASSERT_TRUE(chain);
  LogView view(*chain);
  ASSERT_TRUE(view.append(0, all, f.world.clock));
  ASSERT_TRUE(view.checkpoint(f.note(more, f.old_tree), f.world.clock));
  EXPECT_EQ(view.size(), 4u);
  EXPECT_EQ(view.state().orders.size(), 2u);
}

TEST(LogView, ALogThatTakesOverFromAnotherTreeIsAFork) {
  NewLog f;
  log::CompactRange other = f.old_tree;
  other = {};
  for (std::uint8_t i = 0; i < 3; ++i) other.append(Digest{});
  const std::vector<Bytes> more = {f.next_root(other)};
  ASSERT_TRUE(f.world.view.append(3, more, f.world.clock));
  const auto forked = f.world.view.checkpoint(f.note(more, other), f.world.clock);
  ASSERT_FALSE(forked);
  EXPECT_EQ(forked.error().reason, Reason::kLogFork);
  EXPECT_EQ(f.world.view.size(), 3u);
  EXPECT_EQ(f.world.view.state().root->version(), 1u);
}

TEST(LogView, ALogThatTakesOverBehindWhatWitnessesShowedIsAForkUntilARootMendsIt) {
  NewLog f;
  LogView& view = f.world.view;
  const Bytes behind = f.next_root(f.old_tree);
  f.world.submit(order_number(f.world.tenant, 9));  // the thief, or a witness who was told late
  const std::vector<Bytes> more = {behind, order_number(f.world.tenant, 3)};
  ASSERT_TRUE(view.append(4, {more[0]}, f.world.clock));
  const auto forked = view.checkpoint(f.note(more, f.old_tree), f.world.clock);
  ASSERT_FALSE(forked);
  EXPECT_EQ(forked.error().reason, Reason::kLogFork);
  EXPECT_FALSE(view.forked());

  // Root version 3 starts after the fourth entry.
  log::CompactRange tree = f.old_tree;
  tree.append(log::leaf_hash(f.world.log.entries()[3]));
  const Bytes mended = f.world.tenant.sign(
      f.world.tenant.next(view.root(),
                          [&](model::Root& root) {
                            root.logs = {{f.key.text(), 4, tree.root(), tree.frontier()}};
                          }),
      {"alice", "bob"});
  ASSERT_TRUE(view.append(5, {mended}, f.world.clock));
  const auto advance = view.checkpoint(f.note({behind, mended}, tree), f.world.clock);
  ASSERT_TRUE(advance) << advance.error().detail;
  EXPECT_EQ(view.state().root->version(), 3u);
}

TEST(LogView, WithoutWitnessesTheTimeIsOnlyOurOwn) {
  World world([](model::Root& root) {
    root.witnesses.clear();
    root.witness_quorum = 0;
  });
  EXPECT_EQ(world.view.floor().time, start());
  EXPECT_FALSE(world.view.floor().witnessed);
}

// What killed its reader: left alone, and still a leaf.
class Poisoned final : public Guard {
 public:
  std::set<Digest> poison;
  std::size_t begun = 0, ended = 0;
  bool begin(const Digest& document) override {
    EXPECT_EQ(begun, ended) << "one at a time";
    if (poison.contains(document)) return false;
    ++begun;
    return true;
  }
  void end() override { ++ended; }
};

TEST(LogView, APoisonedEntryBreaksTheTreeOrHidesWhatComesAfterIt) {
  World world;
  Poisoned guard;
  world.view.guard_with(&guard);
  const Bytes bad = order_number(world.tenant, 1), good = order_number(world.tenant, 2);
  guard.poison = {log::leaf_hash(bad)};
  const auto index = world.log.append(bad);
  world.log.append(good);
  ASSERT_TRUE(world.view.append(index, {bad, good}, world.clock));
  const auto advance = world.view.checkpoint(world.log.note(world.clock.local), world.clock);
  ASSERT_TRUE(advance) << advance.error().detail;
  ASSERT_EQ(advance->folded.size(), 2u);
  EXPECT_EQ(advance->folded[0].notice.refusal.reason, Reason::kPoison);
  EXPECT_EQ(advance->folded[0].notice.index, index);
  EXPECT_EQ(advance->folded[1].notice.taken, Taken::kAccepted);
  EXPECT_EQ(world.view.state().orders.size(), 1u);
  EXPECT_GT(guard.begun, 0u);
  EXPECT_EQ(guard.begun, guard.ended);
  // A restart reads the store's entries under the same guard.
  LogView again(world.tenant.verified());
  again.guard_with(&guard);
  for (const Bytes& entry : world.log.entries()) again.replay(entry, world.clock.local);
  ASSERT_TRUE(again.resume(world.view.saved()));
  EXPECT_EQ(again.state().orders.size(), 1u);
}

TEST(LogView, APoisonedCheckpointOrStopIsRead) {
  World world;
  Poisoned guard;
  world.view.guard_with(&guard);
  const std::string note = world.log.note(world.clock.local + kHour);
  const Bytes stop = world.tenant.sign(model::Stop{.halt_all = true}, {"bob"});
  guard.poison = {crypto::sha256(as_bytes(note)), crypto::sha256(stop)};
  EXPECT_EQ(world.view.checkpoint(note, world.clock).error().reason, Reason::kPoison);
  EXPECT_EQ(world.view.take_stop(stop).refusal.reason, Reason::kPoison);
  EXPECT_TRUE(world.view.state().stops.empty());
  EXPECT_TRUE(world.view.checkpoint(world.log.note(world.clock.local + 2 * kHour), world.clock));
}

}  // namespace
}  // namespace fleetsweep::trust
