#pragma once

// A zip encrypted with AES-256 (WinZip's AE-2), which 7-Zip and bsdtar open. What goes in comes as
// a stream: nothing of it is on a disk in the clear. Names and sizes in a zip can be read by
// anybody.

#include <memory>
#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::agent {

class SampleArchive {
 public:
  // A new file, 0600. kConflict: it is there already.
  static Result<SampleArchive> create(const std::string& path, const std::string& passphrase);
  SampleArchive(SampleArchive&&) noexcept;
  // Unless it was finished there is no file.
  ~SampleArchive();

  // A member of exactly `bytes` bytes, then its content in pieces.
  Status begin(const std::string& name, std::uint64_t bytes);
  Status add(BytesView piece);
  // Durable.
  Status finish();

 private:
  struct Writer;
  explicit SampleArchive(std::unique_ptr<Writer> writer);
  std::unique_ptr<Writer> writer_;
};

}  // namespace fleetsweep::agent
