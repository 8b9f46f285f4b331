#include "policies/compiler/import/groups.h"

#include <type_traits>

#include "policies/compiler/field_table.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/import/value_text.h"
#include "protocol/base/limits.h"

namespace fleetsweep::indicators {
namespace {

using compiler::object_of;
using model::Field;
using model::ObjectKind;

// What a policy has room for: bytes and values of its text, bytes of what is compiled from it.
struct Room {
  std::size_t text = 0;
  std::size_t nodes = 0;
  std::size_t compiled = 0;

  bool take(const Room& need) {
    if (need.text > text || need.nodes > nodes || need.compiled > compiled) return false;
    text -= need.text;
    nodes -= need.nodes;
    compiled -= need.compiled;
    return true;
  }
};

// Beside the indicators: the head, the verdicts, the heads of the detections.
constexpr Room kBeside{.text = 96 * 1024, .nodes = 8'000, .compiled = 256 * 1024};
// A list with its selection, or a selection of its own.
constexpr Room kOpening{.text = 384, .nodes = 16, .compiled = 512};
// A list of its own, because what is combined ends together.
constexpr Room kEnding{.text = 192, .nodes = 8};

class Grouping {
 public:
  explicit Grouping(std::uint8_t confidence) : confidence_(confidence) {}

  Groups group(const std::vector<Indicator>& indicators) {
    // Where there is no room for all, addresses stay, which are few and in use now, and hashes are
    // left out first: there are most of them, and a file of nothing else can stay beside the
    // policy.
    for (const int turn : {0, 1, 2})
      for (const Indicator& one : indicators)
        if (turn == (one.kind == Kind::kAddress ? 0 : one.kind == Kind::kHash ? 2 : 1))
          sort_in(one);
    return std::move(groups_);
  }

 private:
  static Room room_for(const Indicator& one) {
    // In commands of what starts and of what runs.
    const std::size_t times = one.kind == Kind::kDomain || one.kind == Kind::kUrl ? 2 : 1;
    const bool is_listed =
        one.none_of.empty() &&
        (one.all_of.size() == 1 || one.kind == Kind::kHash || one.kind == Kind::kAddress);
    Room room{.text = in_comment(one).size() + 14};
    if (!is_listed && one.expires) {
      room.text += kEnding.text;
      room.nodes += kEnding.nodes;
    }
    for (const auto* terms : {&one.all_of, &one.none_of})
      for (const Term& term : *terms) {
        room.text += yaml_text(term.value).size() + (is_listed ? 0 : 64);
        room.nodes += is_listed ? 1 : 3;
        room.compiled += times * (term.value.size() + 40);
      }
    return room;
  }

  // Nothing smaller takes the place of what was left out: "from this one on" is what people are
  // told.
  void put(Members& members, const Indicator& one, bool opens) {
    is_full_ = is_full_ || (opens && !room_.take(kOpening)) || !room_.take(room_for(one));
    if (!is_full_) return members.push_back(&one);
    const Origin& origin = one.origins[0];
    const auto [at, is_first] = left_out_.emplace(origin.source, groups_.left_out.size());
    if (is_first)
      groups_.left_out.push_back(
          {origin, shown_note(one.all_of[0].value),
           fmt::format(
               "no room for this one and what follows it: a policy has at most {} bytes and "
               "{} values; make two of the feed, or a file of nothing but hashes, which "
               "stays beside the policy",
               limits::kPolicySourceBytes, limits::kPolicySourceNodes),
           0});
    ++groups_.left_out[at->second].count;
  }
  template <class Key>
  void put(std::map<Key, Members>& all, std::type_identity_t<Key> key, const Indicator& one) {
    const auto at = all.try_emplace(std::move(key)).first;
    put(at->second, one, at->second.empty());
    if (at->second.empty()) all.erase(at);
  }

  void sort_in(const Indicator& one) {
    const int in_band = one.confidence.value_or(confidence_) / kBand * kBand;
    if (one.kind == Kind::kHash) {
      for (const Term& term : one.all_of)
        if (is_hash(term.field) && object_of(term.field) == ObjectKind::kFile)
          return put(groups_.hashes,
                     {in_band, term.field, one.all_of.size() > 1, one.none_of, month_of(one)}, one);
    }
    if (one.kind == Kind::kAddress) {
      const Term* address = term_of(one, Field::kNetworkDstRef);
      const Term* port = term_of(one, Field::kNetworkDstPort);
      return put(groups_.addresses,
                 {in_band, address->value.find(':') != std::string::npos, address->match,
                  port ? port->value : "", month_of(one)},
                 one);
    }
    if (one.kind == Kind::kDomain || one.kind == Kind::kUrl)
      return put(groups_.commands, {in_band, one.kind, one.all_of[0].match, month_of(one)}, one);
    const Term& first = one.all_of[0];
    // A list holds addresses of one family.
    if (one.all_of.size() == 1 && first.field != Field::kNetworkDstRef)
      return put(groups_.values,
                 {in_band, first.field, first.match, first.caseless, one.none_of, month_of(one)},
                 one);
    put(groups_.combinations, {in_band, object_of(first.field), one.none_of}, one);
  }

  std::uint8_t confidence_;
  Groups groups_;
  Room room_{.text = limits::kPolicySourceBytes - kBeside.text,
             .nodes = limits::kPolicySourceNodes - kBeside.nodes,
             .compiled = limits::kPolicyBytes - kBeside.compiled};
  bool is_full_ = false;
  std::map<std::string, std::size_t> left_out_;  // source -> in groups_.left_out
};

}  // namespace

Groups grouped(const std::vector<Indicator>& indicators, std::uint8_t confidence) {
  return Grouping(confidence).group(indicators);
}

const Term* term_of(const Indicator& indicator, Field field) {
  for (const Term& term : indicator.all_of)
    if (term.field == field) return &term;
  return nullptr;
}

std::string month_of(const Indicator& indicator) {
  return indicator.expires ? to_rfc3339(*indicator.expires).substr(0, 7) : std::string();
}

bool is_hash(Field field) {
  return compiler::field_info(field).holds == compiler::Holds::kHash;
}

}  // namespace fleetsweep::indicators
