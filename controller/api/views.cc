#include "controller/api/views.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace fleetsweep::controller::views {
namespace {

using nlohmann::json;

json states(const campaign::StateCounts& counts) {
  json object = json::object();
  for (std::size_t i = 0; i < counts.size(); ++i)
    object[std::string(name(static_cast<model::HostState>(i)))] = counts[i];
  return object;
}

// Hosts name themselves: JSON wants UTF-8, and a terminal wants no control characters.
std::string claim(const std::string& text) {
  return escaped(text);
}

json order(const campaign::Rollout::OrderView& view) {
  json waves = json::array();
  for (std::size_t i = 0; i < view.order.waves.size(); ++i)
    waves.push_back({{"permille", view.order.waves[i].permille},
                     {"gate", name(view.order.waves[i].gate)},
                     {"delay_seconds", view.order.waves[i].delay_min.count()},
                     {"released", static_cast<bool>(view.released[i])},
                     {"release_refused", view.refused[i]}});
  return {{"id", view.id.hex()},
          {"index", view.index},
          {"mode", name(view.order.mode)},
          {"class", name(view.order.action_class)},
          {"title", claim(view.order.title)},
          {"policy", view.order.policy.hex()},
          {"not_before", to_rfc3339(view.order.schedule.not_before)},
          {"not_after", to_rfc3339(view.order.schedule.not_after)},
          {"stopped", view.stopped},
          {"breaker", view.tripped ? "open" : "closed"},
          {"waves", waves}};
}

}  // namespace

json tenant(const Tenant& tenant, Instant now) {
  const std::uint64_t used[] = {tenant.registry.size(), tenant.intake.used(now),
                                tenant.enrolments_pending(to_timestamp(now)), tenant.policy_bytes,
                                tenant.log_room.used(now)};
  static_assert(std::size(used) == std::tuple_size_v<Quotas>);
  json quotas = json::object();
  for (std::size_t i = 0; i < tenant.quotas.size(); ++i)
    quotas[std::string(name(static_cast<store::QuotaKind>(i)))] = {{"used", used[i]},
                                                                   {"most", tenant.quotas[i]}};
  const auto& root = tenant.state().root;
  return {{"tenant", tenant.id.hex()},
          {"name", claim(tenant.name)},
          {"root_version", root ? root->version() : 0},
          {"root_expires", root ? to_rfc3339(root->root().expires) : ""},
          {"log_size", tenant.entries.size()},
          {"checkpoint_size", tenant.note_size},
          {"agents", tenant.registry.size()},
          {"forked", std::ranges::count_if(tenant.registry.all(), &fleet::Agent::forked)},
          {"campaigns", tenant.campaigns.size()},
          {"quotas", quotas}};
}

namespace {

json approvers(const std::vector<trust::Approver>& missing) {
  json list = json::array();
  for (const trust::Approver& one : missing)
    list.push_back({{"holder", one.holder}, {"key", one.key.hex()}});
  return list;
}

json approvals(const trust::Approvals& approvals) {
  json clauses = json::array();
  for (const trust::ClauseApprovals& clause : approvals.clauses)
    clauses.push_back({{"threshold", clause.threshold},
                       {"sealed", clause.sealed},
                       {"holders", clause.holders},
                       {"signed_by", clause.signed_by},
                       {"missing", approvers(clause.missing)}});
  return {{"role", name(approvals.role)},
          {"root_version", approvals.root_version},
          {"met", approvals.met()},
          {"lacking", claim(approvals.lacking.detail)},
          {"clauses", clauses}};
}

}  // namespace

json pending(const Tenant& tenant, const PendingDocument& document) {
  json view = {{"id", document.row.id.hex()},
               {"tenant", tenant.id.hex()},
               {"tenant_name", claim(tenant.name)},
               {"posted", to_rfc3339(document.row.posted)},
               {"ends", to_rfc3339(document.row.ends)}};
  if (!document.awaited) {  // a newer root or a Stop of its keys: no signature helps it any more
    view["overtaken"] = claim(document.awaited.error().detail);
    return view;
  }
  const trust::Awaited& awaited = *document.awaited;
  json all = json::array();
  for (const trust::Approvals& one : awaited.approvals) all.push_back(approvals(one));
  view["type"] = short_type(awaited.payload_type);
  view["title"] = claim(awaited.title);
  view["campaign"] = claim(awaited.campaign);
  if (awaited.action_class) view["class"] = name(*awaited.action_class);
  view["met"] = awaited.met();
  view["approvals"] = all;
  view["possession"] = approvers(awaited.possession);
  return view;
}

