#pragma once

// Counters of a campaign that always sum to the targeted hosts, and how fast they settle. Pure.

#include <array>
#include <optional>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::campaign {

using StateCounts = std::array<std::uint32_t, kCount<model::HostState>>;

struct WaveTally {
  std::uint32_t targeted = 0;
  StateCounts states{};
  bool operator==(const WaveTally&) const = default;
};

struct Tally {
  std::uint32_t targeted = 0;
  StateCounts states{};
  std::uint32_t unscannable = 0;  // of them, in whatever state: what could not be read is unknown
  std::vector<WaveTally> waves;
  bool operator==(const Tally&) const = default;
};

// Every host is in exactly one state and one wave.
bool conserved(const Tally& tally);

// Hosts that settled, per second over the last minute.
class Pace {
 public:
  void settled(Instant now);
  double rate(Instant now) const;
  // Seconds until `left` hosts have settled at this rate; nothing while nobody settles.
  std::optional<std::uint64_t> eta_seconds(std::uint32_t left, Instant now) const;

 private:
  static constexpr Seconds kSlot{5};
  static constexpr std::size_t kSlots = 12;
  std::array<std::uint32_t, kSlots> counts_{};
  std::array<std::int64_t, kSlots> slots_{};
  std::optional<Instant> first_;
};

}  // namespace fleetsweep::campaign
