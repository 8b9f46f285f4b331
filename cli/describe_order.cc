// An order in plain words: everything that is signed, and what a signer should know of it.

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/order_review.h"
#include "cli/order_words.h"
#include "cli/page.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

void add_schedule(const model::Schedule& schedule, Page& page) {
  const bool is_local = schedule.clock == model::Clock::kHostLocal;
  const std::string start = to_rfc3339(schedule.not_before);
  page.line("when", is_local ? fmt::format("from {} on each host's own clock",
                                           start.substr(0, start.size() - 1))
                             : "from " + start);
  page.line("", "until " + to_rfc3339(schedule.not_after));
  for (const model::Window& window : schedule.windows)
    page.line("", fmt::format("only {}{}", text_of(window), is_local ? "" : " UTC"));
  if (schedule.jitter > Seconds{0})
    page.line("", fmt::format("hosts spread over {}", exactly(schedule.jitter)));
  if (schedule.repeat > Seconds{0})
    page.line("", fmt::format("again every {}", exactly(schedule.repeat)));
  if (schedule.scan_ahead) page.line("", "hosts may look before the start");
  if (schedule.offline_grace > Seconds{0})
    page.line("OFFLINE", fmt::format("hosts may act {} after their last contact",
                                     exactly(schedule.offline_grace)));
}

void add_waves(const std::vector<model::Wave>& waves, Page& page) {
  for (std::size_t i = 0; i < waves.size(); ++i)
    page.line(i == 0 ? "waves" : "", fmt::format("{}: {}", i + 1, text_of(waves[i])));
}

std::string class_text(const model::Order& order, const OrderReview& review) {
  const std::string claimed =
      fmt::format("{} ({})", static_cast<int>(order.action_class), name(order.action_class));
  if (!review.computed) return claimed + ", as the order says; its policy is not at hand";
  if (!review.class_differs(order)) return claimed + ", computed from its policy";
  return fmt::format("CLAIMS {}, ITS POLICY MAKES IT {} ({}): EVERY HOST REFUSES IT", claimed,
                     static_cast<int>(*review.computed), name(*review.computed));
}

void add_cost(const compiler::PolicyCost& cost, Page& page) {
  const compiler::HostProfile host;
  page.line("cost",
            fmt::format("a host's first sweep reads {:.1f} GB: about {:.1f} seconds of one core",
                        cost.bytes_read / 1e9, cost.cpu_seconds));
  page.line("", fmt::format("predicted for {} files and {:.1f} GB", host.files,
                            static_cast<double>(host.bytes) / 1e9));
}

void add_approvals(const trust::Approvals& approvals, Page& page) {
  page.line("approval", !approvals.met()      ? "NOT COMPLETE: " + escaped(approvals.lacking.detail)
                        : approvals.by_sealed ? "complete, BY SEALED KEYS: everybody is alarmed"
                                              : "complete");
  for (const trust::ClauseApprovals& clause : approvals.clauses)
    page.line("", fmt::format("{}{} of {}; signed by {}", clause.sealed ? "or, sealed: " : "",
                              clause.threshold, list_text(clause.holders, "nobody"),
                              list_text(clause.signed_by, "nobody")));
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(kUnits); ++unit) value /= 1000;
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

void add_dry_run(const model::Order& order, const OrderReview& review, Page& page) {
  if (order.dry_run_order.is_zero()) return;
  page.line("dry run", order.dry_run_order.hex());
  if (!review.dry_run)
    return page.line("", "what it found is not at hand: nothing of it was checked");
  const DryRunNumbers& run = *review.dry_run;
  page.line("", fmt::format("{} hosts: {} found, {} clean, {} refused or failed; {} objects",
                            run.hosts, run.found, run.clean, run.refused, run.matched));
  if (run.hosts > 0)
    page.line("",
              fmt::format("each read {} on average, the most that one read was {}",
                          bytes_text(run.bytes_read / run.hosts), bytes_text(run.bytes_read_max)));
  if (run.unscannable > 0)
    page.line("", fmt::format("{} of them not read in full: what they could not read is unknown",
                              run.unscannable));
  if (run.left_alone > 0)
    page.line("", fmt::format("at least {} of them in layers of container images: only reported",
                              run.left_alone));
  page.line("", "counted from the hosts' signed receipts, exactly those that the order names");
  if (run.contradicting > 0)
    page.line("", fmt::format("{} AT ODDS WITH THEMSELVES: a cloned image or a stolen key",
                              counted(run.contradicting, "host")));
  if (run.later > 0)
    page.line("", fmt::format("{} came after the order was drafted and {} not in these numbers",
                              counted(run.later, "receipt"), run.later == 1 ? "is" : "are"));
}

void add_hosts(const OrderReview& review, Page& page) {
  if (!review.hosts) return page.line("hosts", "NOT KNOWN HERE: no list of hosts is at hand");
  const std::vector<AffectedHost>& hosts = *review.hosts;
  page.line("hosts", fmt::format("{} in scope, as the controller's registry has them",
                                 counted(hosts.size(), "known host")));
  for (std::size_t i = 0; i < hosts.size() && i < kHostsShown; ++i)
    page.line("", fmt::format("wave {}  {}  {}", hosts[i].wave, hosts[i].id.hex().substr(0, 12),
                              hosts[i].hostname));
  if (hosts.size() > kHostsShown)
    page.line("", fmt::format("and {} more", hosts.size() - kHostsShown));
}

