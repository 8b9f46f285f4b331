#include "policies/compiler/predicate_key.h"

namespace fleetsweep::compiler {
namespace {

using model::Field;
using model::Match;

const std::vector<std::string_view> kModifiers = {
    "startswith", "endswith", "contains", "re",   "cidr", "gt",           "lt", "exists",
    "cased",      "all",      "windash",  "wide", "in",   "base64offset", "i",  "domain"};

class KeyReader {
 public:
  KeyReader(const Entry& entry, model::ObjectKind object, Sink& sink)
      : entry_(entry), object_(object), sink_(sink) {}

  std::optional<PredicateKey> read() {
    if (!read_parts()) return std::nullopt;
    return std::move(key_);
  }

 private:
  bool read_parts() {
    const std::string_view text = entry_.key;
    key_.at = entry_.at;
    const auto bar = text.find('|');
    key_.text = text.substr(0, bar);
    const auto field = from_name<Field>(key_.text);
    const auto known = fields_of(object_);
    if (!field) {
      const auto near = nearest(key_.text, known);
      sink_.error(key_.at, fmt::format("no field '{}'", shown(key_.text)),
                  near.empty() ? fmt::format("a {} detection has {}", name(object_), listed(known))
                               : fmt::format("did you mean '{}'?", near));
      return false;
    }
    if (object_of(*field) != object_) {
      sink_.error(key_.at,
                  fmt::format("'{}' is not a field of a {} detection", key_.text, name(object_)),
                  fmt::format("use a detection with 'object: {}' and join it with for_each",
                              name(object_of(*field))));
      return false;
    }
    key_.field = *field;
    key_.info = field_info(*field);
    bool good = true;
    for (std::size_t from = bar; from != std::string_view::npos;) {
      const auto next = text.find('|', from + 1);
      const auto word = text.substr(
          from + 1, next == std::string_view::npos ? std::string_view::npos : next - from - 1);
      good = take_modifier(word, from + 1) && good;
      from = next;
    }
    return good && check_key();
  }

  bool take_modifier(std::string_view word, std::size_t offset) {
    const Position at{key_.at.line, key_.at.column + static_cast<std::uint32_t>(offset)};
    const auto decide = [&](Match match) {
      if (key_.matched) {
        sink_.error(at, fmt::format("'{}' has two comparisons", shown(entry_.key)),
                    "one of startswith, endswith, contains, re, cidr, gt, lt, exists, domain");
        return false;
      }
      key_.matched = true;
      key_.match = match;
      return true;
    };
    if (word == "startswith") return decide(Match::kStartsWith);
    if (word == "endswith") return decide(Match::kEndsWith);
    if (word == "contains") return decide(Match::kContains);
    if (word == "re") return decide(Match::kRegex);
    if (word == "cidr") return decide(Match::kCidr);
    if (word == "gt") return decide(Match::kGreater);
    if (word == "lt") return decide(Match::kLess);
    if (word == "exists") return decide(Match::kExists);
    if (word == "domain") return decide(Match::kDomain);
    bool* flag = word == "cased"          ? &key_.cased
                 : word == "i"            ? &key_.caseless
                 : word == "all"          ? &key_.all
                 : word == "windash"      ? &key_.windash
                 : word == "wide"         ? &key_.wide
                 : word == "base64offset" ? &key_.base64
                 : word == "in"           ? &key_.in
                                          : nullptr;
    if (!flag) {
      sink_.error(at, fmt::format("no modifier '{}'", shown(word)), name_hint(word, kModifiers));
      return false;
    }
    *flag = true;
    return true;
  }

  // Which comparisons make sense for what the field holds.
  bool check_key() {
    const Holds holds = key_.info.holds;
    const auto refuse = [&](std::string_view what, std::string hint) {
      sink_.error(key_.at, fmt::format("'{}' {}", key_.text, what), std::move(hint));
      return false;
    };
    const Match m = key_.match;
    const bool partial = m == Match::kStartsWith || m == Match::kEndsWith ||
                         m == Match::kContains || m == Match::kRegex;
    if (partial && !is_textual(holds))
      return refuse(
          fmt::format("does not hold text: '{}' cannot be used", name(m)),
          is_number(holds) ? "compare with gt, lt or a plain value" : "compare with a plain value");
    if ((m == Match::kGreater || m == Match::kLess) && !is_number(holds))
      return refuse(fmt::format("does not hold a number: '{}' cannot be used", name(m)), "");
    if (m == Match::kCidr && holds != Holds::kAddress)
      return refuse("does not hold an address: 'cidr' cannot be used",
                    "network-traffic.dst_ref does");
    if ((key_.cased || key_.caseless || key_.windash || key_.wide || key_.base64) &&
        !is_textual(holds))
      return refuse("does not hold text: cased, i, windash, wide and base64offset do not apply",
                    "");
    if (m == Match::kDomain && holds != Holds::kText)
      return refuse("does not hold text that could name a host: 'domain' cannot be used", "");
    if (m == Match::kDomain && (key_.cased || key_.caseless || key_.windash))
      return refuse("is compared as domains are: cased, i and windash do not apply", "");
    if (key_.cased && key_.caseless)
      return refuse("is compared both with and without regard to case", "keep 'cased' or 'i'");
    if ((key_.wide || key_.base64) && m != Match::kContains)
      return refuse("needs 'contains' beside wide and base64offset",
                    fmt::format("{}|base64offset|contains", key_.text));
    if (key_.windash && (m == Match::kRegex || m == Match::kExists))
      return refuse("cannot be compared with windash in this way", "use contains");
    if (key_.all && !partial)
      return refuse("cannot equal several values at once",
                    "'all' goes with contains, startswith, endswith or re");
    if (key_.in && key_.matched && m != Match::kCidr)
      return refuse(fmt::format("has both 'in' and '{}'", name(m)),
                    "a list already means any of it");
    return true;
  }

  const Entry& entry_;
  model::ObjectKind object_;
  Sink& sink_;
  PredicateKey key_;
};

}  // namespace

std::optional<PredicateKey> read_key(const Entry& entry, model::ObjectKind object, Sink& sink) {
  return KeyReader(entry, object, sink).read();
}

}  // namespace fleetsweep::compiler
