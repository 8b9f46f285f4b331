#pragma once

// Where an IdentityTable is kept between scans. One that is cut by a crash fails its checksum and
// is built anew.

#include "agent/scan/identity_table.h"
#include "agent/scan/own_file.h"

namespace fleetsweep::scan {

class TableFile {
 public:
  static Result<TableFile> open(const std::string& path);  // as OwnFile::open

  // kNotFound: it is empty; kInvalid: damaged. Either way an empty table is the one to go on with.
  Result<IdentityTable> load() const;
  Status save(IdentityTable& table) const;

 private:
  explicit TableFile(OwnFile file) : file_(std::move(file)) {}
  OwnFile file_;
};

}  // namespace fleetsweep::scan
