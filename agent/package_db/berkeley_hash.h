#pragma once

// The packages in rpm's older database, Packages: a hash of Berkeley DB (its dbinc/db_page.h; rpm
// itself reads it so since 4.17, lib/backend/bdb_ro.c), in either byte order. Every offset is
// checked; nothing is locked, and what the library keeps beside it in __db.* is not looked at.

#include <functional>

#include "agent/package_db/byte_source.h"
#include "protocol/base/result.h"

namespace fleetsweep {

// Each value but that of key 0, which is the number that the next package gets. kInvalid: not such
// a hash, or damaged, or a value of more than `bytes_max`; the message says at which byte.
Status each_berkeley_value(const ByteSource& file, std::size_t bytes_max,
                           const std::function<Status(BytesView)>& visit);

}  // namespace fleetsweep
