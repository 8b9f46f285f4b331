#pragma once

// What stands between an order and a signature, whichever verb asks for it.

#include <cstdint>
#include <optional>
#include <string>

#include "cli/order_review.h"
#include "cli/session.h"

namespace fleetsweep::cli {

// kUntrusted, with everything that speaks against it.
Status has_no_objections(const OrderReview& review);

// Refuses on any objection. Shows the plan and asks `question`; from class clean on the person
// types how many hosts the order reaches, or a script gives `hosts`.
Status confirm_order(Session& session, const std::string& plan, const model::Order& order,
                     const OrderReview& review, const std::optional<std::uint64_t>& hosts,
                     std::string_view question);

}  // namespace fleetsweep::cli
