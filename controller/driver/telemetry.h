#pragma once

// What the controller tells about itself: counters as they happen, gauges of a campaign when it
// changed, gauges of the rest once a tick.

#include <map>
#include <set>
#include <string>
#include <utility>

#include "controller/driver/driver.h"
#include "protocol/runtime/log/event_log.h"
#include "protocol/runtime/metrics/metrics.h"

namespace fleetsweep::controller {

// The series of a campaign stay so long after its Close, for those who look back.
inline constexpr Duration kClosedSeriesKept = std::chrono::hours(7 * 24);

class MetricsTelemetry final : public Telemetry {
 public:
  // Both outlive it. `on_change` is told the key of each campaign that changed.
  MetricsTelemetry(metrics::Metrics& metrics, const event_log::EventLog& log,
                   std::function<void(const TenantId&, const std::string&)> on_change)
      : metrics_(metrics), log_(log), on_change_(std::move(on_change)) {}

  void on(const Count& count) override;
  void on(const Event& event) override;
  void on_campaign(const Tenant& tenant, const campaign::Rollout& rollout, Instant now) override;
  void on_commit(std::size_t records, bool ok) override;

  void tick(const Core& core, Instant now);

 private:
  struct Info {
    std::string family, phase, mode;
    bool operator==(const Info&) const = default;
  };
  using Key = std::pair<std::string, std::string>;  // tenant, campaign
  // The name of its log is its label, and the next root may name another.
  void follow(const Tenant& tenant);
  void count_agents(const Core& core);
  void count_stop_acks(const Core& core);
  // True when nothing is told of this campaign any more.
  bool is_over(const Tenant& tenant, const campaign::Rollout& rollout, Instant now);

  metrics::Metrics& metrics_;
  const event_log::EventLog& log_;
  std::function<void(const TenantId&, const std::string&)> on_change_;
  std::map<TenantNo, std::string> names_;
  std::map<Key, Info> infos_;
  std::set<Key> over_;
};

// Open descriptors of this process and how many it may open.
double open_fds_ratio();

}  // namespace fleetsweep::controller
