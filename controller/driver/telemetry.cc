#include "controller/driver/telemetry.h"

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <set>

#include "controller/metrics_names.h"

namespace fleetsweep::controller {
namespace {

constexpr std::size_t kAgentKindsShown = 32;

}  // namespace

void MetricsTelemetry::on(const Count& count) {
  std::vector<metrics::Label> labels;
  Key key;
  for (const auto& [name, value] : count.labels) {
    labels.emplace_back(name, value);
    if (name == "tenant") key.first = value;
    if (name == "campaign") key.second = value;
  }
  if (over_.contains(key)) return;
  if (count.observe)
    metrics_.observe(count.metric, labels, count.value);
  else
    metrics_.add(count.metric, labels, count.value);
}

void MetricsTelemetry::on(const Event& event) {
  std::string detail;
  for (const auto& [name, value] : event.fields)
    detail += fmt::format("{}{}={}", detail.empty() ? "" : " ", name, value);
  if (event.warning)
    log_.warning(event.name, {{"detail", detail}});
  else
    log_.info(event.name, {{"detail", detail}});
}

void MetricsTelemetry::on_commit(std::size_t, bool ok) {
  if (!ok) metrics_.add(kStoreFailures, {});
}

void MetricsTelemetry::follow(const Tenant& tenant) {
  std::string& name = names_.try_emplace(tenant.no, tenant.name).first->second;
  if (name == tenant.name) return;
  metrics_.relabel({"tenant", name}, {"tenant", tenant.name});
  const auto renamed = [&](const Key& key) {
    return key.first == name ? Key{tenant.name, key.second} : key;
  };
  std::map<Key, Info> infos;
  for (auto& [key, info] : infos_) infos.emplace(renamed(key), std::move(info));
  std::set<Key> over;
  for (const Key& key : over_) over.insert(renamed(key));
  infos_.swap(infos);
  over_.swap(over);
  name = tenant.name;
}

void MetricsTelemetry::on_campaign(const Tenant& tenant, const campaign::Rollout& rollout,
                                   Instant now) {
  const std::string& campaign = rollout.name();
  follow(tenant);
  if (on_change_) on_change_(tenant.id, campaign);
  if (is_over(tenant, rollout, now)) return;
  const Info info{rollout.family().empty() ? "none" : rollout.family(), rollout.phase(),
                  std::string(name(rollout.mode()))};
  Info& old = infos_[{tenant.name, campaign}];
  if (!(old == info) && !old.phase.empty())
    metrics_.forget(kCampaignInfo, {{"tenant", tenant.name}, {"campaign", campaign}});
  old = info;
  metrics_.set(kCampaignInfo,
               {{"tenant", tenant.name},
                {"campaign", campaign},
                {"family", info.family},
                {"phase", info.phase},
                {"mode", info.mode}},
               1);
  const campaign::Tally& tally = rollout.tally();
  std::vector<std::string> numbers;  // as people count: 1 is the canary
  for (std::size_t wave = 1; wave <= tally.waves.size(); ++wave)
    numbers.push_back(std::to_string(wave));
  std::vector<metrics::Sample> samples{{kCampaignTargeted,
                                        {{"tenant", tenant.name}, {"campaign", campaign}},
                                        static_cast<double>(rollout.targeted())},
                                       {kCampaignUnscannable,
                                        {{"tenant", tenant.name}, {"campaign", campaign}},
                                        static_cast<double>(tally.unscannable)}};
  for (std::size_t wave = 0; wave < tally.waves.size(); ++wave) {
    for (std::size_t state = 0; state < kCount<model::HostState>; ++state)
      samples.push_back({kCampaignHosts,
                         {{"tenant", tenant.name},
                          {"campaign", campaign},
                          {"wave", numbers[wave]},
                          {"state", name(static_cast<model::HostState>(state))}},
                         static_cast<double>(tally.waves[wave].states[state])});
    samples.push_back({kCampaignFailureRatio,
                       {{"tenant", tenant.name}, {"campaign", campaign}, {"wave", numbers[wave]}},
                       rollout.failure_ratio(static_cast<std::uint16_t>(wave))});
  }
  metrics_.set(samples);
  metrics_.set(kBreakerState, {{"tenant", tenant.name}, {"campaign", campaign}},
               rollout.breaker_open() ? 1 : 0);
  metrics_.set(kCampaignRate, {{"tenant", tenant.name}, {"campaign", campaign}}, rollout.rate(now));
  const auto eta = rollout.eta_seconds(now);
  metrics_.set(kCampaignEta, {{"tenant", tenant.name}, {"campaign", campaign}},
               eta ? static_cast<double>(*eta) : -1);
}

bool MetricsTelemetry::is_over(const Tenant& tenant, const campaign::Rollout& rollout,
                               Instant now) {
  if (!rollout.closed() || now - Instant(*rollout.closed()) < kClosedSeriesKept) return false;
  const Key key{tenant.name, rollout.name()};
  if (over_.insert(key).second) {
    infos_.erase(key);
    metrics_.forget({{"tenant", tenant.name}, {"campaign", rollout.name()}});
  }
  return true;
}

void MetricsTelemetry::tick(const Core& core, Instant now) {
  for (const auto& tenant : core.tenants()) follow(*tenant);
  count_agents(core);
  count_stop_acks(core);
  for (const auto& tenant : core.tenants()) {
    metrics_.set(kLogSize, {{"tenant", tenant->name}}, static_cast<double>(tenant->entries.size()));
    metrics_.set(kPendingDocuments, {{"tenant", tenant->name}},
                 static_cast<double>(tenant->pending.size()));
    if (tenant->note_time)
      metrics_.set(kCheckpointAge, {{"tenant", tenant->name}},
                   std::chrono::duration<double>(now - *tenant->note_time).count());
    if (tenant->state().root)
      metrics_.set(kRootExpiry, {{"tenant", tenant->name}},
                   static_cast<double>(unix_seconds(tenant->state().root->root().expires)));
    for (const auto& [campaign, rollout] : tenant->campaigns) {
      if (is_over(*tenant, rollout, now)) continue;
      metrics_.set(kCampaignRate, {{"tenant", tenant->name}, {"campaign", campaign}},
                   rollout.rate(now));
      const auto eta = rollout.eta_seconds(now);
      metrics_.set(kCampaignEta, {{"tenant", tenant->name}, {"campaign", campaign}},
                   eta ? static_cast<double>(*eta) : -1);
    }
  }
  metrics_.set(kOpenFds, {}, open_fds_ratio());
}

// By the hosts' own word: what was sent to them they may not have read.
void MetricsTelemetry::count_stop_acks(const Core& core) {
  std::vector<metrics::Sample> samples;
  for (const auto& tenant : core.tenants()) {
    std::uint64_t newest = 0;
    for (const auto& [id, stop] : tenant->state().stops)
      newest = std::max(newest, stop.logged.index);
    for (const auto& [campaign, rollout] : tenant->campaigns) {
      if (rollout.phase() != "stopped") continue;
      std::size_t connected = 0;
      std::size_t told = 0;
      for (const fleet::Agent& agent : tenant->registry.all()) {
        if (!tenant->sessions[agent.no - 1].connected || !rollout.targets(agent.no)) continue;
        ++connected;
        told += agent.log_size > newest;
      }
      samples.push_back({kStopAck,
                         {{"tenant", tenant->name}, {"campaign", campaign}},
                         connected == 0 ? 1 : static_cast<double>(told) / connected});
    }
  }
  metrics_.replace(kStopAck, samples);
}

// What an agent runs on is what it says: beyond the commonest few it is counted as "other".
void MetricsTelemetry::count_agents(const Core& core) {
  using Kind = std::pair<std::string, std::string>;  // version, os
  std::map<Kind, std::size_t> kinds;
  for (const auto& tenant : core.tenants())
    for (const fleet::Agent& agent : tenant->registry.all())
      ++kinds[{agent.version, agent.facts.os}];
  std::vector<std::pair<std::size_t, Kind>> by_number;
  for (const auto& [kind, number] : kinds) by_number.emplace_back(number, kind);
  std::ranges::sort(by_number, std::greater<>());
  std::set<Kind> shown;
  for (const auto& [number, kind] : by_number)
    if (shown.size() < kAgentKindsShown) shown.insert(kind);

  const Kind other{"other", "other"};
  std::map<std::tuple<std::string_view, std::string_view, Kind>, std::size_t> agents;
  for (const auto& tenant : core.tenants())
    for (const fleet::Agent& agent : tenant->registry.all()) {
      const Kind kind{agent.version, agent.facts.os};
      ++agents[{tenant->name, liveness(agent), shown.contains(kind) ? kind : other}];
    }
  std::vector<metrics::Sample> samples;
  for (const auto& [key, number] : agents) {
    const auto& [tenant, state, kind] = key;
    samples.push_back(
        {kAgents,
         {{"tenant", tenant}, {"state", state}, {"version", kind.first}, {"os", kind.second}},
         static_cast<double>(number)});
  }
  metrics_.replace(kAgents, samples);
}

double open_fds_ratio() {
  std::size_t open = 0;
  if (DIR* directory = opendir("/proc/self/fd")) {
    while (readdir(directory)) ++open;
    closedir(directory);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == 0) return 0;
  return static_cast<double>(open) / static_cast<double>(limit.rlim_cur);
}

}  // namespace fleetsweep::controller
