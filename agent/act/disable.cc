#include "agent/act/disable.h"

#include <algorithm>

#include "agent/act/lines.h"
#include "agent/lines/desktop_file.h"

namespace fleetsweep::act {

namespace {

std::string_view line_end(std::string_view line) {
  return line.ends_with('\r') ? "\r" : "";
}

// Equal lines are one edit, which is about all of them.
void add(std::vector<Replacement>& edits, std::string_view line, std::string rest) {
  if (std::none_of(edits.begin(), edits.end(), [&](const auto& edit) { return edit.line == line; }))
    edits.push_back({std::string(line), std::move(rest)});
}

bool is_off_after(std::string_view path, std::string_view text,
                  const std::vector<Replacement>& edits) {
  std::string after(text);
  for (const auto& edit : edits)
    if (auto edited = without_line(after, edit.line, edit.rest)) after = std::move(*edited);
  return lines::says_off(path, after);
}

std::vector<Replacement> hidden(std::string_view path, std::string_view text) {
  const auto says = [](std::string_view in_place_of) {
    return std::string("Hidden=true").append(line_end(in_place_of));
  };
  std::vector<Replacement> edits;
  for (const lines::Setting& setting : lines::settings(text, lines::Join::kNone))
    if (setting.group == lines::kDesktopGroup && setting.key == "Hidden" && setting.value != "true")
      add(edits, setting.line.text, says(setting.line.text));
  if (is_off_after(path, text, edits)) return edits;
  if (const std::string_view header = lines::header_of(text, lines::kDesktopGroup); !header.empty())
    add(edits, header, std::string(header).append("\n").append(says(header)));
  return edits;
}

std::vector<Replacement> starts_nothing(std::string_view text) {
  std::vector<Replacement> edits;
  for (const lines::Setting& setting : lines::settings(text, lines::Join::kNone)) {
    if (setting.group != lines::kBusGroup) continue;
    const bool is_program = setting.key == "Exec" && setting.value != lines::kNoProgram;
    if (!is_program && setting.key != "SystemdService") continue;
    const std::string_view line = setting.line.text;
    std::string rest = std::string("# ").append(line);
    if (is_program) rest.append("\nExec=").append(lines::kNoProgram).append(line_end(line));
    add(edits, line, std::move(rest));
  }
  return edits;
}

}  // namespace

std::string commented_out(std::string_view entry, lines::Join join) {
  const std::string_view mark = join == lines::Join::kBraces ? "// " : "# ";  // apt's `#clear`
  std::string result;
  for (const lines::Line& line : lines::logical_lines(entry, lines::unjoined(join)))
    result.append(mark).append(line.text).append(line.newline);
  return result;
}

std::optional<std::vector<Replacement>> turned_off(std::string_view path, std::string_view text) {
  if (lines::says_off(path, text)) return std::vector<Replacement>();
  auto edits = lines::is_bus_service(path) ? starts_nothing(text) : hidden(path, text);
  if (!is_off_after(path, text, edits)) return std::nullopt;
  return edits;
}

}  // namespace fleetsweep::act
