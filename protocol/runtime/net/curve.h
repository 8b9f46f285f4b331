#pragma once

// X25519 keys of the transport: never an authority, only a private line.

#include <array>
#include <string>

#include "protocol/base/ids.h"

namespace fleetsweep::net {

struct CurveKeyPair {
  CurveKey pub;
  std::array<std::uint8_t, 32> secret{};
  bool operator==(const CurveKeyPair&) const = default;
};

CurveKeyPair generate_curve_keys();
CurveKey curve_public(const std::array<std::uint8_t, 32>& secret);

// A key file is one line, the secret in hex; 0600, never overwritten (kConflict).
Status write_curve_key(const std::string& path, const CurveKeyPair& keys);
// kNotFound; kInvalid: not such a file; kUntrusted: others may read it.
Result<CurveKeyPair> read_curve_key(const std::string& path);

}  // namespace fleetsweep::net
