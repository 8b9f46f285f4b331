#include "agent/driver/mirror.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "protocol/base/limits.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::agent {
namespace {

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error))
    if (entries->path().extension() == ".dsse") names.push_back(entries->path().string());
  const std::size_t count = std::min(names.size(), limits::kMirrorFiles);
  std::partial_sort(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(count), names.end());
  names.resize(count);
  return names;
}

// What tells that a file is another than before; empty: it is no file.
std::string mark_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return fmt::format("{} {} {}.{} {}.{}", status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

}  // namespace

std::vector<Mirror::File> Mirror::look(std::uint64_t epoch) {
  std::vector<File> found;
  std::map<std::string, std::string> seen;
  for (const std::string& folder : folders_)
    for (const std::string& path : names_in(folder)) {
      std::string mark = mark_of(path);
      if (mark.empty()) continue;
      const auto before = seen_.find(path);
      const bool is_new = epoch != epoch_ || before == seen_.end() || before->second != mark;
      if (is_new) {
        auto content = files::read_file(path, limits::kDsseJsonBytes);
        if (!content) continue;  // a share may fail for a moment, and this be a Stop
        found.push_back({path, std::move(*content)});
      }
      seen.emplace(path, std::move(mark));
    }
  seen_ = std::move(seen);
  epoch_ = epoch;
  return found;
}

}  // namespace fleetsweep::agent
