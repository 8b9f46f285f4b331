#include "policies/compiler/import/indicator.h"

#include <algorithm>
#include <map>

#include "policies/compiler/absolute.h"
#include "policies/compiler/address.h"
#include "policies/compiler/field_table.h"
#include "policies/compiler/hash_list.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"
#include "policies/compiler/regex.h"
#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

using model::Field;
using model::Match;
using model::ObjectKind;

bool is_plain_text(std::string_view text) {
  return is_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

// Addresses and names change hands.
bool ages(const Indicator& indicator) {
  return indicator.kind == Kind::kDomain || indicator.kind == Kind::kUrl ||
         std::any_of(indicator.all_of.begin(), indicator.all_of.end(),
                     [](const Term& term) { return term.field == Field::kNetworkDstRef; });
}

// Several of them can hold for one text.
bool is_part(Match match) {
  return match == Match::kContains || match == Match::kStartsWith || match == Match::kEndsWith ||
         match == Match::kRegex;
}

bool is_windows_only(const Term& term) {
  if (compiler::object_of(term.field) == ObjectKind::kWindowsRegistryKey) return true;
  const auto holds = compiler::field_info(term.field).holds;
  if (holds != compiler::Holds::kPath && holds != compiler::Holds::kFileName) return false;
  // Names of Linux may hold a backslash, and systemd writes it into those of its units.
  return term.match == Match::kRegex
             ? demands_one_of(term.value, "\\") && !demands_one_of(term.value, "/")
             : term.value.find('\\') != std::string::npos || term.value.starts_with('%');
}

// Of a value that would find what every host has; `term` is demanded, not excluded.
std::optional<std::string> too_much(const Term& term) {
  const auto holds = compiler::field_info(term.field).holds;
  if (holds == compiler::Holds::kHash && compiler::is_hash_of_empty_file(term.value))
    return "it is the hash of the empty file";
  if (holds == compiler::Holds::kHash && compiler::is_hash_of_line_break(term.value))
    return "it is the hash of a file of one line break";
  if (term.match == Match::kCidr && compiler::is_too_wide(term.value))
    return fmt::format("it is nearly every address: a range is no wider than /{}, of IPv6 /{}",
                       compiler::kRangeBitsV4, compiler::kRangeBitsV6);
  if (term.field == Field::kNetworkDstRef)
    if (const auto use = compiler::special_use(term.value); !use.empty())
      return fmt::format("it is {}: no host of the internet has it", use);
  if (holds == compiler::Holds::kPath && term.match == Match::kEquals &&
      (term.value.ends_with('/') || term.value.ends_with('\\')))
    return "it is a folder, not a file";
  return std::nullopt;
}

// Nearly every host has a file, a connection or a value of which it is true.
bool is_common(const Term& term) {
  constexpr std::string_view kPorts[] = {"22", "53", "80", "123", "135", "139", "443", "445"};
  switch (compiler::field_info(term.field).holds) {
    case compiler::Holds::kWord:
    case compiler::Holds::kSize:
      return true;
    case compiler::Holds::kPort:
      return term.match == Match::kEquals &&
             std::find(std::begin(kPorts), std::end(kPorts), term.value) != std::end(kPorts);
    default:
      return term.field == Field::kFileExtension;
  }
}

std::optional<std::string> complaint(const Term& term, const Context& context) {
  if (term.value.empty()) return "it is empty";
  if (term.value.size() > limits::kImportValueBytes)
    return fmt::format("it has {} bytes; at most {}", term.value.size(), limits::kImportValueBytes);
  if (!is_plain_text(term.value)) return "it holds control characters or is not UTF-8";
  if (term.value.find("{{") != std::string::npos) return "'{{' begins a template in a policy";
  if (term.value.starts_with("@lists/")) return "'@lists/' names a list in a policy";
  const bool on_windows = context.platform == model::Platform::kWindows;
  const auto info = compiler::field_info(term.field);
  if (info.holds == compiler::Holds::kFileName) {
    const std::string_view separators = on_windows ? "\\/" : "/";
    if (term.match == Match::kRegex ? demands_one_of(term.value, separators)
                                    : term.value.find_first_of(separators) != std::string::npos)
      return on_windows ? R"(a name holds neither '\' nor '/')" : "a name holds no '/'";
  }
  if (term.match == Match::kRegex) {
    if (const auto problem = compiler::check_regex(term.value, !term.caseless))
      return problem->message;
    if (compiler::fits_any_text(term.value, !term.caseless))
      return "the pattern is found in nearly every name";
    return std::nullopt;
  }
  if (info.holds == compiler::Holds::kSize && !compiler::parse_size(term.value))
    return fmt::format("no file has {} bytes: at most {}", term.value, compiler::kSizeMax);
  if (!compiler::is_textual(info.holds)) return std::nullopt;
  if (term.match != Match::kEquals && term.value.size() < kPartBytes)
    return fmt::format("a part of {} bytes is in half of all names", term.value.size());
  if (info.holds == compiler::Holds::kText) return std::nullopt;
  if (term.value.find_first_of("*?") != std::string::npos)
    return "* and ? stand for themselves in a policy: write a regular expression";
  const bool whole = term.match == Match::kEquals || term.match == Match::kStartsWith;
  if (info.holds == compiler::Holds::kPath && whole &&
      !compiler::is_absolute(term.value, context.platform))
    return "it is not an absolute path";
  return std::nullopt;
}

bool is_same(const Term& one, const Term& other, model::Platform platform) {
  const bool has_case = one.match == Match::kRegex || (is_cased(one, platform) && !one.caseless);
  return one.field == other.field && one.match == other.match && one.caseless == other.caseless &&
         (has_case ? one.value == other.value
                   : in_small_letters(one.value) == in_small_letters(other.value));
}

// A URL without a path says no more than its host, and as a part of a command it would be one of
// http://c2.example.org too.
std::optional<Indicator> host_indicator(std::string_view authority) {
  const auto whole = authority.substr(authority.find('@') + 1);
  if (auto endpoint = endpoint_indicator(whole)) return endpoint;
  const bool in_brackets = whole.starts_with('[');
  const auto host =
      in_brackets ? whole.substr(1, whole.find(']') - 1) : whole.substr(0, whole.find(':'));
  if (auto address = address_indicator(host)) {
    // What follows it is no port that there is.
    if (whole.size() > host.size() + (in_brackets ? 2 : 0) + 1) return std::nullopt;
    return address;
  }
  return domain_indicator(host);
}

}  // namespace

