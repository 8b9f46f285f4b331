#include "cli/close_out_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "protocol/base/bytes.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

json digested_json(const std::optional<Digested>& digested) {
  if (!digested) return nullptr;
  return {{"digest", digested->digest.hex()},
          {"receipts", digested->receipts ? json(*digested->receipts) : json(nullptr)}};
}

json to_json(const OrderLine& line) {
  const model::Authority& authority = line.order.authority;
  return {{"id", line.id.hex()},
          {"index", line.index},
          {"title", line.order.title},
          {"mode", mode_text(line.order.mode)},
          {"class", name(line.order.action_class)},
          {"role", name(trust::role_for(line.order.action_class))},
          {"approved_by", line.approved_by},
          {"by_sealed_keys", line.sealed},
          {"standing", line.order.standing},
          {"policy", line.order.policy.hex()},
          {"jurisdictions", line.order.scope.jurisdictions},
          {"not_before", to_rfc3339(line.order.schedule.not_before)},
          {"not_after", to_rfc3339(line.order.schedule.not_after)},
          {"legal_basis", authority.legal_basis},
          {"issuer", authority.issuer},
          {"reference", authority.reference},
          {"contact", authority.contact},
          {"dry_run", line.order.dry_run_order.is_zero() ? json(nullptr)
                                                         : json(line.order.dry_run_order.hex())},
          {"dry_run_report", digested_json(line.dry_run_report)}};
}

json to_json(const HostLine& line) {
  return {{"agent", line.agent.hex()},
          {"hostname", escaped(line.hostname)},
          {"jurisdiction", line.jurisdiction},
          {"wave", line.wave},
          {"state", name(line.state)},
          {"reason", name(line.reason)},
          {"said_by", line.own_word ? "host" : "controller"},
          {"order", line.order.hex()},
          {"seq", line.seq},
          {"matched", line.matched},
          {"acted", line.acted},
          {"consent", line.consent.hex()},
          {"receipts", line.receipts}};
}

}  // namespace

json to_json(const CloseOut& out) {
  json orders = json::array(), steering = json::array(), hosts = json::array();
  for (const OrderLine& line : out.orders) orders.push_back(to_json(line));
  for (const SteeringLine& line : out.steering)
    steering.push_back({{"id", line.id.hex()},
                        {"index", line.index},
                        {"type", line.type},
                        {"signed_by", line.signed_by},
                        {"by_sealed_keys", line.sealed},
                        {"says", line.says},
                        {"evidence", digested_json(line.evidence)}});
  for (const HostLine& line : out.hosts) hosts.push_back(to_json(line));
  return {{"tenant", out.tenant.hex()},
          {"campaign", out.campaign},
          {"root", {{"version", out.root->version()}, {"id", out.root->id().hex()}}},
          {"log",
           {{"origin", out.origin},
            {"size", out.log_size},
            {"root", out.log_root.hex()},
            {"witnessed", to_rfc3339(out.witnessed)},
            {"witnesses", out.witnesses},
            {"witness_quorum", out.witness_quorum}}},
          {"orders", orders},
          {"steering", steering},
          {"targeted", out.hosts.size()},
          {"states", out.states},
          {"hosts", hosts},
          {"results",
           {{"size", out.results_size}, {"root", out.results_root.hex()}, {"late", out.late}}}};
}

std::optional<Complaint> first_difference(const json& worked_out, const json& stated,
                                          const std::string& place) {
  const auto differ = [&](const json& expected, const json& found, const std::string& at) {
    constexpr std::size_t kShown = 200;
    const auto text = [](const json& value) {
      return escaped(value.dump(-1, ' ', true, json::error_handler_t::replace)).substr(0, kShown);
    };
    return Complaint{at, text(expected), text(found)};
  };
  if (worked_out == stated) return std::nullopt;
  if (worked_out.is_object() && stated.is_object()) {
    for (const auto& [name, value] : worked_out.items()) {
      const std::string at = place + "." + escaped(name);
      if (!stated.contains(name)) return differ(value, nullptr, at);
      if (auto found = first_difference(value, stated[name], at)) return found;
    }
    for (const auto& [name, value] : stated.items())
      if (!worked_out.contains(name)) return differ(nullptr, value, place + "." + escaped(name));
  }
  if (worked_out.is_array() && stated.is_array()) {
    for (std::size_t i = 0; i < std::min(worked_out.size(), stated.size()); ++i)
      if (auto found = first_difference(worked_out[i], stated[i], fmt::format("{}[{}]", place, i)))
        return found;
    return Complaint{place, fmt::format("a list of {}", worked_out.size()),
                     fmt::format("a list of {}", stated.size())};
  }
  return differ(worked_out, stated, place);
}

}  // namespace fleetsweep::cli
