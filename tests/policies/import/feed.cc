#include "tests/policies/import/feed.h"

#include "tests/policies/sample.h"

namespace fleetsweep::indicators {

Imported imported(Format format, const std::string& text, std::string source,
                  model::Platform platform) {
  const Context context{
      .source = std::move(source), .now = to_timestamp(compiler::test_now()), .platform = platform};
  auto result = import_feed(format, text, context);
  FS_ASSERT(result.has_value());
  return std::move(*result);
}

std::string complaint(Format format, const std::string& text, std::string source) {
  const auto result = import_feed(
      format, text, {.source = std::move(source), .now = to_timestamp(compiler::test_now())});
  return result ? "" : result.error().message;
}

static std::string shown(const Term& term) {
  constexpr std::string_view kSigns[] = {"=", "~", "^", "$", "re", "in", ">", "<", "?", "#"};
  return fmt::format("{}{}{}", name(term.field), kSigns[static_cast<std::size_t>(term.match)],
                     term.value);
}

std::vector<std::string> shown(const Imported& result) {
  std::vector<std::string> lines;
  for (const Indicator& one : result.indicators) {
    std::string line(name(one.kind));
    for (const Term& term : one.all_of) line += " " + shown(term);
    for (const Term& term : one.none_of) line += " !" + shown(term);
    if (one.origins[0].line) line += fmt::format(" @{}", one.origins[0].line);
    if (one.confidence) line += fmt::format(" c{}", *one.confidence);
    if (one.expires) line += " <" + to_rfc3339(*one.expires).substr(0, 10);
    lines.push_back(line);
  }
  return lines;
}

std::vector<std::string> refusals(const Imported& result) {
  std::vector<std::string> lines;
  for (const NotTaken& one : result.not_taken)
    lines.push_back(fmt::format("{}: {}: {}", one.origin.line, one.value, one.why));
  return lines;
}

}  // namespace fleetsweep::indicators
