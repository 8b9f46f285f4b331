#include "agent/scan/table_file.h"

#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

// A full table, and what stands before its entries.
constexpr std::size_t kFileBytes =
    limits::kKnownFiles * sizeof(IdentityTable::Known) + limits::kKnownQuestions * 64;

}  // namespace

Result<TableFile> TableFile::open(const std::string& path) {
  FS_TRY(OwnFile file, OwnFile::open(path));
  return TableFile(std::move(file));
}

Result<IdentityTable> TableFile::load() const {
  FS_TRY(Bytes bytes, file_.read(0, kFileBytes));
  if (bytes.empty()) return fail(Code::kNotFound, "{}: empty", file_.path());
  auto table = IdentityTable::decode(std::move(bytes));
  if (!table) return fail(table.error().within(file_.path()));
  return table;
}

Status TableFile::save(IdentityTable& table) const {
  return file_.write(0, table.encode());
}

}  // namespace fleetsweep::scan
