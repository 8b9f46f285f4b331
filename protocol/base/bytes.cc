#include "protocol/base/bytes.h"

#include <algorithm>
#include <cstring>

namespace fleetsweep {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Packs `bits`-wide digits, most significant first, as RFC 4648 does for 5 and 6 bits.
std::string pack(BytesView bytes, std::string_view alphabet, unsigned bits) {
  std::string text;
  unsigned held = 0, held_bits = 0;
  for (std::uint8_t byte : bytes) {
    held = held << 8 | byte;
    for (held_bits += 8; held_bits >= bits; held_bits -= bits)
      text += alphabet[held >> (held_bits - bits) & (alphabet.size() - 1)];
    held &= (1u << held_bits) - 1;
  }
  if (held_bits > 0) text += alphabet[held << (bits - held_bits) & (alphabet.size() - 1)];
  return text;
}

// Refuses left-over bits that are not zero, so that every byte string has exactly one spelling.
Result<Bytes> unpack(std::string_view text, std::string_view alphabet, unsigned bits) {
  Bytes bytes;
  unsigned held = 0, held_bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto digit = alphabet.find(text[i]);
    if (digit == std::string_view::npos)
      return fail(Code::kInvalid, "'{}' at position {} is not a base{} digit",
                  escaped(text.substr(i, 1)), i + 1, alphabet.size());
    held = held << bits | static_cast<unsigned>(digit);
    held_bits += bits;
    if (held_bits >= 8) {
      held_bits -= 8;
      bytes.push_back(static_cast<std::uint8_t>(held >> held_bits));
      held &= (1u << held_bits) - 1;
    }
  }
  if (held_bits >= bits || held != 0)
    return fail(Code::kInvalid, "base{} text ends in the middle of a byte: was it cut?",
                alphabet.size());
  return bytes;
}

// Length of the valid UTF-8 sequence at the start of `text`, 0 if there is none; the code point
// goes to `point`.
std::size_t utf8_sequence(std::string_view text, std::uint32_t& point) {
  const auto lead = static_cast<std::uint8_t>(text[0]);
  const std::size_t length = lead < 0x80       ? 1
                             : lead >> 5 == 6  ? 2
                             : lead >> 4 == 14 ? 3
                             : lead >> 3 == 30 ? 4
                                               : 0;
  if (length == 0 || text.size() < length) return 0;
  point = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<std::uint8_t>(text[i]);
    if (next >> 6 != 2) return 0;
    point = point << 6 | (next & 0x3fu);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool valid =
      point >= kSmallest[length] && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
  return valid ? length : 0;
}

bool deceives_the_eye(std::uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c ||
         (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
         (point >= 0x2060 && point <= 0x206f) || point == 0xfeff;
}

}  // namespace

BytesView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes to_bytes(std::string_view text) {
  return {text.begin(), text.end()};
}
Bytes to_bytes(BytesView bytes) {
  return {bytes.begin(), bytes.end()};
}
std::string to_text(BytesView bytes) {
  return {bytes.begin(), bytes.end()};
}
bool equal(BytesView a, BytesView b) {
  return std::ranges::equal(a, b);
}
void append(Bytes& target, BytesView more) {
  target.insert(target.end(), more.begin(), more.end());
}
void append(Bytes& target, std::string_view more) {
  append(target, as_bytes(more));
}

std::string to_hex(BytesView bytes) {
  std::string text;
  append_hex(text, bytes);
  return text;
}

void append_hex(std::string& text, BytesView bytes) {
  const std::size_t before = text.size();
  text.resize(before + bytes.size() * 2);
  char* to = text.data() + before;
  for (const std::uint8_t byte : bytes) {
    *to++ = kHex[byte >> 4];
    *to++ = kHex[byte & 15];
  }
}

Result<Bytes> from_hex(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  return unpack(lower, kHex, 4);
}

std::string to_base64(BytesView bytes) {
  std::string text = pack(bytes, kBase64, 6);
  text.resize((text.size() + 3) / 4 * 4, '=');
  return text;
}

Result<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0)
    return fail(Code::kInvalid, "base64 text of {} characters: expected a multiple of 4",
                text.size());
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  return unpack(text.substr(0, text.size() - padding), kBase64, 6);
}

std::string to_base32(BytesView bytes) {
  return pack(bytes, kBase32, 5);
}
Result<Bytes> from_base32(std::string_view text) {
  return unpack(text, kBase32, 5);
}

bool is_utf8(std::string_view text) {
  std::uint32_t point = 0;
  while (!text.empty()) {
    // Nearly all text is ASCII: look at eight bytes at once while it is.
    std::uint64_t eight = 0;
    if (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        text.remove_prefix(sizeof eight);
        continue;
      }
    }
    const std::size_t length = utf8_sequence(text, point);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string escaped(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size();) {
    std::uint32_t point = 0;
    const std::size_t length = utf8_sequence(text.substr(i), point);
    if (length > 0 && !deceives_the_eye(point)) {
      shown += text.substr(i, length);
      i += length;
      continue;
    }
    for (const std::size_t end = i + std::max<std::size_t>(length, 1); i < end; ++i)
      shown += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(text[i]));
  }
  return shown;
}

}  // namespace fleetsweep
