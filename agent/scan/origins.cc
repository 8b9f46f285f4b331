#include "agent/scan/origins.h"

#include <algorithm>
#include <set>

#include "agent/scan/baseline_scan.h"
#include "agent/scan/process.h"
#include "agent/scan/raw_file.h"
#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

using model::ObjectKind;
constexpr std::size_t kCgroupBytes = 64 * 1024;
constexpr std::size_t kQuotedBytes = 200;  // of a command

bool ends_word(char c) {
  const bool is_part = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.' || c == '/';
  return !is_part;
}

// The whole path, not one that it begins or ends.
bool names_path(std::string_view text, std::string_view path) {
  if (path.size() < 2) return false;
  for (auto at = text.find(path); at != text.npos; at = text.find(path, at + 1)) {
    const std::size_t end = at + path.size();
    const bool begins = at == 0 || ends_word(text[at - 1]);
    if (begins && (end == text.size() || ends_word(text[end]))) return true;
  }
  return false;
}

std::string brief(std::string_view text) {
  return escaped(std::string(text.substr(0, kQuotedBytes)));
}

std::string text_of(const model::PersistenceIdentity& entry) {
  const std::string place =
      entry.line == 0 ? entry.file.path : fmt::format("{}:{}", entry.file.path, entry.line);
  return fmt::format("{} {} starts it: {}", name(entry.kind), brief(place), brief(entry.command));
}

std::string shown(const model::ProcessIdentity& process) {
  return fmt::format("process {} ({}): {}", process.pid, brief(process.name),
                     brief(process.command_line));
}

class Origins {
 public:
  Origins(const std::vector<Suspect>& processes,
          const std::vector<model::PersistenceIdentity>& entries)
      : processes_(processes), entries_(entries) {}

  void look_at(const model::Finding& finding) {
    number_ = finding.number;
    if (const auto* file = std::get_if<model::FileIdentity>(&finding.identity)) {
      look_for(file->path, 0);
    } else if (const auto* process = std::get_if<model::ProcessIdentity>(&finding.identity)) {
      look_for(process->exe.path, process->pid);
      look_at_family(*process);
    } else if (const auto* entry = std::get_if<model::PersistenceIdentity>(&finding.identity)) {
      look_for(entry->file.path, 0);
    }
  }
  std::vector<model::Origin> take() { return std::move(found_); }

 private:
  void add(ObjectKind object, std::string text) {
    if (found_.size() == limits::kMismatches || !known_.emplace(number_, text).second) return;
    found_.push_back({number_, object, std::move(text)});
  }

  void look_for(const std::string& path, std::int32_t own) {
    for (const model::PersistenceIdentity& entry : entries_)
      if (names_path(entry.command, path)) add(ObjectKind::kPersistence, text_of(entry));
    for (const Suspect& one : processes_) {
      const model::ProcessIdentity& process = one.facts.identity;
      if (process.pid == own) continue;
      if (process.exe.path == path || names_path(process.command_line, path))
        add(ObjectKind::kProcess, "named or run by " + shown(process));
    }
  }

  void look_at_family(const model::ProcessIdentity& found) {
    for (const Suspect& one : processes_) {
      const ProcessFacts& facts = one.facts;
      if (facts.identity.pid != found.pid || facts.identity.start_ticks != found.start_ticks)
        continue;
      if (!facts.parent_name.empty())
        add(ObjectKind::kProcess, fmt::format("its parent is {}: {}", brief(facts.parent_name),
                                              brief(facts.parent_command_line)));
      if (!one.unit.empty())
        add(ObjectKind::kPersistence, "it runs in the unit " + brief(one.unit));
    }
  }

  const std::vector<Suspect>& processes_;
  const std::vector<model::PersistenceIdentity>& entries_;
  std::uint32_t number_ = 0;
  std::set<std::pair<std::uint32_t, std::string>> known_;
  std::vector<model::Origin> found_;
};

}  // namespace

std::vector<model::Origin> origins_of(const std::vector<model::Finding>& findings,
                                      const std::vector<Suspect>& processes,
                                      const std::vector<model::PersistenceIdentity>& entries) {
  Origins origins(processes, entries);
  for (const model::Finding& finding : findings) origins.look_at(finding);
  return origins.take();
}

std::vector<model::Origin> find_origins(Root& root, const EngineOptions& options,
                                        const std::vector<model::Finding>& findings) {
  if (findings.empty()) return {};
  std::vector<Suspect> processes;
  for (ProcessFacts& facts : list_processes(root, {.parent = true})) {
    const std::string cgroup = fmt::format("/proc/{}/cgroup", facts.identity.pid);
    processes.push_back({std::move(facts), unit_of(raw::read(cgroup, kCgroupBytes))});
  }
  // Without a parser the entries are missing, and what is known is said.
  const auto entries = list_entries(root, options);
  return origins_of(findings, processes,
                    entries ? entries->entries : std::vector<model::PersistenceIdentity>());
}

std::string unit_of(std::string_view cgroup) {
  std::string unit;
  for_each_line(cgroup, [&](std::string_view line) {
    while (!line.empty()) {
      const std::size_t slash = line.rfind('/');
      const std::string_view last = line.substr(slash == line.npos ? 0 : slash + 1);
      if (last.ends_with(".service") || last.ends_with(".scope")) {
        if (unit.empty()) unit = last;
        return;
      }
      line = line.substr(0, slash == line.npos ? 0 : slash);
    }
  });
  return unit;
}

}  // namespace fleetsweep::scan
