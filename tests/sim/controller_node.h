#pragma once

// The controller with its witness: the real driver, core, cosigner and witness on a simulated
// network, with simulated threads, and with a store that fails or takes the process with it when
// the seed says so.

#include <functional>
#include <memory>

#include "controller/driver/cosign.h"
#include "controller/driver/driver.h"
#include "tests/sim/checkers.h"
#include "tests/sim/faults.h"
#include "tests/sim/network.h"
#include "tests/sim/timeline.h"
#include "witness/core.h"

namespace fleetsweep::sim {

using Parcel = std::shared_ptr<const model::Message>;

class FaultyStore;

class ControllerNode final : public controller::Outlet,
                             public controller::Crew,
                             public controller::Telemetry {
 public:
  struct Wiring {
    Timeline& timeline;
    Checkers& checkers;
    const Setting& setting;
    std::function<Told(std::size_t host, Parcel)> deliver;
    std::function<void()> on_down;
  };
  struct Times {
    Duration heartbeat = Seconds(120);
    Duration checkpoint_interval = Seconds(40);
    Duration restart = Seconds(3);
  };

  ControllerNode(Wiring wiring, const Times& times, std::uint64_t seed);
  ~ControllerNode() override;

  // Tenant, batch, and the first so many hosts.
  void set_up(const std::vector<HostKeys>& hosts);

  Result<DocumentId> submit(const Bytes& envelope);
  void on_message(std::size_t host, model::Message message);
  void crash();
  void release_at_once(const DocumentId& order);  // every auto wave, whatever it is worth
  bool is_up() const { return driver_ != nullptr && !dying_; }
  const controller::Core& core() const { return driver_->core(); }
  const campaign::Rollout* campaign(const std::string& name) const;

  CommitFaults faults;
  bool witness_up = true;
  std::uint64_t crashes = 0;
  std::uint64_t refused = 0;  // messages to hosts that did not read
  // A broken controller, for the checkers to catch.
  bool bug_counts_twice = false;
  bool bug_forgets_a_host = false;  // at its next restart
  bool bug_acks_before_commit = false;
  bool bug_releases_at_once = false;                  // whatever delay, health and breaker say
  std::function<Bytes(Bytes statement)> tamper_time;  // a stolen one; may be empty

  // Outlet, Crew, Telemetry.
  Taken send(const controller::HostRef& host, const controller::Frame& frame) override;
  void admit(const controller::HostRef&, const CurveKey&) override {}
  void retire(const CurveKey&) override {}
  void replace(const std::vector<std::pair<CurveKey, controller::HostRef>>&) override {}
  bool verify(controller::VerifyReceipts work) override;
  bool cosign(controller::CosignLog work) override;
  bool ask_time(controller::AskTime work) override;
  void on(const controller::Count& count) override;
  void on(const controller::Event&) override {}
  void on_campaign(const controller::Tenant&, const campaign::Rollout&, Instant) override {}
  void on_commit(std::size_t, bool) override {}

 private:
  friend class FaultyStore;
  void start();
  void end_of_turn();
  void schedule_tick();
  // An event for this process; dropped when it is gone by then.
  void later(Duration wait, std::function<void()> what);
  Result<controller::WitnessAnswer> ask_witness(const log::AddCheckpoint& request);
  Duration some(Duration at_most) {
    return Duration(
        1 + static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(at_most.count()))));
  }

  Wiring wiring_;
  Times times_;
  Prng prng_;
  crypto::SecretKey log_key_;
  crypto::SecretKey witness_key_;
  controller::CoreOptions options_;
  witness::Core witness_;
  controller::Cosigner cosigner_;
  std::unique_ptr<FaultyStore> store_;
  std::unique_ptr<controller::Driver> driver_;
  std::uint64_t life_ = 0;
  bool dying_ = false;  // crashed inside a turn: nothing leaves it any more
  std::uint64_t counted_ = 0;
  std::size_t targeted_ = 0;
  controller::Frame last_frame_;
  Parcel last_parcel_;
};

}  // namespace fleetsweep::sim
