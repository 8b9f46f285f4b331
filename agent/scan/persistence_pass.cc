#include "agent/scan/persistence_pass.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "agent/scan/names.h"
#include "agent/scan/text.h"
#include "agent/scan/walk.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

using model::PersistenceKind;
using model::PersistencePlace;
using Gather = PersistencePlace::Gather;
using Only = PersistencePlace::Only;

constexpr std::string_view kHome = "@home";
constexpr std::size_t kLinkedFolders = 1000;  // that the links of one place lead to

// It, or a folder above it.
bool is_beneath_one(const std::set<std::string>& folders, std::string_view path) {
  for (; !path.empty(); path = folder_of(path))
    if (folders.contains(std::string(path))) return true;
  return folders.contains("/");
}

bool ends_with_one(std::string_view path, std::string_view suffixes) {
  if (suffixes.empty()) return true;
  while (!trimmed(suffixes).empty())
    if (path.ends_with(word(suffixes))) return true;
  return false;
}

bool is_capable(int folder, const char* name, int& error) {
  char value[64];
  const std::string path = "/proc/self/fd/" + std::to_string(folder) + "/" + name;
  const auto size = ::lgetxattr(path.c_str(), "security.capability", value, sizeof value);
  // EOVERFLOW: of another user namespace, where alone it gives anything.
  const bool is_none = errno == ENODATA || errno == EOPNOTSUPP || errno == EOVERFLOW;
  if (size < 0 && !is_none && errno != ENOENT) error = errno;
  return size > 0;
}

bool yields(const PersistencePlace& place, const PersistenceKinds& kinds) {
  const auto any = [&](std::initializer_list<PersistenceKind> list) {
    return std::any_of(list.begin(), list.end(),
                       [&](auto kind) { return kinds[static_cast<std::size_t>(kind)]; });
  };
  if (any({place.kind})) return true;
  // What such files say besides, or name.
  if (place.format == Format::kUnit)
    return any({PersistenceKind::kSystemdTimer, PersistenceKind::kSystemdSocket,
                PersistenceKind::kSystemdPath, PersistenceKind::kSystemdEnvironment,
                PersistenceKind::kEnvironmentFile});
  return place.format == Format::kSshd && any({PersistenceKind::kAuthorizedKey});
}

}  // namespace

PersistenceKinds wanted_kinds(const model::Policy& policy) {
  PersistenceKinds wanted;
  for (const model::Detection& detection : policy.detections) {
    if (detection.object != model::ObjectKind::kPersistence) continue;
    for (const model::Selection& selection : detection.any_of) {
      PersistenceKinds here;
      bool named = false;
      for (const model::Predicate& predicate : selection) {
        if (predicate.field != model::Field::kPersistenceKind ||
            predicate.match != model::Match::kEquals)
          continue;
        named = true;
        for (const model::Value& value : predicate.values)
          if (const auto kind = from_name<PersistenceKind>(value.text))
            here.set(static_cast<std::size_t>(*kind));
      }
      wanted |= named ? here : ~PersistenceKinds();
    }
    if (detection.any_of.empty()) wanted.set();
  }
  return wanted;
}

// Several places may be one folder: it is walked once.
struct PersistencePass::Folder {
  struct Rule {
    const PersistencePlace* place;
    std::string user;
  };
  Gather gather = Gather::kFolder;
  std::vector<Rule> rules;
};

void PersistencePass::list(const PersistenceKinds& kinds, bool needs_owner,
                           const Baseline* baseline) {
  kinds_ = kinds;
  needs_owner_ = needs_owner;
  baseline_ = baseline;
  std::map<std::pair<std::string, Gather>, Folder> folders;
  const auto add = [&](const PersistencePlace& place, const std::string& path,
                       const std::string& user) {
    std::size_t left = limits::kPersistenceNames;
    root_.find_links(path);
    const bool only_folders = place.gather != Gather::kFile;
    for (const std::string& one :
         expand(root_, root_.real(path), only_folders, left, unreadable_, is_stopped_)) {
      if (place.gather == Gather::kFile) {
        if (known_.emplace(std::pair(one, place.kind), true).second)
          files_.emplace(one, Found{place.kind, place.format, user});
        continue;
      }
      Folder& folder = folders[{one, place.gather}];
      folder.gather = place.gather;
      folder.rules.push_back({&place, user});
    }
  };
  for (const PersistencePlace& place : model::places::kAll) {
    if (!yields(place, kinds)) continue;
    if (!place.path.starts_with(kHome)) {
      add(place, std::string(place.path), std::string(place.user));
      continue;
    }
    for (const Home& home : root_.homes(place.path.substr(kHome.size())))
      add(place, home.path, home.user);
  }
  for (const auto& [key, folder] : folders) gather(key.first, folder);
}

