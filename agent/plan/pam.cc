#include "agent/plan/pam.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/lines/logical_lines.h"

namespace fleetsweep::plan {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const std::string_view result = text.substr(0, text.find_first_of(kBlank));
  text.remove_prefix(result.size());
  return result;
}

std::string lower_word(std::string_view& text) {
  std::string result(word(text));
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

struct PamLine {
  std::string service, type, control, module;
};

// `- auth` may stand before a type: a module that is missing is no error. Only a module's name has
// a case.
PamLine parse(std::string_view raw, bool with_service) {
  PamLine line;
  const std::string whole = lines::joined(raw, lines::Join::kPam);
  std::string_view rest = whole;
  const std::size_t first = rest.find_first_not_of(kBlank);
  if (first == std::string_view::npos || rest[first] == '#') return line;
  if (with_service) line.service = lower_word(rest);
  line.type = lower_word(rest);
  if (line.type.starts_with('-')) line.type.erase(0, 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  if (rest.starts_with('[')) {
    line.control = rest.substr(0, std::min(rest.find(']'), rest.size()));
    rest.remove_prefix(std::min(line.control.size() + 1, rest.size()));
  } else {
    line.control = lower_word(rest);
  }
  line.module = word(rest);
  if (line.control == "include" || line.control == "substack") line.module.clear();
  return line;
}

// The most lines that an outcome of it skips.
std::size_t jump_of(std::string_view control) {
  std::size_t most = 0;
  for (std::size_t at = 0; (at = control.find('=', at)) != std::string_view::npos;) {
    std::size_t number = 0;
    for (++at; at < control.size() && control[at] >= '0' && control[at] <= '9' && number < 1000;
         ++at)
      number = number * 10 + static_cast<std::size_t>(control[at] - '0');
    most = std::max(most, number);
  }
  return most;
}

std::vector<lines::Line> lines_of(std::string_view text) {
  return lines::logical_lines(text, lines::Join::kPam);
}

}  // namespace

std::string pam_module_of(std::string_view line, bool with_service) {
  return parse(line, with_service).module;
}

std::string why_pam_lines_stay(std::string_view text, const std::set<std::string>& lines,
                               bool with_service) {
  struct Stack {
    std::size_t rest = 0;     // lines that stay
    std::size_t counted = 0;  // lines below that a jump above counts over
    bool loses = false;
  };
  std::map<std::pair<std::string, std::string>, Stack> stacks;
  bool includes = false;  // @include brings lines of every type
  for (const lines::Line& raw : lines_of(text)) {
    const PamLine line = parse(raw.text, with_service);
    if (line.type.empty()) continue;
    includes = includes || line.type == "@include";
    Stack& stack = stacks[{line.service, line.type}];
    const bool goes = lines.contains(std::string(raw.text));
    if (goes && line.type == "@include")
      return fmt::format("line {} brings in another file, whose rules may be needed", raw.number);
    if (goes && stack.counted > 0)
      return fmt::format("a rule above line {} counts over it: without it, it would skip another",
                         raw.number);
    if (stack.counted > 0) --stack.counted;
    stack.counted = std::max(stack.counted, jump_of(line.control));
    if (goes)
      stack.loses = true;
    else
      ++stack.rest;
  }
  for (const auto& [key, stack] : stacks)
    if (stack.loses && stack.rest == 0 && !includes)
      return fmt::format("no line of type {} would be left", key.second);
  return {};
}

std::vector<std::string> pam_lines_naming(std::string_view text, std::string_view file_name,
                                          bool with_service) {
  std::vector<std::string> found;
  for (const lines::Line& line : lines_of(text)) {
    const std::string module = pam_module_of(line.text, with_service);
    if (std::string_view(module).substr(module.rfind('/') + 1) == file_name && !module.empty())
      found.emplace_back(line.text);
  }
  return found;
}

}  // namespace fleetsweep::plan
