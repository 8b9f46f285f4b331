#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

TEST(Report, TheCaretPointsElsewhere) {
  const auto source = with("object: process", "object: proces");
  EXPECT_EQ(lint_text(compile(source).diagnostics, source),
            "policy.yaml:22:13: error: 'object' does not know 'proces'\n"
            "  22 |     object: proces\n"
            "     |             ^\n"
            "  hint: did you mean 'process'?\n"
            "1 error, 0 warnings");
}

TEST(Report, ALongLineFillsTheScreen) {
  const std::string source = "a: " + std::string(500, 'x') + " !";
  const auto text = lint_text({{Severity::kWarning, "p.yaml", 1, 505, "here", ""}}, source);
  EXPECT_LT(text.find('\n', text.find('\n') + 1) - text.find('\n'), 130u);
  EXPECT_THAT(text, testing::HasSubstr(" !\n"));
}

TEST(Report, ControlBytesReachTheTerminal) {
  const auto text = lint_text({{Severity::kError, "p\x1b.yaml", 1, 1, "here", ""}}, "\x1b[31mred");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(Report, NothingIsSaidWhenAllIsWell) {
  EXPECT_EQ(lint_text({}, "x"), "no mistakes");
}

TEST(Report, JsonIsNotJson) {
  EXPECT_EQ(
      diagnostics_json({{Severity::kError, "p.yaml", 3, 7, "a \"b\"", "c"}}),
      "[\n  {\n    \"column\": 7,\n    \"file\": \"p.yaml\",\n    \"hint\": \"c\",\n"
      "    \"line\": 3,\n    \"message\": \"a \\\"b\\\"\",\n    \"severity\": \"error\"\n  }\n]");
  EXPECT_EQ(diagnostics_json({}), "[]");
}

}  // namespace fleetsweep::compiler
