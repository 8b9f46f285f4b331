#include "protocol/crypto/seal.h"

#include "protocol/crypto/sodium.h"

namespace fleetsweep::crypto {
namespace {

using StreamState = crypto_secretstream_xchacha20poly1305_state;

static_assert(sizeof(StreamState) <= 64 && alignof(StreamState) <= 16);
static_assert(kStreamHeaderBytes == crypto_secretstream_xchacha20poly1305_HEADERBYTES);
static_assert(kStreamOverheadBytes == crypto_secretstream_xchacha20poly1305_ABYTES);
static_assert(sizeof(MacKey) == crypto_secretstream_xchacha20poly1305_KEYBYTES);
static_assert(kSealOverheadBytes == crypto_box_SEALBYTES);

StreamState* stream(std::array<std::uint8_t, 64>& bytes) {
  return reinterpret_cast<StreamState*>(bytes.data());
}

}  // namespace

void random_bytes(std::span<std::uint8_t> target) {
  ensure_sodium();
  randombytes_buf(target.data(), target.size());
}

Nonce random_nonce() {
  Nonce nonce;
  random_bytes(nonce.value);
  return nonce;
}

BoxKeyPair generate_box_key() {
  ensure_sodium();
  BoxKeyPair pair;
  crypto_box_keypair(pair.pub.value.data(), pair.secret.data());
  return pair;
}

CurveKey box_public(const std::array<std::uint8_t, 32>& secret) {
  CurveKey key;
  crypto_scalarmult_base(key.value.data(), secret.data());
  return key;
}

Result<Bytes> seal(const CurveKey& to, BytesView plain) {
  ensure_sodium();
  Bytes sealed(plain.size() + kSealOverheadBytes);
  if (crypto_box_seal(sealed.data(), plain.data(), plain.size(), to.value.data()) != 0)
    return fail(Code::kInvalid, "cannot seal to {}: it is a point of low order", to.hex());
  return sealed;
}

Result<Bytes> open_sealed(const BoxKeyPair& key, BytesView sealed) {
  if (sealed.size() < kSealOverheadBytes)
    return fail(Code::kInvalid, "a sealed box of {} bytes: expected at least {}", sealed.size(),
                kSealOverheadBytes);
  Bytes plain(sealed.size() - kSealOverheadBytes);
  if (crypto_box_seal_open(plain.data(), sealed.data(), sealed.size(), key.pub.value.data(),
                           key.secret.data()) != 0)
    return fail(Code::kUntrusted,
                "the sealed box does not open: it is changed, or sealed to another key");
  return plain;
}

TableHash table_hash(const TableKey& key, BytesView bytes) {
  static_assert(sizeof(TableKey) == crypto_shorthash_siphashx24_KEYBYTES);
  static_assert(sizeof(TableHash) == crypto_shorthash_siphashx24_BYTES);
  TableHash result;
  crypto_shorthash_siphashx24(result.data(), bytes.data(), bytes.size(), key.data());
  return result;
}

Digest mac(const MacKey& key, std::initializer_list<BytesView> parts) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), key.size(), Digest::kSize);
  for (BytesView part : parts) crypto_generichash_update(&state, part.data(), part.size());
  Digest digest;
  crypto_generichash_final(&state, digest.value.data(), digest.value.size());
  return digest;
}

bool mac_equal(const Digest& a, const Digest& b) {
  return sodium_memcmp(a.value.data(), b.value.data(), Digest::kSize) == 0;
}

MacKey random_key() {
  MacKey key;
  random_bytes(key);
  return key;
}

void wipe(std::span<std::uint8_t> secret) {
  sodium_memzero(secret.data(), secret.size());
}

StreamSealer::StreamSealer(const MacKey& key) {
  ensure_sodium();
  crypto_secretstream_xchacha20poly1305_init_push(stream(state_), header_.data(), key.data());
}

StreamSealer::~StreamSealer() {
  wipe(state_);
}

Bytes StreamSealer::push(BytesView chunk, bool last, BytesView associated) {
  Bytes sealed(chunk.size() + kStreamOverheadBytes);
  const unsigned char tag = last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
                                 : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE;
  crypto_secretstream_xchacha20poly1305_push(stream(state_), sealed.data(), nullptr, chunk.data(),
                                             chunk.size(), associated.data(), associated.size(),
                                             tag);
  return sealed;
}

Result<StreamOpener> StreamOpener::start(const MacKey& key, BytesView header) {
  if (header.size() != kStreamHeaderBytes)
    return fail(Code::kInvalid, "a stream header of {} bytes: expected {}", header.size(),
                kStreamHeaderBytes);
  StreamOpener opener;
  crypto_secretstream_xchacha20poly1305_init_pull(stream(opener.state_), header.data(), key.data());
  return opener;
}

StreamOpener::StreamOpener(StreamOpener&& other) noexcept
    : state_(other.state_), ended_(other.ended_) {
  wipe(other.state_);
}

StreamOpener::~StreamOpener() {
  wipe(state_);
}

Result<StreamOpener::Chunk> StreamOpener::pull(BytesView sealed, BytesView associated) {
  if (ended_) return fail(Code::kUntrusted, "the sealed stream goes on after its last chunk");
  if (sealed.size() < kStreamOverheadBytes)
    return fail(Code::kUntrusted, "a sealed chunk of {} bytes: the stream is cut", sealed.size());
  Chunk chunk{Bytes(sealed.size() - kStreamOverheadBytes), false};
  unsigned char tag = 0;
  if (crypto_secretstream_xchacha20poly1305_pull(stream(state_), chunk.plain.data(), nullptr, &tag,
                                                 sealed.data(), sealed.size(), associated.data(),
                                                 associated.size()) != 0)
    return fail(Code::kUntrusted,
                "a sealed chunk does not open: it is changed, out of order or under another key");
  chunk.last = ended_ = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
  return chunk;
}

}  // namespace fleetsweep::crypto
