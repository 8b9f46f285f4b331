#pragma once

// Regular expressions that take time linear in the text, whatever their author wrote: Hyperscan's
// subset (no lookaround, no backreference). Matching finds them anywhere in the text unless
// anchored; text is bytes.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/limits.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {

class RegexSet {
 public:
  // kInvalid names the pattern that does not compile and why.
  static Result<RegexSet> compile(const std::vector<std::string>& patterns, bool cased,
                                  std::size_t bytes_max = limits::kRegexBytes);
  RegexSet(RegexSet&&) noexcept;
  RegexSet& operator=(RegexSet&&) noexcept;
  ~RegexSet();

  bool any(std::string_view text) const;  // one of the patterns
  bool all(std::string_view text) const;  // each of the patterns

  // The text with everything escaped that a pattern would not take literally.
  static std::string quoted(std::string_view text);

 private:
  struct Database;
  explicit RegexSet(std::unique_ptr<Database> database);
  std::unique_ptr<Database> database_;
};

}  // namespace fleetsweep::scan
