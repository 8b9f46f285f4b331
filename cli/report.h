#pragma once

// What came of a campaign, and whether all of it can be proved: the part that asks the controller.

#include <string>

#include "cli/documents.h"
#include "cli/evidence.h"
#include "cli/session.h"

namespace fleetsweep::cli {

// Who ordered and approved what on which authority, counts that add up, and what was closed.
Result<std::string> campaign_report(Session& session, const std::string& campaign, bool as_json);

// All that a signed report of a closed campaign rests on, in its proper parts; nothing is judged.
// kConflict: it is not closed; kUnavailable: no witness vouches for its Close yet.
Result<Evidence> gather_evidence(Session& session, const std::string& campaign);

// kUntrusted: the first receipt that is not signed by the enrolled host that it names.
Status check_signatures(Session& session, const trust::State& state,
                        const std::vector<SignedReceipt>& receipts);

// Everything the controller says, checked again from bytes. A line for each check; the first that
// fails is the error.
struct Audit {
  std::vector<std::string> held;
  std::size_t entries = 0;
  std::size_t orders = 0;
  std::size_t receipts = 0;
};
Result<Audit> audit_tenant(Session& session, const std::string& root_file);

}  // namespace fleetsweep::cli
