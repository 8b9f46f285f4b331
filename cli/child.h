#pragma once

// Another program, run to its end.

#include <string>
#include <vector>

#include "protocol/base/result.h"

namespace fleetsweep::cli {

struct Output {
  std::string text;  // of its standard output; its errors and its questions go to the terminal
  int exit_code = 0;
};

// words[0] without a slash is looked for in PATH. kUnavailable: it cannot be started; kInternal: it
// died of a signal.
Result<Output> run(std::vector<std::string> words);

}  // namespace fleetsweep::cli
