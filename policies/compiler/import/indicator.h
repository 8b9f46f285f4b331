#pragma once

// What all feeds of indicators come down to: one object and what must be true of it, in the words
// of the policy language, with where it was read.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/compiler/import/hash_file.h"
#include "protocol/base/names.h"
#include "protocol/base/time.h"
#include "protocol/model/policy.h"

namespace fleetsweep::indicators {

// A part of a name or command that is shorter is in half of them.
inline constexpr std::size_t kPartBytes = 4;

// What people count: "812 hashes, 40 addresses".
enum class Kind : std::uint8_t {
  kHash,
  kAddress,
  kDomain,  // looked for where a host would name it: in what starts by itself, and in commands
  kUrl,     // likewise
  kFileName,
  kFilePath,
  kProcess,
  kRegistry,
  kCombination,  // several things that must be true of one object
};

struct Origin {
  std::string source;      // the file as it was named
  std::uint32_t line = 0;  // from 1; 0: the format has none
  std::string id;          // the feed's own: indicator--..., a UUID
  std::string note;        // its comment, name or status, cut to limits::kImportNoteBytes
  bool operator==(const Origin&) const = default;
};

struct Term {
  model::Field field = model::Field::kFilePath;
  model::Match match = model::Match::kEquals;
  std::string value;      // canonical: hex in small letters, addresses as inet_ntop writes them
  bool caseless = false;  // of what is compared with case: regular expressions, paths, names
  auto operator<=>(const Term&) const = default;
};

// As the language compares it; names of Windows and all other text have no case there.
bool is_cased(const Term& term, model::Platform platform);

inline std::size_t bytes_of(const Term& term) {
  return sizeof(Term) + term.value.size();
}

struct Indicator {
  Kind kind = Kind::kHash;
  std::vector<Term> all_of;                // of one object; sorted
  std::vector<Term> none_of;               // sorted
  std::optional<std::uint8_t> confidence;  // 0..100; nothing: the feed does not say
  std::optional<Timestamp> valid_from;
  std::optional<Timestamp> last_seen;  // of what ages: `expires` follows from it
  std::optional<Timestamp> expires;
  std::vector<Origin> origins;
};

struct NotTaken {
  Origin origin;
  std::string value;  // of the feed, escaped and cut
  std::string why;
  std::size_t count = 1;  // of indicators, from this one on
};

// When the publisher last changed an object: to the second, and the digits behind it.
using Version = std::pair<Timestamp, std::string>;

struct Imported {
  std::vector<Indicator> indicators;
  std::vector<NotTaken> not_taken;          // in the order of the files
  std::optional<HashFile> hash_file;        // instead of them; its path is the feed's source
  std::map<std::string, Version> versions;  // of each id that may stand in several files the newest
};

// What an importer is told beside the bytes.
struct Context {
  std::string source;
  Timestamp now{};
  model::Platform platform = model::Platform::kLinux;
  Seconds lifetime = std::chrono::days(30);  // of an address after it was last seen
};

inline constexpr std::string_view kSuperseded = "a newer version of it took its place";

// Checks one indicator as it is read and puts it where it belongs.
class Collector {
 public:
  explicit Collector(const Context& context) : context_(context) {}

  const Context& context() const { return context_; }

  // `shown` is what the feed says, for the list of what was not taken.
  void take(Indicator indicator, std::string_view shown);
  void refuse(Origin origin, std::string_view value, std::string why);
  // From begin_one() to end_one() it is about one pattern: what is refused in one line for one
  // `reason` is named once, as the first says it, with the count of all.
  void refuse(Origin origin, std::string_view value, std::string why, const std::string& reason);
  void begin_one() { in_one_.emplace(); }
  void end_one() { in_one_.reset(); }
  // One of the versions of an object; only the newest of a file may be taken.
  void saw(const std::string& id, Version version);
  bool is_newest(const std::string& id, const Version& version) const;
  Origin origin(std::uint32_t line, std::string_view note = {}, std::string_view id = {}) const;

  Imported finish() { return std::move(imported_); }

 private:
  const std::optional<std::string>& complaint_about(const Term& term);

  const Context& context_;
  Imported imported_;
  std::size_t bytes_ = 0;  // of the indicators
  // The alternatives of a pattern have the same terms, and a regular expression is compiled to be
  // judged.
  std::map<Term, std::optional<std::string>> judged_;
  // Line and reason -> in imported_.not_taken.
  std::optional<std::map<std::pair<std::uint32_t, std::string>, std::size_t>> in_one_;
};

// Indicators of the usual kinds. Nothing: the text is no such thing.
std::optional<Indicator> hash_indicator(std::string_view hex);
std::optional<Indicator> address_indicator(std::string_view text);   // or a range, 203.0.113.0/24
std::optional<Indicator> endpoint_indicator(std::string_view text);  // 203.0.113.7:80, [::1]:80
std::optional<Indicator> domain_indicator(std::string_view text);
// Without a path it is its host, with the port if that is an address.
std::optional<Indicator> url_indicator(std::string_view text);
Indicator single(Kind kind, model::Field field, model::Match match, std::string value);

// "Kind" of what `terms` say together.
Kind kind_of(const std::vector<Term>& terms);

// What files of one feed say together: of an object that several have only the newest version.
Imported joined(std::vector<Imported> files);

// The same indicator from several places becomes one that names them all: the highest confidence,
// the earliest beginning and the latest end. Keeps the order. `confidence` is that of indicators
// without one.
std::vector<Indicator> merged(std::vector<Indicator> indicators, std::uint8_t confidence);

}  // namespace fleetsweep::indicators

namespace fleetsweep {
template <>
struct Names<indicators::Kind> {
  static constexpr std::string_view kAll[] = {"hash",    "address",   "domain",
                                              "url",     "file name", "file path",
                                              "process", "registry",  "combination"};
};
}  // namespace fleetsweep
