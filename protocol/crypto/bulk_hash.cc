#include "protocol/crypto/bulk_hash.h"

#include <openssl/evp.h>

#include "protocol/base/assert.h"

namespace fleetsweep::crypto {
namespace {

const EVP_MD* algorithm(HashKind kind) {
  switch (kind) {
    case HashKind::kSha256:
      return EVP_sha256();
    case HashKind::kSha1:
      return EVP_sha1();
    case HashKind::kMd5:
      return EVP_md5();
  }
  return nullptr;
}

}  // namespace

struct BulkHash::Context {
  explicit Context(HashKind kind) : kind(kind), state(EVP_MD_CTX_new()) {}
  ~Context() { EVP_MD_CTX_free(state); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  HashKind kind;
  EVP_MD_CTX* state;
};

BulkHash::BulkHash(HashKind kind) : context_(std::make_unique<Context>(kind)) {
  reset();
}
BulkHash::~BulkHash() = default;
BulkHash::BulkHash(BulkHash&&) noexcept = default;

// These three fail only without memory or without the algorithm: nothing a caller could answer.
void BulkHash::reset() {
  FS_ASSERT(EVP_DigestInit_ex(context_->state, algorithm(context_->kind), nullptr) == 1);
}

void BulkHash::update(BytesView bytes) {
  FS_ASSERT(EVP_DigestUpdate(context_->state, bytes.data(), bytes.size()) == 1);
}

Bytes BulkHash::finish() {
  Bytes digest(static_cast<std::size_t>(EVP_MD_CTX_get_size(context_->state)));
  FS_ASSERT(EVP_DigestFinal_ex(context_->state, digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace fleetsweep::crypto
