#pragma once

// The command line of fleetsweep-scan.

#include <optional>
#include <string>
#include <vector>

#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::scan {

inline constexpr int kPipeFd = 3;  // to core

struct Options {
  std::string root = "/";
  std::vector<std::string> policies;  // manual mode: compiled ones; none: requests come on fd 3
  bool json = false;
  std::string table;              // the identity table's file; empty: none
  std::string checkpoint;         // of a scan that is stopped; empty: none
  std::string leave_out;          // a folder of the host; empty: none. It need not be there
  bool list_persistence = false;  // by hand: print what starts by itself as a baseline
  // The owner's, if there is one. By hand the file has to be there; from the agent it need not.
  std::optional<std::string> baseline;
  std::optional<runtime::User> parser_user;  // as root; nobody unless given
};

// Nothing: said on stderr (or help on stdout) what was wrong; exit with `status`.
std::optional<Options> read_options(int argc, char** argv, int& status);

}  // namespace fleetsweep::scan
