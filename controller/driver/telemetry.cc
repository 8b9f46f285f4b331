#include "controller/driver/telemetry.h"

#include <dirent.h>
#include <sys/resource.h>

#include "controller/metrics_names.h"

namespace fleetsweep::controller {

void MetricsTelemetry::on(const Count& count) {
  std::vector<metrics::Label> labels;
  for (const auto& [name, value] : count.labels) labels.emplace_back(name, value);
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

void MetricsTelemetry::on_campaign(const Tenant& tenant, const campaign::Rollout& rollout,
                                   Instant now) {
  const std::string& campaign = rollout.name();
  const Info info{rollout.family().empty() ? "none" : rollout.family(), rollout.phase(),
                  std::string(name(rollout.mode()))};
  Info& old = infos_[{tenant.no, campaign}];
  if (!(old == info) && !old.phase.empty())
    metrics_.forget(kCampaignInfo, {{"tenant", tenant.name},
                                    {"campaign", campaign},
                                    {"family", old.family},
                                    {"phase", old.phase},
                                    {"mode", old.mode}});
  old = info;
  metrics_.set(kCampaignInfo,
               {{"tenant", tenant.name},
                {"campaign", campaign},
                {"family", info.family},
                {"phase", info.phase},
                {"mode", info.mode}},
               1);
  const campaign::Tally& tally = rollout.tally();
  for (std::size_t wave = 0; wave < tally.waves.size(); ++wave) {
    const std::string number = std::to_string(wave + 1);  // as people count: 1 is the canary
    for (std::size_t state = 0; state < kCount<model::HostState>; ++state)
      metrics_.set(kCampaignHosts,
                   {{"tenant", tenant.name},
                    {"campaign", campaign},
                    {"wave", number},
                    {"state", name(static_cast<model::HostState>(state))}},
                   tally.waves[wave].states[state]);
    metrics_.set(kCampaignFailureRatio,
                 {{"tenant", tenant.name}, {"campaign", campaign}, {"wave", number}},
                 rollout.failure_ratio(static_cast<std::uint16_t>(wave)));
  }
  metrics_.set(kCampaignTargeted, {{"tenant", tenant.name}, {"campaign", campaign}},
               tally.targeted);
  metrics_.set(kBreakerState, {{"tenant", tenant.name}, {"campaign", campaign}},
               rollout.breaker_open() ? 1 : 0);
  metrics_.set(kCampaignRate, {{"tenant", tenant.name}, {"campaign", campaign}}, rollout.rate(now));
  const auto eta = rollout.eta_seconds(now);
  metrics_.set(kCampaignEta, {{"tenant", tenant.name}, {"campaign", campaign}},
               eta ? static_cast<double>(*eta) : -1);
  if (on_change_) on_change_(tenant.id, campaign);
}

void MetricsTelemetry::tick(const Core& core, Instant now) {
  metrics_.forget_all(kAgents);
  for (const auto& tenant : core.tenants()) {
    std::map<std::tuple<std::string, std::string, std::string>, std::size_t> agents;
    for (const fleet::Agent& agent : tenant->registry.all())
      ++agents[{std::string(liveness(agent)), agent.version, agent.facts.os}];
    for (const auto& [key, count] : agents)
      metrics_.set(kAgents,
                   {{"tenant", tenant->name},
                    {"state", std::get<0>(key)},
                    {"version", std::get<1>(key)},
                    {"os", std::get<2>(key)}},
                   static_cast<double>(count));
    metrics_.set(kLogSize, {{"tenant", tenant->name}}, static_cast<double>(tenant->entries.size()));
    if (tenant->note_time)
      metrics_.set(kCheckpointAge, {{"tenant", tenant->name}},
                   std::chrono::duration<double>(now - *tenant->note_time).count());
    if (tenant->state().root)
      metrics_.set(kRootExpiry, {{"tenant", tenant->name}},
                   static_cast<double>(unix_seconds(tenant->state().root->root().expires)));
    for (const auto& [campaign, rollout] : tenant->campaigns) {
      metrics_.set(kCampaignRate, {{"tenant", tenant->name}, {"campaign", campaign}},
                   rollout.rate(now));
      const auto eta = rollout.eta_seconds(now);
      metrics_.set(kCampaignEta, {{"tenant", tenant->name}, {"campaign", campaign}},
                   eta ? static_cast<double>(*eta) : -1);
    }
  }
  metrics_.set(kOpenFds, {}, open_fds_ratio());
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
