#pragma once

// Where an IdentityTable is kept between scans: opened before the walker gives up writing, and
// written in place, for by then it can name no file any more. A table cut by a crash fails its
// checksum and is built anew.

#include <string>

#include "agent/scan/identity_table.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::scan {

class TableFile {
 public:
  // Makes the file if need be. kConflict: another scan works with it; kInvalid: not a regular file
  // of ours that only we can write.
  static Result<TableFile> open(const std::string& path);

  // kNotFound: it is empty; kInvalid: damaged. Either way an empty table is the one to go on with.
  Result<IdentityTable> load() const;
  Status save(IdentityTable& table) const;

  const std::string& path() const { return path_; }

 private:
  TableFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

}  // namespace fleetsweep::scan
