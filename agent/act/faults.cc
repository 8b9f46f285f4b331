#include "agent/act/faults.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace fleetsweep::act {

namespace {

// Whether this is the passage that the variable names, as NAME:N.
bool is_due(const char* variable, const char* name, long& passages) {
  const char* setting = std::getenv(variable);
  if (setting == nullptr) return false;
  const std::string wanted(setting);
  const auto colon = wanted.rfind(':');
  return colon != std::string::npos && wanted.substr(0, colon) == name &&
         ++passages == std::atol(wanted.c_str() + colon + 1);
}

}  // namespace

void fault_point(const char* name) {
  static long deaths = 0, pauses = 0;  // the one piece of state a test build may have
  if (is_due("FLEETSWEEP_FAULT", name, deaths)) ::kill(::getpid(), SIGKILL);
  if (is_due("FLEETSWEEP_PAUSE", name, pauses)) ::kill(::getpid(), SIGSTOP);
}

}  // namespace fleetsweep::act
