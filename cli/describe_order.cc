// An order in plain words: everything that is signed, and what a signer should know of it.

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/order_review.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

std::string list(const std::vector<std::string>& values, std::string_view when_empty) {
  return values.empty() ? std::string(when_empty)
                        : escaped(fmt::format("{}", fmt::join(values, ", ")));
}

template <class Id>
std::vector<std::string> hexes(const std::vector<Id>& ids) {
  std::vector<std::string> texts;
  for (const Id& id : ids) texts.push_back(id.hex());
  return texts;
}

std::string window_text(const model::Window& window) {
  constexpr const char* kDays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  std::vector<std::string> days;
  for (unsigned day = 0; day < 7; ++day)
    if (window.days >> day & 1) days.push_back(kDays[day]);
  return fmt::format("{} {:02}:{:02} to {:02}:{:02}",
                     days.size() == 7 ? "every day" : fmt::format("{}", fmt::join(days, " ")),
                     window.from_minute / 60, window.from_minute % 60, window.to_minute / 60,
                     window.to_minute % 60);
}

// Lines of a label and a value; a value that goes on keeps its column.
class Page {
 public:
  explicit Page(std::string head) : text_(std::move(head)) {}
  void line(std::string_view label, std::string_view value) {
    text_ += fmt::format("  {:<14}{}\n", label, value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_schedule(const model::Schedule& schedule, Page& page) {
  const bool is_local = schedule.clock == model::Clock::kHostLocal;
  const std::string start = to_rfc3339(schedule.not_before);
  page.line("when", is_local ? fmt::format("from {} on each host's own clock",
                                           start.substr(0, start.size() - 1))
                             : "from " + start);
  page.line("", "until " + to_rfc3339(schedule.not_after));
  for (const model::Window& window : schedule.windows)
    page.line("", fmt::format("only {}{}", window_text(window), is_local ? "" : " UTC"));
  if (schedule.jitter > Seconds{0})
    page.line("", fmt::format("hosts spread over {}", to_human(schedule.jitter)));
  if (schedule.repeat > Seconds{0})
    page.line("", fmt::format("again every {}", to_human(schedule.repeat)));
  if (schedule.scan_ahead) page.line("", "hosts may look before the start");
  if (schedule.offline_grace > Seconds{0})
    page.line("OFFLINE", fmt::format("hosts may act {} after their last contact",
                                     to_human(schedule.offline_grace)));
}

void add_waves(const std::vector<model::Wave>& waves, Page& page) {
  for (std::size_t i = 0; i < waves.size(); ++i)
    page.line(
        i == 0 ? "waves" : "",
        fmt::format(
            "{}: up to {} of the hosts, after {}, gate {}{}", i + 1, percent(waves[i].permille),
            to_human(waves[i].delay_min), name(waves[i].gate),
            waves[i].deadline > Seconds{0} ? ", at most " + to_human(waves[i].deadline) : ""));
}

void add_limits(const model::OrderLimits& limits, Page& page) {
  std::vector<std::string> parts;
  if (limits.items) parts.push_back(fmt::format("{} objects", limits.items));
  if (limits.bytes) parts.push_back(fmt::format("{} bytes", limits.bytes));
  if (limits.permille_of_scanned)
    parts.push_back(fmt::format("{} of what was scanned", percent(limits.permille_of_scanned)));
  if (limits.runtime > Seconds{0}) parts.push_back(to_human(limits.runtime));
  if (limits.cpu_percent) parts.push_back(fmt::format("{} % of a CPU", limits.cpu_percent));
  if (!parts.empty()) page.line("on a host", fmt::format("at most {}", fmt::join(parts, ", ")));
}

std::string class_text(const model::Order& order, const OrderReview& review) {
  const std::string claimed =
      fmt::format("{} ({})", static_cast<int>(order.action_class), name(order.action_class));
  if (!review.computed) return claimed + ", as the order says; its policy is not at hand";
  if (!review.class_differs(order)) return claimed + ", computed from its policy";
  return fmt::format("CLAIMS {}, ITS POLICY MAKES IT {} ({}): EVERY HOST REFUSES IT", claimed,
                     static_cast<int>(*review.computed), name(*review.computed));
}

void add_quorum(const QuorumStatus& quorum, Page& page) {
  page.line("approval",
            quorum.met ? "complete" : "NOT COMPLETE: " + escaped(quorum.met.error().detail));
  for (const ClauseStatus& clause : quorum.clauses)
    page.line("", fmt::format("{} of {}; signed by {}", clause.threshold,
                              list(clause.holders, "nobody"), list(clause.signed_by, "nobody")));
}

void add_dry_run(const model::Order& order, const OrderReview& review, Page& page) {
  if (order.dry_run_order.is_zero()) return;
  page.line("dry run", order.dry_run_order.hex());
  if (!review.dry_run) return;
  const DryRunNumbers& run = *review.dry_run;
  page.line("", fmt::format("{} hosts: {} found, {} clean, {} refused or failed; {} objects",
                            run.hosts, run.found, run.clean, run.refused, run.matched));
  page.line("", run.is_reported ? "exactly the receipts that the order names"
                                : "NOT the receipts that the order names: hosts answered since, "
                                  "or the controller shows others");
}

}  // namespace

std::string mode_text(model::Mode mode) {
  return mode == model::Mode::kDryRun ? "dry-run" : std::string(name(mode));
}

std::string percent(unsigned permille) {
  return permille % 10 == 0 ? fmt::format("{} %", permille / 10)
                            : fmt::format("{}.{} %", permille / 10, permille % 10);
}

std::string describe(const model::Order& order, const DocumentId& id, const OrderReview& review) {
  Page page(fmt::format("Order {}\n  {}\n", id.hex(), escaped(order.title)));
  page.line("campaign", escaped(order.campaign));
  page.line("mode", mode_text(order.mode));
  page.line("class", class_text(order, review));
  page.line("policy", fmt::format("{} ({} bytes)", order.policy.hex(), order.policy_size));
  page.line("where", fmt::format("countries {}; groups {}",
                                 list(order.scope.jurisdictions, "NONE: no host will act"),
                                 list(order.scope.groups, "all")));
  const auto hosts = [&](std::string_view label, const std::vector<AgentId>& ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) page.line(i == 0 ? label : "", ids[i].hex());
  };
  hosts("only", order.scope.include);
  hosts("except", order.scope.exclude);
  add_schedule(order.schedule, page);
  add_waves(order.waves, page);
  add_limits(order.limits, page);
  page.line("breaker",
            fmt::format("{} and {} of the hosts", counted(order.breaker.failures, "failure"),
                        percent(order.breaker.failed_permille)));
  add_dry_run(order, review, page);
  if (!order.undoes.is_zero()) page.line("undoes", order.undoes.hex());
  if (!order.supersedes.is_zero()) page.line("supersedes", order.supersedes.hex());
  const model::Authority& authority = order.authority;
  page.line("authority", fmt::format("{}; {}; {}", escaped(authority.legal_basis),
                                     escaped(authority.issuer), escaped(authority.reference)));
  if (!authority.contact.empty()) page.line("contact", escaped(authority.contact));
  if (review.quorum) add_quorum(*review.quorum, page);
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
      {"title", order.title},
      {"campaign", order.campaign},
      {"mode", name(order.mode)},
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
