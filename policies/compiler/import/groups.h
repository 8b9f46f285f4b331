#pragma once

// Which indicators stand together in a policy, and for how many it has room.

#include <map>
#include <string>
#include <vector>

#include "policies/compiler/import/indicator.h"

namespace fleetsweep::indicators {

inline constexpr int kBand = 5;  // confidences that are shown apart

struct HashKey {
  int band;
  model::Field field;
  bool sized;
  std::vector<Term> none_of;
  std::string month;  // in which it ends; empty: it does not
  auto operator<=>(const HashKey&) const = default;
};
struct AddressKey {
  int band;
  bool v6;
  model::Match match;
  std::string port;
  std::string month;  // in which it ends; empty: it does not
  auto operator<=>(const AddressKey&) const = default;
};
struct CommandKey {
  int band;
  Kind kind;
  model::Match match;
  std::string month;  // in which it ends; empty: it does not
  auto operator<=>(const CommandKey&) const = default;
};
struct ValueKey {
  int band;
  model::Field field;
  model::Match match;
  bool caseless;
  std::vector<Term> none_of;
  std::string month;  // in which it ends; empty: it does not
  auto operator<=>(const ValueKey&) const = default;
};
struct CombinationKey {
  int band;
  model::ObjectKind object;
  std::vector<Term> none_of;
  auto operator<=>(const CombinationKey&) const = default;
};

using Members = std::vector<const Indicator*>;  // borrowed

struct Groups {
  std::map<HashKey, Members> hashes;
  std::map<AddressKey, Members> addresses;
  std::map<CommandKey, Members> commands;
  std::map<ValueKey, Members> values;
  std::map<CombinationKey, Members> combinations;
  std::vector<NotTaken> left_out;  // of each source the first, with the count of all
};

// `confidence` is that of indicators without one.
Groups grouped(const std::vector<Indicator>& indicators, std::uint8_t confidence);

const Term* term_of(const Indicator& indicator, model::Field field);
bool is_hash(model::Field field);
std::string month_of(const Indicator& indicator);  // 2027-05, in which it ends; empty: it does not

}  // namespace fleetsweep::indicators
