#include "policies/compiler/predicate.h"

#include <algorithm>

#include "policies/compiler/absolute.h"
#include "policies/compiler/address.h"
#include "policies/compiler/encodings.h"
#include "policies/compiler/hash_list.h"
#include "policies/compiler/locations.h"
#include "policies/compiler/predicate_key.h"
#include "policies/compiler/regex.h"
#include "policies/compiler/template_text.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::compiler {
namespace {

using model::Field;
using model::Match;
using model::Value;

constexpr std::string_view kNamesUnder = "@names_under(";

class PredicateReader {
 public:
  PredicateReader(const Entry& entry, const model::Detection& detection, bool excludes,
                  Draft& draft)
      : entry_(entry),
        detection_(detection),
        excludes_(excludes),
        draft_(draft),
        sink_(draft.sink) {}

  std::vector<model::Predicate> read() {
    auto key = read_key(entry_, detection_.object, sink_);
    if (!key) return {};
    key_ = std::move(*key);
    predicate_.field = key_.field;
    predicate_.match = key_.match;
    predicate_.all = key_.all && !key_.windash && !key_.base64;
    // File systems of Linux tell A from a, so must a policy that deletes; all else is Sigma's rule.
    const bool path = key_.info.holds == Holds::kPath || key_.info.holds == Holds::kFileName;
    predicate_.cased =
        key_.cased || (key_.match == Match::kRegex && !key_.caseless) ||
        (path && draft_.policy.platform == model::Platform::kLinux && !key_.caseless);
    read_values();
    if (!predicate_.parts.empty()) return {std::move(predicate_)};
    if (predicate_.values.size() > limits::kPredicateValues)
      sink_.error(entry_.value.at, fmt::format("{} values; at most {}", predicate_.values.size(),
                                               limits::kPredicateValues));
    else if (!predicate_.values.empty())
      predicates_.push_back(std::move(predicate_));
    return std::move(predicates_);
  }

 private:
  void read_values() {
    const Node& node = entry_.value;
    if (node.kind == Node::Kind::kMap) return read_tolerant();
    const bool one = node.kind == Node::Kind::kScalar && !node.text.empty();
    if (one && key_.in && node.text.starts_with(kNamesUnder)) return read_names_under(node);
    if (one && node.text.starts_with("@lists/")) return read_list(node);
    for (const Node* value : read_scalars(node, fmt::format("'{}'", key_.text), sink_))
      read_value(*value);
  }

  // {equals: -7d, tolerance: 300ms}
  void read_tolerant() {
    Fields fields(entry_.value, fmt::format("'{}'", key_.text), sink_);
    const Node* equals = fields.need("equals");
    const Node* tolerance = fields.find("tolerance");
    fields.finish();
    if (!is_number(key_.info.holds) || key_.match != Match::kEquals) {
      sink_.error(entry_.value.at, fmt::format("'{}' takes no tolerance", shown(entry_.key)),
                  "tolerance goes with plain numbers and durations");
      return;
    }
    if (equals) read_value(*equals);
    if (!tolerance) return;
    if (const auto ms = read_milliseconds(*tolerance)) predicate_.tolerance_ms = *ms;
  }

  std::optional<std::int64_t> read_milliseconds(const Node& node) {
    const auto text = read_text(node, "'tolerance'", sink_);
    if (!text) return std::nullopt;
    if (text->ends_with("ms"))
      if (const auto ms = parse_whole(std::string_view(*text).substr(0, text->size() - 2));
          ms && *ms >= 0 && *ms <= 86'400'000)
        return ms;
    if (const auto seconds = parse_seconds(*text); seconds && !text->ends_with("ms"))
      return seconds->count() * 1000;
    sink_.error(node.at, fmt::format("'tolerance' is a duration, not '{}'", shown(*text)),
                "such as 300ms or 2s");
    return std::nullopt;
  }

