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

// What is no place of entries: where anybody may write, and what is around some of them.
constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
    {"@temporary", "/tmp"},
    {"@temporary", "/var/tmp"},
    {"@temporary", "/dev/shm"},
    {"@LinuxSysVInit", "/etc/rc.d"}};

template <class Visit>
void each(Visit visit) {
  for (const auto& [location, path] : kOthers) visit(location, path);
  for (const auto& place : model::places::kAll)
    if (!place.location.empty()) visit(place.location, place.path);
}

void add(std::vector<std::string_view>& list, std::string_view item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

// Without regard to case.
bool begins_with(std::string_view text, std::string_view start) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  return text.size() >= start.size() && std::equal(start.begin(), start.end(), text.begin(), same);
}

// HKLM for HKEY_LOCAL_MACHINE and so on.
constexpr std::pair<std::string_view, std::string_view> kShortRoots[] = {
    {"HKEY_LOCAL_MACHINE", "HKLM"},
    {"HKEY_CURRENT_USER", "HKCU"},
    {"HKEY_CLASSES_ROOT", "HKCR"},
    {"HKEY_USERS", "HKU"}};

// What agent/hive spells the keys of the hives that it opens.
constexpr std::string_view kReadKeys[] = {"HKLM\\SYSTEM", "HKLM\\SOFTWARE", "HKCU",
                                          "HKCR",         "HKU\\.DEFAULT",  "HKU\\S-1-5-18"};

bool is_read(std::string_view key, bool is_beginning) {
  return std::any_of(std::begin(kReadKeys), std::end(kReadKeys), [&](std::string_view read) {
    return (begins_with(key, read) && (key.size() == read.size() || key[read.size()] == '\\')) ||
           (is_beginning && begins_with(read, key));
  });
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
  std::vector<std::string_view> known;
  for (const auto& [variable, place] : model::kWindowsVariables) add(known, variable);
  if (std::any_of(known.begin(), known.end(),
                  [&](std::string_view one) { return begins_with(path, one); }))
    return true;
  const std::string variable = std::string(path.substr(0, path.find_first_of("%\\/", 1))) + "%";
  sink.error(at, fmt::format("no variable '{}'", shown(variable)), name_hint(variable, known));
  return false;
}

void check_registry_key(std::string_view key, bool is_beginning, Position at, Sink& sink) {
  if (key.find("\\\\") != std::string_view::npos || (!is_beginning && key.ends_with('\\')))
    return sink.warning(at, fmt::format("no key is called '{}'", shown(key)),
                        "one backslash between its parts, and none at its end");
  std::string brief(key);
  for (const auto& [full, root] : kShortRoots)
    if (begins_with(key, full)) brief.replace(0, full.size(), root);
  const bool is_fully_written =
      is_beginning && std::any_of(std::begin(kShortRoots), std::end(kShortRoots),
                                  [&](const auto& root) { return begins_with(root.first, key); });
  if (is_fully_written || is_read(brief, is_beginning)) return;
  sink.warning(at, fmt::format("agents never read the key '{}'", shown(key)),
               begins_with(brief, "HKU\\S-1-5-21-")
                   ? "that user is one machine's: HKCU stands for every user's hive"
                   : "they read HKLM\\SYSTEM, HKLM\\SOFTWARE, HKCU, HKCR and HKU\\.DEFAULT");
}

}  // namespace fleetsweep::compiler
