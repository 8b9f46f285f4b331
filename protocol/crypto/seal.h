#pragma once

// Secrets: random bytes, sealed boxes (X25519, anyone can seal, one can open), keyed MACs, chunked
// AEAD streams.

#include <initializer_list>

#include "protocol/base/ids.h"

namespace fleetsweep::crypto {

void random_bytes(std::span<std::uint8_t> target);
Nonce random_nonce();

struct BoxKeyPair {
  CurveKey pub;
  std::array<std::uint8_t, 32> secret{};
};
BoxKeyPair generate_box_key();
CurveKey box_public(const std::array<std::uint8_t, 32>& secret);
// crypto_box_seal: 48 bytes longer than the plain text. seal() is kInvalid for a key that nobody
// can own (low order: a root may carry one); open_sealed() is kUntrusted when the box does not
// open.
inline constexpr std::size_t kSealOverheadBytes = 48;
Result<Bytes> seal(const CurveKey& to, BytesView plain);
Result<Bytes> open_sealed(const BoxKeyPair& key, BytesView sealed);

using MacKey = std::array<std::uint8_t, 32>;
Digest mac(const MacKey& key, std::initializer_list<BytesView> parts);  // keyed BLAKE2b-256
bool mac_equal(const Digest& a, const Digest& b);                       // constant time

// SipHash-2-4 of 128 bits, for tables: without the key nobody finds two inputs that meet. Not a
// MAC.
using TableKey = std::array<std::uint8_t, 16>;
using TableHash = std::array<std::uint8_t, 16>;
TableHash table_hash(const TableKey& key, BytesView bytes);

// A random 32-byte key, for mac() and the streams.
MacKey random_key();
// Overwrites a secret in a way the compiler keeps.
void wipe(std::span<std::uint8_t> secret);

// libsodium's secretstream (XChaCha20-Poly1305): a header, then chunks; the last one is tagged
// final, so a cut file is noticed.
inline constexpr std::size_t kStreamHeaderBytes = 24;
inline constexpr std::size_t kStreamOverheadBytes = 17;  // per chunk
class StreamSealer {
 public:
  explicit StreamSealer(const MacKey& key);
  ~StreamSealer();
  StreamSealer(const StreamSealer&) = delete;  // two copies would use one nonce twice
  StreamSealer& operator=(const StreamSealer&) = delete;
  BytesView header() const { return header_; }
  Bytes push(BytesView chunk, bool last, BytesView associated = {});

 private:
  std::array<std::uint8_t, kStreamHeaderBytes> header_{};
  alignas(16) std::array<std::uint8_t, 64> state_{};
};
class StreamOpener {
 public:
  // kInvalid: the header is not kStreamHeaderBytes long.
  static Result<StreamOpener> start(const MacKey& key, BytesView header);
  StreamOpener(StreamOpener&& other) noexcept;
  ~StreamOpener();
  struct Chunk {
    Bytes plain;
    bool last = false;
  };
  // kUntrusted: changed, out of order, of another stream, or after the last chunk.
  Result<Chunk> pull(BytesView sealed, BytesView associated = {});

 private:
  StreamOpener() = default;
  alignas(16) std::array<std::uint8_t, 64> state_{};
  bool ended_ = false;
};

}  // namespace fleetsweep::crypto
