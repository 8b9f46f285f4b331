#include "policies/compiler/locations.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

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

std::vector<std::string_view> windows_variables() {
  std::vector<std::string_view> names;
  for (const auto& [variable, place] : model::kWindowsVariables) add(names, variable);
  return names;
}

bool begins_with_variable(std::string_view path) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  const auto known = windows_variables();
  return std::any_of(known.begin(), known.end(), [&](std::string_view one) {
    const auto begin = path.substr(0, one.size());
    return std::equal(begin.begin(), begin.end(), one.begin(), one.end(), same);
  });
}

}  // namespace fleetsweep::compiler
