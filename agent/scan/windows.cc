#include "agent/scan/windows.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <set>

#include "agent/hive/paths.h"
#include "agent/hive/text.h"
#include "agent/scan/evaluate/predicate.h"
#include "agent/scan/scope.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

// Windows has links of its own where older versions had folders. Whose names below them are looked
// for lie elsewhere too, and are found there.
bool leads_through_an_old_name(const std::string& folder) {
  constexpr std::string_view kOldNames[] = {"/documents and settings",
                                            "/users/all users",
                                            "/users/default user",
                                            "/users/*/application data",
                                            "/users/*/cookies",
                                            "/users/*/local settings",
                                            "/users/*/my documents",
                                            "/users/*/nethood",
                                            "/users/*/printhood",
                                            "/users/*/recent",
                                            "/users/*/sendto",
                                            "/users/*/start menu",
                                            "/users/*/templates",
                                            "/users/*/appdata/local/application data",
                                            "/users/*/appdata/local/history",
                                            "/users/*/appdata/local/temporary internet files",
                                            "/programdata/application data",
                                            "/programdata/desktop",
                                            "/programdata/documents",
                                            "/programdata/favorites",
                                            "/programdata/start menu",
                                            "/programdata/templates"};
  const std::string path = hive::lower(folder) + '/';
  return std::any_of(std::begin(kOldNames), std::end(kOldNames), [&](std::string_view name) {
    std::size_t at = 0;  // behind what of the path the beginning of the name has fitted
    for (const char c : name) {
      if (c == '*')
        at = std::min(path.find('/', at), path.size());
      else if (at >= path.size() || path[at++] != c)
        return false;
    }
    return at < path.size() && path[at] == '/';
  });
}

// Those that fit `wanted`, which is in lower case; sorted.
std::set<std::string> names_in(const Root& root, const std::string& folder, std::string_view wanted,
                               const Unreadable& unreadable) {
  std::set<std::string> names;
  UniqueFd fd = root.open_folder(folder);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(fd ? ::fdopendir(fd.get()) : nullptr,
                                                    ::closedir);
  if (!listing) {
    if (const int error = errno; error != ENOENT && error != ENOTDIR &&
                                 (error != ELOOP || !leads_through_an_old_name(folder)))
      unreadable(folder.ends_with('/') ? folder.substr(0, folder.size() - 1) : folder,
                 unopened(error));
    return names;
  }
  static_cast<void>(fd.release());
  for (const dirent* entry; (errno = 0, entry = ::readdir(listing.get())) != nullptr;) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || !matches_glob(wanted, hive::lower(name))) continue;
    if (names.size() >= limits::kPredicateValues) {
      unreadable(folder, fmt::format("more than {} names: the others were not looked at",
                                     limits::kPredicateValues));
      return names;
    }
    names.emplace(name);
  }
  if (errno != 0) unreadable(folder, std::strerror(errno));
  return names;
}

// "{{@names_under(%APPDATA%, %ProgramFiles%)}}" is what the compiler leaves of it.
constexpr std::string_view kOpen = "{{@names_under(", kClose = ")}}";

Result<std::vector<model::Value>> names_of(const Root& root, std::string_view folders,
                                           const Unreadable& unreadable) {
  std::set<std::string> names;
  bool are_all = true;
  const Unreadable miss = [&](const std::string& path, std::string_view why) {
    are_all = false;
    unreadable(path, why);
  };
  const std::string all_folders = fmt::format("@names_under({})", folders);
  while (!folders.empty()) {
    std::string_view folder = folders.substr(0, folders.find(','));
    folders.remove_prefix(std::min(folder.size() + 1, folders.size()));
    while (folder.starts_with(' ')) folder.remove_prefix(1);
    while (folder.ends_with(' ')) folder.remove_suffix(1);
    const auto globs = hive::globs_of(folder);
    if (globs.empty())
      return fail(Code::kInvalid, "@names_under: no folder {} on this host", escaped(folder));
    for (const std::string& glob : globs)
      for (const std::string& path : resolve(root, glob, miss)) {
        names.merge(names_in(root, path, "*", miss));
        if (names.size() <= limits::kPredicateValues) continue;
        names.erase(std::next(names.begin(), limits::kPredicateValues), names.end());
        miss(all_folders,
             fmt::format("more than {} names: the others are not known", limits::kPredicateValues));
      }
  }
  std::vector<model::Value> values;
  for (const std::string& name : names) values.push_back({.text = name});
  if (!are_all) values.push_back({.text = std::string(kNamesUnread), .templated = true});
  // No file is called so: of nothing, nothing is the name.
  if (values.empty()) values.push_back({.text = "/"});
  return values;
}

}  // namespace

std::vector<std::string> resolve(const Root& root, std::string_view glob,
                                 const Unreadable& unreadable) {
  std::vector<std::string> found(1);
  while (!glob.empty() && !found.empty()) {
    const std::size_t from = std::min(glob.find_first_not_of('/'), glob.size());
    glob.remove_prefix(from);
    const std::string_view part = glob.substr(0, glob.find('/'));
    if (part.empty()) break;
    glob.remove_prefix(part.size());
    const std::string wanted = hive::lower(part);
    std::vector<std::string> next;
    for (const std::string& folder : found) {
      const std::string inside = folder + '/';
      for (const std::string& name : names_in(root, inside, wanted, unreadable))
        next.push_back(inside + name);
    }
    found = std::move(next);
  }
  if (found.size() == 1 && found.front().empty()) found.front().push_back('/');
  return found;
}

Result<model::Policy> with_names(model::Policy policy, const Root& root,
                                 const Unreadable& unreadable) {
  for (model::Detection& detection : policy.detections)
    for (auto* list : {&detection.any_of, &detection.none_of})
      for (model::Selection& selection : *list)
        for (model::Predicate& predicate : selection) {
          std::vector<model::Value> values;
          for (model::Value& value : predicate.values) {
            const std::string_view text = value.text;
            if (!value.templated || !text.starts_with(kOpen) || !text.ends_with(kClose)) {
              values.push_back(std::move(value));
              continue;
            }
            FS_TRY(const auto names,
                   names_of(root,
                            text.substr(kOpen.size(), text.size() - kOpen.size() - kClose.size()),
                            unreadable));
            values.insert(values.end(), names.begin(), names.end());
          }
          predicate.values = std::move(values);
        }
  return policy;
}

}  // namespace fleetsweep::scan
