#pragma once

// The monitor's table of requests: what may be started in which phase. Pure.

#include <string>

#include "protocol/model/local.h"

namespace fleetsweep::monitor {

struct Phase {
  bool halted = false;    // the owner's word: nothing new is begun
  bool stopping = false;  // we are asked to end
  bool scan_runs = false;
  bool act_runs = false;  // also for the owner's undo
};

enum class Wish { kScan, kAct, kLocalUndo };

// Empty: permitted. Otherwise why not.
inline std::string refusal(Wish wish, const Phase& phase) {
  if (phase.stopping) return "the agent is stopping";
  switch (wish) {
    case Wish::kScan:
      return phase.scan_runs ? "a scan is running" : "";
    case Wish::kAct:
      // Also while halted: act looks for the halt file itself, begins nothing, and takes back what
      // a crash left half done.
      return phase.act_runs ? "an act is running" : "";
    case Wish::kLocalUndo:
      return phase.act_runs ? "an act is running: try again in a moment" : "";
  }
  return "unknown request";
}

}  // namespace fleetsweep::monitor
