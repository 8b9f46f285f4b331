#pragma once

// A file of our own between scans: opened before the walker gives up writing, and written in place,
// for by then it can name no file, and cut none, any more.

#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::scan {

class OwnFile {
 public:
  // Makes the file if need be. kConflict: another scan works with it; kInvalid: not a regular file
  // of ours that only we can write.
  static Result<OwnFile> open(const std::string& path);

  Result<std::uint64_t> size() const;
  // As many bytes as that, or up to the end of the file.
  Result<Bytes> read(std::uint64_t offset, std::size_t bytes_max) const;
  Status write(std::uint64_t offset, BytesView bytes) const;
  Status clear() const;  // not once the walker is confined

  const std::string& path() const { return path_; }

 private:
  OwnFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

}  // namespace fleetsweep::scan
