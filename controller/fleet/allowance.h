#pragma once

// What one host may ask of its controller, so that one that is broken or taken leaves the others
// theirs: messages, weighed by their size and by what an answer costs. Who is over it is told when
// to come again; who goes on all the same is cut. Pure.

#include "controller/fleet/admission.h"
#include "protocol/model/wire.h"

namespace fleetsweep::fleet {

class Allowance {
 public:
  enum class Answer { kTake, kLater, kCut };

  // Before anything of it is decoded. `spread` as in Admission.
  Answer on_bytes(Instant now, std::size_t bytes, std::uint64_t spread);
  // What it turned out to be.
  Answer on_message(Instant now, const model::Message& message, std::uint64_t spread);
  // After kLater.
  Duration wait() const { return wait_; }

 private:
  Answer charge(Instant now, double cost, std::uint64_t spread);

  // A host that was away for long sends all its receipts and fetches its policies in one go.
  static constexpr double kPerSecond = 100;
  static constexpr double kBurst = 4000;
  // Refusals: what is on its way already, and then some.
  static constexpr double kRefusalsPerSecond = 16;
  static constexpr double kRefusalBurst = 256;

  Admission units_{kPerSecond, kBurst};
  Admission patience_{kRefusalsPerSecond, kRefusalBurst};
  Duration wait_{};
};

}  // namespace fleetsweep::fleet