  void read_list(const Node& node) {
    const auto list_name = std::string_view(node.text).substr(7);
    const auto list = draft_.lists.find(list_name);
    if (list == draft_.lists.end()) {
      std::vector<std::string_view> known;
      for (const auto& [other, unused] : draft_.lists) known.push_back(other);
      sink_.error(node.at, fmt::format("no list '{}'", shown(list_name)),
                  known.empty() ? "define it under 'lists:'" : name_hint(list_name, known));
      return;
    }
    list->second.used = true;
    const bool of_addresses = list->second.type.starts_with("ipv");
    if (key_.info.holds == Holds::kAddress && !of_addresses) {
      sink_.error(node.at, fmt::format("'{}' holds no addresses", node.text),
                  "give the list the type ipv4-addr or ipv6-addr, and 'expires'");
      return;
    }
    if (list->second.type == "domain-name" && key_.match == Match::kContains)
      sink_.warning(node.at,
                    fmt::format("'{}' is also found in the middle of other names", node.text),
                    fmt::format("x.com is in netflix.com: use {}|domain", key_.text));
    predicate_.expires = list->second.expires;
    if (!list->second.parts.empty()) return take_hash_set(node, list->second);
    in_list_ = true;
    for (const Node* value : list->second.values) read_value(*value);
  }

  void take_hash_set(const Node& node, const List& list) {
    const bool is_of_file = key_.field == Field::kFileSha256 || key_.field == Field::kFileSha1 ||
                            key_.field == Field::kFileMd5;
    if (!is_of_file || key_.match != Match::kEquals || key_.all) {
      sink_.error(node.at, fmt::format("'{}' is a file of hashes of files", node.text),
                  "file.hashes.SHA-256, SHA-1 or MD5 without modifiers; for a process, join to it");
      return;
    }
    constexpr std::pair<Field, std::string_view> kTypes[] = {
        {Field::kFileSha256, "sha-256"}, {Field::kFileSha1, "sha-1"}, {Field::kFileMd5, "md5"}};
    for (const auto& [field, type] : kTypes)
      if (field == key_.field && type != list.type) {
        sink_.error(node.at, fmt::format("'{}' holds {}, not {}", node.text, list.type, type),
                    fmt::format("give the list the type {}", type));
        return;
      }
    predicate_.parts = list.parts;
  }

  // Names of directories and programs that are installed: only the host can know them.
  void read_names_under(const Node& node) {
    if (draft_.policy.platform != model::Platform::kWindows) {
      sink_.error(node.at, "@names_under(...) exists on Windows only",
                  "name the directories, or set 'platform: windows'");
      return;
    }
    std::string_view folders = std::string_view(node.text).substr(kNamesUnder.size());
    if (!is_textual(key_.info.holds) || !folders.ends_with(")") || folders.size() < 2) {
      sink_.error(node.at, fmt::format("'{}' is not a set of names", shown(node.text)),
                  "\"@names_under(%APPDATA%, %ProgramFiles%)\" on a field that holds a name");
      return;
    }
    folders.remove_suffix(1);
    while (!folders.empty()) {
      std::string_view folder = folders.substr(0, folders.find(','));
      folders.remove_prefix(std::min(folder.size() + 1, folders.size()));
      while (folder.starts_with(' ')) folder.remove_prefix(1);
      while (folder.ends_with(' ')) folder.remove_suffix(1);
      if (!begins_on_windows(folder, node.at, sink_)) return;
    }
    predicate_.values.push_back(Value{.text = "{{" + node.text + "}}", .templated = true});
  }

