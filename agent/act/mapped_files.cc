#include "agent/act/mapped_files.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>

namespace fleetsweep::act {

namespace {

std::optional<MappedFile> mapped_file(const std::string& line) {
  unsigned major = 0, minor = 0;
  unsigned long inode = 0;
  int path_at = 0;
  if (std::sscanf(line.c_str(), "%*s %*s %*s %x:%x %lu %n", &major, &minor, &inode, &path_at) < 3 ||
      inode == 0)
    return std::nullopt;
  constexpr std::string_view kDeleted = " (deleted)";
  std::string path = line.substr(static_cast<std::size_t>(path_at));
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return MappedFile{inode, makedev(major, minor), std::move(path)};
}

void leave_each_once(std::vector<MappedFile>& files) {
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
}

}  // namespace

std::vector<MappedFile> mapped_files(std::string_view maps) {
  std::vector<MappedFile> files;
  while (!maps.empty()) {
    const auto end = std::min(maps.find('\n'), maps.size());
    if (auto file = mapped_file(std::string(maps.substr(0, end))))
      files.push_back(std::move(*file));
    maps.remove_prefix(std::min(end + 1, maps.size()));
  }
  leave_each_once(files);
  return files;
}

std::vector<MappedFile> files_mapped_by(const Tree& tree, std::int32_t pid) {
  constexpr std::size_t kPieceBytes = 1 << 20;
  std::vector<MappedFile> files;
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  std::string piece;
  const auto take = [&] {
    for (auto& file : mapped_files(piece)) {
      file.path = tree.relative(file.path).value_or("");
      files.push_back(std::move(file));
    }
    piece.clear();
  };
  for (std::string line; std::getline(maps, line);) {
    piece += line + "\n";
    if (piece.size() > kPieceBytes) take();
  }
  take();
  leave_each_once(files);
  return files;
}

bool is_of(const MappedFile& in_maps, const MappedFile& file) {
  if (in_maps.inode != file.inode) return false;
  return in_maps.device == file.device ||
         (major(file.device) == 0 && !file.path.empty() && in_maps.path == file.path);
}

}  // namespace fleetsweep::act
