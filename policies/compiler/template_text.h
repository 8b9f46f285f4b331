#pragma once

// {{detection.field}} and {{detection.field|unwow64}} inside a value: filled per binding of a join.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetsweep::compiler {

struct TemplatePart {
  std::size_t begin = 0;  // of `{{` in the text
  std::size_t end = 0;    // behind `}}`
  std::string_view detection;
  std::string_view field;
  std::string_view filter;  // empty: none
};

// In order; nothing if a `{{` has no `}}` or its inside has another shape (then `bad` is where).
std::optional<std::vector<TemplatePart>> find_templates(std::string_view text, std::size_t& bad);

// The text with every template replaced.
std::string fill_templates(std::string_view text, std::string_view filling);

}  // namespace fleetsweep::compiler
