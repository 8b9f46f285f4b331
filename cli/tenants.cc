#include "cli/tenants.h"

#include <nlohmann/json.hpp>

#include "cli/json_text.h"

namespace fleetsweep::cli {

using nlohmann::json;

Result<json> fetch_tenants(Session& session) {
  return get_global(session, "/v1/tenants");
}

Result<json> tenant_called(const json& tenants, const std::string& what) {
  std::vector<json> found;
  for (const json& tenant : tenants) {
    if (text_of(tenant, "name") == what) return tenant;
    if (text_of(tenant, "tenant").starts_with(what)) found.push_back(tenant);
  }
  if (found.size() == 1 && !what.empty()) return found.front();
  if (found.empty())
    return fail(Code::kNotFound, "no tenant is called {}\nnext:  fleetsweep tenant list",
                escaped(what));
  return fail(Code::kInvalid, "{} tenants begin with '{}'\nnext:  give more of the id",
              found.size(), escaped(what));
}

}  // namespace fleetsweep::cli
