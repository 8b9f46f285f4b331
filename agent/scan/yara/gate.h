#pragma once

// What must occur in a file before a set of YARA rules can match it: literal byte strings, searched
// at gigabytes a second, so that YARA itself runs on few files. Always an over-approximation: where
// the source is not understood completely, the gate is open and every file goes to YARA.

#include <string_view>
#include <vector>

#include "agent/scan/literal/literal_set.h"

namespace fleetsweep::scan {

struct Gate {
  bool open = true;               // no literal is needed
  std::vector<Literal> literals;  // otherwise one of these occurs in every file that matches
};

// From the source text: per rule, a set of strings of which the condition needs one, and of each
// its longest fixed run of at least kGateBytes.
Gate gate_of(std::string_view source);

inline constexpr std::size_t kGateBytes = 6;
// The start of a longer one is asked for: it occurs where the whole does.
inline constexpr std::size_t kGateBytesMax = 256;

}  // namespace fleetsweep::scan