void PersistencePass::gather(const std::string& path, const Folder& folder) {
  struct Visitor : WalkVisitor {
    PersistencePass& pass;
    const std::string& place;
    const Folder& wanted;
    std::string top, spelled;  // where the walk at hand began, and the link that leads there
    std::set<std::string> tops;
    std::vector<std::pair<std::string, std::string>> links;  // and the folders that they lead to
    std::set<std::pair<std::string, PersistenceKind>> led_to;
    bool has_more_links = false;
    Names shadowed;
    bool needs_stat = false;
    std::size_t files = 0;

    Visitor(PersistencePass& p, const std::string& at, const Folder& f)
        : pass(p), place(at), wanted(f) {}
    void walk_from(const std::string& folder, const std::string& link) {
      if (is_walked(folder)) return;
      top = folder;
      spelled = link;
      tops.insert(top);
      walk(pass.root_, {top}, *this);
    }
    bool is_walked(const std::string& folder) const {
      return wanted.gather == Gather::kTree && is_beneath_one(tops, folder);
    }
    bool is_wanted(const std::string& folder) const {
      if (wanted.gather == Gather::kTree) return !tops.contains(folder);
      return wanted.gather == Gather::kDropIns && top == place && folder.ends_with(".d") &&
             folder.find('/', top.size() + 1) == std::string::npos;
    }
    bool enter(const std::string& at, int) override { return at == top || is_wanted(at); }
    bool fits(const PersistencePlace& place, int folder, const std::string& name,
              const struct stat& status, int& error) const {
      const bool runs = (status.st_mode & 0111) != 0;
      switch (place.only) {
        case Only::kAny:
          return true;
        case Only::kExecutable:
          // As git ships its hooks: it runs none of them.
          return runs && !(place.kind == PersistenceKind::kGitHook && name.ends_with(".sample"));
        case Only::kSetuid:
          return runs && (status.st_mode & (S_ISUID | S_ISGID)) != 0;
        case Only::kCapable:
          return runs && is_capable(folder, name.c_str(), error);
        case Only::kShadowing:
          return runs && shadowed.contains(name);
      }
      return false;
    }
    bool file(int folder, const std::string& at, const char* name) override {
      struct stat status {};
      if (needs_stat && ::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        const int error = errno;
        if (error != ENOENT) unreadable(at, unopened(error));
        return error != ENOENT;
      }
      take(folder, at, name, status);
      return true;
    }
    // open_linked() says which of those to files count.
    void link(int folder, const std::string& at, const char* name) override {
      if (place == "/") return;  // what it leads to is met as itself
      const auto target = behind(pass.root_, at, pass.unreadable_);
      if (!target) return;
      if (!S_ISDIR(target->status.st_mode)) return take(folder, at, name, target->status);
      if (!is_wanted(at) || is_walked(target->path)) return;
      const auto led = pass.root_.led(at);
      // What one NAME.d leads to is of another kind for another NAME.
      const bool is_new =
          led && led_to
                     .emplace(*led, wanted.gather == Gather::kDropIns ? kind_of_unit(at + "/x")
                                                                      : PersistenceKind{})
                     .second;
      if (!led)
        unreadable(at, unopened(ELOOP));
      else if (*led == place || !is_new)
        return;
      else if (links.size() < kLinkedFolders)
        links.emplace_back(at, *led);
      else if (!std::exchange(has_more_links, true))
        unreadable(place, fmt::format("more than {} links to folders: the others were not followed",
                                      kLinkedFolders));
    }
    void take(int folder, const std::string& at, const char* name, const struct stat& status) {
      for (const Folder::Rule& rule : wanted.rules) {
        int error = 0;
        const bool fits_in = ends_with_one(at, rule.place->suffixes) &&
                             fits(*rule.place, folder, name, status, error);
        if (error != 0) unreadable(at, unopened(error));
        if (!fits_in) continue;
        const bool is_unit = rule.place->format == Format::kUnit;
        std::string unit = is_unit && top != place ? spelled + "/" + name : std::string();
        const PersistenceKind kind =
            is_unit ? kind_of_unit(unit.empty() ? at : unit) : rule.place->kind;
        if (!pass.known_.emplace(std::pair(at, kind), true).second) continue;
        if (++files > limits::kPersistenceFiles) {
          pass.tallies_.add_unscannable(
              pass.who_, place,
              fmt::format("more than {} files to read", limits::kPersistenceFiles));
          return;
        }
        pass.files_.emplace(at, Found{kind, rule.place->format, rule.user, std::move(unit)});
      }
    }
    void unreadable(const std::string& at, const std::string& reason) override {
      pass.unreadable_(at, reason);
    }
    bool is_stopped() override { return files > limits::kPersistenceFiles || pass.is_stopped_(); }
  } visitor(*this, path, folder);
  for (const Folder::Rule& rule : folder.rules) {
    visitor.needs_stat |= rule.place->only != Only::kAny;
    if (rule.place->only == Only::kShadowing)
      for (const char* later : {"/usr/sbin", "/usr/bin", "/sbin", "/bin"})
        visitor.shadowed.merge(names_in(root_, root_.real(later), unreadable_));
  }
  visitor.walk_from(path, {});
  for (std::size_t i = 0; i < visitor.links.size(); ++i) {
    const auto [link, leads_to] = visitor.links[i];
    visitor.walk_from(leads_to, link);
  }
}

