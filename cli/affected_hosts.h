#pragma once

// Which hosts an order reaches, as the controller's registry knows them: its claim, not proof.
// Pure.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/model/order.h"

namespace fleetsweep::cli {

struct RegisteredHost {
  AgentId id;
  std::string hostname;  // the host's claim; escaped
  std::string jurisdiction;
  std::vector<std::string> groups;
  bool operator==(const RegisteredHost&) const = default;
};
// As GET agents and `fleetsweep --json agent list` have them.
Result<std::vector<RegisteredHost>> registered_hosts(const nlohmann::json& agents);

// Judged as the host itself will judge it.
bool in_scope(const model::Scope& scope, const RegisteredHost& host);

struct AffectedHost {
  AgentId id;
  std::string hostname;
  std::size_t wave = 1;  // as people count: 1 is the canary
  bool operator==(const AffectedHost&) const = default;
};
// By wave, then by name.
std::vector<AffectedHost> affected_hosts(const model::Order& order, const DocumentId& id,
                                         const std::vector<RegisteredHost>& hosts);

}  // namespace fleetsweep::cli
