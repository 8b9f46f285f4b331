#pragma once

// One predicate of a selection, compiled: sets for long lists, one database for its patterns.

#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>

#include "agent/scan/evaluate/matcher.h"
#include "agent/scan/evaluate/template.h"
#include "agent/scan/literal/regex_set.h"

namespace fleetsweep::scan {

using FindDetection = std::function<std::optional<std::uint16_t>(std::string_view)>;

// Among the values: further ones that nobody could read. What equals none of the others may equal
// one of these.
inline constexpr std::string_view kNamesUnread = "{{@names_unread}}";

// Of a list that has ended; no time: none has.
inline bool is_over(const model::Predicate& predicate, Timestamp now) {
  return predicate.expires != Timestamp{} && predicate.expires <= now;
}

class CompiledPredicate {
 public:
  static Result<CompiledPredicate> compile(const model::Predicate& predicate,
                                           const FindDetection& find, const HashParts& parts,
                                           Timestamp now, model::Platform platform);

  Truth match(const FileFacts& file, Binding binding) const;
  Truth match(const Object& object, Binding binding) const;
  model::Field field() const { return predicate_.field; }
  bool is_templated() const { return !templates_.empty(); }
  bool is_set() const { return set_.has_value(); }
  std::size_t head_bytes() const;

 private:
  // Text is compared folded to lower case unless `cased`: that of ASCII here. Where names are those
  // of Windows, what lies beyond has been folded before.
  struct Fold {
    using is_transparent = void;
    Fold() : cased(false) {}
    explicit Fold(bool is_cased) : cased(is_cased) {}
    bool cased;
    std::size_t operator()(std::string_view text) const;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  // Nearly everything that is asked is in no list: a bit tells so, for less than the list does.
  class Sieve {
   public:
    void add(std::uint64_t value);
    bool may_hold(std::uint64_t value) const;
    void grow_to(std::size_t values);  // before the first is added

   private:
    std::size_t place(std::uint64_t value) const;
    std::vector<std::uint64_t> words_;
    unsigned shift_ = 0;
  };
  Status compile_set(const HashParts& parts);
  Status compile_value(const model::Value& value, const FindDetection& find);
  Truth match(const FieldValue& value, Binding binding) const;
  Truth match_set(const FileFacts& file) const;
  bool matches_number(std::int64_t number) const;
  bool matches_text(std::string_view text) const;
  bool is_listed(std::string_view text) const;
  bool names_domain(std::string_view text) const;
  bool text_matches_value(std::string_view text, const std::string& value) const;
  std::string folded(std::string_view text) const;
  Truth match_text(std::string_view text, Binding binding) const;
  Truth match_known(std::string_view text, Binding binding) const;
  Truth match_templates(std::string_view text, Binding binding) const;

  model::Predicate predicate_;
  bool is_over_ = false;
  bool is_incomplete_ = false;
  bool folds_names_ = false;
  std::unordered_set<std::string, Fold, Fold> equal_;  // kEquals on text, kDomain
  std::unordered_set<std::int64_t> numbers_;           // kEquals without tolerance
  Sieve sieve_;                                        // of both
  std::vector<std::string> texts_;                     // the other text matches; raw head bytes
  std::optional<RegexSet> regex_;
  struct Network {
    Bytes address;
    unsigned prefix = 0;
  };
  std::vector<Network> networks_;
  std::vector<Template> templates_;
  std::optional<HashSet> set_;
};

}  // namespace fleetsweep::scan