void PersistencePass::ask(Job& job, const Found& found) const {
  job.entries = true;
  job.place = found.kind;
  job.format = found.format;
  job.user = found.user;
  job.unit = found.unit;
  job.md5 = needs_owner_ && packages_.recorded(job.facts.identity.path).has_value();
}

void PersistencePass::join(Job& job) {
  const auto found = files_.find(job.facts.identity.path);
  if (found == files_.end()) return;
  ask(job, found->second);
  files_.erase(found);
}

void PersistencePass::read() {
  std::size_t depth = 0;
  do {
    for (const auto& [path, found] : std::exchange(files_, {})) open(path, found);
    parser_.finish();
    for (const Followed& followed : std::exchange(followed_, {})) follow(followed);
  } while (!files_.empty() && ++depth <= limits::kPersistenceDepth);
  for (const auto& [path, found] : std::exchange(files_, {}))
    unreadable_(path, fmt::format("named by the last of {} files that name one another",
                                  limits::kPersistenceDepth));
}

// A file that is known already is not read again: files that name each other come to an end.
void PersistencePass::follow(const Followed& followed) {
  const FollowedFile& file = followed.file;
  const PersistenceKind kind = kind_of_followed(file.format);
  if (!kinds_[static_cast<std::size_t>(kind)]) return;
  const auto add = [&](const std::string& named, const std::string& user) {
    std::string path = std::filesystem::path(named).lexically_normal().string();
    root_.find_links(path);
    path = root_.real(path);
    // To git a star is a letter.
    for (const std::string& one :
         file.format == Format::kGitConfig
             ? std::vector<std::string>{path}
             : expand(root_, path, false, followed_names_left_, unreadable_, is_stopped_))
      if (known_.emplace(std::pair(one, kind), true).second)
        files_.emplace(one, Found{kind, file.format, user});
  };
  if (!file.path.starts_with(kHome)) return add(file.path, followed.user);
  for (const Home& home : root_.homes(file.path.substr(kHome.size()), true))
    add(home.path, home.user);
}