  void read_value(const Node& node) {
    if (node.text.starts_with("@lists/"))
      return sink_.error(node.at, fmt::format("'{}' stands among other values", shown(node.text)),
                         "a list is the whole value: make it another alternative of 'where'");
    if (key_.match == Match::kExists) {
      if (const auto yes = read_boolean(node, fmt::format("'{}'", entry_.key), sink_))
        predicate_.values.push_back(Value{.number = *yes});
      return;
    }
    const auto what = fmt::format("'{}'", key_.text);
    switch (key_.info.holds) {
      case Holds::kText:
      case Holds::kPath:
      case Holds::kFileName:
        return read_text_value(node);
      case Holds::kSize:
        if (const auto size = read_size(node, what, sink_))
          number(static_cast<std::int64_t>(*size));
        return;
      case Holds::kPort:
        if (const auto port = read_number(node, what, 0, 65535, sink_))
          number(static_cast<std::int64_t>(*port));
        return;
      case Holds::kNumber:
        if (const auto read = read_number(node, what, 0, 0xffffffff, sink_))
          number(static_cast<std::int64_t>(*read));
        return;
      case Holds::kTimestamp:
        if (const auto read = read_time(node, what, sink_)) number(unix_seconds(*read));
        return;
      case Holds::kSeconds:
        return read_seconds(node);
      case Holds::kBoolean:
        if (const auto yes = read_boolean(node, what, sink_)) number(*yes);
        return;
      case Holds::kWord:
        return read_word(node);
      case Holds::kHash:
      case Holds::kHex:
        return read_hex(node);
      case Holds::kAddress:
        return read_address(node);
    }
  }

  void number(std::int64_t value) { predicate_.values.push_back(Value{.number = value}); }

  void read_seconds(const Node& node) {
    const auto text = read_text(node, fmt::format("'{}'", key_.text), sink_);
    if (!text) return;
    std::string_view digits = *text;
    const bool negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    if (const auto seconds = parse_seconds(digits))
      return number(negative ? -seconds->count() : seconds->count());
    sink_.error(node.at, fmt::format("'{}' is a duration, not '{}'", key_.text, shown(*text)),
                "such as -7d or 90s");
  }

  void read_word(const Node& node) {
    const auto text = read_text(node, fmt::format("'{}'", key_.text), sink_);
    if (!text) return;
    const auto choices = key_.info.choices;
    if (std::find(choices.begin(), choices.end(), *text) != choices.end())
      return predicate_.values.push_back(Value{.text = *text});
    sink_.error(node.at, fmt::format("'{}' is never '{}'", key_.text, shown(*text)),
                key_.field == Field::kFileType
                    ? "agents look at regular files only: leave it out"
                    : name_hint(*text, {choices.begin(), choices.end()}));
  }

  void read_hex(const Node& node) {
    const auto text = read_text(node, fmt::format("'{}'", key_.text), sink_);
    if (!text) return;
    const auto bytes = from_hex(*text);
    const std::size_t wanted = key_.info.hash_bytes;
    if (wanted && bytes && !excludes_ && is_hash_of_empty_file(to_hex(*bytes)))
      return sink_.error(
          node.at, fmt::format("'{}' is the hash of the empty file", shown(*text)),
          "every empty file would be found by it: take it out, or say 'file.size: 0'");
    if (bytes && (wanted ? bytes->size() == wanted : bytes->size() <= 64))
      return predicate_.values.push_back(Value{.text = to_hex(*bytes)});
    sink_.error(
        node.at,
        wanted ? fmt::format("'{}' is {} hex digits, not '{}'", key_.text, wanted * 2, shown(*text))
               : fmt::format("'{}' is 1 to 64 bytes in hex, not '{}'", key_.text, shown(*text)));
  }

