#include "agent/hive/hive.h"

#include <gmock/gmock.h>

#include "agent/hive/text.h"
#include "tests/agent/hive/sample_hive.h"

namespace fleetsweep::hive {
namespace {

using testing::ElementsAre;

TEST(Hive, KeysAndValuesOfEveryKindAreRead) {
  const std::string long_text(20000, 'x');
  const Bytes bytes = HiveBuilder()
                          .text("Software\\One", "", "default")
                          .text("Software\\One", "Path", "%SystemRoot%\\x.exe", 2)
                          .number("Software\\One", "Start", 2)
                          .bytes("Software\\One", "List", 7, utf16(std::string("a\0b\0", 4)))
                          .bytes("Software\\One", "Raw", 3, {1, 2, 0xff})
                          .text("Software\\Two", "Long", long_text)
                          .build();
  const auto hive = Hive::open(bytes);
  ASSERT_TRUE(hive) << hive.error().message;
  const auto key = hive->find(hive->root(), "SOFTWARE\\one");
  ASSERT_TRUE(key);
  std::vector<std::string> shown;
  for (const Value& value : all_values(*hive, *key))
    shown.push_back(fmt::format("{} {} {}", value.name, type_name(value.type), text_of(value)));
  EXPECT_THAT(shown,
              ElementsAre(" REG_SZ default", "Path REG_EXPAND_SZ %SystemRoot%\\x.exe",
                          "Start REG_DWORD 2", "List REG_MULTI_SZ a\nb", "Raw REG_BINARY 0102ff"));
  const auto two = hive->find(hive->root(), "Software\\Two");
  ASSERT_TRUE(two);
  EXPECT_EQ(text_of(*hive->value(*two, "long")), long_text);
  EXPECT_FALSE(hive->find(hive->root(), "Software\\Three"));
  EXPECT_FALSE(hive->is_damaged()) << hive->damage();
  EXPECT_FALSE(hive->is_dirty());
}

TEST(Hive, OfManyKeysOnlyThoseOfTheFirstListAreSeen) {
  const std::string meant = as_hivex_reads(many_services("lh", kManyServices).build());
  for (const char* kind : {"lh", "lf", "li"})
    for (const std::size_t most : {kManyServices, kListOfServices}) {
      SCOPED_TRACE(fmt::format("{} of {}", kind, most));
      const Bytes bytes = many_services(kind, most).build();
      EXPECT_TRUE(as_hivex_reads(bytes) == meant);
      const auto hive = Hive::open(bytes);
      ASSERT_TRUE(hive) << hive.error().message;
      const auto services = hive->subkeys(*hive->find(hive->root(), kServices));
      ASSERT_EQ(services.size(), kManyServices);
      for (std::size_t i = 0; i < kManyServices; ++i)
        ASSERT_EQ(std::string(kServices) + "\\" + hive->name(services[i]), service(i));
      EXPECT_FALSE(hive->is_damaged()) << hive->damage();
    }
}

TEST(Hive, ANameBeyondAsciiIsNotFoundInTheOtherCase) {
  const Bytes bytes = HiveBuilder().text("Журнал\\x", "Имя", "Ж").build();
  const auto hive = Hive::open(bytes);
  ASSERT_TRUE(hive) << hive.error().message;
  const auto key = hive->find(hive->root(), "ЖУРНАЛ\\X");
  ASSERT_TRUE(key);
  EXPECT_EQ(data_text(*hive, *key, "ИМЯ"), "Ж");
  EXPECT_EQ(all_values(*hive, *key)[0].name, "Имя");
}

TEST(Hive, AHiveThatIsCutOrHasAWrongChecksumIsRefused) {
  const Bytes good = HiveBuilder().text("A", "b", "c").build();
  Bytes cut = good;
  cut.resize(cut.size() - 1);
  EXPECT_FALSE(Hive::open(cut));
  Bytes flipped = good;
  flipped[100] ^= 1;
  EXPECT_EQ(Hive::open(flipped).error().message, "the checksum of the hive's header is wrong");
  EXPECT_FALSE(Hive::open(BytesView(good).first(100)));
  EXPECT_FALSE(Hive::open({}));
}

TEST(Hive, SequenceNumbersThatDifferMakeItDirty) {
  Bytes bytes = HiveBuilder().text("A", "b", "c").build();
  make_dirty(bytes);
  const auto hive = Hive::open(bytes);
  ASSERT_TRUE(hive);
  EXPECT_TRUE(hive->is_dirty());
}

// The list of a key is given its own grandparent: walking must end, and say so.
TEST(Hive, KeysThatHoldEachOtherDoNotHangTheReader) {
  Bytes bytes = HiveBuilder().key("a\\b\\c").build();
  const auto before = Hive::open(bytes);
  ASSERT_TRUE(before);
  const Cell a = *before->find(before->root(), "a"), c = *before->find(a, "b\\c");
  const Cell list = le32(before->cell(before->root()), nk::kSubkeyList);
  const std::size_t at = kHeaderBytes + c + 4;
  bytes[at + nk::kSubkeys] = 1;
  for (int i = 0; i < 4; ++i)
    bytes[at + nk::kSubkeyList + i] = static_cast<std::uint8_t>(list >> 8 * i);
  const auto hive = Hive::open(bytes);
  ASSERT_TRUE(hive);
  int keys = 0;
  hive->walk(hive->root(), [&](Cell, const std::string&) {
    ++keys;
    return Hive::Next::kGoOn;
  });
  EXPECT_EQ(keys, 4);
  EXPECT_TRUE(hive->is_damaged());
}

TEST(Hive, EveryByteThatIsTurnedIsEitherNoticedOrHarmless) {
  const Bytes good =
      HiveBuilder().text("Software\\One", "Path", "x").number("Software\\Two", "Start", 2).build();
  for (std::size_t at = kHeaderBytes; at < good.size(); ++at)
    for (const std::uint8_t turned : {0x00, 0x80, 0xff}) {
      Bytes bytes = good;
      bytes[at] ^= turned;
      const auto hive = Hive::open(bytes);
      if (!hive) continue;
      int keys = 0;
      hive->walk(hive->root(), [&](Cell key, const std::string&) {
        all_values(*hive, key);
        return ++keys > 100 ? Hive::Next::kStop : Hive::Next::kGoOn;
      });
      ASSERT_LE(keys, 4) << at;
    }
}

TEST(Hive, ALogTellsTheNewestEntryItHolds) {
  Bytes log(512);
  const auto put = [&](std::size_t at, std::string_view text) {
    std::copy(text.begin(), text.end(), log.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0, "regf");
  seal_header(log);
  EXPECT_EQ(last_logged(log), std::nullopt);
  for (const std::uint8_t sequence : {8, 9}) {
    const std::size_t at = log.size();
    log.resize(at + 64);
    put(at, "HvLE");
    log[at + 4] = 64;
    log[at + 12] = sequence;
  }
  EXPECT_EQ(last_logged(log), 9u);
  log[600] = 0;  // behind the entries: nothing
  log[0] = 'x';
  EXPECT_EQ(last_logged(log), std::nullopt);
}

TEST(Text, HalfACharacterBecomesTheSignForOneThatIsNone) {
  EXPECT_EQ(from_utf16(Bytes{0x3d, 0xd8, 0x00, 0xde, 'a', 0}),
            "\xf0\x9f\x98\x80"
            "a");
  EXPECT_EQ(from_utf16(Bytes{0x3d, 0xd8, 'a', 0}),
            "\xef\xbf\xbd"
            "a");
  EXPECT_EQ(from_latin1(Bytes{0xe9}), "\xc3\xa9");
}

TEST(Text, ANameInTheOtherCaseIsAnotherOnceItHasAnUmlaut) {
  for (const auto& [one, other] :
       {std::pair("C:\\Daten\\MÜLLER", "c:\\daten\\müller"), std::pair("ΣΊΣΥΦΟΣ", "σίσυφος"),
        std::pair("ЖУРНАЛ", "журнал"), std::pair("ȺB", "ⱥb")}) {  // of two bytes, and of three
    EXPECT_TRUE(is_equal(one, other)) << one;
    EXPECT_EQ(lower(one), lower(other));
    EXPECT_TRUE(begins(std::string(one) + "\\x", other)) << one;
    EXPECT_FALSE(begins(one, std::string(other) + "\\x")) << one;
  }
  for (const auto& [one, other] :
       {std::pair("Straße", "STRASSE"), std::pair("Muller", "Müller"), std::pair("𐐀", "𐐨"),
        std::pair("\xff", "\xfe"), std::pair("\xc3", "Ã"), std::pair("é", "e\u0301")}) {
    EXPECT_FALSE(is_equal(one, other)) << one;
    EXPECT_TRUE(is_equal(one, one)) << one;
  }
}

TEST(Text, ALetterOfAnotherScriptPassesForOneOfAscii) {
  for (const auto& [one, other] :
       {std::pair("ſervices", "services"), std::pair("\u212aey", "key"), std::pair("wın", "win")})
    EXPECT_FALSE(is_equal(one, other)) << one;
  for (std::uint32_t c = 0x80; c < 0xd800; ++c) {
    const Bytes unit{static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c >> 8)};
    const std::string folded = lower(from_utf16(unit));
    ASSERT_LT(folded[0], 0) << c;
    ASSERT_EQ(lower(folded), folded) << c;
  }
}

}  // namespace
}  // namespace fleetsweep::hive
