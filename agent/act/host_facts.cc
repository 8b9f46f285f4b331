#include "agent/act/host_facts.h"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <map>
#include <set>

#include "agent/act/admin_keys.h"
#include "agent/act/entry_facts.h"
#include "agent/act/hard_links.h"
#include "agent/act/lines.h"
#include "agent/act/reinstall.h"
#include "agent/act/services.h"
#include "agent/overlay/overlay.h"
#include "agent/package_db/package_db.h"
#include "agent/plan/binding.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/bulk_hash.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

namespace {

Checked<std::set<Inode>> protected_inodes(const Tree& tree) {
  std::set<Inode> inodes;
  for (const auto& path : plan::protected_files(sbin_of(tree))) {
    const auto parent = tree.parent(path);
    if (!parent && is_absent(parent.error())) continue;
    if (!parent) return fail(parent.error());
    FS_TRY(const auto status, stat_in(*parent, parent->leaf));
    if (status && S_ISREG(status->st_mode)) inodes.emplace(status->st_dev, status->st_ino);
  }
  return inodes;
}

// Only of the host itself: beneath another root init has nothing.
std::vector<MappedFile> files_of_init(const Tree& tree) {
  return tree.is_whole_host() ? files_mapped_by(tree, 1) : std::vector<MappedFile>();
}

bool is_mount_point(const Parent& parent) {
  struct statx status {};
  return ::statx(parent.folder.get(), parent.leaf.c_str(), AT_SYMLINK_NOFOLLOW, 0, &status) == 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// No scan hashes more, and no package installs it; a hole costs nothing to whoever adds it.
bool is_too_large(const struct stat& status) {
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t on_disk = static_cast<std::uint64_t>(status.st_blocks) * 512;
  return size > limits::kReadFileBytes || size > on_disk + limits::kHashedHoleBytes;
}

// By the same hash as what its package recorded; MD5 where it recorded nothing. Nothing: it is too
// large.
Checked<std::optional<std::string>> digest_like(const std::optional<std::string>& recorded,
                                                int fd) {
  constexpr std::size_t kMd5Digits = 32;
  struct stat status {};
  if (::fstat(fd, &status) != 0) return refuse_errno("stat", "a file", errno);
  if (is_too_large(status)) return std::nullopt;
  crypto::BulkHash hash(recorded && recorded->size() != kMd5Digits ? crypto::HashKind::kSha256
                                                                   : crypto::HashKind::kMd5);
  Bytes buffer(256 * 1024);
  // As long as it was when it was measured, whoever makes it longer meanwhile.
  for (off_t at = 0; at < status.st_size;) {
    const auto most = std::min(buffer.size(), static_cast<std::size_t>(status.st_size - at));
    const auto got = ::pread(fd, buffer.data(), most, at);
    if (got < 0) return refuse_errno("read", "a file", errno);
    if (got == 0) break;
    hash.update(BytesView(buffer).first(static_cast<std::size_t>(got)));
    at += got;
  }
  return to_hex(hash.finish());
}

// As its package recorded it.
Checked<bool> is_intact(const PackageDb& packages, const std::string& path, int fd) {
  const auto recorded = packages.recorded(path);
  if (!recorded) return false;
  FS_TRY(const auto found, digest_like(recorded, fd));
  return found == recorded;
}

Checked<UniqueFd> open_at(const Tree& tree, const std::string& path) {
  FS_TRY(const Parent parent, tree.parent(path));
  return tree.file(parent, path);
}

Checked<plan::Package> package_of(const PackageDb& packages, const Tree& tree,
                                  const std::string& path) {
  if (!packages.owner(path)) return plan::Package::kUnowned;
  const auto file = open_at(tree, path);
  if (!file && !is_absent(file.error())) return fail(file.error());
  if (!file) return plan::Package::kTampered;
  FS_TRY(const bool intact, is_intact(packages, path, file->get()));
  return intact ? plan::Package::kIntact : plan::Package::kTampered;
}

class Facts {
 public:
  Facts(const Tree& tree, const std::vector<model::Finding>& findings,
        const ImageNames* image_names)
      : tree_(tree),
        protected_(protected_inodes(tree)),
        of_init_(files_of_init(tree)),
        layers_(tree.is_whole_host() ? overlays_of_host() : std::vector<Overlay>()),
        image_names_(image_names),
        admin_keys_(tree, findings) {
    if (auto opened = PackageDb::open(tree.root()))
      packages_ = std::move(*opened);
    else
      broken_ = opened.error().message;
    std::vector<model::FileIdentity> whole;
    for (const auto& finding : findings)
      if (plan::is_file_itself(finding.identity)) whole.push_back(plan::file_of(finding.identity));
    links_ = names_of(tree, whole);
    entries_.emplace(tree_, packages_, findings);
  }

  plan::ObjectFacts of(const model::Finding& finding) {
    auto known = look(finding);
    if (known) return std::move(*known);
    plan::ObjectFacts unknown;
    unknown.left_alone = "left, for not all about it can be read: " + known.error().detail;
    return unknown;
  }

 private:
  Checked<plan::ObjectFacts> look(const model::Finding& finding) {
    plan::ObjectFacts facts;
    const bool is_entry = std::holds_alternative<model::PersistenceIdentity>(finding.identity);
    const auto& file = plan::file_of(finding.identity);
    if (!is_entry && !std::holds_alternative<model::FileIdentity>(finding.identity)) return facts;
    if (plan::has_no_name(file) && !is_entry) return facts;
    if (const auto layer = layers_.of(file.path))
      facts.left_alone = layer->text(file.path, images_of(layer->folder));
    const auto refused = [&](Reason reason, std::string why) {
      facts.refuse = reason;
      facts.why = std::move(why);
      return facts;
    };
    // Without its database nobody can say what belongs to a package.
    if (!broken_.empty()) return refused(Reason::kIo, "package database: " + broken_);
    if (!is_entry) facts.mapped_by = mapped_by(file);
    if (!is_entry) {
      FS_TRY(facts.proposal, proposal_for(file.path));
    }
    // Its owner may have mounted something there, to stop all the rest.
    if (const auto parent = tree_.parent(file.path); parent && is_mount_point(*parent))
      facts.left_alone = "left, for it is a mount point";
    if (!is_entry && plan::is_named_like_a_users_hive(file.path))
      facts.left_alone = "left, for it has the name of a user's registry";
    if (!protected_) return fail(protected_.error());
    if (protected_->contains({file.device, file.inode}) && !is_entry)
      return refused(Reason::kProtected, "a hard link to a protected file");
    if (is_used_by_init(file)) return refused(Reason::kProtected, "init is using it");
    // The rest of the plan is carried out: this may be the key of an intruder who took all others.
    FS_TRY(const std::string account, admin_keys_.who_loses(finding.identity));
    if (!account.empty())
      facts.left_alone = fmt::format(
          "left, for {} would have no key to log in with: add the owner's, then order again",
          escaped(account));
    if (is_entry) {
      const auto& entry = std::get<model::PersistenceIdentity>(finding.identity);
      FS_TRY(std::string why, entries_->why_it_stays(entry));
      if (!why.empty()) return refused(Reason::kProtected, std::move(why));
      FS_TRY(why, entries_->why_shell_line_stays(entry));
      if (!why.empty()) facts.left_alone = "left, for " + why;
    }
    if (plan::is_file_itself(finding.identity)) {
      FS_TRY(facts.named_by, entries_->pam_lines_of(file.path));
    }
    if (const auto links = links_.find({file.device, file.inode});
        links != links_.end() && plan::is_file_itself(finding.identity))
      facts.names = links->second;
    facts.shown_at = shown_at(tree_, mounts_, file);
    FS_CHECK(find_package(file.path, facts));
    for (const auto* more : {&facts.names, &facts.shown_at})
      for (const auto& name : *more) FS_CHECK(find_package(name, facts));
    facts.is_stray_module =
        is_stray_module(file.path) &&
        std::ranges::all_of(facts.names, [&](const auto& name) { return is_stray_module(name); });
    return facts;
  }

  std::vector<MappedFile> under_all_names(const model::FileIdentity& file) const {
    std::vector<MappedFile> files = {{file.inode, file.device, file.path}};
    if (const auto links = links_.find({file.device, file.inode}); links != links_.end())
      for (const auto& name : links->second) files.push_back({file.inode, file.device, name});
    return files;
  }

  bool is_used_by_init(const model::FileIdentity& file) const {
    const auto files = under_all_names(file);
    return std::ranges::any_of(of_init_, [&](const MappedFile& in_maps) {
      return std::ranges::any_of(files, [&](const MappedFile& one) { return is_of(in_maps, one); });
    });
  }

  std::vector<plan::Service> mapped_by(const model::FileIdentity& file) {
    if (!mappings_) mappings_ = mappings_of_host(tree_);
    return services_of(*mappings_, under_all_names(file));
  }

  const std::set<std::string>& images_of(const std::string& layer) {
    const auto [images, is_new] = images_.try_emplace(layer);
    if (is_new && image_names_ != nullptr)
      for (const Digest& image : image_names_->of_layer(tree_, layer))
        images->second.insert(image.hex());
    return images->second;
  }

  // Of a package's file that is another one now; else empty.
  Checked<std::string> proposal_for(const std::string& path) {
    const auto package = packages_.owner(path);
    if (!package) return std::string();
    const auto file = open_at(tree_, path);
    if (!file && is_absent(file.error())) return std::string();
    if (!file) return fail(file.error());
    const auto recorded = packages_.recorded(path);
    FS_TRY(const auto found, digest_like(recorded, file->get()));
    if (recorded && recorded == found) return std::string();
    return reinstall_proposal(
        {*package, dpkg_version(dpkg_status(), *package).value_or(""), recorded, found});
  }

  const std::string& dpkg_status() {
    if (!dpkg_status_) {
      const auto text =
          files::read_file(tree_.root() + "/var/lib/dpkg/status", limits::kPackageListBytes);
      dpkg_status_ = text ? to_text(*text) : std::string();
    }
    return *dpkg_status_;
  }

  // What no package owns is stray only where one owns the rest: not beside a kernel that was built
  // by hand, nor where no package is known at all. Compressed later it is still the package's.
  bool is_stray_module(const std::string& path) const {
    const std::string folder = plan::module_folder(path);
    if (folder.empty() || (!packages_.owner(folder + "/modules.order") &&
                           !packages_.owner(folder + "/modules.builtin")))
      return false;
    const std::string module = path.substr(0, path.rfind(".ko"));
    return std::ranges::none_of(
        std::initializer_list<const char*>{".ko", ".ko.xz", ".ko.gz", ".ko.zst"},
        [&](const char* suffix) { return packages_.owner(module + suffix).has_value(); });
  }

  // What is exactly as installed says more than what was changed, under whichever name.
  Checked<void> find_package(const std::string& path, plan::ObjectFacts& facts) const {
    FS_TRY(const plan::Package package, package_of(packages_, tree_, path));
    if (package == plan::Package::kUnowned || facts.package == plan::Package::kIntact) return {};
    facts.package = package;
    facts.owned = path;
    return {};
  }

  const Tree& tree_;
  Checked<std::set<Inode>> protected_;
  std::vector<MappedFile> of_init_;
  const ImageLayers layers_;
  const ImageNames* image_names_;
  std::map<std::string, std::set<std::string>> images_;  // of layers
  PackageDb packages_;
  std::optional<std::string> dpkg_status_;
  std::optional<Mappings> mappings_;
  const std::vector<Mount> mounts_ = mounts().value_or(std::vector<Mount>());
  std::string broken_;
  const AdminKeys admin_keys_;
  Links links_;
  std::optional<EntryFacts> entries_;
};

}  // namespace

std::vector<plan::ObjectFacts> facts_of(const Tree& tree,
                                        const std::vector<model::Finding>& findings,
                                        const ImageNames* image_names) {
  Facts facts(tree, findings, image_names);
  std::vector<plan::ObjectFacts> result;
  for (const auto& finding : findings) result.push_back(facts.of(finding));
  return result;
}

plan::Sbin sbin_of(const Tree& tree) {
  return has_only_bin(tree.root()) ? plan::Sbin::kLinkToBin : plan::Sbin::kFolder;
}

std::vector<std::string> own_paths(const Tree& tree, const std::string& state) {
  namespace fs = std::filesystem;
  std::vector<std::string> paths;
  std::error_code error;
  const auto add = [&](const fs::path& path) {
    if (const auto relative = tree.relative(path.string())) paths.push_back(*relative);
  };
  // act's state lies in the agent's.
  const fs::path folder = fs::weakly_canonical(state, error);
  add(folder);
  add(folder.parent_path() / "core");
  for (const char* name : {"identity.key", "curve.key", "enrolment", "machine", "baseline", "scan",
                           "consent.conf", "agent.conf", "control.sock", "halt"})
    add(folder.parent_path() / name);
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  add(program);
  for (const auto& entry : fs::directory_iterator(program.parent_path(), error))
    if (entry.path().filename().string().starts_with("fleetsweep")) add(entry.path());
  return paths;
}

}  // namespace fleetsweep::act