bool is_cased(const Term& term, model::Platform platform) {
  const auto holds = compiler::field_info(term.field).holds;
  return term.match == Match::kRegex ||
         (platform != model::Platform::kWindows &&
          (holds == compiler::Holds::kPath || holds == compiler::Holds::kFileName));
}

Origin Collector::origin(std::uint32_t line, std::string_view note, std::string_view id) const {
  return {context_.source, line, shown_note(id), shown_note(note)};
}

void Collector::refuse(Origin origin, std::string_view value, std::string why) {
  const std::string reason = why;
  refuse(std::move(origin), value, std::move(why), reason);
}

void Collector::refuse(Origin origin, std::string_view value, std::string why,
                       const std::string& reason) {
  if (in_one_) {
    const auto [at, is_new] =
        in_one_->emplace(std::pair{origin.line, reason}, imported_.not_taken.size());
    if (!is_new) {
      ++imported_.not_taken[at->second].count;
      return;
    }
  }
  imported_.not_taken.push_back({std::move(origin), shown_note(value), std::move(why)});
}

void Collector::saw(const std::string& id, Version version) {
  if (id.empty()) return;
  Version& newest = imported_.versions[id];
  newest = std::max(newest, std::move(version));
}

bool Collector::is_newest(const std::string& id, const Version& version) const {
  const auto newest = imported_.versions.find(id);
  return newest == imported_.versions.end() || version >= newest->second;
}

const std::optional<std::string>& Collector::complaint_about(const Term& term) {
  const auto [at, is_new] = judged_.try_emplace(term);
  if (is_new) at->second = complaint(term, context_);
  return at->second;
}

