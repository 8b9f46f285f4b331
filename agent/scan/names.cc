#include "agent/scan/names.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "agent/scan/scope.h"
#include "agent/scan/text.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

unsigned char type_of(const Root& root, const std::string& above, int fd, const dirent& entry) {
  struct stat status {};
  if (entry.d_type != DT_UNKNOWN) return entry.d_type;
  if (!root.share_of(above + "/" + entry.d_name).empty()) return DT_DIR;
  if (::fstatat(fd, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
  return static_cast<unsigned char>(IFTODT(status.st_mode));
}

// False only if it is known that nothing is there.
bool may_hold(const Root& root, const std::string& path) {
  if (!root.share_of(path).empty()) return true;
  const UniqueFd folder = root.open_folder(std::string(folder_of(path)));
  struct stat status {};
  return (folder && ::fstatat(folder.get(), std::string(file_name(path)).c_str(), &status,
                              AT_SYMLINK_NOFOLLOW) == 0) ||
         !is_absent(errno);
}

// The same path without links, as far as Root is led by them.
std::string without_links(const Root& root, const std::string& path) {
  if (auto led = root.led(path)) return *led;
  // Its last name is a link to a file, or is not there.
  const auto above = root.led(folder_of(path));
  return above && *above != "/" ? *above + "/" + std::string(file_name(path)) : path;
}

// False: to no folder. `refused` becomes a link that leads where whoever made it must not say.
bool follow_link(const Root& root, std::string& path, std::string& refused,
                 const Unreadable& unreadable) {
  const auto target = behind(root, path, unreadable);
  if (!target || !S_ISDIR(target->status.st_mode)) return false;
  const auto led = root.led(path);
  if (!led && refused.empty()) refused = path;
  path = led.value_or(target->path);
  if (path == "/") path.clear();
  return true;
}

}  // namespace

bool is_absent(int error) {
  return error == ENOENT || error == ENOTDIR || error == ENODEV;
}

bool leads_nowhere(int error) {
  return is_absent(error) || error == ELOOP;
}

Names names_in(const Root& root, const std::string& folder, const Unreadable& unreadable,
               bool only_folders) {
  Names names;
  UniqueFd fd = root.open_folder(folder);
  if (!fd && !is_absent(errno)) unreadable(folder, unopened(errno));
  if (!fd) return names;
  DIR* stream = ::fdopendir(fd.get());
  if (stream == nullptr) unreadable(folder, std::strerror(errno));
  if (stream == nullptr) return names;
  (void)fd.release();  // the stream's
  std::size_t links = 0, others = 0;
  bool has_more = false;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr && errno != 0) unreadable(folder, std::strerror(errno));
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    const auto type = only_folders ? type_of(root, folder, ::dirfd(stream), *entry) : entry->d_type;
    if (only_folders && type != DT_DIR && type != DT_LNK) continue;
    // Links take no place of what lies there itself.
    std::size_t& count = type == DT_LNK ? links : others;
    if (count++ < limits::kPersistenceFiles)
      names.emplace(name, type);
    else if (!std::exchange(has_more, true))
      unreadable(folder, fmt::format("more than {} names: the others were not looked at",
                                     limits::kPersistenceFiles));
  }
  ::closedir(stream);
  return names;
}

std::optional<Behind> behind(const Root& root, const std::string& link,
                             const Unreadable& unreadable) {
  Behind found;
  const UniqueFd target = root.open_followed(link, &found.path, O_PATH);
  if (target && ::fstat(target.get(), &found.status) == 0)
    return S_ISREG(found.status.st_mode) || S_ISDIR(found.status.st_mode) ? std::optional(found)
                                                                          : std::nullopt;
  const int error = errno;
  if (!leads_nowhere(error)) unreadable(error == EREMOTE ? found.path : link, unopened(error));
  return std::nullopt;
}

std::vector<std::string> expand(const Root& root, const std::string& path, bool only_folders,
                                std::size_t& left, const Unreadable& unreadable,
                                const std::function<bool()>& is_stopped) {
  const std::size_t star = path.find_last_of("*?");
  if (star == std::string::npos) return {path};
  const std::size_t end = std::min(path.find('/', star), path.size());
  const std::string tail = path.substr(end);
  std::map<std::string, std::string> done = {{"", ""}};  // and the link that must not lead there
  bool is_whole = true;
  for (std::string_view rest = std::string_view(path).substr(1, end - 1); !rest.empty();) {
    const std::string_view part = field(rest, '/');
    const bool is_above = only_folders || !rest.empty() || !tail.empty();
    std::map<std::string, std::string> next;
    for (const auto& [before, refused] : done) {
      if (is_stopped()) return {};
      if (part.find_first_of("*?") == std::string_view::npos) {
        next.emplace(before + "/" + std::string(part), refused);
        continue;
      }
      if (!is_whole) break;
      for (const auto& [name, type] :
           names_in(root, before.empty() ? "/" : before, unreadable, is_above)) {
        if (!matches_glob(part, name)) continue;
        std::string one = before + "/" + name, link = refused;
        if (type == DT_LNK && is_stopped()) return {};
        if (is_above && type == DT_LNK && !follow_link(root, one, link, unreadable)) continue;
        is_whole = left > 0;
        if (!is_whole) break;
        --left;
        std::string& known = next.emplace(std::move(one), link).first->second;
        if (link.empty()) known.clear();
      }
    }
    done = std::move(next);
  }
  if (!is_whole)
    unreadable(path, fmt::format("* stands for more than {} names: the others were not looked at",
                                 limits::kPersistenceNames));
  std::vector<std::string> found;
  std::set<std::string> told;
  for (const auto& [before, refused] : done) {
    std::string one = before.empty() && tail.empty() ? "/" : before + tail;
    if (!tail.empty() && !may_hold(root, one)) continue;
    if (!refused.empty()) {
      if (told.insert(refused).second) unreadable(refused, unopened(ELOOP));
      continue;
    }
    if (!tail.empty()) one = without_links(root, one);
    if (tail.empty() || may_hold(root, one)) found.push_back(std::move(one));
  }
  return found;
}

}  // namespace fleetsweep::scan
