#include "agent/act/entry_facts.h"

#include <algorithm>
#include <filesystem>

#include "agent/lines/apt_conf.h"
#include "agent/lines/logical_lines.h"
#include "agent/lines/udev_rule.h"
#include "agent/plan/binding.h"
#include "agent/plan/pam.h"
#include "agent/plan/protected.h"
#include "agent/plan/shell.h"
#include "agent/scan/persistence/persistence.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/model/persistence_places.h"

namespace fleetsweep::act {
namespace {

using model::PersistenceKind;

constexpr std::string_view kPamConf = "/etc/pam.conf";

// Nothing of what is no file.
Checked<std::string> text_of(const Tree& tree, const std::string& path) {
  const auto parent = tree.parent(path);
  if (!parent && is_absent(parent.error())) return std::string();
  if (!parent) return fail(parent.error());
  FS_TRY(const auto status, stat_in(*parent, parent->leaf));
  // To open a device may do something.
  if (!status || !S_ISREG(status->st_mode)) return std::string();
  FS_TRY(const UniqueFd file, tree.file(*parent, path));
  std::string text(limits::kPersistenceBytes, '\0');
  std::size_t have = 0;
  ssize_t got = 0;
  while (have < text.size() && (got = ::pread(file.get(), text.data() + have, text.size() - have,
                                              static_cast<off_t>(have))) > 0)
    have += static_cast<std::size_t>(got);
  if (got < 0) return refuse_errno("read", path, errno);
  text.resize(have);
  return text;
}

Checked<std::vector<std::string>> files_of(const Tree& tree, const std::string& folder) {
  FS_TRY(std::vector<std::string> paths, names_at(tree, folder));
  for (auto& path : paths) path = folder + "/" + path;
  return paths;
}

// Where PAM looks for a module: at its path, or among those of the system.
Checked<std::vector<std::string>> module_paths(const Tree& tree, const std::string& module) {
  if (module.starts_with('/')) return std::vector{module};
  std::vector<std::string> paths;
  for (const char* base : {"/usr/lib", "/usr/lib64", "/lib", "/lib64"}) {
    paths.push_back(fmt::format("{}/security/{}", base, module));
    FS_TRY(const auto folders, files_of(tree, base));
    for (const auto& folder : folders)
      if (folder.find("linux") != std::string::npos)
        paths.push_back(fmt::format("{}/security/{}", folder, module));
  }
  return paths;
}

// A user's file of a module's name is not that module.
Checked<bool> loads(const Tree& tree, const std::string& module, const std::string& path) {
  const std::string plain = plan::unmerged(path);
  // PAM puts a folder in its place.
  if (module.find("$ISA") != std::string::npos)
    return plain.starts_with("/lib") && plain.find("/security/") != std::string::npos;
  FS_TRY(const auto paths, module_paths(tree, module));
  return std::ranges::any_of(paths, [&](const std::string& one) {
    return plan::unmerged(one) == plain || tree.real(one) == path;
  });
}

// To read such files may do something, and nobody includes them.
bool is_of_kernel(std::string_view path) {
  return path.starts_with("/proc/") || path.starts_with("/sys/") || path.starts_with("/dev/");
}

// Without it others of the file, or of other files, would no longer be understood.
bool is_rested_on(const model::PersistenceIdentity& entry) {
  return entry.name.starts_with("Defaults") || entry.name.ends_with("_Alias") ||
         entry.name.starts_with('@') || entry.name.starts_with("#include");
}

// Of a statement of apt.
bool sets_more_than_hooks(std::string_view statement) {
  bool more = false;
  lines::each_apt_setting(
      statement, [&](const lines::AptSetting& setting) { more |= !lines::is_apt_hook(setting); });
  return more;
}

bool is_of_shell(const model::PersistenceIdentity& entry) {
  return lines::join_of(entry) == lines::Join::kShell;
}

// Other rules are passed over, or not, by these.
bool has_label(std::string_view rule) {
  bool has = false;
  lines::each_udev_key(lines::joined(rule, lines::Join::kUdev), [&](const lines::UdevKey& key) {
    has = has || key.name == "LABEL" || key.name == "GOTO";
  });
  return has;
}

}  // namespace

EntryFacts::EntryFacts(const Tree& tree, const PackageDb& packages,
                       const std::vector<model::Finding>& findings)
    : tree_(tree), packages_(packages) {
  for (const auto& finding : findings) {
    const auto* entry = std::get_if<model::PersistenceIdentity>(&finding.identity);
    if (entry && (entry->kind == PersistenceKind::kPamConfig || is_of_shell(*entry)))
      found_[entry->file.path].insert(entry->entry);
  }
}

Checked<std::string> EntryFacts::why_it_stays(const model::PersistenceIdentity& entry) const {
  switch (entry.kind) {
    case PersistenceKind::kPamConfig:
      return why_pam_line_stays(entry);
    case PersistenceKind::kSudoers:
      if (packages_.owner(entry.file.path))
        return std::string("a package owns the file: a human should look");
      if (is_rested_on(entry)) return std::string("other rules of sudo may rest on this one");
      return std::string();
    case PersistenceKind::kPackageManagerHook:
      if (lines::join_of(entry) == lines::Join::kBraces && sets_more_than_hooks(entry.entry))
        return std::string("the hook stands in a line or block that holds more than it");
      return std::string();
    case PersistenceKind::kGitHook:
      if (entry.entry.find('[') < entry.entry.find('='))
        return std::string("the setting stands behind the name of its section, which others need");
      return std::string();
    case PersistenceKind::kUdevRule:
      if (has_label(entry.entry))
        return std::string("the rule has a label or a jump, by which others are passed over");
      return std::string();
    case PersistenceKind::kRcLocal:
      if (lines::join_of(entry) == lines::Join::kInterfaces && entry.name == "script")
        return std::string("a mapping of interfaces is none without its script");
      return std::string();
    default:
      return std::string();
  }
}

Checked<std::string> EntryFacts::why_shell_line_stays(const model::PersistenceIdentity& entry) {
  if (!is_of_shell(entry)) return std::string();
  const std::string& path = entry.file.path;
  auto known = shell_lines_.find(path);
  if (known == shell_lines_.end()) {
    FS_TRY(const std::string text, text_of(tree_, path));
    known =
        shell_lines_.emplace(path, plan::shell_lines_that_stay(path, text, found_.at(path))).first;
  }
  const auto why = known->second.find(entry.entry);
  return why == known->second.end() ? std::string() : why->second;
}

Checked<std::string> EntryFacts::why_pam_line_stays(const model::PersistenceIdentity& entry) const {
  const bool with_service = entry.file.path == kPamConf;
  const std::string module = plan::pam_module_of(entry.entry, with_service);
  const std::string name = module.substr(module.rfind('/') + 1);
  // These two belong to a package and run what the line says.
  if (name != "pam_exec.so" && name != "pam_script.so") {
    FS_TRY(const auto paths, module_paths(tree_, module));
    for (const auto& path : paths)
      if (packages_.owner(path))
        return fmt::format("a package owns its module {}: a human should look", escaped(path));
  }
  FS_TRY(const std::string text, text_of(tree_, entry.file.path));
  return plan::why_pam_lines_stay(text, found_.at(entry.file.path), with_service);
}

Checked<std::vector<std::string>> EntryFacts::pam_lines_of(const std::string& path) const {
  std::vector<std::string> keys;
  if (!path.ends_with(".so")) return keys;
  std::vector<std::string> files = {std::string(kPamConf)};
  for (const model::PersistencePlace& place : model::places::kAll) {
    if (place.kind != PersistenceKind::kPamConfig || place.gather != model::places::Gather::kFolder)
      continue;
    FS_TRY(const auto inside, files_of(tree_, std::string(place.path)));
    files.insert(files.end(), inside.begin(), inside.end());
  }
  // And those that they include, wherever they lie.
  std::set<std::string> known(files.begin(), files.end());
  const std::size_t files_max = files.size() + limits::kPersistenceFollowed;
  for (std::size_t i = 0; i < files.size(); ++i) {
    // As scan names it.
    const std::string file = tree_.real(files[i]);
    if (is_of_kernel(file) || (file != files[i] && !known.insert(file).second)) continue;
    FS_TRY(const std::string text, text_of(tree_, file));
    const bool with_service = files[i] == kPamConf;
    for (const auto& line : plan::pam_lines_naming(
             text, std::string_view(path).substr(path.rfind('/') + 1), with_service)) {
      FS_TRY(const bool is_it, loads(tree_, plan::pam_module_of(line, with_service), path));
      if (!is_it) continue;
      model::PersistenceIdentity entry;
      entry.kind = PersistenceKind::kPamConfig;
      entry.file.path = file;
      entry.entry_sha256 = crypto::sha256(as_bytes(line));
      keys.push_back(plan::object_key(entry));
    }
    const auto format = with_service ? scan::Format::kPamConf : scan::Format::kPam;
    for (const auto& other : scan::followed_files(format, file, text)) {
      std::string named = std::filesystem::path(other.path).lexically_normal().string();
      if (files.size() < files_max && known.insert(named).second) files.push_back(std::move(named));
    }
  }
  return keys;
}

}  // namespace fleetsweep::act
