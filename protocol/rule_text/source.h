#pragma once

// A reader for the part of YARA's grammar that the gate needs: rules with their strings, and their
// conditions as tokens. It gives up (nothing) at whatever it does not know.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/rule_text/literal.h"

namespace fleetsweep::rule_text {

struct YaraString {
  std::string id;                 // "$a"; "$" without a name
  std::vector<Literal> literals;  // one of them occurs where the string does; empty: unknown
  std::string start;              // it begins with these bytes; empty: unknown
};

struct YaraRule {
  std::vector<YaraString> strings;
  std::vector<std::string> condition;  // tokens
};

std::optional<std::vector<YaraRule>> read_yara(std::string_view source, std::size_t run_min);

}  // namespace fleetsweep::rule_text
