#pragma once

// A broken promise of our own code. Always on: a supervisor restarts the process, which is safer
// than going on.

namespace fleetsweep {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#define FS_ASSERT(expression)          \
  ((expression) ? static_cast<void>(0) \
                : ::fleetsweep::assertion_failed(#expression, __FILE__, __LINE__))
