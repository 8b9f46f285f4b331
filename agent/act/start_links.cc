#include "agent/act/start_links.h"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <set>

#include "agent/plan/protected.h"
#include "protocol/model/persistence_places.h"

namespace fleetsweep::act {
namespace {

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// x@.service is enabled as x@tty1.service.
bool is_unit_link(const std::string& link, const std::string& unit) {
  const auto at = unit.find("@.");
  if (at == std::string::npos) return link == unit;
  return link.starts_with(unit.substr(0, at + 1)) && link.ends_with(unit.substr(at + 1));
}

// A user's manager does not look where the system's does. Of a unit elsewhere either may ask.
bool may_share_manager(std::string_view folder, std::string_view other) {
  const auto is_of = [](std::string_view path, std::string_view manager) {
    return path.find(manager) != std::string_view::npos;
  };
  constexpr std::string_view kUser = "/systemd/user", kSystem = "/systemd/system";
  return !(is_of(folder, kUser) && is_of(other, kSystem)) &&
         !(is_of(folder, kSystem) && is_of(other, kUser));
}

// A link that leads to the unit, or `by_name` to a unit of its name beside it.
Checked<bool> leads_to_unit(const Tree& tree, const std::string& path, const std::string& unit_path,
                            bool by_name) {
  FS_TRY(const Parent parent, tree.parent(path));
  char target[PATH_MAX];
  const auto size = ::readlinkat(parent.folder.get(), parent.leaf.c_str(), target, sizeof target);
  if (size < 0 && (errno == EINVAL || errno == ENOENT)) return false;  // no link, or gone by now
  if (size < 0) return refuse_errno("read", path, errno);
  const std::filesystem::path leads_to(std::string(target, static_cast<std::size_t>(size)));
  const auto from = std::filesystem::path(path).parent_path();
  return (by_name && leads_to == base_name(unit_path)) ||
         plan::unmerged((from / leads_to).lexically_normal().string()) == plan::unmerged(unit_path);
}

bool is_start_link(const std::string& link) {
  return link.starts_with('S') || link.starts_with('K');
}

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

// Of systemd, and of the unit.
std::set<std::string> unit_folders(const std::string& own_folder) {
  std::set<std::string> folders = {own_folder};
  // Where /lib is a link it is passed over, and no folder has two names.
  for (const auto& place : model::places::kAll)
    if (place.format == model::EntryFormat::kUnit && place.path.starts_with('/'))
      folders.emplace(place.path);
  return folders;
}

// x@tty1.service is made from x@.service where it is no file of its own.
std::set<std::string> names_of_unit(const std::string& unit) {
  std::set<std::string> names = {unit};
  const auto at = unit.find('@'), dot = unit.rfind('.');
  if (at < dot && dot != std::string::npos) names.insert(unit.substr(0, at + 1) + unit.substr(dot));
  return names;
}

}  // namespace

Checked<bool> has_namesake(const Tree& tree, const std::string& unit_path,
                           const std::set<std::string>& gone) {
  const std::string own_folder = folder_of(unit_path);
  for (const auto& folder : unit_folders(own_folder)) {
    if (!may_share_manager(folder, own_folder)) continue;
    for (const auto& name : names_of_unit(base_name(unit_path))) {
      const std::string path = fmt::format("{}/{}", folder, name);
      const auto parent = tree.parent(path);
      if (!parent && is_absent(parent.error())) continue;
      if (!parent) return fail(parent.error());
      FS_TRY(const auto status, stat_in(*parent, parent->leaf));
      if (status && !gone.contains(tree.real(path))) return true;
    }
  }
  return false;
}

Checked<std::vector<std::string>> unit_links(const Tree& tree, const std::string& unit_path,
                                             LinksOf which) {
  const std::string unit = base_name(unit_path);
  const std::string own_folder = folder_of(unit_path);
  // What is beside a unit anywhere else is its owner's, who may mount what nobody else can read.
  const bool is_place = std::ranges::any_of(
      model::places::kAll, [&](const auto& place) { return place.path == own_folder; });
  const auto names_beneath = [&](const std::string& folder, const std::string& path) {
    auto names = names_at(tree, path);
    if (!names && folder == own_folder && !is_place) names = std::vector<std::string>();
    return names;
  };
  std::vector<std::string> links;
  for (const auto& folder : unit_folders(own_folder)) {
    const bool shares = may_share_manager(folder, own_folder);
    FS_TRY(const auto names, names_beneath(folder, folder));
    for (const auto& name : names) {
      FS_TRY(const bool alias, leads_to_unit(tree, folder + "/" + name, unit_path,
                                             shares && which == LinksOf::kName));
      if (alias) links.push_back(folder + "/" + name);
      if (!shares ||
          !(name.ends_with(".wants") || name.ends_with(".requires") || name.ends_with(".upholds")))
        continue;
      FS_TRY(const auto inside, names_beneath(folder, folder + "/" + name));
      for (const auto& link : inside) {
        if (!is_unit_link(link, unit)) continue;
        const std::string path = fmt::format("{}/{}/{}", folder, name, link);
        if (which == LinksOf::kFile) {
          FS_TRY(const bool leads, leads_to_unit(tree, path, unit_path, false));
          if (!leads) continue;
        }
        links.push_back(path);
      }
    }
  }
  return links;
}

Checked<std::vector<std::string>> init_links(const Tree& tree, const std::string& script_path) {
  const std::string script = base_name(script_path);
  const bool has_own_name = folder_of(script_path).ends_with("/init.d");
  std::vector<std::string> links;
  for (const char* base : {"/etc", "/etc/rc.d"})
    for (const char level : std::string_view("0123456S")) {
      const std::string folder = fmt::format("{}/rc{}.d", base, level);
      FS_TRY(const auto names, names_at(tree, folder));
      for (const auto& link : names) {
        const std::string path = folder + "/" + link;
        const bool is_named = has_own_name && link.size() > 3 && link.substr(3) == script;
        const bool leads_there = path != script_path && tree.real(path) == script_path;
        if (is_start_link(link) && (is_named || leads_there)) links.push_back(path);
      }
    }
  return links;
}

}  // namespace fleetsweep::act
