#pragma once

// Rows of one table out of a SQLite database (sqlite.org/fileformat2.html), with what is committed
// in its write-ahead log. Read by ourselves, since SQLite would write beside a host's database to
// read it, and run what its schema says. Every offset is checked; nothing is locked.

#include <functional>
#include <string_view>

#include "agent/package_db/byte_source.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep {

// A row's value in `column` (from 0), if it is a blob; in the order of rowids. `wal` of size 0:
// there is none. kInvalid: not such a database, or damaged, or a blob of more than `bytes_max`.
Status each_blob(const ByteSource& database, const ByteSource& wal, std::string_view table,
                 std::size_t column, std::size_t bytes_max,
                 const std::function<Status(BytesView)>& visit);

}  // namespace fleetsweep
