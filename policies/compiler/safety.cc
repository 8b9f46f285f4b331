// safety, verify and resources: how far an agent may go, and when it is done.

#include <algorithm>
#include <numeric>

#include "policies/compiler/draft.h"
#include "policies/compiler/locations.h"
#include "protocol/base/limits.h"
#include "protocol/model/health_check.h"

namespace fleetsweep::compiler {
namespace {

constexpr Seconds kTimeoutDefault{3600};
constexpr std::uint8_t kCpuDefault = 20;
constexpr std::uint32_t kIopsDefault = 200;
constexpr Seconds kUndoDefault = std::chrono::hours(24 * 30);

void read_max_per_host(const Node* node, Draft& draft) {
  auto& limit = draft.policy.limits;
  limit.files = limit.processes = limit.persistence = limit.items = limits::kItemsDefault;
  if (!node) return;
  Fields fields(*node, "max_per_host", draft.sink);
  std::uint64_t written = 0;
  const auto count = [&](std::string_view key) {
    const auto most =
        static_cast<std::uint32_t>(fields.number(key, 1, limits::kItemsMax, limits::kItemsDefault));
    if (fields.has(key)) written += most;
    return most;
  };
  limit.files = count("file");
  limit.processes = count("process");
  limit.persistence = count("persistence");
  const auto sum = std::clamp<std::uint64_t>(written, limits::kItemsDefault, limits::kItemsMax);
  limit.items = static_cast<std::uint32_t>(fields.number("items", 1, limits::kItemsMax, sum));
  limit.bytes = fields.size("bytes", limit.bytes);
  fields.finish();
}

void read_protect(const Node& node, Draft& draft) {
  const bool windows = draft.policy.platform == model::Platform::kWindows;
  for (const Node* path : read_scalars(node, "'protect'", draft.sink)) {
    if (windows)
      begins_on_windows(path->text, path->at, draft.sink);
    else if (!path->text.starts_with('/'))
      draft.sink.error(path->at, fmt::format("'{}' is not an absolute path", shown(path->text)),
                       "start with /");
    draft.policy.limits.protect.push_back(path->text);
  }
  check_count(node, draft.policy.limits.protect.size(), limits::kScopePaths, "paths", draft.sink);
}

void read_fleet_stop(const Node& node, Draft& draft) {
  Fields fields(node, "fleet_stop", draft.sink);
  auto& stop = draft.defaults.fleet_stop;
  stop.hosts_hit_permille = fields.percent("hosts_hit_pct", 0);
  stop.failed_permille = fields.percent("failed_pct", 0);
  stop.respawned_permille = fields.percent("respawned_pct", 0);
  stop.silent_after_permille = fields.percent("silent_after_pct", 0);
  fields.finish();
}

void read_rescan(const Node& node, Draft& draft) {
  auto& verify = draft.policy.verify;
  for (const Node* item : read_scalars(node, "'rescan'", draft.sink)) {
    if (item->text == "after-reboot") {
      verify.after_reboot = true;
      continue;
    }
    const auto delay = parse_seconds(item->text);
    if (!delay)
      draft.sink.error(
          item->at,
          fmt::format("'rescan' is a duration or after-reboot, not '{}'", shown(item->text)),
          "such as [0s, 90s, 20m, after-reboot]");
    else if (!verify.rescans.empty() && *delay <= verify.rescans.back())
      draft.sink.error(item->at, "the rescans are not in rising order");
    else
      verify.rescans.push_back(*delay);
  }
  check_count(node, verify.rescans.size(), limits::kRescans, "rescans", draft.sink);
}

void read_expect(const Node& node, Draft& draft) {
  Fields fields(node, "expect", draft.sink);
  if (const Node* none_of = fields.need("none_of", "none_of: [the verdicts that must be gone]")) {
    for (const Node* item : read_scalars(*none_of, "'none_of'", draft.sink)) {
      const int verdict = draft.verdict(item->text);
      if (verdict < 0)
        draft.sink.error(item->at, fmt::format("no verdict '{}'", shown(item->text)),
                         name_hint(item->text, draft.verdict_names()));
      else
        draft.policy.verify.expect_none_of.push_back(static_cast<std::uint16_t>(verdict));
    }
  }
  fields.finish();
}

// One that no agent understands would be "cannot tell" for ever.
void read_health(const Node& node, Draft& draft) {
  for (const Node* check : read_scalars(node, "'health'", draft.sink)) {
    if (!model::parse_health_check(check->text))
      draft.sink.error(check->at, fmt::format("'{}' is no health check", shown(check->text)),
                       std::string(model::kHealthCheckForms));
    draft.policy.verify.health.push_back(check->text);
  }
  check_count(node, draft.policy.verify.health.size(), limits::kActionNames, "health checks",
              draft.sink);
}

void read_on_respawn(const Node& node, Draft& draft) {
  Fields fields(node, "on_respawn", draft.sink);
  draft.policy.verify.respawn_rounds =
      static_cast<std::uint8_t>(fields.number("rounds", 0, limits::kRespawnRounds, 0));
  constexpr std::string_view kIsolate = "report-and-isolate-request";
  draft.policy.verify.asks_isolation =
      fields.choice("then", {kIsolate, "report"}, "report") == kIsolate;
  fields.finish();
}

}  // namespace

void read_resources(const Node* node, Draft& draft) {
  auto& limit = draft.policy.limits;
  limit.timeout = kTimeoutDefault;
  limit.cpu_percent = kCpuDefault;
  limit.iops = kIopsDefault;
  limit.rows = limits::kFindings;
  limit.bytes = limits::kVaultBytes;
  if (!node) return;
  Fields fields(*node, "resources", draft.sink);
  limit.timeout = fields.duration("timeout", kTimeoutDefault);
  if (limit.timeout <= Seconds(0))
    draft.sink.error(fields.find("timeout")->at, "'timeout' is zero: no scan would finish");
  limit.cpu_percent = static_cast<std::uint8_t>(fields.number("cpu_limit", 1, 100, kCpuDefault));
  limit.iops = static_cast<std::uint32_t>(fields.number("iops_limit", 1, 1'000'000, kIopsDefault));
  limit.rows = static_cast<std::uint32_t>(
      fields.number("max_rows", 1, limits::kFindings, limits::kFindings));
  limit.bytes = fields.size("max_upload_bytes", limits::kVaultBytes);
  fields.finish();
}

void read_safety(const Node* node, Draft& draft) {
  draft.policy.limits.undo_ttl = kUndoDefault;
  if (!node) return read_max_per_host(nullptr, draft);
  Fields fields(*node, "safety", draft.sink);
  auto& limit = draft.policy.limits;
  draft.defaults.mode =
      from_name<SafetyMode>(fields.choice("mode", {"detect", "plan", "enforce"}, "plan"))
          .value_or(SafetyMode::kPlan);
  limit.independent_min = static_cast<std::uint8_t>(fields.number("require_independent", 2, 5, 2));
  read_max_per_host(fields.find("max_per_host"), draft);
  limit.package_owned =
      from_name<model::PackageOwned>(fields.choice("package_owned", {"never", "report"}, "never"))
          .value_or(model::PackageOwned::kNever);
  if (const Node* protect = fields.find("protect")) read_protect(*protect, draft);
  if (const Node* stop = fields.find("fleet_stop")) read_fleet_stop(*stop, draft);
  limit.undo_ttl = fields.duration("undo_ttl", kUndoDefault);
  if (limit.undo_ttl < Seconds(limits::kUndoSecondsMin))
    draft.sink.error(fields.find("undo_ttl")->at,
                     fmt::format("'undo_ttl' is {}: what was taken is kept for a day at least",
                                 to_human(limit.undo_ttl)));
  fields.finish();
}

void read_verify(const Node* node, Draft& draft) {
  auto& verify = draft.policy.verify;
  if (!node) {
    verify.rescans = {Seconds(0)};
    return;
  }
  Fields fields(*node, "verify", draft.sink);
  if (const Node* rescan = fields.find("rescan"))
    read_rescan(*rescan, draft);
  else
    verify.rescans = {Seconds(0)};
  const auto errors = draft.sink.errors();
  if (const Node* expect = fields.find("expect")) read_expect(*expect, draft);
  draft.expect_faulty = draft.sink.errors() > errors;
  if (const Node* health = fields.find("health")) read_health(*health, draft);
  if (const Node* respawn = fields.find("on_respawn")) read_on_respawn(*respawn, draft);
  const Seconds last = verify.rescans.empty() ? Seconds(0) : std::ranges::max(verify.rescans);
  if (last > draft.policy.limits.undo_ttl)
    draft.sink.error(fields.find("rescan")->at,
                     fmt::format("the last rescan comes {} after the cleaning, and 'undo_ttl' ends "
                                 "after {}: what is not verified yet has to be kept",
                                 to_human(last), to_human(draft.policy.limits.undo_ttl)));
  fields.finish();
}

}  // namespace fleetsweep::compiler
