#include "agent/scan/evaluate/predicate.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "agent/hive/text.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::Match;

constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15u;  // 2^64 / phi: Knuth's multiplier
constexpr std::size_t kSieveBits = 32;                  // for each value
constexpr std::size_t kDomainBytes = 253;               // RFC 1035, 2.3.4

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Of eight characters at once: the high bit of each byte says whether it is one of A to Z, and two
// places further down it is what a small letter has more.
std::uint64_t lower_eight(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  const std::uint64_t low = word & kOnes * 0x7f;
  const std::uint64_t from_a = low + kOnes * (0x80 - 'A'), past_z = low + kOnes * (0x7f - 'Z');
  return word | (((from_a ^ past_z) & ~word & kOnes * 0x80) >> 2);
}

bool same(char a, char b, bool cased) {
  return cased ? a == b : lower(a) == lower(b);
}

bool starts_with(std::string_view text, std::string_view start, bool cased) {
  return text.size() >= start.size() &&
         std::equal(start.begin(), start.end(), text.begin(),
                    [cased](char a, char b) { return same(a, b, cased); });
}

bool contains(std::string_view text, std::string_view part, bool cased) {
  if (cased) return text.find(part) != std::string_view::npos;
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end() ||
         part.empty();
}

bool is_beyond_ascii(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

// Bytes beyond ASCII are letters of international names.
bool is_of_host_name(char c) {
  const char small = lower(c);
  return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_' || is_beyond_ascii(c);
}

std::optional<Bytes> address_of(std::string_view text) {
  const std::string copy(text);
  Bytes bytes(16);
  if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(4);
  if (::inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

bool lies_in(const Bytes& address, const Bytes& network, unsigned prefix) {
  if (address.size() != network.size()) return false;
  for (unsigned bit = 0; bit < prefix; ++bit)
    if (((address[bit / 8] ^ network[bit / 8]) >> (7 - bit % 8)) & 1) return false;
  return true;
}

}  // namespace

std::size_t CompiledPredicate::Fold::operator()(std::string_view text) const {
  std::uint64_t hash = text.size();
  for (std::size_t at = 0; at < text.size(); at += sizeof hash) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min(sizeof word, text.size() - at));
    hash = (hash ^ (cased ? word : lower_eight(word))) * kSpread;
    hash ^= hash >> 32;
  }
  return hash;
}

bool CompiledPredicate::Fold::operator()(std::string_view a, std::string_view b) const {
  return a.size() == b.size() && starts_with(a, b, cased);
}

void CompiledPredicate::Sieve::grow_to(std::size_t values) {
  const std::size_t bits = std::bit_ceil(std::max<std::size_t>(kSieveBits * values, 64));
  words_.assign(bits / 64, 0);
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(bits));
}
std::size_t CompiledPredicate::Sieve::place(std::uint64_t value) const {
  return value * kSpread >> shift_;
}
void CompiledPredicate::Sieve::add(std::uint64_t value) {
  words_[place(value) / 64] |= std::uint64_t{1} << place(value) % 64;
}
bool CompiledPredicate::Sieve::may_hold(std::uint64_t value) const {
  return words_[place(value) / 64] >> place(value) % 64 & 1;
}

