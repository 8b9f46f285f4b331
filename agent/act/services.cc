#include "agent/act/services.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "agent/act/process.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

namespace {

constexpr std::size_t kTextBytes = 4 << 20;  // of one file of /proc; a longer one is left out

template <class Visit>
void each_line(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string read_proc(std::int32_t pid, const char* name) {
  const auto text = files::read_file(fmt::format("/proc/{}/{}", pid, name), kTextBytes);
  return text ? to_text(*text) : std::string();
}

// 0: it is gone, or may not be looked at.
ino_t pid_namespace(std::int32_t pid) {
  struct stat status {};
  return ::stat(fmt::format("/proc/{}/ns/pid", pid).c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

std::string unit_of(std::string_view proc_cgroup) {
  std::string unit;
  each_line(proc_cgroup, [&](std::string_view line) {
    // "0::/system.slice/cron.service" or, with the old hierarchies, "1:name=systemd:/...".
    if (!unit.empty() || (!line.starts_with("0::/") && line.find(":name=systemd:/") == line.npos))
      return;
    std::string_view path = line.substr(line.find('/') + 1);
    // What lies beneath a scope or a service is its own affair: a container's cron.service is not
    // the host's.
    while (!path.empty()) {
      const auto part = path.substr(0, path.find('/'));
      if (part.ends_with(".service")) unit = part;
      if (!part.ends_with(".slice")) return;
      path.remove_prefix(std::min(part.size() + 1, path.size()));
    }
  });
  return unit;
}

Mappings mappings_of_host(const Tree& tree) {
  Mappings result;
  const ino_t own_namespace = pid_namespace(::getpid());
  for (const std::int32_t pid : all_pids()) {
    const auto files = files_mapped_by(tree, pid);
    if (files.empty()) continue;
    const bool is_ours = pid_namespace(pid) == own_namespace;
    const std::string unit = is_ours ? unit_of(read_proc(pid, "cgroup")) : "";
    for (const auto& file : files) result.emplace(file, Mapper{pid, unit});
  }
  return result;
}

std::vector<plan::Service> services_of(const Mappings& mappings,
                                       const std::vector<MappedFile>& files) {
  std::vector<plan::Service> services;
  const auto add = [&](const Mapper& mapper) {
    const auto known =
        std::find_if(services.begin(), services.end(),
                     [&](const plan::Service& service) { return service.unit == mapper.unit; });
    auto& pids =
        (known == services.end() ? services.emplace_back(plan::Service{mapper.unit, {}}) : *known)
            .pids;
    if (std::find(pids.begin(), pids.end(), mapper.pid) == pids.end()) pids.push_back(mapper.pid);
  };
  for (const MappedFile& file : files) each_mapper(mappings, file, add);
  return services;
}

}  // namespace fleetsweep::act
