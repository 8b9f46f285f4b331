#pragma once

// When an order is due on one host, and in which wave it is. Pure arithmetic that controller, CLI
// and agent share.

#include <optional>

#include "protocol/model/order.h"

namespace fleetsweep::trust {

// Big-endian u32 of the first 4 bytes of SHA-256(order || agent), mod 1000: nobody can choose a
// host's wave.
std::uint16_t wave_number(const DocumentId& order, const AgentId& agent);
// The first wave whose cumulative permille is above the number. `waves` is not empty and ends with
// 1000.
std::uint16_t wave_of(const std::vector<model::Wave>& waves, const DocumentId& order,
                      const AgentId& agent);
// This host's offset in [0, jitter), derived from its id.
Seconds slot_offset(const DocumentId& order, const AgentId& agent, Seconds jitter);

struct Due {
  bool now = false;
  std::optional<Timestamp>
      at;                  // UTC; the next moment it is due, if it is not now; empty: never again
  std::uint64_t slot = 0;  // of a repeated order: how many repeats since notBefore; 0 otherwise
  bool operator==(const Due&) const = default;
};
// `seen` is when the order was first seen in the log (a late one is still spread over the jitter).
// utc_offset is used for orders on the host's wall clock only; a change of summer time moves the
// answer when asked again.
Due due(const model::Schedule& schedule, const DocumentId& order, const AgentId& agent,
        Timestamp seen, Timestamp now, Seconds utc_offset);

}  // namespace fleetsweep::trust
