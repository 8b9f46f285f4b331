#include "controller/fleet/allowance.h"

namespace fleetsweep::fleet {
namespace {

constexpr double kUnitBytes = 4096;

// What it makes us do beyond reading it, in the same units.
struct Cost {
  double operator()(const model::Hello&) const { return 100; }  // a row in the store, the stream
  double operator()(const model::Want&) const { return 16; }    // a chunk of a policy, or entries
  double operator()(const model::Rekey&) const { return 50; }   // a signature
  double operator()(const model::TimeRequest&) const { return 50; }  // a witness is asked
  template <class Other>
  double operator()(const Other&) const {
    return 0;  // a beat; receipts are the tenant's quota to bound
  }
};

}  // namespace

Allowance::Answer Allowance::charge(Instant now, double cost, std::uint64_t spread) {
  const auto wait = units_.wait(now, spread, cost);
  if (!wait) return Answer::kTake;
  wait_ = *wait;
  return patience_.wait(now, spread) ? Answer::kCut : Answer::kLater;
}

Allowance::Answer Allowance::on_bytes(Instant now, std::size_t bytes, std::uint64_t spread) {
  return charge(now, 1 + static_cast<double>(bytes) / kUnitBytes, spread);
}

Allowance::Answer Allowance::on_message(Instant now, const model::Message& message,
                                        std::uint64_t spread) {
  return charge(now, std::visit(Cost{}, message), spread);
}

}  // namespace fleetsweep::fleet
