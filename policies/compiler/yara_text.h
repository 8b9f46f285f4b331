#pragma once

// What our agents refuse or warn about in YARA source that libyara itself would take: imports that
// read a file again or crash on hostile input, strings that do not tell which files can be skipped
// unread, and rules that are true of any file.

#include <cstdint>
#include <string_view>
#include <vector>

#include "policies/compiler/yara_check/yara_check.h"

namespace fleetsweep::compiler {

std::vector<RuleProblem> yara_text_problems(std::string_view source);

struct RuleText {
  std::string_view name;   // borrows from the source
  std::uint32_t line = 0;  // where its condition begins
  bool is_private = false;
  // Something beside its size and its first bytes has to be true of a file before the rule is.
  // Where the condition is not understood, this is taken for granted.
  bool needs_content = true;
};

std::vector<RuleText> yara_rule_texts(std::string_view source);

}  // namespace fleetsweep::compiler
