#pragma once

// The packages in rpm's database of the kind "ndb", Packages.db (rpm's lib/backend/ndb/rpmpkg.c):
// pages of slots, which say where the blob of each package is. Little-endian. Every offset and
// checksum is checked; nothing is locked.

#include <functional>

#include "agent/package_db/byte_source.h"
#include "protocol/base/result.h"

namespace fleetsweep {

// Each blob, in the order of slots. kInvalid: not such a database, or damaged, or a blob of more
// than `bytes_max`; the message says at which byte.
Status each_ndb_blob(const ByteSource& file, std::size_t bytes_max,
                     const std::function<Status(BytesView)>& visit);

}  // namespace fleetsweep
