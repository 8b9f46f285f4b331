// The lists of Loki and signature-base:
//   hash-iocs.txt      hash;comment or hash;score;comment
//   filename-iocs.txt  regex;score;false positive regex, in older lists regex;comment
//   c2-iocs.txt        host, domain or address;comment or ...;score;comment
// A line with # describes what follows.

#include "policies/compiler/import/import.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

constexpr std::int64_t kScoreMax = 100;

constexpr const char* kHarmless = "a score of 0 or less speaks for it";

// Its own comment, and that of what it belongs to.
Origin described_origin(const Line& line, std::string_view comment, std::string_view described,
                        const Collector& into) {
  std::string note(comment);
  if (!note.empty() && !described.empty()) note += "; ";
  return into.origin(line.number, note.append(described));
}

// Of a line with hashes; nothing: what stands in the middle is part of its comment.
std::optional<std::int64_t> score_of(const std::vector<std::string_view>& parts) {
  return parts.size() == 3 ? compiler::parse_whole(parts[1]) : std::nullopt;
}

std::string_view behind_semicolon(std::string_view text) {
  const auto end = text.find(';');
  return end == std::string_view::npos ? std::string_view() : trimmed(text.substr(end + 1));
}

void take_hash(const Line& line, std::string_view described, Collector& into) {
  const auto parts = split(line.text, ';');
  auto indicator = hash_indicator(parts[0]);
  const auto score = score_of(parts);
  const Origin origin =
      described_origin(line, score ? parts[2] : behind_semicolon(line.text), described, into);
  if (!indicator) return into.refuse(origin, parts[0], "not an MD5, SHA-1 or SHA-256 in hex");
  if (score && *score <= 0) return into.refuse(origin, parts[0], kHarmless);
  if (score) indicator->confidence = static_cast<std::uint8_t>(std::min(*score, kScoreMax));
  indicator->origins = {origin};
  into.take(std::move(*indicator), parts[0]);
}

void take_c2(const Line& line, std::string_view described, Collector& into) {
  const auto parts = split(line.text, ';');
  const std::string_view written = parts[0];
  const std::string value = refanged(written);
  const auto score = compiler::parse_whole(parts.size() > 1 ? parts[1] : "");
  const std::string_view comment = behind_semicolon(line.text);
  const Origin origin =
      described_origin(line, score ? behind_semicolon(comment) : comment, described, into);
  auto indicator = address_indicator(value);
  if (!indicator) indicator = domain_indicator(value);
  if (!indicator) return into.refuse(origin, written, "neither an address nor a domain name");
  if (score && *score <= 0) return into.refuse(origin, written, kHarmless);
  if (score) indicator->confidence = static_cast<std::uint8_t>(std::min(*score, kScoreMax));
  indicator->origins = {origin};
  into.take(std::move(*indicator), written);
}

// Loki searches the pattern in the whole path, with case.
void take_file_name(const Line& line, std::string_view described, Collector& into) {
  const auto parts = split(line.text, ';');
  const auto score = compiler::parse_whole(parts.size() > 1 ? parts[1] : "");
  const bool is_graded = score || parts.size() != 2 || parts[1].empty();
  const Origin origin = described_origin(line, is_graded ? "" : parts[1], described, into);
  const auto refuse = [&](std::string why) { into.refuse(origin, line.text, std::move(why)); };
  if (parts.size() < 2 || parts.size() > 3)
    return refuse("expected regex;score or regex;score;false positive regex");
  if (is_graded && !score)
    return refuse(fmt::format("the score '{}' is no number", shown_note(parts[1])));
  // Loki takes points away for what is usually harmless.
  if (score && *score <= 0) return refuse(kHarmless);
  Indicator indicator =
      single(Kind::kFilePath, model::Field::kFilePath, model::Match::kRegex, std::string(parts[0]));
  if (score) indicator.confidence = static_cast<std::uint8_t>(std::min(*score, kScoreMax));
  if (parts.size() == 3 && !parts[2].empty())
    indicator.none_of = {
        {model::Field::kFilePath, model::Match::kRegex, std::string(parts[2]), false}};
  indicator.origins = {origin};
  into.take(std::move(indicator), line.text);
}

}  // namespace

Status check_unscored(std::string_view bytes) {
  for (const Line& line : lines_of(bytes))
    if (!line.text.starts_with('#') && score_of(split(line.text, ';')))
      return fail(Code::kInvalid,
                  "line {} has a score, and so many hashes stay in their file, of which no score "
                  "is read: split it, at most {} lines each, or, if every hash is a sign, leave "
                  "the scores out",
                  line.number, limits::kImportIndicators);
  return {};
}

Status import_loki(std::string_view bytes, Collector& into) {
  const std::string& source = into.context().source;
  const std::string name = in_small_letters(source.substr(source.rfind('/') + 1));
  const bool hashes = name.find("hash") != std::string::npos;
  const bool names = name.find("filename") != std::string::npos;
  const bool c2 = name.find("c2") != std::string::npos;
  if (hashes + names + c2 != 1)
    return fail(Code::kInvalid,
                "its name does not say which of Loki's lists it is: expected one of hash, filename "
                "or c2 in it, such as hash-iocs.txt");
  std::string described;
  for (const Line& line : lines_of(bytes)) {
    if (line.text.starts_with('#')) {
      described =
          trimmed(line.text.substr(line.text.find_first_not_of('#') == std::string_view::npos
                                       ? line.text.size()
                                       : line.text.find_first_not_of('#')));
      continue;
    }
    if (hashes)
      take_hash(line, described, into);
    else if (names)
      take_file_name(line, described, into);
    else
      take_c2(line, described, into);
  }
  return {};
}

}  // namespace fleetsweep::indicators
