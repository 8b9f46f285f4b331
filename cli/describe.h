#pragma once

// Documents in plain words, or as JSON. All text from a document is escaped before it is shown.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/order_review.h"
#include "cli/order_words.h"
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

std::string describe(const model::Release& release, const DocumentId& id);
std::string describe(const model::Stop& stop, const DocumentId& id);
std::string describe(const model::Resume& resume, const DocumentId& id);
std::string describe(const model::Endpoints& endpoints, const DocumentId& id);
std::string describe(const model::EnrolBatch& batch, const DocumentId& id);
std::string describe(const model::Close& close, const DocumentId& id);

nlohmann::json to_json(const model::Order& order);
nlohmann::json to_json(const model::Root& root);
nlohmann::json to_json(const model::Receipt& receipt);
nlohmann::json to_json(const model::Release& release);
nlohmann::json to_json(const model::Stop& stop);
nlohmann::json to_json(const model::Resume& resume);
nlohmann::json to_json(const model::Endpoints& endpoints);
nlohmann::json to_json(const model::EnrolBatch& batch);
nlohmann::json to_json(const model::Close& close);

// What you see is what you sign: decodes and encodes again, and refuses unless the bytes are the
// same.
Status check_signable(const model::Envelope& envelope);

}  // namespace fleetsweep::cli
