#include "policies/compiler/locations.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "policies/compiler/absolute.h"
#include "protocol/model/persistence_places.h"
#include "protocol/model/windows_variables.h"

namespace fleetsweep::compiler {
namespace {

// What is no place of entries: where anybody may write, and the links that start init scripts.
constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
    {"@temporary", "/tmp"},
    {"@temporary", "/var/tmp"},
    {"@temporary", "/dev/shm"},
    {"@LinuxSysVInit", "/etc/rc.d"},
    {"@LinuxSysVInit", "/etc/rc?.d"}};

template <class Visit>
void each(Visit visit) {
  for (const auto& [location, path] : kOthers) visit(location, path);
  for (const auto& place : model::places::kAll)
    if (!place.location.empty()) visit(place.location, place.path);
}

void add(std::vector<std::string_view>& list, std::string_view item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

}  // namespace

std::vector<std::string_view> location_paths(std::string_view name) {
  std::vector<std::string_view> paths;
  each([&](std::string_view location, std::string_view path) {
    if (location == name) add(paths, path);
  });
  return paths;
}

std::vector<std::string_view> location_names() {
  std::vector<std::string_view> names = {"@home"};
  each([&](std::string_view location, std::string_view) { add(names, location); });
  std::sort(names.begin() + 1, names.end());
  return names;
}

bool begins_on_windows(std::string_view path, Position at, Sink& sink) {
  if (has_drive(path)) {
    if (path[0] != 'C' && path[0] != 'c')
      sink.warning(at, fmt::format("agents look into nothing on '{}'", path.substr(0, 2)),
                   "they take the volume that they are given for C:");
    return true;
  }
  if (!path.starts_with('%')) {
    sink.error(at, fmt::format("'{}' is not an absolute path", shown(path)),
               "such as %LOCALAPPDATA% or C:\\Windows");
    return false;
  }
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  std::vector<std::string_view> known;
  for (const auto& [variable, place] : model::kWindowsVariables) add(known, variable);
  if (std::any_of(known.begin(), known.end(), [&](std::string_view one) {
        const auto begin = path.substr(0, one.size());
        return std::equal(begin.begin(), begin.end(), one.begin(), one.end(), same);
      }))
    return true;
  const std::string variable = std::string(path.substr(0, path.find_first_of("%\\/", 1))) + "%";
  sink.error(at, fmt::format("no variable '{}'", shown(variable)), name_hint(variable, known));
  return false;
}

}  // namespace fleetsweep::compiler
