#pragma once

// A bolt database (go.etcd.io/bbolt: page.go, meta.go, bucket.go, node.go), read as its last
// transaction left it. Keys and values come from whoever built an image: only a process that has
// nothing to lose may read this. Every offset is checked, nothing is locked.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "protocol/base/bytes.h"

namespace fleetsweep {

// So much from the beginning holds both of the database's meta pages.
inline constexpr std::size_t kBoltHeadBytes = 128 * 1024;

// The number of the last transaction. A writer leaves alone what this one needs until the next has
// been committed. Nothing: not such a database.
std::optional<std::uint64_t> bolt_transaction(BytesView head);

// All values in the order of their keys; `path` has the names of the buckets that one is in, and
// its key. False: not such a database, or damaged, or deeper than limits::kBoltDepth; what was
// visited before means nothing then.
bool each_bolt_value(BytesView database,
                     const std::function<void(std::span<const std::string_view> path,
                                              std::string_view value)>& visit);

}  // namespace fleetsweep
