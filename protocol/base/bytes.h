#pragma once

// Byte strings: owned (Bytes), borrowed (BytesView), and fixed-size values that cannot be mixed up
// (Fixed).

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"

namespace fleetsweep {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

// Views borrow from their argument.
BytesView as_bytes(std::string_view text);
std::string_view as_text(BytesView bytes);

Bytes to_bytes(std::string_view text);
Bytes to_bytes(BytesView bytes);
std::string to_text(BytesView bytes);
bool equal(BytesView a, BytesView b);
void append(Bytes& target, BytesView more);
void append(Bytes& target, std::string_view more);

std::string to_hex(BytesView bytes);  // lower case
void append_hex(std::string& text, BytesView bytes);
Result<Bytes> from_hex(std::string_view text);
std::string to_base64(BytesView bytes);  // RFC 4648 section 4, padded
Result<Bytes> from_base64(std::string_view text);
std::string to_base32(BytesView bytes);  // RFC 4648 section 6, lower case, no padding
Result<Bytes> from_base32(std::string_view text);

bool is_utf8(std::string_view text);  // RFC 3629: shortest forms, no surrogates

// Text for a terminal or a log: control, bidi and non-UTF-8 bytes become \x.., so that what is
// shown is what there is.
std::string escaped(std::string_view text);

// N bytes with a meaning of their own: Fixed<32, struct TenantTag> is not a Fixed<32, struct
// AgentTag>.
template <std::size_t N, class Tag>
struct Fixed {
  static constexpr std::size_t kSize = N;
  std::array<std::uint8_t, N> value{};

  BytesView view() const { return value; }
  bool is_zero() const { return value == std::array<std::uint8_t, N>{}; }
  std::string hex() const { return to_hex(value); }

  static Result<Fixed> from(BytesView bytes) {
    if (bytes.size() != N)
      return fail(Code::kInvalid, "{} bytes where {} were expected", bytes.size(), N);
    Fixed result;
    std::copy(bytes.begin(), bytes.end(), result.value.begin());
    return result;
  }
  static Result<Fixed> parse_hex(std::string_view text) {
    FS_TRY(Bytes bytes, from_hex(text));
    return from(bytes);
  }

  auto operator<=>(const Fixed&) const = default;
};

}  // namespace fleetsweep

template <std::size_t N, class Tag>
struct std::hash<fleetsweep::Fixed<N, Tag>> {
  std::size_t operator()(const fleetsweep::Fixed<N, Tag>& id) const noexcept {
    return std::hash<std::string_view>{}(fleetsweep::as_text(id.value));
  }
};