void add_precedent(const OrderReview& review, Page& page) {
  if (!review.knows_campaign) return;
  if (!review.precedent) return page.line("changes", "nothing: it is the campaign's first order");
  const Precedent& before = *review.precedent;
  page.line("changes", fmt::format("against the campaign's last order {}, mode {}:",
                                   before.id.hex().substr(0, 12), mode_text(before.mode)));
  if (before.differences.empty()) page.line("", "none: it is the same order again");
  for (const Difference& one : before.differences)
    page.line("", fmt::format("{}: {}, was {}{}", one.field, one.after, one.before,
                              one.effect == Effect::kWidens    ? " (WIDENS)"
                              : one.effect == Effect::kNarrows ? " (narrows)"
                                                               : ""));
}

}  // namespace

std::string describe(const model::Order& order, const DocumentId& id, const OrderReview& review) {
  Page page(fmt::format("Order {}\n  {}\n", id.hex(), escaped(order.title)));
  page.line("tenant", order.tenant.hex());
  page.line("campaign", escaped(order.campaign));
  page.line("mode", mode_text(order.mode));
  if (order.standing)
    page.line("STANDING",
              fmt::format("approved ahead; sleeps until `fleetsweep campaign release {} "
                          "--wave 1` fires it",
                          escaped(order.campaign)));
  page.line("class", class_text(order, review));
  if (std::max(order.action_class, review.computed.value_or(order.action_class)) ==
      model::Class::kDestroy)
    page.line("FOR GOOD",
              "it purges files: their content is kept nowhere, and NO UNDO brings it back");
  page.line("policy", fmt::format("{} ({} bytes)", order.policy.hex(), order.policy_size));
  if (review.cost) add_cost(*review.cost, page);
  page.line("where", fmt::format("countries {}; groups {}",
                                 list_text(order.scope.jurisdictions, "NONE: no host will act"),
                                 list_text(order.scope.groups, "all")));
  const auto hosts = [&](std::string_view label, const std::vector<AgentId>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) page.line(i == 0 ? label : "", ids[i].hex());
  };
  hosts("only", order.scope.include);
  hosts("except", order.scope.exclude);
  add_schedule(order.schedule, page);
  add_waves(order.waves, page);
  if (order.standing)
    page.line("STANDING", "approved ahead: nothing runs until its first wave is released");
  if (const std::string limits = text_of(order.limits); !limits.empty())
    page.line("on a host", "at most " + limits);
  page.line("breaker", text_of(order.breaker));
  add_dry_run(order, review, page);
  if (!order.undoes.is_zero()) page.line("undoes", order.undoes.hex());
  if (!order.supersedes.is_zero()) page.line("supersedes", order.supersedes.hex());
  const model::Authority& authority = order.authority;
  page.line("authority", fmt::format("{}; {}; {}", escaped(authority.legal_basis),
                                     escaped(authority.issuer), escaped(authority.reference)));
  if (!authority.contact.empty()) page.line("contact", escaped(authority.contact));
  if (order.root_version_min > 1)
    page.line("root", fmt::format("version {} or later", order.root_version_min));
  add_hosts(review, page);
  add_precedent(review, page);
  if (review.approvals) add_approvals(*review.approvals, page);
  for (std::size_t i = 0; i < review.objections.size(); ++i)
    page.line(i == 0 ? "DO NOT SIGN" : "", escaped(review.objections[i]));
  return page.take();
}

json to_json(const model::Order& order) {
  json waves = json::array(), windows = json::array();
  for (const model::Wave& wave : order.waves)
    waves.push_back({{"permille", wave.permille},
                     {"delay_min_seconds", wave.delay_min.count()},
                     {"gate", name(wave.gate)},
                     {"deadline_seconds", wave.deadline.count()}});
  for (const model::Window& window : order.schedule.windows)
    windows.push_back({{"days", window.days},
                       {"from_minute", window.from_minute},
                       {"to_minute", window.to_minute}});
  return {
      {"standing", order.standing},
      {"root_version_min", order.root_version_min},
      {"title", order.title},
      {"campaign", order.campaign},
      {"mode", name(order.mode)},
      {"standing", order.standing},
      {"class", name(order.action_class)},
      {"tenant", order.tenant.hex()},
      {"policy", order.policy.hex()},
      {"policy_size", order.policy_size},
      {"jurisdictions", order.scope.jurisdictions},
      {"groups", order.scope.groups},
      {"include", hexes(order.scope.include)},
      {"exclude", hexes(order.scope.exclude)},
      {"not_before", to_rfc3339(order.schedule.not_before)},
      {"not_after", to_rfc3339(order.schedule.not_after)},
      {"clock", name(order.schedule.clock)},
      {"windows", windows},
      {"jitter_seconds", order.schedule.jitter.count()},
      {"repeat_seconds", order.schedule.repeat.count()},
      {"scan_ahead", order.schedule.scan_ahead},
      {"offline_grace_seconds", order.schedule.offline_grace.count()},
      {"waves", waves},
      {"limits",
       {{"items", order.limits.items},
        {"bytes", order.limits.bytes},
        {"permille_of_scanned", order.limits.permille_of_scanned},
        {"runtime_seconds", order.limits.runtime.count()},
        {"cpu_percent", order.limits.cpu_percent}}},
      {"breaker",
       {{"failures", order.breaker.failures}, {"failed_permille", order.breaker.failed_permille}}},
      {"dry_run_order", order.dry_run_order.hex()},
      {"dry_run_report", order.dry_run_report.hex()},
      {"undoes", order.undoes.hex()},
      {"supersedes", order.supersedes.hex()},
      {"authority",
       {{"legal_basis", order.authority.legal_basis},
        {"issuer", order.authority.issuer},
        {"reference", order.authority.reference},
        {"contact", order.authority.contact}}}};
}

}  // namespace fleetsweep::cli
