#include "cli/scan_report.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "cli/console.h"
#include "cli/json_text.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

// The scanner escaped what is hostile already; text_of would escape its escapes.
std::string shown(const json& object, const char* member) {
  const auto found = object.find(member);
  if (found == object.end()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string place(const json& finding) {
  if (finding.contains("file")) return shown(finding["file"], "path");
  if (finding.contains("process")) {
    const json& process = finding["process"];
    return fmt::format("pid {} {}", shown(process, "pid"),
                       shown(process.value("exe", json::object()), "path"));
  }
  if (finding.contains("persistence")) {
    const json& persistence = finding["persistence"];
    const std::string entry = shown(persistence, "entry");
    return fmt::format("{}{}{}", shown(persistence.value("file", json::object()), "path"),
                       entry.empty() ? "" : ": ", entry);
  }
  if (finding.contains("connection")) {
    const json& connection = finding["connection"];
    return fmt::format("{} port {}, pid {} {}", shown(connection, "remote_address"),
                       shown(connection, "remote_port"), shown(connection, "pid"),
                       shown(connection, "exe"));
  }
  if (finding.contains("registry")) {
    const json& registry = finding["registry"];
    const std::string value = shown(registry, "value_name");
    return fmt::format("{}{}{} in {}", shown(registry, "key"), value.empty() ? "" : ": ", value,
                       shown(registry.value("hive", json::object()), "path"));
  }
  return {};
}

// The surest verdict first, as the scanner lists them; "-" for a sign that counts alone for
// nothing.
std::string verdicts_of(const json& report, const json& number) {
  std::vector<std::string> ids;
  for (const json& verdict : report.value("verdicts", json::array())) {
    const json findings = verdict.value("findings", json::array());
    if (std::ranges::find(findings, number) != findings.end()) ids.push_back(shown(verdict, "id"));
  }
  return ids.empty() ? "-" : fmt::format("{}", fmt::join(ids, " "));
}

// "2 files could not be read:", and the first of them with their reasons; nothing if there are
// none.
void name_first(std::vector<std::string>& lines, const json& report, const char* member,
                std::string_view what) {
  constexpr std::size_t kNamed = 5;
  const std::uint64_t count = count_of(report, member);
  if (count == 0) return;
  const json places = report.value(std::string(member) + "_paths", json::array());
  const std::size_t named = std::min(kNamed, places.size());
  lines.push_back(fmt::format("{} {}{}", counted(count, "file"), what, named == 0 ? "" : ":"));
  for (std::size_t i = 0; i < named; ++i) lines.push_back("  " + places[i].get<std::string>());
  if (named > 0 && named < count)
    lines.push_back(fmt::format("  and {} more (`--json` names {})", count - named, places.size()));
}

}  // namespace

std::vector<std::vector<std::string>> scan_table(const json& report) {
  std::vector<std::vector<std::string>> rows = {{"VERDICT", "DETECTION", "OBJECT", "WHERE"}};
  for (const json& finding : report.value("findings", json::array()))
    rows.push_back({verdicts_of(report, finding.value("number", json())),
                    shown(finding, "detection"), shown(finding, "object"), place(finding)});
  return rows;
}

std::vector<std::string> unread_lines(const json& report) {
  std::vector<std::string> lines;
  if (count_of(report, "scanned") == 0)
    lines.push_back(
        "the folder is taken as /: a sample must lie in it where the policy looks (`policy "
        "explain` says where)");
  name_first(lines, report, "unscannable", "could not be read");
  name_first(lines, report, "partial", "not looked at whole");
  return lines;
}

std::vector<std::string> scan_summary(const json& report) {
  std::vector<std::string> lines;
  for (const json& verdict : report.value("verdicts", json::array()))
    lines.push_back(fmt::format("verdict {}: {}, confidence {}, level {}", shown(verdict, "id"),
                                counted(verdict.value("findings", json::array()).size(), "finding"),
                                shown(verdict, "confidence"), shown(verdict, "level")));
  const std::uint64_t scanned = count_of(report, "scanned");
  if (report.value("findings", json::array()).empty())
    lines.push_back(fmt::format("nothing found; {} scanned", counted(scanned, "file")));
  else
    lines.push_back(fmt::format("{}; {} scanned", counted(report["findings"].size(), "finding"),
                                counted(scanned, "file")));
  const std::vector<std::string> unread = unread_lines(report);
  lines.insert(lines.end(), unread.begin(), unread.end());
  return lines;
}

json false_alarms(const json& report) {
  json alarms = {{"verdicts", json::array()}, {"findings", json::array()}};
  std::vector<json> numbers;
  for (const json& verdict : report.value("verdicts", json::array())) {
    if (shown(verdict, "level") == "informational") continue;
    alarms["verdicts"].push_back(verdict);
    for (const json& number : verdict.value("findings", json::array())) numbers.push_back(number);
  }
  for (const json& finding : report.value("findings", json::array()))
    if (std::ranges::find(numbers, finding.value("number", json())) != numbers.end())
      alarms["findings"].push_back(finding);
  return alarms;
}

}  // namespace fleetsweep::cli
