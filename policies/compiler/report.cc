// Diagnostics for a terminal and for machines.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "policies/compiler/compiler.h"
#include "protocol/base/bytes.h"

namespace fleetsweep::compiler {
namespace {

std::string_view line_of(std::string_view source, std::uint32_t line) {
  for (; line > 1; --line) {
    const auto end = source.find('\n');
    if (end == std::string_view::npos) return {};
    source.remove_prefix(end + 1);
  }
  auto text = source.substr(0, source.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// The source line and a caret under the column. A long line is cut around the place.
std::string excerpt(std::string_view source, const Diagnostic& d) {
  constexpr std::size_t kWidth = 96;
  const auto line = line_of(source, d.line);
  if (d.column == 0 || d.column > line.size() + 1) return {};
  const std::size_t at = d.column - 1;
  const std::size_t from = at > kWidth * 2 / 3 ? at - kWidth / 2 : 0;
  const std::string before = escaped(line.substr(from, at - from));
  const std::string after = escaped(line.substr(at, kWidth - (at - from)));
  const std::string number = std::to_string(d.line);
  return fmt::format("  {} | {}{}\n  {} | {}^\n", number, before, after,
                     std::string(number.size(), ' '), std::string(before.size(), ' '));
}

std::string plural(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

}  // namespace

std::string lint_text(const std::vector<Diagnostic>& diagnostics, std::string_view source) {
  std::string text;
  std::size_t errors = 0;
  for (const auto& d : diagnostics) {
    errors += d.severity == Severity::kError;
    text += escaped(d.file);
    if (d.line) text += fmt::format(":{}", d.line);
    if (d.column) text += fmt::format(":{}", d.column);
    text += fmt::format(": {}: {}\n", name(d.severity), d.message);
    // `source` is the policy; diagnostics of rule files have no column.
    if (d.column && !source.empty()) text += excerpt(source, d);
    if (!d.hint.empty()) text += fmt::format("  hint: {}\n", d.hint);
  }
  if (diagnostics.empty()) return "no mistakes";
  return text + plural(errors, "error") + ", " + plural(diagnostics.size() - errors, "warning");
}

std::string diagnostics_json(const std::vector<Diagnostic>& diagnostics) {
  auto list = nlohmann::json::array();
  for (const auto& d : diagnostics)
    list.push_back({{"severity", name(d.severity)},
                    {"file", d.file},
                    {"line", d.line},
                    {"column", d.column},
                    {"message", d.message},
                    {"hint", d.hint}});
  return list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace fleetsweep::compiler
