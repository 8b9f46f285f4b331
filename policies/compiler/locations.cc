#include "policies/compiler/locations.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "protocol/model/persistence_places.h"

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

}  // namespace fleetsweep::compiler
