#pragma once

// Hashes of file content with OpenSSL, which uses the CPU's SHA instructions (5 times libsodium's
// speed). One pass may feed several.

#include <memory>

#include "protocol/base/ids.h"

namespace fleetsweep::crypto {

enum class HashKind : std::uint8_t { kSha256, kSha1, kMd5 };

class BulkHash {
 public:
  explicit BulkHash(HashKind kind);
  ~BulkHash();
  BulkHash(BulkHash&&) noexcept;
  void reset();
  void update(BytesView bytes);
  Bytes finish();  // 32, 20 or 16 bytes; reset() before the next use

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace fleetsweep::crypto
