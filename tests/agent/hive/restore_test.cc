#include "agent/hive/restore.h"

#include <map>

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

// The name that a list holds beside each key, or what it makes of it, in the order of the list.
std::vector<std::pair<std::string, std::uint32_t>> hints_in(const Hive& hive, Cell list) {
  const BytesView cells = hive.cell(list);
  std::vector<std::pair<std::string, std::uint32_t>> hints;
  for (std::size_t i = 0; i < le16(cells, 2); ++i) {
    if (begins(cells, "ri")) {
      const auto below = hints_in(hive, le32(cells, 4 + 4 * i));
      hints.insert(hints.end(), below.begin(), below.end());
    } else if (begins(cells, "li")) {
      hints.emplace_back(hive.name(le32(cells, 4 + 4 * i)), 0);
    } else {
      hints.emplace_back(hive.name(le32(cells, 4 + 8 * i)), le32(cells, 8 + 8 * i));
    }
  }
  return hints;
}
auto hints_of_services(const Bytes& bytes) {
  const auto hive = Hive::open(bytes);
  return hints_in(*hive, le32(hive->cell(*hive->find(hive->root(), kServices)), nk::kSubkeyList));
}

TEST(HiveRestore, OfManyKeysOneComesBackToAPlaceWhereItIsNotFound) {
  auto parts = parts_of_services();
  parts.emplace_back();
  for (const char* kind : {"lh", "lf", "li"}) {
    // A list grows by storing a larger one beside it: there is room for that.
    const Bytes before = many_services(kind).text("Old", "x", std::string(20'000, 'x')).build();
    const Bytes meant = many_services(kind).build();
    for (const auto& part : parts) {
      SCOPED_TRACE(fmt::format("{}: {}", kind, part.size()));
      const auto ours = part.empty() ? std::vector{delete_key(kServices)} : delete_services(part);
      const auto undone = restored(before, ours, after(after(before, ours), {delete_key("Old")}));
      ASSERT_TRUE(undone) << undone.error().message;
      EXPECT_TRUE(as_hivex_reads(*undone) == as_hivex_reads(meant));
      EXPECT_TRUE(hints_of_services(*undone) == hints_of_services(meant));
    }
  }
}

TEST(HiveRestore, ANameBeyondAsciiComesBackToAPlaceThatWasGuessed) {
  const Bytes before = HiveBuilder()
                           .text("Журнал", "Имя", "x")
                           .key("Журнал\\b")
                           .key("a")
                           .key("b")
                           .key("Архив")
                           .build();
  for (const Edit& ours : {delete_value("Журнал", "ИМЯ"), delete_key("b")}) {
    const auto undone = restored(before, {ours}, after(before, {ours}));
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_EQ(as_hivex_reads(*undone), as_hivex_reads(before));
  }
  const std::vector<Edit> ours{delete_key("АРХИВ")};
  const auto refused = restored(before, ours, after(before, ours));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_NE(refused.error().message.find("beyond ASCII"), std::string::npos);
}

// Whom each key names, by the number of the builder. Every key's descriptor is in the one ring,
// which holds nothing else and none twice, and each knows how many keys name it.
std::map<std::string, int> numbers_in(const Bytes& bytes) {
  const auto hive = Hive::open(bytes);
  std::map<Cell, std::uint32_t> named, in_ring;
  std::map<std::string, int> numbers;
  std::set<int> different;
  hive->walk(hive->root(), [&](Cell key, const std::string& path) {
    ++named[le32(hive->cell(key), nk::kSecurity)];
    numbers[path] = hive->security(key)[1];
    different.insert(numbers[path]);
    return Hive::Next::kGoOn;
  });
  const auto is_descriptor = [&](Cell at) { return begins(hive->cell(at), "sk"); };
  for (Cell at = named.begin()->first;
       is_descriptor(at) && in_ring.emplace(at, le32(hive->cell(at), sk::kUses)).second;) {
    const Cell next = le32(hive->cell(at), sk::kNext);
    EXPECT_TRUE(is_descriptor(next) && le32(hive->cell(next), sk::kBefore) == at);
    at = next;
  }
  EXPECT_EQ(in_ring, named);
  EXPECT_EQ(in_ring.size(), different.size());
  EXPECT_FALSE(hive->is_damaged()) << hive->damage();
  return numbers;
}

TEST(HiveRestore, WhoMayOpenAKeyIsLostOrLeavesTheRingOfAllBroken) {
  HiveBuilder builder;
  builder.text("a", "v", "x").security("a", 1).key("b\\c").security("b", 2).security("b\\c", 3);
  builder.key("d").security("d", 1).key("e").security("e", 4);
  const Bytes before = builder.build();
  const auto meant = numbers_in(before);
  EXPECT_EQ(meant, (std::map<std::string, int>{
                       {"", 0}, {"a", 1}, {"b", 2}, {"b\\c", 3}, {"d", 1}, {"e", 4}}));
  for (const std::vector<Edit>& ours :
       {std::vector{delete_key("a")}, std::vector{delete_key("b")}, std::vector{delete_key("b\\c")},
        std::vector{delete_key("e")}, std::vector{delete_key("a"), delete_key("d")},
        std::vector{delete_key("a"), delete_key("b"), delete_key("d"), delete_key("e")}}) {
    SCOPED_TRACE(ours[0].key);
    const Bytes cleaned = after(before, ours);
    for (const auto& [path, number] : numbers_in(cleaned))
      EXPECT_EQ(number, meant.at(path)) << path;
    const auto undone = restored(before, ours, cleaned);
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_EQ(numbers_in(*undone), meant);
    EXPECT_EQ(as_hivex_reads(*undone), as_hivex_reads(before));
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
