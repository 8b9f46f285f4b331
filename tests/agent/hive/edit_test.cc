#include "agent/hive/edit.h"

#include <gtest/gtest.h>

#include "agent/hive/meaning.h"
#include "agent/hive/restore.h"
#include "agent/hive/text.h"
#include "protocol/base/limits.h"
#include "tests/agent/hive/sample_hive.h"

namespace fleetsweep::hive {
namespace {

TEST(HiveEdit, LibhivexReadsWhatWeWriteAsWeMeantIt) {
  const Bytes before = sample().build();
  const auto after =
      edited(before, {delete_value(kRun, "SECOND"),
                      delete_key("ControlSet001\\Services\\beta"),
                      {Edit::Kind::kSetNumber, "ControlSet001\\Services\\alpha", "Start", 4}});
  ASSERT_TRUE(after) << after.error().message;
  HiveBuilder meant;
  meant.text(kRun, "first", "C:\\first.exe").text(kRun, "third", "C:\\third.exe");
  for (const char* name : {"alpha", "gamma"}) {
    const std::string key = std::string(kServices) + "\\" + name;
    meant.text(key, "ImagePath", std::string("C:\\") + name + ".exe", 2)
        .number(key, "Start", std::string(name) == "alpha" ? 4 : 2)
        .text(key + "\\Parameters", "ServiceDll", std::string(40000, 'd'));
  }
  EXPECT_TRUE(as_hivex_reads(*after) == as_hivex_reads(meant.build()));
  EXPECT_FALSE(as_hivex_reads(*after) == as_hivex_reads(before));
}

TEST(HiveEdit, WhatIsTakenOutCannotBeReadInTheFileAnyMore) {
  const Bytes before = sample().build();
  const auto after = edited(before, {delete_key("ControlSet001\\Services\\beta")});
  ASSERT_TRUE(after);
  EXPECT_EQ(after->size(), before.size());
  const Bytes name = utf16("C:\\beta.exe");
  EXPECT_NE(as_text(before).find(as_text(name)), std::string_view::npos);
  EXPECT_EQ(as_text(*after).find(as_text(name)), std::string_view::npos);
  EXPECT_EQ(as_text(*after).find("beta"), std::string_view::npos);
}

TEST(HiveEdit, ShorterDataLeavesTheEndOfTheFormerBehindIt) {
  const auto with = [](const std::string& text) {
    return HiveBuilder().text("a", "b", "before").text("a", "list", text).build();
  };
  const Bytes before = with("good.exe,secret.exe");
  const auto set = [&](std::size_t size) {
    Bytes data = utf16("good.exe");
    data.resize(std::max(data.size(), size));
    return edited(before, {{Edit::Kind::kSetData, "a", "list", 0, data}});
  };
  const auto after = set(0);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(as_hivex_reads(*after), as_hivex_reads(with("good.exe")));
  EXPECT_EQ(as_text(*after).find(as_text(utf16("secret"))), std::string_view::npos);
  EXPECT_EQ(set(100).error().code, Code::kConflict) << "nothing grows";
}

TEST(HiveEdit, TheLastValueAndTheLastKeyLeaveAnEmptyKey) {
  const Bytes before = HiveBuilder().text("a\\b", "only", "x").build();
  const auto value = edited(before, {delete_value("a\\b", "only")});
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(as_hivex_reads(*value), as_hivex_reads(HiveBuilder().key("a\\b").build()));
  const auto key = edited(before, {delete_key("a\\b")});
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(as_hivex_reads(*key), as_hivex_reads(HiveBuilder().key("a").build()));
}

bool is_left(const Bytes& hive, std::string_view text) {
  return as_text(hive).find(text, kHeaderBytes) != std::string_view::npos;
}

TEST(HiveEdit, OfManyKeysAnotherGoesOrTheListsStay) {
  for (const char* kind : {"lh", "lf", "li"}) {
    const Bytes before = many_services(kind).build();
    for (const auto& part : parts_of_services()) {
      SCOPED_TRACE(fmt::format("{}: {} from {}", kind, part.size(), *part.begin()));
      const auto after = edited(before, delete_services(part));
      ASSERT_TRUE(after) << after.error().message;
      EXPECT_TRUE(as_hivex_reads(*after) ==
                  as_hivex_reads(many_services(kind, kListOfServices, part).build()));
      EXPECT_EQ(is_left(*after, "ri"), part.size() != kManyServices);
    }
    const auto none = edited(before, {delete_key("ControlSet001")});
    ASSERT_TRUE(none) << none.error().message;
    EXPECT_EQ(as_hivex_reads(*none), as_hivex_reads(HiveBuilder().lists(kind).build()));
    for (const char* left : {"ri", "s123", kind}) EXPECT_FALSE(is_left(*none, left)) << left;
  }
}

TEST(HiveEdit, AKeyOrValueWhoseNameIsBeyondAsciiStays) {
  const auto before =
      HiveBuilder().text("Журнал", "Имя", "x").text("Журнал", "b", "y").key("Архив").build();
  const auto after = edited(before, {delete_value("ЖУРНАЛ", "имя"), delete_key("АРХИВ")});
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(as_hivex_reads(*after), as_hivex_reads(HiveBuilder().text("Журнал", "b", "y").build()));
}

TEST(HiveEdit, TheSameEditGivesTheSameBytesAndNewSequenceNumbers) {
  const Bytes before = sample().build();
  const auto one = edited(before, {delete_value(kRun, "first")});
  const auto two = edited(before, {delete_value(kRun, "first")});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(*one, *two);
  EXPECT_EQ(Hive::open(*one)->sequence(), Hive::open(before)->sequence() + 1);
  EXPECT_FALSE(Hive::open(*one)->is_dirty());
}

TEST(HiveEdit, ADirtyOrDamagedHiveIsNotWrittenTo) {
  Bytes dirty = sample().build();
  make_dirty(dirty);
  const auto refused = edited(dirty, {delete_value(kRun, "first")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_NE(refused.error().message.find("start Windows once"), std::string::npos);

  Bytes damaged = sample().build();
  const auto hive = Hive::open(damaged);
  const Cell run = *hive->find(hive->root(), kRun);
  damaged[kHeaderBytes + run + 4 + nk::kValues] = 200;
  const auto unwritten = edited(damaged, {delete_key("ControlSet001\\Services\\beta")});
  ASSERT_FALSE(unwritten);
  EXPECT_NE(unwritten.error().message.find("chkdsk"), std::string::npos);
}

// One more value in a key than is told of a hive, and one longer than is read; libhivex takes none
// so long.
HiveBuilder with_much() {
  HiveBuilder builder;
  for (std::size_t i = 0; i <= limits::kRegistryValues; ++i)
    builder.number("Many", fmt::format("v{}", i), 1);
  return builder.bytes("Long", "v", 3, Bytes(17 << 20, 'v'));
}
Digest meaning_of(const Bytes& bytes) {
  return meaning(*Hive::open(bytes), {});
}

TEST(HiveEdit, AKeyOfManyValuesOrALongOneKeepsAllOthersInTheirHive) {
  const Bytes before =
      with_much().text(kRun, "evil", "C:\\evil.exe").text(kRun, "first", "C:\\first.exe").build();
  const std::vector<Edit> edits{delete_value(kRun, "evil")};
  const auto after = edited(before, edits);
  ASSERT_TRUE(after) << after.error().message;
  const auto hive = Hive::open(*after);
  const auto left = all_values(*hive, *hive->find(hive->root(), kRun));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].name, "first");
  const auto back = restored(before, edits, *after);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(meaning_of(*back), meaning_of(before));
}

TEST(HiveEdit, ALongValueOrOneOfManyDoesNotComeBack) {
  const Bytes before = with_much().build();
  const std::vector<Edit> edits{delete_value("Long", "v"), delete_value("Many", "v10000")};
  const auto after = edited(before, edits);
  ASSERT_TRUE(after) << after.error().message;
  const auto back = restored(before, edits, *after);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(meaning_of(*back), meaning_of(before));
}

TEST(HiveEdit, TwoLongValuesThatDifferAtTheirEndsAreOne) {
  Bytes data(17 << 20, 'v');
  data.back() = 'w';
  const Bytes bytes = with_much().bytes("Other", "v", 3, data).build();
  const auto hive = Hive::open(bytes);
  const auto value = [&](const char* key) {
    return *hive->value(*hive->find(hive->root(), key), "v");
  };
  EXPECT_EQ(value("Long").data, value("Other").data);
  EXPECT_NE(meaning_of_value(*hive, value("Long")), meaning_of_value(*hive, value("Other")));
}

TEST(HiveEdit, WhatIsNotThereIsSaidAndNothingIsChanged) {
  const Bytes before = sample().build();
  for (const Edit& edit :
       {delete_value(kRun, "fourth"), delete_value("No\\Key", "first"), delete_key("ControlSet002"),
        Edit{Edit::Kind::kSetNumber, kRun, "first", 4}})
    EXPECT_EQ(edited(before, {edit}).error().code, Code::kNotFound);
  EXPECT_EQ(edited(before, {delete_key("")}).error().code, Code::kInvalid);
}

// Two values that share their data: freeing it for one would change the other.
TEST(HiveEdit, AnEditThatWouldChangeSomethingElseIsRefused) {
  Bytes bytes = sample().build();
  const auto hive = Hive::open(bytes);
  const Cell run = *hive->find(hive->root(), kRun);
  const auto values = all_values(*hive, run);
  const std::size_t from = kHeaderBytes + values[0].cell + 4 + vk::kData;
  const std::size_t to = kHeaderBytes + values[1].cell + 4 + vk::kData;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(from), 4,
              bytes.begin() + static_cast<std::ptrdiff_t>(to));
  const auto refused = edited(bytes, {delete_value(kRun, "first")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInternal);
}

TEST(HiveEdit, TheDifferenceIsSmallAndMakesTheNewOfTheOld) {
  const Bytes before = sample().build();
  const auto after = edited(before, {delete_value(kRun, "first")});
  ASSERT_TRUE(after);
  Bytes patched = before;
  std::size_t bytes = 0;
  for (const Patch& patch : difference(before, *after)) {
    std::copy(patch.bytes.begin(), patch.bytes.end(),
              patched.begin() + static_cast<std::ptrdiff_t>(patch.at));
    bytes += patch.bytes.size();
  }
  EXPECT_EQ(patched, *after);
  EXPECT_LT(bytes, 200u);
}

}  // namespace
}  // namespace fleetsweep::hive
