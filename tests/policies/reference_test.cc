// Every policy in docs/policy-reference.md compiles as it stands there.

#include "tests/policies/sample.h"

namespace fleetsweep::compiler {
namespace {

struct Block {
  int line = 0;
  std::string kind;  // yaml, yara
  std::string text;
};

std::vector<Block> blocks_of(const std::string& markdown) {
  std::vector<Block> blocks;
  std::istringstream lines(markdown);
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.starts_with("```")) {
      if (!inside) blocks.push_back({number, line.substr(3), ""});
      inside = !inside;
    } else if (inside) {
      blocks.back().text += line + "\n";
    }
  }
  return blocks;
}

}  // namespace

// A block that is a whole policy compiles alone. A fragment, which begins with a section or a
// detection, is put into the sample at its place.
std::string completed(const std::string& fragment) {
  if (fragment.starts_with("apiVersion:")) return fragment;
  for (const char* section : {"target:", "schedule:", "resources:", "safety:", "lists:"})
    if (fragment.starts_with(section)) {
      const std::string policy = sample_policy();
      if (policy.find(std::string("\n") + section) == std::string::npos) return policy + fragment;
      if (std::string(section) == "target:") return with("target: {platform: linux}\n", fragment);
      const auto at = policy.find("lists:\n") + 7;
      return policy.substr(0, at) + fragment.substr(fragment.find('\n') + 1) + policy.substr(at);
    }
  std::string indented;
  std::istringstream lines(fragment);
  for (std::string line; std::getline(lines, line);) indented += "  " + line + "\n";
  return with("  talks:\n", indented + "  talks:\n");
}

TEST(Reference, AnExampleOfTheDocumentationIsWrong) {
  const auto markdown = read_whole(std::string(FS_SOURCE_DIR) + "/docs/policy-reference.md");
  std::string rule = kSampleRule;
  int policies = 0;
  for (const auto& block : blocks_of(markdown)) {
    if (block.kind == "yara") rule = block.text;
    if (block.kind != "yaml") continue;
    ++policies;
    const bool whole = block.text.starts_with("apiVersion:");
    const auto compiled = compile_with(completed(block.text), whole ? rule : kSampleRule);
    std::vector<Diagnostic> errors;
    for (const auto& d : compiled.diagnostics)
      if (d.severity == Severity::kError || whole) errors.push_back(d);
    EXPECT_TRUE(errors.empty()) << "docs/policy-reference.md:" << block.line << "\n"
                                << lint_text(errors, completed(block.text));
  }
  EXPECT_GE(policies, 10);
}

// What the language has, the reference has.
TEST(Reference, AFieldOrActionIsNotDocumented) {
  const auto markdown = read_whole(std::string(FS_SOURCE_DIR) + "/docs/policy-reference.md");
  for (const auto field : Names<model::Field>::kAll)
    EXPECT_NE(markdown.find("`" + std::string(field) + "`"), std::string::npos) << field;
  for (const auto action : Names<model::ActionKind>::kAll)
    EXPECT_NE(markdown.find("`" + std::string(action) + "`"), std::string::npos) << action;
  for (const char* modifier :
       {"startswith", "endswith", "contains", "re", "cidr", "gt", "lt", "exists", "cased", "all",
        "windash", "wide", "base64offset", "in", "i", "domain"})
    EXPECT_NE(markdown.find("`" + std::string(modifier) + "`"), std::string::npos) << modifier;
}

}  // namespace fleetsweep::compiler
