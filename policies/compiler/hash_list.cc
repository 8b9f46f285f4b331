#include "policies/compiler/hash_list.h"

#include <algorithm>
#include <optional>

#include "policies/compiler/reader.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::compiler {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(kBlanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlanks) - from + 1);
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// How many bytes it has; nothing: no hash.
std::optional<std::size_t> read_hash(std::string_view hex, hash_set::HashRecord& record) {
  if (hex.size() != 64 && hex.size() != 40 && hex.size() != 32) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    record.hash[i / 2] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return hex.size() / 2;
}

struct Mistake {
  std::string message;
  std::string hint;
};

// Nothing: the line is as it should be.
std::optional<Mistake> read_line(std::string_view line, std::size_t hash_bytes, HashList& list) {
  const auto end = std::min(line.find_first_of(" \t,;:"), line.size());
  hash_set::HashRecord record;
  const auto bytes = read_hash(line.substr(0, end), record);
  if (!bytes)
    return Mistake{fmt::format("'{}' is no MD5, SHA-1 or SHA-256 in hex", shown(line)),
                   "one a line: HASH, HASH  name, or HASH:SIZE:name as ClamAV writes it"};
  if (end < line.size() && line[end] == ':') {
    const auto rest = line.substr(end + 1);
    const auto size = trimmed(rest.substr(0, rest.find(':')));
    const auto number = parse_whole(size);
    if (size != "*" && (!number || *number < 0))
      return Mistake{fmt::format("'{}' is no size of a file", shown(size)),
                     "bytes, or * if nobody knows it"};
    if (number) record.size = static_cast<std::uint64_t>(*number);
  }
  const std::string hex = to_hex(BytesView(record.hash).first(hash_bytes));
  if (*bytes != hash_bytes)
    ++list.others;
  else if (is_hash_of_empty_file(hex) || is_hash_of_line_break(hex))
    ++list.of_empty_file;
  else
    list.records.push_back(record);
  return std::nullopt;
}

}  // namespace

bool is_hash_of_empty_file(std::string_view hex) {
  return hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" ||
         hex == "da39a3ee5e6b4b0d3255bfef95601890afd80709" ||
         hex == "d41d8cd98f00b204e9800998ecf8427e";
}

bool is_hash_of_line_break(std::string_view hex) {
  return hex == "01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b" ||
         hex == "adc83b19e793491b1c6ea0fd8b46cd9f32e592fc" ||
         hex == "68b329da9893e34099c7d8ad5cb9c940" ||
         hex == "7eb70257593da06f682a3ddda54a9d260d4fc514f645237f5ca74b08f8da61a6" ||
         hex == "ba8ab5a0280b953aa97435ff8946cbcbb2755a27" ||
         hex == "81051bcc2cf1bedf378224b0a93e2877";
}

HashList read_hash_list(std::string_view text, const std::string& file, std::size_t hash_bytes,
                        Sink& sink) {
  HashList list;
  std::size_t mistakes = 0;
  std::uint32_t number = 0, first_unnamed = 0;
  while (!text.empty()) {
    ++number;
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const auto of_empty_file = list.of_empty_file;
    auto mistake = read_line(line, hash_bytes, list);
    if (of_empty_file == 0 && list.of_empty_file != 0)
      sink.add({Severity::kWarning, file, number, 0,
                "the line is the hash of the empty file or of one line break, and is left out",
                "every such file would be found by it"});
    if (!mistake) continue;
    if (++mistakes <= limits::kHashListMistakes)
      sink.add({Severity::kError, file, number, 0, std::move(mistake->message),
                std::move(mistake->hint)});
    else if (first_unnamed == 0)
      first_unnamed = number;
  }
  if (first_unnamed != 0)
    sink.add({Severity::kError, file, first_unnamed, 0,
              fmt::format("and {} more lines, from this one on, hold no hash",
                          mistakes - limits::kHashListMistakes),
              ""});
  return list;
}

}  // namespace fleetsweep::compiler
