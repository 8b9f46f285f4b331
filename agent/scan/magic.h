#pragma once

// What a content is by its first bytes.

#include <string_view>

#include "protocol/base/bytes.h"

namespace fleetsweep::scan {

// elf, pe, script, gzip, zip, text, data; empty for an empty file. So many of its bytes tell.
std::string_view magic_of(BytesView head);
inline constexpr std::size_t kMagicBytes = 4096;

}  // namespace fleetsweep::scan
