#pragma once

// The whole of the core process: reads the state, makes core and socket, runs the loop.

#include <string>
#include <vector>

#include "agent/core/session.h"
#include "agent/driver/store.h"
#include "protocol/model/receipt.h"
#include "protocol/runtime/log/event_log.h"

namespace fleetsweep::agent {

struct CoreOptions {
  std::string state;
  std::string root = "/";
  int monitor_fd = -1;
  model::SandboxLevel sandbox = model::SandboxLevel::kReduced;  // what scan can reach here
  Duration reconnect_min = std::chrono::seconds(1);
  Duration reconnect_max = std::chrono::seconds(300);
  Seconds rekey_interval = std::chrono::days(30);  // a transport key serves so long
  std::vector<std::string> labels;
  std::vector<std::string> mirrors;  // folders in which a Stop may lie
};

// Until the monitor ends, or SIGTERM. An error means: start me afresh, later.
Status run_core(const CoreOptions& options, const event_log::EventLog& log);

}  // namespace fleetsweep::agent
