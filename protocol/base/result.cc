#include "protocol/base/result.h"

#include <cstdio>
#include <cstdlib>

#include "protocol/base/assert.h"

namespace fleetsweep {

const char* name(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kUntrusted:
      return "untrusted";
    case Code::kNotFound:
      return "not_found";
    case Code::kConflict:
      return "conflict";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kOverloaded:
      return "overloaded";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

Error Error::within(std::string_view context) const& {
  return Error{code, fmt::format("{}: {}", context, message)};
}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "fleetsweep: broken promise at %s:%d: %s\n", file, line, expression);
  std::abort();
}

}  // namespace fleetsweep
