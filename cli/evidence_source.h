#pragma once

// Where an order's evidence comes from: the controller, or a file that travels with the order.

#include "cli/order_evidence.h"
#include "cli/session.h"

namespace fleetsweep::cli {

Result<OrderEvidence> fetch_evidence(Session& session, const model::Order& order);
Result<OrderEvidence> read_evidence(const std::string& path);

}  // namespace fleetsweep::cli
