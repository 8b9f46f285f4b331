#pragma once

// What the readers of rpm's databases read from: a file in the agent, bytes in a test.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>

#include "protocol/base/bytes.h"

namespace fleetsweep {

// Bytes at an offset; false if they are not all there.
struct ByteSource {
  std::uint64_t size = 0;
  std::function<bool(std::span<std::uint8_t>, std::uint64_t offset)> read;
};

inline ByteSource source_of(BytesView bytes) {
  return {bytes.size(), [bytes](std::span<std::uint8_t> target, std::uint64_t offset) {
            if (offset > bytes.size() || bytes.size() - offset < target.size()) return false;
            std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), target.size(),
                        target.begin());
            return true;
          }};
}

}  // namespace fleetsweep
