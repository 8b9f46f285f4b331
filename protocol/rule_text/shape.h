#pragma once

// How large a file must be, and how it must begin, before a set of YARA rules can match it: what
// their conditions say of filesize, of uint8/16/32(0) and of strings "at 0". It decides before a
// file is read. Always an over-approximation: what is not understood asks for nothing.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"

namespace fleetsweep::rule_text {

struct Shape {
  std::uint64_t size_min = 0;
  std::uint64_t size_max = std::numeric_limits<std::uint64_t>::max();
  std::vector<std::string> starts;  // it begins with one of them; none: with anything

  bool takes_size(std::uint64_t size) const { return size >= size_min && size <= size_max; }
  // The first head_bytes() of the file, or all of a shorter one.
  bool takes_head(BytesView head) const;
  std::size_t head_bytes() const;
};

Shape shape_of(std::string_view source);

// Of a longer start so much is asked for.
inline constexpr std::size_t kShapeStartBytes = 16;

}  // namespace fleetsweep::rule_text
