#include "cli/affected_hosts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <tuple>

#include "cli/json_text.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/schedule.h"

namespace fleetsweep::cli {

Result<std::vector<RegisteredHost>> registered_hosts(const nlohmann::json& agents) {
  if (!agents.is_array()) return fail(Code::kInvalid, "a list of hosts was expected");
  std::vector<RegisteredHost> hosts;
  for (const nlohmann::json& agent : agents) {
    if (!agent.is_object()) return fail(Code::kInvalid, "a list of hosts was expected");
    RegisteredHost host;
    FS_TRY(host.id, AgentId::parse_hex(text_of(agent, "agent")));
    host.hostname = text_of(agent, "hostname");
    host.jurisdiction = text_of(agent, "jurisdiction");
    std::istringstream groups(text_of(agent, "group"));
    for (std::string group; std::getline(groups, group, ',');) host.groups.push_back(group);
    hosts.push_back(std::move(host));
  }
  return hosts;
}

bool in_scope(const model::Scope& scope, const RegisteredHost& host) {
  return trust::in_scope(scope, host.id, host.jurisdiction, host.groups).has_value();
}

std::vector<AffectedHost> affected_hosts(const model::Order& order, const DocumentId& id,
                                         const std::vector<RegisteredHost>& hosts) {
  std::vector<AffectedHost> affected;
  for (const RegisteredHost& host : hosts)
    if (in_scope(order.scope, host))
      affected.push_back(
          {host.id, host.hostname, std::size_t{1} + trust::wave_of(order.waves, id, host.id)});
  std::ranges::sort(affected, {}, [](const AffectedHost& host) {
    return std::tie(host.wave, host.hostname, host.id);
  });
  return affected;
}

}  // namespace fleetsweep::cli
