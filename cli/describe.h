#pragma once

// Documents in plain words, or as JSON. All text from a document is escaped before it is shown.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/order_review.h"
#include "protocol/model/envelope.h"
#include "protocol/model/order.h"
#include "protocol/model/policy.h"
#include "protocol/model/receipt.h"
#include "protocol/model/root.h"

namespace fleetsweep::cli {

// A review is shown with an order; a document of another type has none.
Result<std::string> describe(const model::Envelope& envelope, bool as_json,
                             const OrderReview& review = {});
std::string describe(const model::Order& order, const DocumentId& id, const OrderReview& review);

// As people write it: "dry-run"; "20 %".
std::string mode_text(model::Mode mode);
std::string percent(unsigned permille);

nlohmann::json to_json(const model::Order& order);
nlohmann::json to_json(const model::Root& root);
nlohmann::json to_json(const model::Receipt& receipt);

// What you see is what you sign: decodes and encodes again, and refuses unless the bytes are the
// same.
Status check_signable(const model::Envelope& envelope);

}  // namespace fleetsweep::cli
