#pragma once

// Documents that wait for signatures at the controller: drafted by one, signed there by several,
// submitted by whoever decides that it begins.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "cli/session.h"

namespace fleetsweep::cli {

// Of all tenants that the token may see, or of --tenant.
Result<nlohmann::json> pending_documents(Session& session);

// Whether `name` can only mean a document of the inbox: 8 to 64 hex digits, and no such file.
bool is_pending_id(const std::string& name);
// By its id or the start of it. From here on the session is about its tenant.
Result<model::Envelope> pull(Session& session, const std::string& id);
// Returns how it stands now, as the inbox lists it.
Result<nlohmann::json> push(Session& session, const model::Envelope& envelope);

// How one document of the list stands. Pure.
struct Standing {
  bool is_met = false;
  std::vector<std::string> signed_by;
  std::string waits_for;  // "1 of bob, carol and 1 of dave"; empty when nothing is missing
};
Standing standing_of(const nlohmann::json& document);
// Whether one more signature of this person, or of this key (hex), would bring it further.
bool waits_for_holder(const nlohmann::json& document, std::string_view holder);
bool waits_for_key(const nlohmann::json& document, std::string_view key);

}  // namespace fleetsweep::cli
