#pragma once

// What an order changes against an earlier one of its campaign, field by field in words. Pure.

#include <string>
#include <vector>

#include "protocol/model/order.h"

namespace fleetsweep::cli {

// Towards more or towards less: hosts, time, objects, damage. kOther where neither can be said.
enum class Effect : std::uint8_t { kOther, kWidens, kNarrows };

struct Difference {
  std::string field;
  std::string before;
  std::string after;
  Effect effect = Effect::kOther;
};

// Empty: the same order again. Left out: nonce and schema, which say nothing, and the references
// to other orders, which always differ and are shown by themselves.
std::vector<Difference> differences(const model::Order& before, const model::Order& after);

}  // namespace fleetsweep::cli

namespace fleetsweep {
template <>
struct Names<cli::Effect> {
  static constexpr std::string_view kAll[] = {"other", "widens", "narrows"};
};
}  // namespace fleetsweep