json agent(const fleet::Agent& agent) {
  std::string groups;
  for (const std::string& group : agent.groups) groups += (groups.empty() ? "" : ",") + group;
  json labels = json::array();
  for (const std::string& label : agent.facts.labels) labels.push_back(claim(label));
  const std::string& hostname =
      agent.facts.hostname.empty() ? agent.key.hostname : agent.facts.hostname;
  json view = {{"agent", agent.id.hex()},
               {"hostname", claim(hostname)},
               {"group", claim(groups)},
               {"jurisdiction", agent.jurisdiction},
               {"state", liveness(agent)},
               {"activity", claim(agent.activity)},
               {"forked", agent.forked},
               {"clones_refused", agent.clones},
               {"clone_last_refused", agent.clone_last ? to_rfc3339(*agent.clone_last) : ""},
               {"transport_key", agent.key.curve.hex()},
               {"transport_key_since", to_rfc3339(agent.key.issued)},
               {"enrolled", to_rfc3339(agent.enrolled)},
               {"last_heard", ""},
               {"version", claim(agent.version)},
               {"sandbox", name(agent.sandbox)},
               {"log_size", agent.log_size},
               {"root_version", agent.root_version},
               {"facts",
                {{"os", claim(agent.facts.os)},
                 {"os_id", claim(agent.facts.os_id)},
                 {"os_version", claim(agent.facts.os_version)},
                 {"kernel", claim(agent.facts.kernel)},
                 {"arch", claim(agent.facts.arch)},
                 {"labels", labels}}}};
  if (agent.last_heard) view["last_heard"] = to_rfc3339(to_timestamp(*agent.last_heard));
  return view;
}

namespace {

// A person who watches wants to see what goes wrong, not all of it.
constexpr std::size_t kFailuresShown = 5;

// Wider than campaign::is_failure, which opens breakers: a host that refuses because its owner says
// so is no failure of the campaign, and still somebody wants to know.
bool is_worth_a_look(model::HostState state) {
  return state == model::HostState::kRefused || campaign::is_failure(state, model::Reason::kNone);
}

json failures(const Tenant& tenant, const campaign::Rollout& rollout) {
  json shown = json::array();
  const campaign::StateCounts& counts = rollout.tally().states;
  bool any = false;
  for (std::size_t i = 0; i < counts.size(); ++i)
    any |= counts[i] > 0 && is_worth_a_look(static_cast<model::HostState>(i));
  if (!any) return shown;
  auto standings = rollout.standings();
  std::erase_if(standings, [](const auto& one) { return !is_worth_a_look(one.state); });
  const auto finished = [](const campaign::Standing& one) {
    return one.report ? one.report->finished : Timestamp{};
  };
  std::ranges::stable_sort(standings, std::greater<>(), finished);
  for (const campaign::Standing& standing : standings) {
    if (shown.size() == kFailuresShown) break;
    shown.push_back(host(tenant, standing));
  }
  return shown;
}

}  // namespace

json campaign(const Tenant& tenant, const campaign::Rollout& rollout, Instant now) {
  json waves = json::array();
  const campaign::Tally& tally = rollout.tally();
  for (std::size_t i = 0; i < tally.waves.size(); ++i)
    waves.push_back({{"wave", i + 1},
                     {"targeted", tally.waves[i].targeted},
                     {"states", states(tally.waves[i].states)},
                     {"failure_ratio", rollout.failure_ratio(static_cast<std::uint16_t>(i))}});
  json orders = json::array();
  for (const auto& view : rollout.orders()) orders.push_back(order(view));
  const auto eta = rollout.eta_seconds(now);
  std::size_t forked = 0;  // targeted hosts of whose receipts there are two kinds
  for (const fleet::Agent& agent : tenant.registry.all())
    forked += agent.forked && rollout.standing(agent.no);
  return {{"campaign", rollout.name()},
          {"family", claim(rollout.family())},
          {"mode", name(rollout.mode())},
          {"phase", rollout.phase()},
          {"targeted", rollout.targeted()},
          {"forked", forked},
          {"unscannable", tally.unscannable},
          {"states", states(tally.states)},
          {"waves", waves},
          {"orders", orders},
          {"breaker", rollout.breaker_open() ? "open" : "closed"},
          {"rate", rollout.rate(now)},
          {"eta_seconds", eta ? json(*eta) : json(nullptr)},
          {"failures", failures(tenant, rollout)}};
}

json host(const Tenant& tenant, const campaign::Standing& standing) {
  const fleet::Agent& agent = *tenant.registry.find(standing.host);
  const std::string& hostname =
      agent.facts.hostname.empty() ? agent.key.hostname : agent.facts.hostname;
  json view = {{"agent", agent.id.hex()},
               {"hostname", claim(hostname)},
               {"wave", standing.wave + 1},  // as people count: 1 is the canary
               {"state", name(standing.state)},
               {"reason", name(standing.reason)},
               {"forked", agent.forked},
               {"order", standing.order.hex()},
               {"kind", ""},
               {"matched", 0},
               {"acted", 0},
               {"seq", 0},
               {"finished", ""}};
  if (standing.report) {
    view["kind"] = name(standing.report->kind);
    view["matched"] = standing.report->matched;
    view["acted"] = standing.report->acted;
    view["seq"] = standing.report->seq;
    view["finished"] = to_rfc3339(standing.report->finished);
    view["reported_order"] = standing.report->order.hex();
  }
  return view;
}

}  // namespace fleetsweep::controller::views
