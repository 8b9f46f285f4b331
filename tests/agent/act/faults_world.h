#pragma once

// A small host on which act fails once, and whether what it says afterwards is true.

#include <optional>
#include <string>
#include <vector>

#include "agent/plan/network.h"
#include "tests/agent/act/act_host.h"
#include "tests/agent/act/fake_manager.h"
#include "tests/agent/act/service_group.h"
#include "tests/agent/act/tracer.h"

namespace fleetsweep::act {

inline constexpr const char* kBeneath = "/dev/shm";  // memory: what is tested is the order of calls

// One action on a small host, with something that must stay beside everything that may go.
struct Scenario {
  const char* name;
  std::vector<model::ActionKind> actions;
  std::vector<std::uint16_t> detections;
  void (*find)(ActHost&);
  bool undo = false;  // the faults are in its undo
};
const std::vector<Scenario>& scenarios();
std::string title(const Scenario& scenario);

class World {
 public:
  explicit World(const Scenario& scenario);

  // Why it is not as it must be; empty if it is.
  const std::string& complaints() const { return complaints_; }

  Trace run(const Fault& fault);

 private:
  std::string seen() const;
  bool restarts() const { return scenario_.actions.back() == model::ActionKind::kRestart; }
  void begin_service();
  bool purges() const { return scenario_.actions[0] == model::ActionKind::kPurge; }
  bool leaves() const;  // what a package owns
  bool is_about_network() const { return plan::is_about_network(scenario_.actions[0]); }
  void expect(bool holds, const std::string& what) {
    if (!holds) complaints_ += what + "\n";
  }
  void check_restart(const Answer& answer, const Fault& fault);
  model::HostState cleaned() const;  // what is only suspended is still there
  void check_apply(const Answer& answer, const Fault& fault);
  void check_gone(const Answer& undone);  // what was purged
  void check_nothing_is_kept();
  std::size_t kept();
  void check_hold();
  void check_undo(const Answer& answer);

  const Scenario& scenario_;
  std::optional<ServiceGroup> service_;  // lives longer than its processes
  ActHost host_;
  std::optional<FakeManager> systemd_;
  std::vector<pid_t> workers_;  // who is found, and whom it has started
  pid_t found_ = 0;             // of the workers
  pid_t served_ = 0;            // who has the found file loaded
  std::string before_, complaints_;
  DocumentId applied_;
  model::ActRequest request_;
};

}  // namespace fleetsweep::act
