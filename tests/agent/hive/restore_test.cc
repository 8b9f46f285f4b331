#include "agent/hive/restore.h"

#include "protocol/base/prng.h"
#include "tests/agent/hive/sample_hive.h"

namespace fleetsweep::hive {
namespace {

constexpr char kBeta[] = "ControlSet001\\Services\\beta";

Bytes after(const Bytes& before, const std::vector<Edit>& edits) {
  const auto made = edited(before, edits);
  EXPECT_TRUE(made) << made.error().message;
  return made ? *made : Bytes{};
}

TEST(HiveRestore, WhatWindowsWroteSinceIsTakenBackToo) {
  const Bytes before = sample().build();
  const std::vector<Edit> ours{
      delete_value(kRun, "second"),
      delete_key(kBeta),
      {Edit::Kind::kSetNumber, "ControlSet001\\Services\\alpha", "Start", 4}};
  const std::vector<Edit> theirs{
      delete_value(kRun, "third"),
      {Edit::Kind::kSetNumber, "ControlSet001\\Services\\gamma", "Start", 3}};
  const Bytes cleaned = after(before, ours), current = after(cleaned, theirs);
  const auto undone = restored(before, ours, current);
  ASSERT_TRUE(undone) << undone.error().message;
  EXPECT_EQ(undone->size(), current.size());
  EXPECT_TRUE(as_hivex_reads(*undone) == as_hivex_reads(after(before, theirs)));
  EXPECT_GT(Hive::open(*undone)->sequence(), Hive::open(current)->sequence());
  EXPECT_EQ(*restored(before, ours, *undone), *undone) << "a second time";
}

TEST(HiveRestore, TheLastValueAndTheLastKeyComeBackIntoAnEmptyKey) {
  const Bytes before = HiveBuilder().text("a\\b", "only", "x").number("a\\b", "n", 7).build();
  for (const std::vector<Edit>& ours :
       {std::vector{delete_value("a\\b", "only")}, std::vector{delete_key("a\\b")},
        std::vector{delete_key("a")},
        std::vector{delete_value("a\\b", "only"), delete_value("a\\b", "n")}}) {
    const auto undone = restored(before, ours, after(before, ours));
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_EQ(as_hivex_reads(*undone), as_hivex_reads(before));
  }
}

// Whatever is taken out, and whatever else goes: it comes back, and only it.
TEST(HiveRestore, SomethingElseChangesWhenAnEntryComesBack) {
  Prng random(3);
  const std::vector<Edit> all{
      delete_value(kRun, "first"), delete_value(kRun, "second"),
      delete_value(kRun, "third"), delete_key("ControlSet001\\Services\\alpha"),
      delete_key(kBeta),           delete_key("ControlSet001\\Services\\gamma\\Parameters")};
  const Bytes before = sample().build();
  for (int round = 0; round < 20; ++round) {
    std::vector<Edit> ours, theirs;
    for (const Edit& edit : all) {
      const std::uint64_t whose = random.below(3);
      if (whose == 0) ours.push_back(edit);
      if (whose == 1) theirs.push_back(edit);
    }
    const auto undone = restored(before, ours, after(after(before, ours), theirs));
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_TRUE(as_hivex_reads(*undone) == as_hivex_reads(after(before, theirs))) << round;
  }
}

TEST(HiveRestore, AnotherValueOrKeyOfThatNameIsOverwritten) {
  const Bytes before = sample().build();
  const std::vector<Edit> value{delete_value(kRun, "second")}, key{delete_key(kBeta)};
  const Bytes other = HiveBuilder()
                          .text(kRun, "second", "C:\\good.exe")
                          .text(kBeta, "ImagePath", "C:\\good.exe")
                          .build();
  for (const auto& edits : {value, key}) {
    const auto refused = restored(before, edits, other);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kConflict);
  }
  const std::vector<Edit> number{{Edit::Kind::kSetNumber, kBeta, "Start", 4}};
  const Bytes again = after(after(before, number), {{Edit::Kind::kSetNumber, kBeta, "Start", 3}});
  EXPECT_EQ(restored(before, number, again).error().code, Code::kConflict);
}

TEST(HiveRestore, AHiveWithoutRoomOrWithoutTheKeyIsMadeLarger) {
  const Bytes before = sample().build();
  const auto no_key =
      restored(before, {delete_value(kRun, "second")}, HiveBuilder().key("a").build());
  ASSERT_FALSE(no_key);
  EXPECT_NE(no_key.error().message.find("the key is gone"), std::string::npos);
  HiveBuilder small;
  small.key(kServices);
  const auto no_room = restored(before, {delete_key(kBeta)}, small.build());
  ASSERT_FALSE(no_room);
  EXPECT_EQ(no_room.error().code, Code::kConflict);
  EXPECT_NE(no_room.error().message.find("no room"), std::string::npos) << no_room.error().message;
}

TEST(HiveRestore, AByteThatIsTurnedLeadsOutsideTheHive) {
  Prng random(5);
  HiveBuilder small;
  for (const char* name : {"first", "second"}) small.text(kRun, name, "C:\\x.exe");
  small.text(kBeta, "ImagePath", "C:\\x.exe").text("ControlSet001\\Services\\gamma", "x", "y");
  const Bytes before = small.build();
  const std::vector<Edit> ours{delete_value(kRun, "second"), delete_key(kBeta)};
  const Bytes current = after(before, ours);
  std::size_t taken = 0;
  for (int i = 0; i < 2000; ++i) {
    Bytes old = before, now = current;
    Bytes& hit = i % 2 == 0 ? old : now;
    hit[kHeaderBytes + random.below(1500)] ^= static_cast<std::uint8_t>(1 + random.below(255));
    const auto made = restored(old, ours, now);
    taken += made.has_value();
    if (made) {
      EXPECT_EQ(made->size(), now.size());
      EXPECT_TRUE(Hive::open(*made));
    }
  }
  EXPECT_GT(taken, 0u) << "text and times are nobody's structure";
  EXPECT_LT(taken, 2000u);
}

TEST(HiveRestore, ADirtyHiveIsWrittenTo) {
  const Bytes before = sample().build();
  const std::vector<Edit> ours{delete_value(kRun, "second")};
  Bytes current = after(before, ours);
  make_dirty(current);
  EXPECT_EQ(restored(before, ours, current).error().code, Code::kConflict);
}

}  // namespace
}  // namespace fleetsweep::hive
