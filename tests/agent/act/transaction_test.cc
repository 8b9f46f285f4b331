#include "agent/act/transaction.h"

#include <gtest/gtest.h>

#include "agent/act/anchor.h"
#include "protocol/base/limits.h"
#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

using model::Outcome;

Begin a_begin() {
  Begin begin;
  begin.order.value[0] = 1;
  begin.slot = 2;
  begin.at = timestamp(1'700'000'000);
  begin.policy.value[0] = 3;
  Step step;
  step.item.detection = "d";
  step.item.verdict = "v";
  step.item.action = model::ActionKind::kQuarantine;
  step.rule = {"r", {{"$a", 9}}};
  step.path = std::string("/tmp/\n\0x", 8);
  begin.steps = {step, step};
  Op store;
  store.file = {"/tmp/x", 1, 2, 3, -4, 5, 6, {}};
  store.token = 7;
  Op take = store;
  take.kind = OpKind::kTake;
  take.clear_flags = true;
  take.rest = "what stays";
  Op collect;
  collect.kind = OpKind::kCollect;
  collect.step = 1;
  collect.what = {"exe", "maps"};
  collect.pid = 9;
  Op kill;
  kill.kind = OpKind::kKill;
  kill.step = 1;
  kill.tree = true;
  kill.spared = {"/srv", "/opt/*"};
  kill.roots = {"/home"};
  begin.ops = {store, take, collect, kill};
  begin.boot.value[0] = 4;
  return begin;
}

std::vector<Event> all_events() {
  Intent intent{1, 2, 3, {}, {}};
  intent.after.value[5] = 5;
  intent.locks = 0x10;
  return {a_begin(),
          Intended{1, intent},
          FrozenOne{1, {42, 43}},
          Done{1, {5, {}, 6}},
          Failed{2, Reason::kRaced},
          End{model::HostState::kFailed, Reason::kRaced, "why"},
          UndoBegin{a_begin().order},
          UndoIntended{1, {true, Digest{}, {}}},
          Undone{1, Reason::kConflict},
          UndoEnd{model::HostState::kUndone, Reason::kNone, "all"},
          Purged{timestamp(1'800'000'000), 3, 4096}};
}

TEST(Transaction, EveryRecordComesBackAndNoCutOneDoes) {
  Nonce id;
  id.value[3] = 3;
  for (const auto& event : all_events()) {
    const Record record{id, event};
    const Bytes bytes = encode(record);
    const auto back = decode_record(bytes);
    ASSERT_TRUE(back) << event.index();
    EXPECT_EQ(*back, record) << event.index();
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(decode_record(BytesView(bytes).first(size))) << event.index();
  }
}

TEST(Transaction, AStepIsDoneOnlyWhenAllOfItIs) {
  std::vector<Transaction> history;
  const auto write = [&](Event event) {
    const auto status = apply(history, {Nonce{}, std::move(event)});
    EXPECT_TRUE(status) << status.error().message;
  };
  write(a_begin());
  EXPECT_TRUE(history[0].is_open());
  for (std::uint32_t op : {0u, 1u}) {
    write(Intended{op, {}});
    EXPECT_EQ(outcomes(history[0])[0].item.outcome, Outcome::kSkipped);
    write(Done{op, {}});
  }
  write(Failed{2, Reason::kGone});
  EXPECT_EQ(outcomes(history[0])[0].item.outcome, Outcome::kDone);
  EXPECT_EQ(outcomes(history[0])[1].item.outcome, Outcome::kSkipped);
  EXPECT_EQ(outcomes(history[0])[1].item.reason, Reason::kGone);
  write(End{});
  EXPECT_FALSE(history[0].is_open());
  write(UndoBegin{});
  EXPECT_TRUE(history[0].is_open());
  for (std::uint32_t op : {1u, 0u}) {
    write(UndoIntended{op, {}});
    write(Undone{op, Reason::kNone});
  }
  write(UndoEnd{});
  EXPECT_EQ(outcomes(history[0])[0].item.outcome, Outcome::kUndone);
}

TEST(Transaction, HalfAStepIsDoneAndWhatItMissedCountsAsCleaned) {
  Begin begin = a_begin();
  begin.ops.resize(2);
  begin.ops.push_back(begin.ops[1]);  // a copy, and two names that go
  std::vector<Transaction> history;
  const auto write = [&](Event event) {
    const auto status = apply(history, {Nonce{}, std::move(event)});
    EXPECT_TRUE(status) << status.error().message;
  };
  write(begin);
  for (std::uint32_t op : {0u, 1u}) {
    write(Intended{op, {}});
    write(Done{op, {}});
  }
  write(Failed{2, Reason::kGone});
  EXPECT_EQ(outcomes(history[0])[0].item.outcome, Outcome::kFailed);
  write(UndoIntended{1, {}});
  write(Undone{1, Reason::kNone});
  EXPECT_EQ(outcomes(history[0])[0].item.outcome, Outcome::kFailed) << "rolled back: it is there";
  EXPECT_EQ(outcomes(history[0])[0].item.reason, Reason::kGone);
}

TEST(Transaction, ARecordThatCannotFollowIsDamage) {
  std::vector<Transaction> history;
  EXPECT_FALSE(apply(history, {Nonce{}, Done{0, {}}}));
  ASSERT_TRUE(apply(history, {Nonce{}, a_begin()}));
  EXPECT_FALSE(apply(history, {Nonce{}, a_begin()}));
  EXPECT_FALSE(apply(history, {Nonce{}, Done{0, {}}}));
  EXPECT_FALSE(apply(history, {Nonce{}, Done{17, {}}}));
  EXPECT_FALSE(apply(history, {Nonce{}, Undone{0, Reason::kNone}}));
}

TEST(Anchor, TheGenerationBeforeIsReadWhenTheNewestIsDamaged) {
  TempDir state;
  const auto none = load_anchor(state.path());
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  trust::ActAnchor first;
  first.tenant.value[0] = 1;
  first.root_version = 2;
  first.newest = timestamp(1234);
  first.executed.insert({DocumentId{}, 3});
  first.stops = {to_bytes("stop")};
  ASSERT_TRUE(save_anchor(state.path(), first));
  auto second = first;
  second.root_version = 3;
  ASSERT_TRUE(save_anchor(state.path(), second));
  EXPECT_EQ(**load_anchor(state.path()), second);

  std::string damaged = read_text(state / "anchor");
  damaged[10] = static_cast<char>(damaged[10] ^ 1);
  write_text(state / "anchor", damaged);
  EXPECT_EQ(**load_anchor(state.path()), first);
  write_text(state / "anchor.old", "");
  // Never read as "nothing happened here yet": that would forget every Stop.
  EXPECT_FALSE(load_anchor(state.path()));
}

TEST(Anchor, OneThatCouldNotBeReadIsWritten) {
  TempDir state;
  trust::ActAnchor anchor;
  ASSERT_TRUE(save_anchor(state.path(), anchor));
  trust::ActAnchor large = anchor;
  large.stops = {Bytes(limits::kAnchorBytes)};
  const Status saved = save_anchor(state.path(), large);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, Code::kOverloaded);
  EXPECT_EQ(**load_anchor(state.path()), anchor);
}

TEST(Transaction, WhoMeetsAJournalOfAnOlderVersionIsNotToldWhatToDo) {
  Bytes record = encode({Nonce{}, UndoBegin{}});
  record[0] = 4;
  const auto read = decode_record(record);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("of format 4, and this version reads format 10"),
            std::string::npos)
      << read.error().message;
}

TEST(Transaction, AnUndoThatAnOlderVersionBeganIsRefusedIfItsFileWasEdited) {
  Bytes record = encode({Nonce{}, UndoIntended{1, {true, std::nullopt, Digest{{1}}}}});
  record[0] = 8;
  for (const std::uint8_t merged : {0, 1}) {
    record[record.size() - Digest::kSize - 1] = merged;
    const auto read = decode_record(record);
    ASSERT_TRUE(read) << read.error().message;
    const auto& undo = std::get<UndoIntended>(read->event).intent;
    EXPECT_FALSE(undo.before);
    EXPECT_EQ(undo.after, Digest{{1}});
  }
}

// Whoever updates an agent can still undo what the older one did.
TEST(Transaction, AJournalOfBeforeTheWordOnRetentionIsRefused) {
  Begin begin;
  begin.at = timestamp(100);
  Bytes record = encode({Nonce{}, begin});
  constexpr std::size_t kHead = 1 + Nonce::kSize + 1;
  constexpr std::size_t kUndoTtl =
      kHead + DocumentId::kSize + sizeof(std::uint64_t) + 1 + Digest::kSize + sizeof(std::int64_t);
  record[0] = 5;
  record.erase(record.begin() + kUndoTtl, record.begin() + kUndoTtl + 8);
  record.resize(record.size() - BootId::kSize);
  const auto read = decode_record(record);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(std::get<Begin>(read->event), begin);

  Bytes end = encode({Nonce{}, End{}});
  end[0] = 5;
  end.resize(end.size() - 8);
  const auto ended = decode_record(end);
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(std::get<End>(ended->event), End{});
}

TEST(Transaction, AJournalOfBeforeTheWordOnLocksIsRefused) {
  const Record record{Nonce{}, Intended{1, {1, 2, 3, {}, {}}}};
  Bytes bytes = encode(record);
  bytes[0] = 6;
  bytes.resize(bytes.size() - 4);
  const auto read = decode_record(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, record);
}

TEST(Transaction, AJournalOfBeforeTheWordOnTheBootIsRefused) {
  Record record{Nonce{}, a_begin()};
  std::get<Begin>(record.event).boot = BootId{};
  std::get<Begin>(record.event).steps.clear();
  Bytes bytes = encode(record);
  bytes[0] = 7;
  bytes.resize(bytes.size() - BootId::kSize);
  const auto read = decode_record(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, record);
}

TEST(Transaction, AJournalOfBeforeTheStringsOfARuleIsRefused) {
  Begin begin;
  begin.steps.resize(1);
  begin.steps[0].rule = {"r", {}};
  const Record record{Nonce{}, begin};
  Bytes bytes = encode(record);
  bytes[0] = 9;
  constexpr std::size_t kCount = 4, kAfter = Digest::kSize + kCount + BootId::kSize;
  bytes.erase(bytes.end() - kAfter - kCount, bytes.end() - kAfter);
  const auto read = decode_record(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, record);
}

}  // namespace
}  // namespace fleetsweep::act