Result<CompiledPredicate> CompiledPredicate::compile(const model::Predicate& predicate,
                                                     const FindDetection& find,
                                                     const HashParts& parts, Timestamp now,
                                                     model::Platform platform) {
  const std::string_view field = name(predicate.field);
  CompiledPredicate result;
  result.predicate_ = predicate;
  result.is_over_ = is_over(predicate, now);
  result.folds_names_ = platform == model::Platform::kWindows && !predicate.cased &&
                        predicate.match != Match::kRegex && predicate.field != Field::kFileBytesAt0;
  if (!predicate.parts.empty()) {
    if (const auto status = result.compile_set(parts); !status)
      return fail(status.error().within(field));
    return result;
  }
  if (predicate.values.empty())
    return fail(Code::kInvalid, "{}: a predicate without a value", field);
  if (predicate.match == Match::kDomain && predicate.all)
    return fail(Code::kInvalid, "{}: all of several domains", field);
  const Fold fold{predicate.cased};
  result.equal_ = decltype(equal_)(0, fold, fold);
  result.sieve_.grow_to(predicate.values.size());
  for (const model::Value& value : predicate.values)
    if (auto status = result.compile_value(value, find); !status)
      return fail(status.error().within(field));
  if (predicate.match == Match::kRegex && !result.texts_.empty()) {
    auto regex = RegexSet::compile(result.texts_, predicate.cased);
    if (!regex) return fail(regex.error().within(field));
    result.regex_ = std::move(*regex);
  }
  return result;
}

Status CompiledPredicate::compile_set(const HashParts& parts) {
  const std::size_t hash_bytes = predicate_.field == Field::kFileSha256 ? 32
                                 : predicate_.field == Field::kFileSha1 ? 20
                                 : predicate_.field == Field::kFileMd5  ? 16
                                                                        : 0;
  if (hash_bytes == 0 || predicate_.match != Match::kEquals || predicate_.all ||
      !predicate_.values.empty())
    return fail(Code::kInvalid, "a hash set where none can stand");
  FS_TRY(set_, HashSet::of(predicate_.parts, hash_bytes, parts));
  return {};
}

Status CompiledPredicate::compile_value(const model::Value& value, const FindDetection& find) {
  const Match match = predicate_.match;
  if (match == Match::kExists) return {};
  if (value.templated && value.text == kNamesUnread) {
    is_incomplete_ = true;
    return {};
  }
  if (value.templated) {
    if (match == Match::kDomain) return fail(Code::kInvalid, "a template in place of a domain");
    FS_TRY(auto parsed, Template::parse(value.text, find));
    templates_.push_back(std::move(parsed));
    return {};
  }
  const bool numeric = is_number(predicate_.field);
  if (match == Match::kGreater || match == Match::kLess || numeric) {
    if (!numeric || (match != Match::kGreater && match != Match::kLess && match != Match::kEquals))
      return fail(Code::kInvalid, "{} does not apply to this field", name(match));
    if (match == Match::kEquals && predicate_.tolerance_ms == 0) {
      numbers_.insert(value.number);
      sieve_.add(static_cast<std::uint64_t>(value.number));
    }
    return {};
  }
  if (predicate_.field == Field::kFileBytesAt0) {
    FS_TRY(const Bytes bytes, from_hex(value.text));
    texts_.push_back(to_text(bytes));
    return {};
  }
  if (match == Match::kCidr) {
    const std::size_t slash = value.text.find('/');
    const auto address = address_of(std::string_view(value.text).substr(0, slash));
    if (!address) return fail(Code::kInvalid, "\"{}\" is not an address", escaped(value.text));
    unsigned prefix = static_cast<unsigned>(address->size()) * 8;
    if (slash != std::string::npos) {
      const char* first = value.text.data() + slash + 1;
      const char* last = value.text.data() + value.text.size();
      unsigned given = 0;
      const auto parsed = std::from_chars(first, last, given);
      if (parsed.ec != std::errc() || parsed.ptr != last || given > prefix)
        return fail(Code::kInvalid, "\"{}\" is not a network", escaped(value.text));
      prefix = given;
    }
    networks_.push_back({*address, prefix});
    return {};
  }
  std::string text = folded(value.text);
  if (match == Match::kEquals || match == Match::kDomain) {
    sieve_.add(Fold(predicate_.cased)(text));
    equal_.insert(std::move(text));
  } else {
    texts_.push_back(std::move(text));
  }
  return {};
}

std::string CompiledPredicate::folded(std::string_view text) const {
  return folds_names_ ? hive::lower(text) : std::string(text);
}

