// A key as the registry editor of Windows exports it.

#include "agent/hive/export.h"

#include <gmock/gmock.h>

#include "agent/hive/registry.h"
#include "agent/hive/text.h"
#include "tests/agent/hive/hive_builder.h"

namespace fleetsweep::hive {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kRoom = 1 << 20;
constexpr char kBad[] = "ControlSet001\\Services\\bad";

std::string exported(const Bytes& bytes, const std::vector<Edit>& edits,
                     std::size_t bytes_max = kRoom) {
  const auto hive = Hive::open(bytes);
  const Bytes file = registry_file(*hive, "HKEY_LOCAL_MACHINE\\SYSTEM", edits, bytes_max);
  EXPECT_LE(file.size(), bytes_max);
  EXPECT_EQ((Bytes{file[0], file[1]}), (Bytes{0xff, 0xfe}));
  return from_utf16(BytesView(file).subspan(2));
}

TEST(HiveExport, AServiceIsWrittenAsTheRegistryEditorDoes) {
  const Bytes hive = HiveBuilder()
                         .text(kBad, "ImagePath", "\"C:\\bad.exe\" /s")
                         .number(kBad, "Start", 2)
                         .text(kBad, "Group", "x", 2)
                         .bytes(kBad, "Blob", 3, {0, 0xff, 7})
                         .bytes(kBad, "Odd", 1, {'a', 0})
                         .text(std::string(kBad) + "\\Parameters", "", "the default")
                         .text("ControlSet001\\Services\\good", "ImagePath", "C:\\good.exe")
                         .build();
  EXPECT_EQ(exported(hive, {{Edit::Kind::kDeleteKey, kBad, {}, 0}}),
            "Windows Registry Editor Version 5.00\r\n"
            "\r\n"
            "[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\bad]\r\n"
            "\"ImagePath\"=\"\\\"C:\\\\bad.exe\\\" /s\"\r\n"
            "\"Start\"=dword:00000002\r\n"
            "\"Group\"=hex(2):78,00,00,00\r\n"
            "\"Blob\"=hex:00,ff,07\r\n"
            "\"Odd\"=hex(1):61,00\r\n"
            "\r\n"
            "[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\bad\\Parameters]\r\n"
            "@=\"the default\"\r\n");
}

TEST(HiveExport, OtherValuesOfTheSameKeyAreExportedToo) {
  const Bytes hive = HiveBuilder().text("Run", "bad", "a").text("Run", "private", "b").build();
  const std::string text = exported(hive, {{Edit::Kind::kDeleteValue, "Run", "BAD", 0}});
  EXPECT_THAT(text, HasSubstr("[HKEY_LOCAL_MACHINE\\SYSTEM\\Run]\r\n\"bad\"=\"a\"\r\n"));
  EXPECT_THAT(text, Not(HasSubstr("private")));
}

TEST(HiveExport, ANameWithALineEndBeginsAKeyOfItsAuthorsChoice) {
  const std::string line = "x\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\planted]\r\n";
  const Bytes hive = HiveBuilder().text("Run", line, "a").text("Run", "b", line).build();
  const std::string text = exported(hive, {{Edit::Kind::kDeleteKey, "Run", {}, 0}});
  EXPECT_THAT(text, Not(HasSubstr("\n[HKEY_LOCAL_MACHINE\\SOFTWARE")));
  EXPECT_THAT(text, HasSubstr("\r\n; "));
  EXPECT_THAT(text, HasSubstr("\"b\"=hex(1):78,00,0d,00,"));
}

TEST(HiveExport, WhatDoesNotFitIsLeftOutUnsaid) {
  HiveBuilder builder;
  for (int i = 0; i < 100; ++i) builder.text("Run", "value" + std::to_string(i), "text");
  const std::string text =
      exported(builder.build(), {{Edit::Kind::kDeleteKey, "Run", {}, 0}}, 1024);
  EXPECT_THAT(text, HasSubstr("\"value1\"="));
  EXPECT_TRUE(text.ends_with("; more than fits is left out\r\n")) << text;
}

TEST(HiveExport, ADirtyHiveIsExportedAndSaysSo) {
  Bytes hive = HiveBuilder().text(kBad, "ImagePath", "C:\\bad.exe").build();
  make_dirty(hive);
  const std::string entry = "HKEY_LOCAL_MACHINE\\SYSTEM\\" + std::string(kBad);
  const auto file =
      exported(hive, Role::kSystem, {Change::Kind::kRemoveEntry, entry, "C:\\bad.exe"}, kRoom);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_THAT(from_utf16(*file), HasSubstr("; written to and not brought to its end"));
  EXPECT_EQ(exported(hive, Role::kSystem, {Change::Kind::kRemoveEntry, entry, "other"}, kRoom)
                .error()
                .code,
            Code::kNotFound);
}

TEST(Text, WhatLeavesTheFirstPlaneComesBack) {
  for (const std::string text : {"plain", "gr\xc3\xbc\xc3\x9f", "\xe2\x82\xac", "\xf0\x9f\x98\x80"})
    EXPECT_EQ(from_utf16(to_utf16(text)), text);
  EXPECT_EQ(from_utf16(to_utf16("\xff")), "\xc3\xbf");
}

}  // namespace
}  // namespace fleetsweep::hive
