#include "policies/compiler/encodings.h"

#include <cstdint>

#include "protocol/base/bytes.h"

namespace fleetsweep::compiler {
namespace {

bool starts_option(std::string_view text, std::size_t at) {
  const bool begins = at == 0 || text[at - 1] == ' ' || text[at - 1] == '"' || text[at - 1] == '\'';
  return begins && (text[at] == '-' || text[at] == '/') && at + 1 < text.size() &&
         text[at + 1] != ' ';
}

char32_t next_code_point(std::string_view utf8, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(i < utf8.size() ? static_cast<unsigned char>(utf8[i]) : 0x80);
  };
  const char32_t first = byte(at);
  const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t point = length == 1 ? first : first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) point = point << 6 | (byte(at + i) & 0x3f);
  at += length;
  return point;
}

void append_unit(std::string& target, char32_t unit) {
  target.push_back(static_cast<char>(unit & 0xff));
  target.push_back(static_cast<char>(unit >> 8 & 0xff));
}

}  // namespace

std::vector<std::string> windash(std::string_view text) {
  constexpr std::string_view kDashes[] = {"-", "/", "\u2013", "\u2014", "\u2015"};
  std::vector<std::string> spellings = {std::string(text)};
  for (const auto dash : kDashes) {
    std::string spelling;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (starts_option(text, i))
        spelling += dash;
      else
        spelling += text[i];
    }
    bool known = false;
    for (const auto& other : spellings) known = known || other == spelling;
    if (!known) spellings.push_back(std::move(spelling));
  }
  return spellings;
}

std::string wide(std::string_view utf8) {
  std::string result;
  for (std::size_t at = 0; at < utf8.size();) {
    const char32_t point = next_code_point(utf8, at);
    if (point < 0x10000) {
      append_unit(result, point);
    } else {
      append_unit(result, 0xd800 + ((point - 0x10000) >> 10));
      append_unit(result, 0xdc00 + ((point - 0x10000) & 0x3ff));
    }
  }
  return result;
}

std::vector<std::string> base64_offsets(std::string_view bytes) {
  std::vector<std::string> values;
  for (std::size_t offset = 0; offset < 3; ++offset) {
    std::string padded(offset, '\0');
    padded += bytes;
    std::string encoded = to_base64(as_bytes(padded));
    // Characters that also hold bits of what stands before and behind are not ours.
    constexpr std::size_t kFirst[] = {0, 2, 3};
    const std::size_t whole = padded.size() * 8 / 6;
    if (whole <= kFirst[offset]) continue;
    values.push_back(encoded.substr(kFirst[offset], whole - kFirst[offset]));
  }
  return values;
}

}  // namespace fleetsweep::compiler