std::size_t CompiledPredicate::head_bytes() const {
  if (predicate_.field != Field::kFileBytesAt0) return 0;
  std::size_t longest = 0;
  for (const std::string& text : texts_) longest = std::max(longest, text.size());
  return longest;
}

bool CompiledPredicate::matches_number(std::int64_t number) const {
  if (predicate_.match == Match::kEquals && predicate_.tolerance_ms == 0 && !predicate_.all)
    return is_in_milliseconds(predicate_.field)
               ? number % 1000 == 0 && numbers_.contains(number / 1000)
               : sieve_.may_hold(static_cast<std::uint64_t>(number)) && numbers_.contains(number);
  const std::int64_t scale = is_in_milliseconds(predicate_.field) ? 1000 : 1;
  const auto one = [&](const model::Value& value) {
    const std::int64_t wanted = value.number * scale;
    if (predicate_.match == Match::kGreater) return number > wanted;
    if (predicate_.match == Match::kLess) return number < wanted;
    return std::llabs(number - wanted) <= predicate_.tolerance_ms;
  };
  const auto& values = predicate_.values;
  return predicate_.all ? std::all_of(values.begin(), values.end(), one)
                        : std::any_of(values.begin(), values.end(), one);
}

bool CompiledPredicate::is_listed(std::string_view text) const {
  return sieve_.may_hold(Fold(predicate_.cased)(text)) && equal_.contains(text);
}

// A host lies in each domain that its name ends in: one look-up a label, however long the list.
bool CompiledPredicate::names_domain(std::string_view text) const {
  for (std::size_t end = 0; end < text.size(); ++end) {
    const std::size_t begin = end;
    while (end < text.size() && is_of_host_name(text[end])) ++end;
    std::string_view host = text.substr(begin, end - begin);
    while (host.ends_with('.')) host.remove_suffix(1);
    if (host.size() <= kDomainBytes && is_listed(host)) return true;
    for (std::size_t dot = host.rfind('.');
         dot != std::string_view::npos && host.size() - dot - 1 <= kDomainBytes;
         dot = dot ? host.rfind('.', dot - 1) : std::string_view::npos)
      if (is_listed(host.substr(dot + 1))) return true;
  }
  return false;
}

bool CompiledPredicate::text_matches_value(std::string_view text, const std::string& value) const {
  const bool cased = predicate_.cased;
  switch (predicate_.match) {
    case Match::kContains:
      return contains(text, value, cased);
    case Match::kStartsWith:
      return starts_with(text, value, cased);
    case Match::kEndsWith:
      return text.size() >= value.size() &&
             starts_with(text.substr(text.size() - value.size()), value, cased);
    case Match::kEquals:
      return text.size() == value.size() && starts_with(text, value, cased);
    default:
      return false;
  }
}

bool CompiledPredicate::matches_text(std::string_view text) const {
  const bool all = predicate_.all;
  const auto combine = [all](const auto& list, auto one) {
    return all ? std::all_of(list.begin(), list.end(), one)
               : std::any_of(list.begin(), list.end(), one);
  };
  if (predicate_.field == Field::kFileBytesAt0)
    return combine(texts_, [&](const std::string& v) { return starts_with(text, v, true); });
  switch (predicate_.match) {
    case Match::kEquals:
      return all ? std::all_of(equal_.begin(), equal_.end(),
                               [&](const std::string& v) { return text_matches_value(text, v); })
                 : is_listed(text);
    case Match::kDomain:
      return names_domain(text);
    case Match::kRegex:
      return regex_ && (all ? regex_->all(text) : regex_->any(text));
    case Match::kCidr: {
      const auto address = address_of(text);
      return address && combine(networks_, [&](const Network& network) {
               return lies_in(*address, network.address, network.prefix);
             });
    }
    default:
      return combine(texts_, [&](const std::string& v) { return text_matches_value(text, v); });
  }
}

