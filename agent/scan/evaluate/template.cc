#include "agent/scan/evaluate/template.h"

#include <algorithm>

namespace fleetsweep::scan {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// A 32-bit process sees SysWOW64 under the name System32.
std::string unwow64(std::string_view path) {
  constexpr std::string_view kFrom = "syswow64";
  std::string result(path);
  const auto at = std::search(result.begin(), result.end(), kFrom.begin(), kFrom.end(),
                              [](char a, char b) { return lower(a) == b; });
  if (at != result.end()) result.replace(at, at + kFrom.size(), "System32");
  return result;
}

}  // namespace

Result<Template> Template::parse(
    std::string_view text,
    const std::function<std::optional<std::uint16_t>(std::string_view)>& find) {
  Template result;
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    if (open != 0) result.parts_.push_back({.text = std::string(text.substr(0, open))});
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find("}}", open);
    if (close == std::string_view::npos)
      return fail(Code::kInvalid, "\"{}\": {{{{ without }}}}", escaped(text));
    std::string_view inner = text.substr(open + 2, close - open - 2);
    text.remove_prefix(close + 2);

    Part part{.is_field = true};
    if (const std::size_t bar = inner.find('|'); bar != std::string_view::npos) {
      if (inner.substr(bar + 1) != "unwow64")
        return fail(Code::kInvalid, "\"{}\": the only filter is unwow64", escaped(inner));
      part.unwow64 = true;
      inner = inner.substr(0, bar);
    }
    const std::size_t dot = inner.find('.');
    const auto detection = find(inner.substr(0, dot));
    const auto field = dot == std::string_view::npos
                           ? std::nullopt
                           : from_name<model::Field>(inner.substr(dot + 1));
    if (!detection || !field)
      return fail(Code::kInvalid, "\"{}\": not a field of a detection this one is joined to",
                  escaped(inner));
    part.detection = *detection;
    part.field = *field;
    result.parts_.push_back(part);
    result.detections_.push_back(*detection);
  }
  return result;
}

std::optional<std::string> Template::fill(
    Binding binding, const std::function<std::string(std::string_view)>& quote) const {
  std::string result;
  for (const Part& part : parts_) {
    if (!part.is_field) {
      result += part.text;
      continue;
    }
    const auto bound = std::find_if(binding.begin(), binding.end(), [&](const Bound& candidate) {
      return candidate.detection == part.detection;
    });
    if (bound == binding.end()) return std::nullopt;
    const FieldValue value = field_of(*bound->object, part.field);
    std::string filled;
    if (value.kind == FieldValue::Kind::kText)
      filled = part.unwow64 ? unwow64(value.text) : std::string(value.text);
    else if (value.kind == FieldValue::Kind::kNumber)
      filled = std::to_string(value.number);
    else
      return std::nullopt;
    result += quote(filled);
  }
  return result;
}

}  // namespace fleetsweep::scan
