#include "agent/act/admin_keys.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "agent/lines/logical_lines.h"
#include "agent/plan/binding.h"
#include "agent/plan/protected.h"
#include "agent/scan/persistence/persistence.h"
#include "agent/scan/text.h"
#include "protocol/base/limits.h"
#include "protocol/model/persistence_places.h"

namespace fleetsweep::act {
namespace {

using scan::Format;

constexpr std::string_view kHome = "@home";

// Nothing where there is no file, or one of more than the limit.
Checked<std::string> text_behind(const Tree& tree, const std::string& path) {
  const auto file = tree.followed(path);
  if (!file && is_absent(file.error())) return std::string();
  if (!file) return fail(file.error());
  auto text = read_text(file->get(), path, limits::kPersistenceBytes);
  if (!text && text.error().reason == Reason::kLimit) return std::string();
  return text;
}

bool is_key_line(std::string_view line) {
  constexpr std::string_view kTypes[] = {"ssh-", "ecdsa-", "sk-"};
  if (scan::trimmed(line).starts_with('#')) return false;
  while (!scan::trimmed(line).empty()) {
    const std::string_view word = scan::word(line);
    if (std::ranges::any_of(kTypes, [&](auto type) { return word.starts_with(type); })) return true;
  }
  return false;
}

// Names and homes. Who is a member, and whom passwd does not know, has the usual home.
std::map<std::string, std::string> administrators(std::string_view passwd,
                                                  std::string_view groups) {
  std::set<std::string, std::less<>> members = {"root"}, ids;
  while (!groups.empty()) {  // name:password:id:members
    std::string_view line = scan::field(groups, '\n');
    const std::string_view name = scan::field(line, ':');
    if (name != "sudo" && name != "wheel" && name != "admin") continue;
    scan::field(line, ':');
    ids.emplace(scan::field(line, ':'));
    while (!line.empty()) members.emplace(scan::trimmed(scan::field(line, ',')));
  }
  std::map<std::string, std::string> homes;
  while (!passwd.empty()) {  // name:password:uid:gid:comment:home:shell
    std::string_view line = scan::field(passwd, '\n');
    const std::string_view name = scan::field(line, ':');
    for (int i = 0; i < 2; ++i) scan::field(line, ':');
    const std::string_view group = scan::field(line, ':');
    scan::field(line, ':');
    if (members.contains(name) || ids.contains(group))
      homes.emplace(name, scan::field(line, ':'));  // the first counts, as for getpwnam()
  }
  for (const std::string& name : members)
    homes.emplace(name, name == "root" ? "/root" : "/home/" + name);
  homes.erase("");
  return homes;
}

// Paths that exist, of one whose last component may be a pattern.
Checked<std::vector<std::string>> matching(const Tree& tree, const std::string& path) {
  if (path.find_first_of("*?") == std::string::npos) return std::vector{path};
  std::vector<std::string> paths;
  const std::string folder(scan::folder_of(path));
  FS_TRY(const auto names, names_at(tree, tree.real(folder)));
  for (const std::string& name : names)
    if (plan::matches_glob(path, folder + "/" + name)) paths.push_back(folder + "/" + name);
  return paths;
}

// Of each line that says where keys lie, all that it says; and the default.
Checked<std::set<std::vector<std::string>>> key_places(const Tree& tree) {
  std::set<std::vector<std::string>> places = {
      {"@home/.ssh/authorized_keys", "@home/.ssh/authorized_keys2"}};
  std::vector<std::string> files;
  const auto add = [&](const std::string& pattern) -> Checked<void> {
    FS_TRY(const auto paths, matching(tree, pattern));
    for (const std::string& path : paths)
      if (files.size() < limits::kPersistenceFollowed &&
          std::ranges::find(files, path) == files.end())
        files.push_back(path);
    return {};
  };
  for (const auto& place : model::places::kAll) {
    if (place.format != Format::kSshd) continue;
    const bool is_file = place.gather == model::PersistencePlace::Gather::kFile;
    FS_CHECK(
        add(is_file ? std::string(place.path) : fmt::format("{}/*{}", place.path, place.suffixes)));
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    FS_TRY(const std::string text, text_behind(tree, files[i]));
    for (const lines::Line& line : lines::logical_lines(text, lines::Join::kNone)) {
      std::vector<std::string> named;
      for (scan::FollowedFile& file : scan::followed_files(Format::kSshd, files[i], line.text))
        if (file.format == Format::kSshd)
          FS_CHECK(add(file.path));
        else
          named.push_back(std::move(file.path));
      if (!named.empty() && places.size() < limits::kPersistenceFollowed)
        places.insert(std::move(named));
    }
  }
  return places;
}

// "@home/.ssh/authorized_keys", "/etc/ssh/authorized_keys/*"
std::string path_for(std::string path, const std::string& account, const std::string& home) {
  if (path.starts_with(kHome)) return home + path.substr(kHome.size());
  for (std::size_t at = 0; (at = path.find('*', at)) != std::string::npos; at += account.size())
    path.replace(at, 1, account);
  return path;
}

bool is_named_as_keys(const std::string& path) {
  return scan::file_name(path).starts_with("authorized_keys");
}

const model::PersistenceIdentity* key_line_in(const model::Identity& identity) {
  const auto* entry = std::get_if<model::PersistenceIdentity>(&identity);
  return entry && entry->kind == model::PersistenceKind::kAuthorizedKey ? entry : nullptr;
}

}  // namespace

AdminKeys::AdminKeys(const Tree& tree, const std::vector<model::Finding>& findings)
    : findings_(findings), looked_(look(tree)) {}

Checked<void> AdminKeys::look(const Tree& tree) {
  FS_TRY(const auto places, key_places(tree));
  FS_TRY(const std::string passwd, text_behind(tree, "/etc/passwd"));
  FS_TRY(const std::string groups, text_behind(tree, "/etc/group"));
  for (const auto& [account, home] : administrators(passwd, groups))
    for (const auto& place : places) {
      KeyRing ring{account, {}};
      for (const std::string& one : place)
        if (auto file = key_file(tree, path_for(one, account, home)))
          ring.files.push_back(std::move(*file));
      rings_.push_back(std::move(ring));
    }
  return {};
}

// Nothing: there is none.
std::optional<AdminKeys::KeyFile> AdminKeys::key_file(const Tree& tree, const std::string& path) {
  const auto file = tree.followed(path);
  if (!file && is_absent(file.error())) return std::nullopt;
  KeyFile keys{path};
  struct stat status {};
  if (!file || ::fstat(file->get(), &status) != 0) return keys;
  std::error_code error;
  keys.path =
      tree.relative(std::filesystem::read_symlink(descriptor_link(file->get()), error).string())
          .value_or(std::string());
  keys.inode = {status.st_dev, status.st_ino};
  const auto text = read_text(file->get(), path, limits::kPersistenceBytes);
  keys.is_read = text.has_value();
  if (text)
    for (const lines::Line& line : lines::logical_lines(*text, lines::Join::kNone))
      if (is_key_line(line.text)) keys.keys.emplace_back(line.text);
  return keys;
}

bool AdminKeys::KeyFile::is(const model::FileIdentity& file) const {
  return file.path == path || inode == std::pair(file.device, file.inode);
}

bool AdminKeys::keeps_key(const KeyFile& file, const model::Identity& going) const {
  // Of a line's own file the lines alone count: should the file go, that is asked for itself.
  const bool by_line = !plan::is_file_itself(going) && file.is(plan::file_of(going));
  return std::ranges::any_of(file.keys, [&](const std::string& key) {
    return std::ranges::none_of(findings_, [&](const model::Finding& finding) {
      if (!file.is(plan::file_of(finding.identity))) return false;
      const auto* line = key_line_in(finding.identity);
      return plan::is_file_itself(finding.identity) ? !by_line : line && line->entry == key;
    });
  });
}

Checked<std::string> AdminKeys::who_loses(const model::Identity& identity) const {
  const bool is_file = plan::is_file_itself(identity);
  if (!is_file && !key_line_in(identity)) return std::string();
  if (!looked_ && (!is_file || is_named_as_keys(plan::file_of(identity).path)))
    return fail(looked_.error());
  for (const KeyRing& ring : rings_) {
    const bool has_key_there = std::ranges::any_of(ring.files, [&](const KeyFile& file) {
      return file.is(plan::file_of(identity)) && (!file.keys.empty() || !file.is_read);
    });
    if (has_key_there && std::ranges::none_of(ring.files, [&](const KeyFile& file) {
          return keeps_key(file, identity);
        }))
      return ring.account;
  }
  return std::string();
}

}  // namespace fleetsweep::act