// A filled pattern is compiled on the spot: there is one per binding, and few bindings.
Truth CompiledPredicate::match_templates(std::string_view text, Binding binding) const {
  if (binding.empty()) return Truth::kUnknown;
  const bool regex = predicate_.match == Match::kRegex;
  const auto quote = [regex](std::string_view filled) {
    return regex ? RegexSet::quoted(filled) : std::string(filled);
  };
  const auto one = [&](const Template& value) {
    const auto filled = value.fill(binding, quote);
    // An empty filling would be contained in everything.
    if (!filled || filled->empty()) return Truth::kNo;
    if (!regex) return text_matches_value(text, folded(*filled)) ? Truth::kYes : Truth::kNo;
    const auto compiled = RegexSet::compile({*filled}, predicate_.cased, limits::kFilledRegexBytes);
    if (!compiled) return Truth::kUnknown;
    return compiled->any(text) ? Truth::kYes : Truth::kNo;
  };
  const Truth decides = predicate_.all ? Truth::kNo : Truth::kYes;
  Truth truth = predicate_.all ? Truth::kYes : Truth::kNo;
  for (const Template& value : templates_) {
    const Truth now = one(value);
    if (now == decides) return now;
    if (now == Truth::kUnknown) truth = now;
  }
  return truth;
}

// A size that no hash of the set has is a no before the file is opened.
Truth CompiledPredicate::match_set(const FileFacts& file) const {
  if (file.stage < FileStage::kStat) return Truth::kUnknown;
  if (!set_->may_hold(file.size())) return Truth::kNo;
  const FieldValue hash = field_of(file, predicate_.field);
  if (hash.kind == FieldValue::Kind::kUnknown) return Truth::kUnknown;
  return set_->holds(file.size(), hash.text) ? Truth::kYes : Truth::kNo;
}

Truth CompiledPredicate::match(const FileFacts& file, Binding binding) const {
  if (is_over_) return Truth::kNo;
  return set_ ? match_set(file) : match(field_of(file, predicate_.field), binding);
}

Truth CompiledPredicate::match(const Object& object, Binding binding) const {
  if (is_over_) return Truth::kNo;
  return match(field_of(object, predicate_.field), binding);
}

Truth CompiledPredicate::match(const FieldValue& value, Binding binding) const {
  using Kind = FieldValue::Kind;
  if (value.kind == Kind::kUnknown) return Truth::kUnknown;
  if (predicate_.match == Match::kExists) {
    const bool wanted = predicate_.values.front().number != 0;
    return (value.kind != Kind::kAbsent) == wanted ? Truth::kYes : Truth::kNo;
  }
  if (value.kind == Kind::kAbsent) return Truth::kNo;
  if (value.kind == Kind::kNumber) return matches_number(value.number) ? Truth::kYes : Truth::kNo;
  Truth best = value.kind == Kind::kTexts ? Truth::kNo : match_text(value.text, binding);
  for (const std::string& text : value.texts) {
    if (best == Truth::kYes) return best;
    if (const Truth one = match_text(text, binding); one != Truth::kNo) best = one;
  }
  return best;
}

Truth CompiledPredicate::match_text(std::string_view text, Binding binding) const {
  const bool folds = folds_names_ && std::any_of(text.begin(), text.end(), is_beyond_ascii);
  const Truth truth = match_known(folds ? std::string_view(folded(text)) : text, binding);
  const Truth is_open = predicate_.all ? Truth::kYes : Truth::kNo;
  return is_incomplete_ && truth == is_open ? Truth::kUnknown : truth;
}

Truth CompiledPredicate::match_known(std::string_view text, Binding binding) const {
  const bool only_templates = templates_.size() == predicate_.values.size();
  const Truth plain = !only_templates && matches_text(text) ? Truth::kYes : Truth::kNo;
  if (templates_.empty()) return plain;
  if (predicate_.all) {
    if (!only_templates && plain == Truth::kNo) return Truth::kNo;
    return match_templates(text, binding);
  }
  return plain == Truth::kYes ? plain : match_templates(text, binding);
}

}  // namespace fleetsweep::scan
