#pragma once

// One controller with a witness and many agents in one thread, from one seed: the next due event,
// the clock moves to it, it runs, the checkers look; again. No socket, no sleep, no real time.
//
//   World world({.seed = 7, .hosts = 20});
//   const auto order = world.order(setting().dry_run(), {"alice"});
//   EXPECT_TRUE(world.run_until([&] { return world.is_settled(); }, Seconds(600)));
//   EXPECT_EQ(world.verdict(), "");

#include <initializer_list>
#include <memory>

#include "tests/sim/agent_node.h"
#include "tests/sim/controller_node.h"

namespace fleetsweep::sim {

class World {
 public:
  struct Options {
    std::uint64_t seed = 1;
    std::size_t hosts = 10;
    unsigned infected_permille = 300;
    Link link;
    CommitFaults agent_faults;
    CommitFaults controller_faults;
    double act_crash = 0;
    Seconds skew_max{0};  // of a host's clock, to either side
    ControllerNode::Times times;
    std::function<void(std::size_t host, agent::Effects&)> tamper;
    HostBug bug = HostBug::kNone;
  };
  explicit World(const Options& options);

  // Time.
  void run_for(Duration length);
  // False when it did not become true within `limit`. Asked once a simulated second.
  bool run_until(const std::function<bool()>& is_so, Duration limit);
  Instant now() const { return timeline_.now(); }
  std::uint64_t events() const { return timeline_.steps(); }

  // Operators.
  Result<DocumentId> try_order(const model::Order& order,
                               std::initializer_list<std::string> people);
  // Asked again until the controller takes it.
  DocumentId order(const model::Order& order, std::initializer_list<std::string> people);
  DocumentId document(const Bytes& envelope);

  // A dry run of the whole fleet, then the clean order; each until every host has settled. Zero
  // when that takes longer than an hour.
  DocumentId sweep(std::uint16_t canary = 100);

  // Faults.
  void calm();  // from now on nothing goes wrong any more; everybody is connected again

  // Questions, of the whole world.
  bool is_settled() const;  // the campaign is, and no receipt is on its way
  std::size_t count(model::HostState state) const;
  std::size_t infected() const;  // hosts whose infected file is still in its place
  std::string states() const;    // "verified 3, clean 7": of the campaign, for messages
  // Empty when no checker objects; otherwise the first objections, and how to repeat them.
  std::string verdict() const;

  AgentNode& host(std::size_t number) { return *hosts_[number]; }
  std::size_t hosts() const { return hosts_.size(); }
  ControllerNode& controller() { return controller_; }
  Network& network() { return network_; }
  Checkers& checkers() { return checkers_; }
  std::size_t infected_at_first() const { return infected_at_first_; }

 private:
  AgentNode::Wiring wiring_of_hosts(const Options& options);

  std::uint64_t seed_;
  Timeline timeline_;
  Network network_;
  Checkers checkers_;
  CommitFaults agent_faults_;
  ControllerNode controller_;
  AgentNode::Wiring wiring_;
  std::vector<std::unique_ptr<AgentNode>> hosts_;
  std::size_t infected_at_first_ = 0;
};

}  // namespace fleetsweep::sim