// Of a unit, a script or a profile that is a link: the file that it leads to, unless that is read
// anyway. Only root, or whose file it is, may say where to look, as with links in /tmp.
UniqueFd PersistencePass::open_linked(std::string& path, const Found& found) {
  const UniqueFd folder = root_.open_folder(std::string(folder_of(path)));
  const std::string name(file_name(path));
  struct stat link {
  }, status{};
  const bool is_seen =
      folder && ::fstatat(folder.get(), name.c_str(), &link, AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_seen && !is_absent(errno)) unreadable_(path, unopened(errno));
  if (!is_seen || !S_ISLNK(link.st_mode)) return {};
  std::string real;
  UniqueFd file = root_.open_followed(path, &real);
  if (!file && !leads_nowhere(errno)) unreadable_(path, unopened(errno));
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      known_.contains({real, found.kind}))
    return {};
  if (link.st_uid != 0 && link.st_uid != status.st_uid) {
    unreadable_(path, "leads to a file that is not its owner's: not followed");
    return {};
  }
  known_.emplace(std::pair(real, found.kind), true);
  path = std::move(real);
  return file;
}

void PersistencePass::open(std::string path, Found found) {
  if (is_stopped_()) return;
  UniqueFd file = root_.open_file(path);
  if (!file && errno == ELOOP) {
    if (found.format == Format::kUnit && found.unit.empty()) found.unit = path;
    file = open_linked(path, found);
    if (!file) return;
  }
  if (!file) {
    if (!is_absent(errno)) unreadable_(path, unopened(errno));
    return;
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  Job job;
  job.id = ++last_id_;
  job.facts.identity = identity_of(path, status);
  ask(job, found);
  parser_.submit(std::move(job), std::move(file));
}

void PersistencePass::take(const Job& job, Answer& answer) {
  const std::string& path = job.facts.identity.path;
  const auto sha256 = Digest::parse_hex(answer.sha256);
  std::optional<bool> owned;
  if (needs_owner_) {
    const auto recorded = packages_.recorded(path);
    owned = packages_.owner(path).has_value() &&
            (!recorded || *recorded == answer.md5 || *recorded == answer.sha256);
  }
  if (answer.entries.size() >= limits::kPersistenceEntries)
    tallies_.add_partial(who_, path,
                         fmt::format("has {} entries or more", limits::kPersistenceEntries));
  const auto is_cut = [](const PersistenceEntry& entry) {
    return std::max(entry.entry.size(), entry.command.size()) >= limits::kLineBytes;
  };
  const auto cut = std::find_if(answer.entries.begin(), answer.entries.end(), is_cut);
  if (cut != answer.entries.end())
    tallies_.add_partial(
        who_, path, fmt::format("its line {} has {} bytes or more", cut->line, limits::kLineBytes));
  for (PersistenceEntry& entry : answer.entries) {
    tallies_.add_scanned(who_);
    model::PersistenceIdentity identity;
    identity.kind = job.place;
    if (entry.of_loader && job.format == Format::kUnit)
      identity.kind = PersistenceKind::kSystemdEnvironment;
    identity.file = job.facts.identity;
    if (sha256) identity.file.sha256 = *sha256;
    identity.entry_sha256 =
        entry.entry.empty() ? identity.file.sha256 : crypto::sha256(as_bytes(entry.entry));
    identity.name = std::move(entry.name);
    identity.entry = std::move(entry.entry);
    identity.command = std::move(entry.command);
    identity.user = std::move(entry.user);
    identity.line = entry.line;
    PersistenceFacts facts{std::move(identity), owned, false};
    facts.in_baseline = baseline_ != nullptr && baseline_->holds(facts.identity);
    entries_.emplace_back(std::move(facts));
  }
  if (answer.followed.size() >= limits::kPersistenceFollowed)
    unreadable_(path, fmt::format("names {} files or more: not all of them were read",
                                  limits::kPersistenceFollowed));
  for (FollowedFile& file : answer.followed) {
    if (followed_.size() >= limits::kPersistenceFiles)
      return unreadable_(
          path, fmt::format("named after {} other files: not read", limits::kPersistenceFiles));
    // What goes on in another file is as if it stood here.
    std::string user = file.format == job.format ? job.user : std::string();
    followed_.push_back({std::move(file), std::move(user)});
  }
}

}  // namespace fleetsweep::scan
