#pragma once

// Documents on their way between people, keys and the controller.

#include <string>
#include <vector>

#include "cli/log_history.h"
#include "cli/session.h"
#include "protocol/base/time.h"
#include "protocol/model/order.h"
#include "protocol/model/receipt.h"
#include "protocol/model/root.h"

namespace fleetsweep::cli {

Timestamp now();

// Signs with every key file, in order, and hands the document to the controller. Returns its id.
Result<DocumentId> sign_and_submit(Session& session, const std::string& payload_type, Bytes payload,
                                   const std::vector<std::string>& keys);
Result<DocumentId> submit(Session& session, const model::Envelope& envelope);

// All entries of the tenant's control log.
Result<std::vector<Bytes>> fetch_log(Session& session);
// What they amount to.
Result<LogHistory> fetch_history(Session& session);
Result<model::Endpoints> newest_endpoints(Session& session);
// The root in force at the log's end, its chain verified from the tenant's id.
Result<model::Root> newest_root(Session& session);

// The full agent id (hex) for an id, the start of one, or a host name; ambiguous is an error that
// lists them.
Result<std::string> resolve_agent(Session& session, const std::string& what);

// An order of the log by id or the start of it, with its envelope.
struct LoggedOrder {
  DocumentId id;
  model::Envelope envelope;
  model::Order order;
};
Result<std::vector<LoggedOrder>> orders_of(Session& session, const std::string& campaign);

// All receipts of a campaign, or of the tenant for "", in the order the controller stored them.
struct SignedReceipt {
  model::Envelope envelope;
  model::Receipt receipt;
};
Result<std::vector<SignedReceipt>> fetch_receipts(Session& session, const std::string& campaign);

}  // namespace fleetsweep::cli
