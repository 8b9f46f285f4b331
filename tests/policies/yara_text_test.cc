#include "policies/compiler/yara_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fleetsweep::compiler {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> problems(std::string_view source) {
  std::vector<std::string> lines;
  for (const auto& p : yara_text_problems(source))
    lines.push_back(std::to_string(p.line) + (p.warning ? " warning: " : " error: ") + p.message);
  return lines;
}

std::string strings(std::string_view definition) {
  return "rule r { strings:\n" + std::string(definition) + "\ncondition: any of them }";
}

TEST(YaraText, AnImportThatReadsTheFileAgainIsAllowed) {
  EXPECT_THAT(problems("import \"pe\"\nimport \"hash\"\nrule r { condition: true }"),
              ElementsAre("2 error: the YARA module 'hash' is not allowed"));
  for (const char* module : {"dotnet", "dex", "macho", "console"})
    EXPECT_EQ(problems("import \"" + std::string(module) + "\"").size(), 1u) << module;
}

TEST(YaraText, AnImportInACommentOrStringCounts) {
  EXPECT_THAT(
      problems(
          "// import \"hash\"\n/* import \"dex\" */\nrule r { condition: filename == \"hash\" }"),
      IsEmpty());
}

TEST(YaraText, AStringWithoutFourFixedBytesIsSilentlySlow) {
  EXPECT_THAT(problems(strings("$a = \"abc\"")),
              ElementsAre("2 warning: the YARA string $a has only 3 fixed bytes in a row"));
  EXPECT_THAT(problems(strings("$a = \"\\x41\\x42c\" wide")),
              ElementsAre("2 warning: the YARA string $a has only 3 fixed bytes in a row"));
  EXPECT_THAT(problems(strings("$a = { 41 42 ?? 43 44 [2-4] 45 }")),
              ElementsAre("2 warning: the YARA string $a has only 2 fixed bytes in a row"));
  EXPECT_THAT(problems(strings("$a = { 41 42 ( 43 44 | 45 46 ) 47 }")),
              ElementsAre("2 warning: the YARA string $a has only 2 fixed bytes in a row"));
  EXPECT_THAT(problems(strings("$a = /ab[cd]ef?gh/")),
              ElementsAre("2 warning: the YARA string $a has only 2 fixed bytes in a row"));
  EXPECT_THAT(problems(strings("$a = /abcd*/")),
              ElementsAre("2 warning: the YARA string $a has only 3 fixed bytes in a row"));
}

TEST(YaraText, AGoodStringIsComplainedAbout) {
  EXPECT_THAT(problems(strings("$a = \"abcd\" // short: \"ab\"\n$b = { 41 42 43 4? 44 45 46 47 }\n"
                               "$c = /id=[0-9a-f]{8};/ $d = /x\\/\\x41\\x42y+/")),
              ElementsAre("4 warning: the YARA string $c has only 3 fixed bytes in a row"));
}

TEST(YaraText, BrokenTextHangsOrCrashesTheLexer) {
  for (const char* text : {"", "$", "$a", "$a =", "$a = \"", "$a = {", "$a = { 4", "$a = /",
                           "$a = /\\", "/*", "import", "import \"", "$a = { [", "\"\\"})
    problems(text);
}

}  // namespace fleetsweep::compiler
