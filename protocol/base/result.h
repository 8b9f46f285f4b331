#pragma once

// Result<T>: a value, or an Error that says what the caller may do next. Nothing in this project
// throws; a library that throws is caught in the one folder that includes it.

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace fleetsweep {

// What the caller may do about it.
enum class Code {
  kInvalid,      // asking again will not help: the input is wrong
  kUntrusted,    // a signature or a quorum does not hold: audit, never retry
  kNotFound,     // it is not there
  kConflict,     // the world moved: reload, decide again
  kUnavailable,  // retry with back-off
  kOverloaded,   // later
  kInternal,     // a bug or a broken machine
};

const char* name(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;

  // "order 41: signature: key expired": context grows outward.
  Error within(std::string_view context) const&;
  bool operator==(const Error&) const = default;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

template <class... Args>
tl::unexpected<Error> fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace fleetsweep

#define FS_CONCAT_INNER(a, b) a##b
#define FS_CONCAT(a, b) FS_CONCAT_INNER(a, b)

// FS_TRY(auto order, decode_order(bytes));  returns the error of this call to our own caller.
#define FS_TRY(declaration, expression) \
  FS_TRY_INNER(FS_CONCAT(fs_try_, __LINE__), declaration, expression)
#define FS_TRY_INNER(temporary, declaration, expression)      \
  auto temporary = (expression);                              \
  if (!temporary) return fleetsweep::fail(temporary.error()); \
  declaration = std::move(*temporary)

// FS_CHECK(verify(...));  the same for a call that returns only success or failure.
#define FS_CHECK(expression)                                                                   \
  do {                                                                                         \
    if (auto fs_status = (expression); !fs_status) return fleetsweep::fail(fs_status.error()); \
  } while (false)