  void read_address(const Node& node) {
    const auto text = read_text(node, fmt::format("'{}'", key_.text), sink_);
    if (!text) return;
    const bool range = text->find('/') != std::string::npos;
    if (key_.match != Match::kCidr && range) {
      sink_.error(node.at, fmt::format("'{}' is a range of addresses", shown(*text)),
                  fmt::format("use {}|cidr", key_.text));
      return;
    }
    if (const auto canonical =
            key_.match == Match::kCidr ? canonical_cidr(*text) : canonical_address(*text)) {
      if (range && !excludes_ && is_too_wide(*canonical))
        return sink_.error(
            node.at, fmt::format("'{}' is nearly every address", shown(*text)),
            fmt::format("a range is no wider than /{}, of IPv6 /{}", kRangeBitsV4, kRangeBitsV6));
      warn_of_no_end(node, *text);
      return predicate_.values.push_back(Value{.text = *canonical});
    }
    sink_.error(node.at,
                fmt::format("'{}' is not {}", shown(*text),
                            key_.match == Match::kCidr ? "a range of addresses" : "an IP address"),
                key_.match == Match::kCidr ? "such as 198.51.100.0/24, host bits zero"
                                           : "such as 198.51.100.7 or 2001:db8::7");
  }

  void warn_of_no_end(const Node& node, std::string_view value) {
    if (!in_list_)
      sink_.warning(node.at, fmt::format("'{}' counts for ever here", shown(value)),
                    "addresses and domains change hands: put it into 'lists:' with 'expires'");
  }

  void read_domain(const Node& node, std::string_view text) {
    auto domain = canonical_domain(text);
    if (!domain)
      return sink_.error(node.at, fmt::format("'{}' is not a domain name", shown(text)),
                         "such as c2.example.org");
    warn_of_no_end(node, text);
    predicate_.values.push_back(Value{.text = std::move(*domain)});
  }

  void read_text_value(const Node& node) {
    const auto text = read_text(node, fmt::format("'{}'", key_.text), sink_);
    if (!text) return;
    if (key_.match == Match::kDomain) return read_domain(node, *text);
    if (text->size() > limits::kPathBytes) {
      sink_.error(node.at, fmt::format("the value has {} bytes; at most {}", text->size(),
                                       limits::kPathBytes));
      return;
    }
    const auto templated = check_templates(node, *text);
    if (!templated) return;
    if (key_.match == Match::kRegex) {
      if (const auto problem = check_regex(*text, predicate_.cased)) {
        const bool inside = problem->offset != std::string_view::npos && !*templated;
        sink_.error(inside ? node.inside(problem->offset) : node.at, problem->message,
                    problem->hint);
        return;
      }
    } else if (!*templated && !check_plain(node, *text)) {
      return;
    }
    if (*templated && (key_.wide || key_.base64 || key_.windash)) {
      sink_.error(node.at, "a template cannot be combined with windash, wide or base64offset");
      return;
    }
    spell_out(*text, *templated);
  }

  void spell_out(const std::string& text, bool templated) {
    std::vector<std::string> spellings = key_.windash ? windash(text) : std::vector{text};
    for (auto& spelling : spellings) {
      if (key_.wide) spelling = wide(spelling);
      if (!key_.base64) {
        predicate_.values.push_back(Value{.text = std::move(spelling), .templated = templated});
        continue;
      }
      for (auto& offset : base64_offsets(spelling))
        predicate_.values.push_back(Value{.text = std::move(offset)});
    }
    // Base64 tells A from a.
    if (key_.base64) predicate_.cased = true;
    // Each value, in any of its spellings.
    if (key_.all && !predicate_.all) {
      predicates_.push_back(predicate_);
      predicate_.values.clear();
    }
  }