void Collector::take(Indicator indicator, std::string_view shown) {
  FS_ASSERT(indicator.origins.size() == 1);
  const auto refused = [&](std::string why) {
    refuse(std::move(indicator.origins[0]), shown, std::move(why));
  };
  if (indicator.all_of.empty()) return refused("it only says what must not be there");
  const auto object = compiler::object_of(indicator.all_of[0].field);
  for (const auto* terms : {&indicator.all_of, &indicator.none_of})
    for (const Term& term : *terms) {
      if (compiler::object_of(term.field) != object)
        return refused(
            fmt::format("it demands a {} and a {} at once: write two detections and a verdict over "
                        "both",
                        name(object), name(compiler::object_of(term.field))));
      if (terms == &indicator.all_of && context_.platform != model::Platform::kWindows &&
          is_windows_only(term))
        return refused("it is about Windows, and the policy is not: --platform windows");
      if (const auto& why = complaint_about(term)) return refused(*why);
      if (terms != &indicator.all_of) continue;
      if (auto why = too_much(term)) return refused(std::move(*why));
    }
  if (std::all_of(indicator.all_of.begin(), indicator.all_of.end(),
                  [](const Term& term) { return term.field == Field::kFileSize; }))
    return refused("it demands nothing of a file but its size");
  if (std::all_of(indicator.all_of.begin(), indicator.all_of.end(), is_common))
    return refused(
        "every host has such: it demands no more than a size, an extension, a type or a common "
        "port");
  for (auto* terms : {&indicator.all_of, &indicator.none_of}) {
    std::sort(terms->begin(), terms->end());
    terms->erase(std::unique(terms->begin(), terms->end(),
                             [&](const Term& one, const Term& other) {
                               return is_same(one, other, context_.platform);
                             }),
                 terms->end());
  }
  for (const Term& one : indicator.all_of)
    for (const Term& other : indicator.all_of)
      if (one.field == other.field && one.match == other.match && one.value != other.value &&
          !is_part(one.match))
        return refused(fmt::format("it demands two values of {} at once", name(one.field)));
  if (!indicator.expires && ages(indicator))
    indicator.expires =
        std::min(indicator.last_seen.value_or(context_.now), context_.now) + context_.lifetime;
  if (indicator.expires && *indicator.expires <= context_.now)
    return refused("it expired on " + to_rfc3339(*indicator.expires));
  if (imported_.indicators.size() >= limits::kImportIndicators)
    return refused(fmt::format("more than {} indicators", limits::kImportIndicators));
  for (const auto* terms : {&indicator.all_of, &indicator.none_of})
    for (const Term& term : *terms) bytes_ += bytes_of(term);
  if (bytes_ > limits::kImportTakenBytes)
    return refused(fmt::format("more than {} bytes of indicators", limits::kImportTakenBytes));
  imported_.indicators.push_back(std::move(indicator));
}

Indicator single(Kind kind, Field field, Match match, std::string value) {
  Indicator indicator;
  indicator.kind = kind;
  indicator.all_of = {{field, match, std::move(value), false}};
  return indicator;
}

std::optional<Indicator> hash_indicator(std::string_view hex) {
  const auto bytes = from_hex(hex);
  if (!bytes) return std::nullopt;
  switch (bytes->size()) {
    case 16:
      return single(Kind::kHash, Field::kFileMd5, Match::kEquals, to_hex(*bytes));
    case 20:
      return single(Kind::kHash, Field::kFileSha1, Match::kEquals, to_hex(*bytes));
    case 32:
      return single(Kind::kHash, Field::kFileSha256, Match::kEquals, to_hex(*bytes));
    default:
      return std::nullopt;
  }
}

std::optional<Indicator> address_indicator(std::string_view text) {
  const std::string written(text);
  if (auto address = compiler::canonical_address(written))
    return single(Kind::kAddress, Field::kNetworkDstRef, Match::kEquals, std::move(*address));
  if (auto range = compiler::canonical_cidr(written))
    return single(Kind::kAddress, Field::kNetworkDstRef, Match::kCidr, std::move(*range));
  return std::nullopt;
}

std::optional<Indicator> endpoint_indicator(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto address = text.substr(0, colon);
  // An address of IPv6 has colons of its own, and stands in brackets.
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  else if (address.find(':') != std::string_view::npos)
    return std::nullopt;
  auto indicator = address_indicator(address);
  const auto port = compiler::parse_whole(text.substr(colon + 1));
  if (!indicator || !port || *port < 1 || *port > 65535) return std::nullopt;
  indicator->all_of.push_back(
      {Field::kNetworkDstPort, Match::kEquals, std::to_string(*port), false});
  return indicator;
}

