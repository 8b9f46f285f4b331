#include "policies/compiler/import/value_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "policies/compiler/import/text.h"

namespace fleetsweep::indicators {
namespace {

constexpr std::size_t kCommentOrigins = 3;

}  // namespace

// Single quotes: nothing inside is special but the quote itself.
std::string yaml_text(std::string_view text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c;
  }
  return result + "'";
}

std::string in_comment(const Indicator& indicator) {
  std::string text;
  for (std::size_t i = 0; i < std::min(indicator.origins.size(), kCommentOrigins); ++i) {
    const Origin& origin = indicator.origins[i];
    text += i ? "; also " : "";
    text += shown_note(origin.source);
    if (origin.line) text += fmt::format(":{}", origin.line);
    if (!origin.id.empty()) text += " " + origin.id;
    if (!origin.note.empty()) text += ": " + origin.note;
  }
  if (indicator.origins.size() > kCommentOrigins)
    text += fmt::format("; and {} more", indicator.origins.size() - kCommentOrigins);
  if (indicator.confidence) text += fmt::format("; confidence {}", *indicator.confidence);
  if (indicator.valid_from) text += "; from " + to_rfc3339(*indicator.valid_from).substr(0, 10);
  if (indicator.expires) text += "; until " + to_rfc3339(*indicator.expires).substr(0, 10);
  return "  # " + text;
}

}  // namespace fleetsweep::indicators
