#pragma once

// One agent: its real core, its store, its host, its clocks. Every event runs through run(), which
// commits, then acts, as the driver does; a crash may come at any commit.

#include <memory>

#include "agent/core/core.h"
#include "tests/sim/agent_store.h"
#include "tests/sim/checkers.h"
#include "tests/sim/faults.h"
#include "tests/sim/network.h"
#include "tests/sim/sim_host.h"

namespace fleetsweep::sim {

class AgentNode {
 public:
  struct Wiring {
    Timeline& timeline;
    Network& network;
    Checkers& checkers;
    const Setting& setting;
    const CommitFaults& faults;
    std::function<void(std::size_t host, model::Message)> send;  // to the controller
    std::function<bool()> controller_is_up;
    std::function<void(std::size_t host, agent::Effects&)> tamper;  // a broken core; may be empty
  };

  AgentNode(const Wiring& wiring, std::size_t number, HostKeys keys, std::uint64_t seed);

  void start();      // the process; connects by itself
  void crash();      // all its processes die; they come back a little later
  void reboot();     // the same, and the clock since boot begins anew
  void shut_down();  // until start()
  void lose_connection();
  void set_reading(bool reads) { connection_.set_reading(reads); }
  // What arrives on the wire.
  Told deliver(std::shared_ptr<const model::Message> message);

  std::size_t number() const { return number_; }
  const AgentId& id() const { return host_.agent; }
  bool is_up() const { return core_ != nullptr; }
  const agent::Core& core() const { return *core_; }
  const AgentStore& store() const { return store_; }

  SimHost host;
  Seconds skew{0};             // of its wall clock
  bool synchronised = true;    // as its kernel says
  Duration scan_time{20'000};  // at most
  std::uint64_t crashes = 0;
  double act_crash = 0;  // chance at each of: intent, change, done

 private:
  void run(agent::Effects effects);
  void perform(agent::Action& action);
  void scan(const agent::StartScan& start);
  void act(agent::StartAct start);
  void step();
  void arm();
  void connect();
  agent::Now now() const;
  // An event for this process; dropped when it is gone by then.
  void later(Duration wait, std::function<void()> what);
  Duration some(Duration at_most);

  const Wiring& wiring_;
  std::size_t number_;
  HostKeys keys_;
  Prng prng_;
  trust::Host host_;
  AgentStore store_;
  std::unique_ptr<agent::Core> core_;
  BootId boot_;
  Instant booted_;
  std::uint64_t life_ = 0;
  std::uint64_t scan_ = 0;  // the newest; others were ended
  Connection connection_;
  std::optional<Instant> timer_;
  unsigned spins_ = 0;
};

}  // namespace fleetsweep::sim
