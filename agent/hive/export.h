#pragma once

// A part of a hive as the registry editor of Windows exports it ("Windows Registry Editor Version
// 5.00", UTF-16 with a byte order mark), so that an analyst can read it with his own tools. Pure.

#include <span>

#include "agent/hive/edit.h"

namespace fleetsweep::hive {

// What these edits take out or set, as it stands now: a key with all below it, or one value. What
// such a file cannot say, since a name holds control characters, and what does not fit into
// `bytes_max`, is named in a comment. `prefix` stands before each key.
Bytes registry_file(const Hive& hive, std::string_view prefix, std::span<const Edit> edits,
                    std::size_t bytes_max);

}  // namespace fleetsweep::hive