  // Mistakes in plain values that would make them match nothing, or too much.
  bool check_plain(const Node& node, std::string_view text) {
    const Holds holds = key_.info.holds;
    if (text.starts_with(kNamesUnder)) {
      sink_.error(node.at, "@names_under(...) needs 'in'", fmt::format("{}|in", key_.text));
      return false;
    }
    const bool from_start = key_.match == Match::kEquals || key_.match == Match::kStartsWith;
    if (key_.field == Field::kRegistryKey && from_start)
      check_registry_key(text, key_.match == Match::kStartsWith, node.at, sink_);
    if (holds == Holds::kText) return true;
    if (text.find_first_of("*?") != std::string_view::npos) {
      sink_.error(node.at,
                  fmt::format("'{}' is not a pattern: * and ? stand for themselves", shown(text)),
                  "use startswith, endswith, contains or re; or scope.paths");
      return false;
    }
    if (key_.field == Field::kFileExtension && text.starts_with('.')) {
      sink_.error(node.at, fmt::format("an extension has no dot: '{}'", shown(text)),
                  fmt::format("write {}", shown(text.substr(1))));
      return false;
    }
    if (holds == Holds::kFileName) {
      if (text.find('/') == std::string_view::npos) return true;
      sink_.error(node.at, fmt::format("'{}' is a name and holds no '/'", key_.text),
                  "a whole path is file.path or process.exe.path");
      return false;
    }
    if (!from_start || is_absolute(text, draft_.policy.platform)) return true;
    const bool windows = draft_.policy.platform == model::Platform::kWindows;
    sink_.error(node.at, fmt::format("'{}' is not an absolute path", shown(text)),
                windows ? "start with C:\\, or use endswith; %VARIABLES% are for scope.paths"
                        : "start with /, or use endswith");
    return false;
  }

  // Whether the text holds templates; nothing after a mistake.
  std::optional<bool> check_templates(const Node& node, std::string_view text) {
    std::size_t bad = 0;
    const auto parts = find_templates(text, bad);
    if (!parts) {
      sink_.error(node.inside(bad), "'{{' does not begin a template",
                  "{{detection.field}} without spaces, such as {{loader.file.path}}");
      return std::nullopt;
    }
    bool good = true;
    for (const auto& part : *parts) good = check_template(node, part) && good;
    if (!good) return std::nullopt;
    return !parts->empty();
  }

  bool check_template(const Node& node, const TemplatePart& part) {
    if (draft_.join_unknown) return true;  // reported at for_each
    const Position at = node.inside(part.begin);
    const int base = draft_.detection(part.detection);
    if (base < 0 || !joined_to(base)) {
      const bool joined = detection_.for_each >= 0;
      sink_.error(
          at,
          fmt::format("'{}' is not a detection that this one is joined to", shown(part.detection)),
          joined
              ? fmt::format("for_each names '{}'", draft_.policy.detections[detection_.for_each].id)
              : fmt::format("add 'for_each: {}'", shown(part.detection)));
      return false;
    }
    const auto& target = draft_.policy.detections[static_cast<std::size_t>(base)];
    const auto field = from_name<Field>(part.field);
    if (!field || object_of(*field) != target.object) {
      sink_.error(at,
                  fmt::format("'{}' is a {} and has no field '{}'", target.id, name(target.object),
                              shown(part.field)),
                  name_hint(part.field, fields_of(target.object)));
      return false;
    }
    if (!is_textual(field_info(*field).holds)) {
      sink_.error(at, fmt::format("'{}' does not hold text", part.field),
                  "only text can stand in a template");
      return false;
    }
    if (part.filter.empty()) return true;
    if (part.filter != "unwow64") {
      sink_.error(at, fmt::format("no filter '{}'", shown(part.filter)), "the only one is unwow64");
      return false;
    }
    if (draft_.policy.platform == model::Platform::kWindows) return true;
    sink_.error(at, "the filter unwow64 is for Windows", "leave it out");
    return false;
  }

  bool joined_to(int base) const {
    for (int at = detection_.for_each; at >= 0;
         at = draft_.policy.detections[static_cast<std::size_t>(at)].for_each)
      if (at == base) return true;
    return false;
  }

  const Entry& entry_;
  const model::Detection& detection_;
  const bool excludes_;
  Draft& draft_;
  Sink& sink_;
  PredicateKey key_;
  model::Predicate predicate_;
  std::vector<model::Predicate> predicates_;
  bool in_list_ = false;
};

}  // namespace

std::vector<model::Predicate> read_predicates(const Entry& entry, const model::Detection& detection,
                                              bool excludes, Draft& draft) {
  return PredicateReader(entry, detection, excludes, draft).read();
}

}  // namespace fleetsweep::compiler