std::optional<Indicator> domain_indicator(std::string_view text) {
  auto domain = compiler::canonical_domain(text);
  if (!domain) return std::nullopt;
  return single(Kind::kDomain, Field::kPersistenceCommand, Match::kDomain, std::move(*domain));
}

std::optional<Indicator> url_indicator(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos || scheme == 0 || text.size() < scheme + 7)
    return std::nullopt;
  for (const char c : text.substr(0, scheme))
    if (!std::isalpha(static_cast<unsigned char>(c))) return std::nullopt;
  if (text.find(' ') != std::string_view::npos) return std::nullopt;
  const auto rest = text.substr(scheme + 3);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  auto host = host_indicator(rest.substr(0, end));
  if (!host || end == rest.size()) return host;
  return single(Kind::kUrl, Field::kPersistenceCommand, Match::kContains, std::string(text));
}

Kind kind_of(const std::vector<Term>& terms) {
  const auto is_hash = [](Field f) {
    return f == Field::kFileSha256 || f == Field::kFileSha1 || f == Field::kFileMd5;
  };
  // The size of a file with that hash is no second sign, and neither is the port of an address.
  std::vector<Field> fields, beside;
  for (const Term& term : terms)
    (term.match == Match::kEquals &&
             (term.field == Field::kFileSize || term.field == Field::kNetworkDstPort)
         ? beside
         : fields)
        .push_back(term.field);
  const bool belongs = fields.size() == 1 && beside.size() <= 1 &&
                       (is_hash(fields[0]) || fields[0] == Field::kNetworkDstRef);
  if (!belongs) fields.insert(fields.end(), beside.begin(), beside.end());
  if (fields.size() != 1) return Kind::kCombination;
  if (is_hash(fields[0])) return Kind::kHash;
  switch (compiler::object_of(fields[0])) {
    case ObjectKind::kFile:
      return fields[0] == Field::kFileName   ? Kind::kFileName
             : fields[0] == Field::kFilePath ? Kind::kFilePath
                                             : Kind::kCombination;
    case ObjectKind::kNetworkTraffic:
      return fields[0] == Field::kNetworkDstRef ? Kind::kAddress : Kind::kCombination;
    case ObjectKind::kProcess:
      return Kind::kProcess;
    case ObjectKind::kWindowsRegistryKey:
      return Kind::kRegistry;
    case ObjectKind::kPersistence:
      return Kind::kCombination;
  }
  return Kind::kCombination;
}

Imported joined(std::vector<Imported> files) {
  Imported all;
  for (const Imported& file : files)
    for (const auto& [id, version] : file.versions)
      all.versions[id] = std::max(all.versions[id], version);
  for (Imported& file : files) {
    std::move(file.not_taken.begin(), file.not_taken.end(), std::back_inserter(all.not_taken));
    for (Indicator& one : file.indicators) {
      Origin& origin = one.origins[0];
      const auto version = file.versions.find(origin.id);
      if (version == file.versions.end() || version->second == all.versions.at(origin.id))
        all.indicators.push_back(std::move(one));
      else
        all.not_taken.push_back(
            {std::move(origin), shown_note(one.all_of[0].value), std::string(kSuperseded)});
    }
  }
  return all;
}

std::vector<Indicator> merged(std::vector<Indicator> indicators, std::uint8_t confidence) {
  using Key = std::tuple<Kind, std::vector<Term>, std::vector<Term>>;
  std::map<Key, std::size_t> seen;
  std::vector<Indicator> result;
  for (Indicator& one : indicators) {
    const auto [at, is_new] = seen.emplace(Key{one.kind, one.all_of, one.none_of}, result.size());
    if (is_new) {
      result.push_back(std::move(one));
      continue;
    }
    Indicator& first = result[at->second];
    if (one.confidence.value_or(confidence) > first.confidence.value_or(confidence))
      first.confidence = one.confidence;
    if (one.valid_from && first.valid_from)
      first.valid_from = std::min(*first.valid_from, *one.valid_from);
    // No end at all is later than any.
    first.expires =
        first.expires && one.expires ? std::max(first.expires, one.expires) : std::nullopt;
    for (Origin& origin : one.origins)
      if (std::find(first.origins.begin(), first.origins.end(), origin) == first.origins.end())
        first.origins.push_back(std::move(origin));
  }
  return result;
}

}  // namespace fleetsweep::indicators
