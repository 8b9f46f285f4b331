#pragma once

// The command line and configuration of fleetsweep-witness.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "protocol/log/note.h"

namespace fleetsweep::witness {

struct InitOptions {
  std::string state;
  std::string name;
};

struct RunOptions {
  std::string state;
  std::string listen;
  bool allow_remote = false;
  std::vector<log::VerifierKey> logs;
};

// Or the exit code, when help was asked for or the arguments are wrong (both are printed).
using Options = std::variant<InitOptions, RunOptions, int>;
Options parse_options(int count, char** arguments);

}  // namespace fleetsweep::witness
