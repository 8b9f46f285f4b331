#include "agent/hive/task.h"

#include <algorithm>
#include <charconv>

#include "agent/hive/text.h"
#include "protocol/base/limits.h"

namespace fleetsweep::hive {
namespace {

constexpr std::string_view kXmlBlank = " \t\r\n";

// What stands for one character between & and ;
std::string character(std::string_view entity) {
  for (const auto& [name, plain] :
       {std::pair{"lt", "<"}, std::pair{"gt", ">"}, std::pair{"quot", "\""}, std::pair{"apos", "'"},
        std::pair{"amp", "&"}})
    if (entity == name) return plain;
  if (!entity.starts_with('#')) return {};
  const bool is_hex = entity.starts_with("#x");
  entity.remove_prefix(is_hex ? 2 : 1);
  std::uint16_t unit = 0;
  const auto parsed =
      std::from_chars(entity.data(), entity.data() + entity.size(), unit, is_hex ? 16 : 10);
  if (parsed.ec != std::errc() || parsed.ptr != entity.data() + entity.size()) return {};
  const std::uint8_t bytes[] = {static_cast<std::uint8_t>(unit),
                                static_cast<std::uint8_t>(unit >> 8)};
  return from_utf16(bytes);
}

// The text of an element that holds nothing else.
std::string text_of_element(std::string_view inside) {
  std::string text;
  for (inside = without_blanks(inside); !inside.empty();) {
    const std::size_t end =
        inside.starts_with('&') ? inside.find_first_of("&;", 1) : std::string_view::npos;
    const bool is_entity = end != std::string_view::npos && inside[end] == ';';
    const std::string one = is_entity ? character(inside.substr(1, end - 1)) : "";
    text += one.empty() ? std::string(1, inside.front()) : one;
    inside.remove_prefix(one.empty() ? 1 : end + 1);
  }
  return text;
}

// Without comments, and with CDATA as the text that it stands for.
std::string simplified(std::string_view xml) {
  constexpr std::string_view kComment = "<!--", kData = "<![CDATA[";
  std::string text;
  while (!xml.empty()) {
    const std::size_t at = std::min(xml.find("<!"), xml.size());
    text += xml.substr(0, at);
    xml.remove_prefix(at);
    const bool is_data = xml.starts_with(kData);
    const std::string_view start = is_data ? kData : kComment, end = is_data ? "]]>" : "-->";
    if (!xml.starts_with(start)) {
      text += xml.substr(0, 1);
      xml.remove_prefix(std::min<std::size_t>(1, xml.size()));
      continue;
    }
    xml.remove_prefix(start.size());
    const std::string_view inside = xml.substr(0, xml.find(end));
    xml.remove_prefix(std::min(inside.size() + end.size(), xml.size()));
    if (!is_data) continue;
    for (const char c : inside) {
      if (c == '&')
        text += "&amp;";
      else if (c == '<')
        text += "&lt;";
      else
        text += c;
    }
  }
  return text;
}

struct Element {
  std::string_view attributes, inside;
};

// All of this name, in their order; none of them stands in another.
std::vector<Element> elements(std::string_view text, std::string_view name) {
  std::vector<Element> found;
  const std::string open = "<" + std::string(name), close = "</" + std::string(name);
  for (std::size_t at = 0; (at = text.find(open, at)) != std::string_view::npos;) {
    at += open.size();
    // Of another name that begins so.
    if (at < text.size() && text[at] != '/' && text[at] != '>' &&
        kXmlBlank.find(text[at]) == std::string_view::npos)
      continue;
    const std::size_t end = text.find('>', at);
    if (end == std::string_view::npos) break;
    const std::string_view attributes = text.substr(at, end - at);
    if (attributes.ends_with('/')) {
      found.push_back({attributes, {}});
      at = end;
      continue;
    }
    const std::size_t to = text.find(close, end);
    if (to == std::string_view::npos) break;
    found.push_back({attributes, text.substr(end + 1, to - end - 1)});
    at = to + close.size();
  }
  return found;
}

std::string text_in(std::string_view text, std::string_view name) {
  const auto found = elements(text, name);
  return found.empty() ? std::string() : text_of_element(found.front().inside);
}

std::string attribute(std::string_view attributes, std::string_view name) {
  const std::size_t at = attributes.find(std::string(name) + "=");
  if (at == std::string_view::npos) return {};
  std::string_view value = attributes.substr(at + name.size() + 1);
  if (!value.starts_with('"') && !value.starts_with('\'')) return {};
  const char quote = value.front();
  value.remove_prefix(1);
  return text_of_element(value.substr(0, value.find(quote)));
}

// Of the principal that the actions name, or of the first.
std::string user_of(std::string_view task) {
  const auto actions = elements(task, "Actions");
  const auto principals = elements(task, "Principal");
  if (principals.empty()) return {};
  const std::string named =
      actions.empty() ? std::string() : attribute(actions.front().attributes, "Context");
  const auto found = std::find_if(principals.begin(), principals.end(), [&](const Element& one) {
    return attribute(one.attributes, "id") == named;
  });
  return text_in(found == principals.end() ? principals.front().inside : found->inside, "UserId");
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kXmlBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kXmlBlank) - first + 1);
}

std::vector<Autostart> read_task(std::string_view xml) {
  const std::string text = simplified(
      xml.starts_with("\xff\xfe")
          ? from_utf16({reinterpret_cast<const std::uint8_t*>(xml.data()) + 2, xml.size() - 2})
          : std::string(xml));
  const std::string user = bounded(user_of(text));
  std::vector<Autostart> actions;
  const auto add = [&](std::string command, const std::string& arguments) {
    if (!arguments.empty()) command += " " + arguments;
    if (actions.size() < kTaskActions)
      actions.push_back({model::PersistenceKind::kWindowsTask, {}, {}, bounded(command), user});
  };
  for (const Element& exec : elements(text, "Exec"))
    add(text_in(exec.inside, "Command"), text_in(exec.inside, "Arguments"));
  for (const Element& handler : elements(text, "ComHandler"))
    add(text_in(handler.inside, "ClassId"), text_in(handler.inside, "Data"));
  if (actions.empty()) add({}, {});
  return actions;
}

}  // namespace fleetsweep::hive
