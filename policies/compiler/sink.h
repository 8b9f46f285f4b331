#pragma once

// Where mistakes are gathered, and the hints that go with them.

#include <string>
#include <string_view>
#include <vector>

#include "policies/compiler/compiler.h"

namespace fleetsweep::compiler {

struct Position {
  std::uint32_t line = 0;  // from 1; 0: the file as a whole
  std::uint32_t column = 0;
  bool operator==(const Position&) const = default;
};

class Sink {
 public:
  explicit Sink(std::string file) : file_(std::move(file)) {}

  void error(Position at, std::string message, std::string hint = {});
  void warning(Position at, std::string message, std::string hint = {});
  // In another file, such as a rule.
  void add(Diagnostic diagnostic);

  bool failed() const { return errors_ > 0; }
  std::size_t errors() const { return errors_; }
  // Sorted by file (the policy first), line and column; without duplicates.
  std::vector<Diagnostic> take();

 private:
  std::string file_;
  std::vector<Diagnostic> diagnostics_;
  std::size_t errors_ = 0;
};

// The known name that `text` most likely means; empty if none is near.
std::string_view nearest(std::string_view text, const std::vector<std::string_view>& known);

// "a, b, c", cut when long.
std::string listed(const std::vector<std::string_view>& names);

// "did you mean 'x'?", or "expected one of a, b, c"
std::string name_hint(std::string_view text, const std::vector<std::string_view>& known);

// Text of an author as it may stand in a message: escaped and cut to a readable length.
std::string shown(std::string_view text);

}  // namespace fleetsweep::compiler
