#include "policies/compiler/template_text.h"

namespace fleetsweep::compiler {
std::optional<std::vector<TemplatePart>> find_templates(std::string_view text, std::size_t& bad) {
  std::vector<TemplatePart> parts;
  for (std::size_t at = 0; (at = text.find("{{", at)) != std::string_view::npos;) {
    bad = at;
    const auto close = text.find("}}", at);
    if (close == std::string_view::npos) return std::nullopt;
    std::string_view inside = text.substr(at + 2, close - at - 2);
    TemplatePart part{at, close + 2, {}, {}, {}};
    if (const auto bar = inside.find('|'); bar != std::string_view::npos) {
      part.filter = inside.substr(bar + 1);
      if (part.filter.empty()) return std::nullopt;
      inside = inside.substr(0, bar);
    }
    const auto dot = inside.find('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == inside.size() ||
        inside.find(' ') != std::string_view::npos)
      return std::nullopt;
    part.detection = inside.substr(0, dot);
    part.field = inside.substr(dot + 1);
    parts.push_back(part);
    at = part.end;
  }
  return parts;
}

std::string fill_templates(std::string_view text, std::string_view filling) {
  std::size_t bad = 0;
  const auto parts = find_templates(text, bad);
  if (!parts) return std::string(text);
  std::string result;
  std::size_t from = 0;
  for (const auto& part : *parts) {
    result += text.substr(from, part.begin - from);
    result += filling;
    from = part.end;
  }
  return result += text.substr(from);
}

}  // namespace fleetsweep::compiler
