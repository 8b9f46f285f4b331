#pragma once

// The command line and the configuration file of fleetsweep-agent, as one value.

#include <optional>
#include <string>
#include <vector>

#include "agent/driver/run_core.h"
#include "agent/local/baseline.h"
#include "agent/local/enrol.h"
#include "agent/local/offline_undo.h"
#include "agent/monitor/monitor.h"

namespace fleetsweep::agent {

struct Options {
  enum class Verb { kEnrol, kRun, kCore, kCommand, kBaseline } verb = Verb::kRun;
  std::string state;
  bool json = false;
  EnrolOptions enrol;           // kEnrol
  monitor::Options monitor;     // kRun
  CoreOptions core;             // kCore
  model::LocalCommand command;  // kCommand: status, why, halt, resume, rekey, undo, stop
  std::string stop_file;        // of stop
  bool offline = false;         // of undo: not through the agent
  OfflineUndo undo;             // if so
  BaselineOptions baseline;     // kBaseline
  bool show = false;            // kBaseline: show it, else write it
};

// Help, --version and mistakes are printed here; then `exit` says with which code to end.
struct Parsed {
  std::optional<int> exit;
  Options options;
};
Parsed parse_options(int count, char** arguments);

}  // namespace fleetsweep::agent
