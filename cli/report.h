#pragma once

// What came of a campaign, and whether all of it can be proved.

#include <string>

#include "cli/session.h"

namespace fleetsweep::cli {

// The close-out of a campaign: who ordered and approved what on which authority, counts that add
// up.
Result<std::string> campaign_report(Session& session, const std::string& campaign, bool as_json);

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
