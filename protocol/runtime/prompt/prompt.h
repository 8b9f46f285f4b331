#pragma once

// A passphrase from who sits at the terminal.

#include <string>

#include "protocol/base/result.h"

namespace fleetsweep::prompt {

// Asks without showing what is typed. kInvalid: there is no terminal.
Result<std::string> ask_hidden(const std::string& prompt);

// A new one, twice unless it is empty. kInvalid: they differ.
Result<std::string> ask_twice(const std::string& prompt);

}  // namespace fleetsweep::prompt
