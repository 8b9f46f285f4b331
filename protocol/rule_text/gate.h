#pragma once

// What must occur in a file before a set of YARA rules can match it: literal byte strings, searched
// at gigabytes a second, so that YARA itself runs on few files. Always an over-approximation: where
// the source is not understood completely, the gate is open and every file goes to YARA.

#include <string_view>
#include <vector>

#include "protocol/rule_text/literal.h"

namespace fleetsweep::rule_text {

struct Gate {
  bool open = true;               // no literal is needed
  std::vector<Literal> literals;  // otherwise one of these occurs in every file that matches
};

// From the source text: per rule, a set of strings of which the condition needs one, and of each
// its longest fixed run of at least kGateBytes.
Gate gate_of(std::string_view source);

// As many as YARA itself needs to look for one: any that is longer than a word of a processor is
// rare in a file that the rule is not about.
inline constexpr std::size_t kGateBytes = 4;
// The start of a longer one is asked for: it occurs where the whole does.
inline constexpr std::size_t kGateBytesMax = 256;

}  // namespace fleetsweep::rule_text
