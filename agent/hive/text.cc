#include "agent/hive/text.h"

#include <utf8proc.h>

#include <algorithm>

#include "protocol/base/limits.h"

namespace fleetsweep::hive {
namespace {

void add(std::string& text, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6);
    put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
    put(0x80 | (c & 0x3f));
  }
}

char lower_one(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

// Windows knows the other case of a letter if that has 16 bits as well. What has its own in ASCII
// (the signs of Kelvin, the dotless i) is for it another letter, and so it is here: a key that
// looks like "Services" must not be taken for it.
std::int32_t lower_beyond_ascii(std::int32_t c) {
  if (c > 0xffff) return c;
  const std::int32_t folded = ::utf8proc_tolower(::utf8proc_toupper(c));
  return folded < 0x80 ? c : folded;
}

// Both go on behind what they begin with in common, as far as that is ASCII. True: with letters
// beyond ASCII each.
bool differ_beyond_ascii(std::string_view& a, std::string_view& b) {
  const auto same = [](char x, char y) { return is_ascii(x) && lower_one(x) == lower_one(y); };
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end(), same);
  a.remove_prefix(static_cast<std::size_t>(end.first - a.begin()));
  b.remove_prefix(static_cast<std::size_t>(end.second - b.begin()));
  return !a.empty() && !b.empty() && !is_ascii(a.front()) && !is_ascii(b.front());
}

}  // namespace

std::string from_utf16(BytesView bytes) {
  constexpr std::uint32_t kNoCharacter = 0xfffd;
  std::string text;
  const auto unit = [&](std::size_t at) -> std::uint32_t { return bytes[at] | bytes[at + 1] << 8; };
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    const std::uint32_t first = unit(at);
    if (first < 0xd800 || first > 0xdfff) {
      add(text, first);
      continue;
    }
    const std::uint32_t second = at + 3 < bytes.size() ? unit(at + 2) : 0;
    if (first > 0xdbff || second < 0xdc00 || second > 0xdfff) {
      add(text, kNoCharacter);
      continue;
    }
    add(text, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
    at += 2;
  }
  return text;
}

Bytes to_utf16(std::string_view text) {
  if (!is_utf8(text)) return to_utf16(from_latin1(as_bytes(text)));
  Bytes bytes;
  const auto put = [&](std::uint32_t unit) {
    bytes.push_back(static_cast<std::uint8_t>(unit));
    bytes.push_back(static_cast<std::uint8_t>(unit >> 8));
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<std::uint8_t>(text[at++]);
    const int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    std::uint32_t c = more == 0 ? first : first & 0x3f >> more;
    for (int i = 0; i < more; ++i) c = c << 6 | (static_cast<std::uint8_t>(text[at++]) & 0x3f);
    if (c >= 0x10000) put(0xd800 + ((c - 0x10000) >> 10));
    put(c < 0x10000 ? c : 0xdc00 + ((c - 0x10000) & 0x3ff));
  }
  return bytes;
}

std::string from_latin1(BytesView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) add(text, byte);
  return text;
}

std::string lower(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    if (is_ascii(text.front())) {
      result += lower_one(text.front());
      text.remove_prefix(1);
      continue;
    }
    std::int32_t c = 0;
    const auto size = ::utf8proc_iterate(reinterpret_cast<const std::uint8_t*>(text.data()),
                                         static_cast<std::ptrdiff_t>(text.size()), &c);
    if (size > 0)
      add(result, static_cast<std::uint32_t>(lower_beyond_ascii(c)));
    else
      result += text.front();  // no UTF-8
    text.remove_prefix(static_cast<std::size_t>(std::max<std::ptrdiff_t>(size, 1)));
  }
  return result;
}

std::string bounded(std::string text) {
  if (text.size() <= limits::kLineBytes) return text;
  text.resize(limits::kLineBytes);
  // Not in the middle of a character.
  while (!text.empty() && (text.back() & 0xc0) == 0x80) text.pop_back();
  if (!text.empty() && (text.back() & 0x80) != 0) text.pop_back();
  return text;
}

std::string join(std::string_view key, std::string_view below) {
  return below.empty() ? std::string(key) : fmt::format("{}\\{}", key, below);
}

bool is_equal(std::string_view a, std::string_view b) {
  return differ_beyond_ascii(a, b) ? lower(a) == lower(b) : a.empty() && b.empty();
}

bool begins(std::string_view text, std::string_view start) {
  return differ_beyond_ascii(text, start) ? lower(text).starts_with(lower(start)) : start.empty();
}

std::size_t find_ascii(std::string_view text, std::string_view part) {
  const auto found = std::search(text.begin(), text.end(), part.begin(), part.end(),
                                 [](char a, char b) { return lower_one(a) == lower_one(b); });
  return found == text.end() ? std::string_view::npos
                             : static_cast<std::size_t>(found - text.begin());
}

}  // namespace fleetsweep::hive
