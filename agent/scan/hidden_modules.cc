#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "agent/scan/cross_view.h"
#include "agent/scan/looks.h"
#include "agent/scan/process.h"
#include "agent/scan/raw_file.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kTextBytes = 4 << 20;

bool exists(const std::string& path) {
  struct stat status {};
  return ::syscall(SYS_newfstatat, AT_FDCWD, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace

Mismatches module_oddities(std::string_view proc_modules, const std::vector<std::string>& in_sys) {
  std::set<std::string> listed;
  for_each_line(proc_modules,
                [&](std::string_view line) { listed.emplace(line.substr(0, line.find(' '))); });
  Mismatches found;
  for (const std::string& name : in_sys)
    if (listed.erase(name) == 0)
      found.push_back(
          fmt::format("kernel module {} is in /sys/module, and /proc/modules does not "
                      "list it",
                      escaped(name)));
  for (const std::string& name : listed)
    found.push_back(
        fmt::format("kernel module {} is in /proc/modules, and not in /sys/module", escaped(name)));
  return found;
}

Mismatches hidden_modules(const std::string& proc, const std::string& sys) {
  if (!exists(proc + "/modules") || !exists(sys + "/module")) return {};
  return seen_each_time([&] {
    std::vector<std::string> in_sys;
    const auto folders = raw::list(sys + "/module");
    if (!folders) return Mismatches{};  // a look that fails contradicts nothing
    // What is built into the kernel has a folder too, and no initstate.
    for (const raw::Entry& entry : *folders)
      if (exists(sys + "/module/" + entry.name + "/initstate")) in_sys.push_back(entry.name);
    const UniqueFd modules = raw::open(proc + "/modules");
    errno = 0;
    const std::string listed = raw::read(modules.get(), kTextBytes);
    return modules && errno == 0 ? module_oddities(listed, in_sys) : Mismatches{};
  });
}

}  // namespace fleetsweep::scan
