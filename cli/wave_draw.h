#pragma once

// Which host falls into which wave: nobody chooses it, so the nonce is drawn until the draw suits.

#include <functional>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/model/order.h"

namespace fleetsweep::cli {

struct KnownHost {
  AgentId id;
  bool canary = false;
};

// Redraws the nonce until every wave has a known host (if there are enough of them) and, if any
// canary is among them, the first wave holds the canaries and nobody else. Returns the waves'
// sizes. The waves are sensible (trust::mistakes). An order that is drawn must not change any more.
Result<std::vector<std::size_t>> draw_waves(model::Order& order,
                                            const std::vector<KnownHost>& hosts,
                                            const std::function<Nonce()>& random);

}  // namespace fleetsweep::cli
