#include "agent/scan/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "agent/overlay/overlay.h"

namespace fleetsweep::scan {
namespace {

constexpr std::size_t kBlockBytes = 64 * 1024;
// Deeper ones are found by their whole path again.
constexpr std::size_t kOpenFoldersMax = 64;
// How often what is gone is looked for by its number, which a file that came instead may have, too:
// a busy folder is not such a one so often in turn.
constexpr int kRenamesMax = 16;
constexpr std::size_t kGoneMax = 64 * 1024;
constexpr std::uint64_t kNoNumber = 0xffffffff;  // of all files of some file systems of FUSE
constexpr std::string_view kRenamed = "is renamed each time that it is looked at";

struct Entry {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[];
};

// A link by now, or there no more since it was listed.
bool is_gone(int error) {
  return error == ENOENT || error == ELOOP || error == ENOTDIR;
}

class Walk {
 public:
  // `views` are folders that show again what is walked elsewhere.
  Walk(const Root& root, WalkVisitor& visitor, std::set<View> views)
      : root_(root), visitor_(visitor), views_(std::move(views)), block_(kBlockBytes) {
    struct stat status {};
    const UniqueFd top = root.is_whole() ? UniqueFd() : root.open_folder("/");
    if (top && ::fstat(top.get(), &status) == 0) devices_[status.st_dev] = FileSystem::kHeld;
  }

  void run(std::vector<std::string> starts) {
    Pending next;
    for (const std::string& start : starts) {
      waiting_.push_back({.name = start});
      while (!waiting_.empty() && !visitor_.is_stopped()) {
        next.take(std::move(waiting_.back()));
        waiting_.pop_back();
        folder(next);
      }
    }
  }

 private:
  // Kept, and open unless it lies too deep, as long as folders in it wait: at most those above the
  // one at hand.
  struct Above {
    UniqueFd fd;
    std::string path{};  // with '/' at its end, once a folder in it waits
  };
  // There may be many, at the end of a long path.
  struct Waiting {
    std::shared_ptr<const Above> above{};  // null: a start
    std::string name{};                    // of a start its path
    std::uint64_t inode = 0;               // as the folder above it says
    std::size_t depth = 0;
  };
  struct Pending : Waiting {
    void take(Waiting&& waiting) {
      Waiting::operator=(std::move(waiting));
      path.assign(above ? std::string_view(above->path) : std::string_view()).append(name);
    }
    std::string path;
    bool is_start() const { return above == nullptr; }
    int parent() const { return above ? above->fd.get() : -1; }  // -1: to be found from the root
  };

  // Beyond what a path can name nobody could act.
  UniqueFd open(const Pending& pending) const {
    if (pending.path.size() >= PATH_MAX) {
      errno = ENAMETOOLONG;
      return {};
    }
    if (pending.parent() < 0) return root_.open_folder(pending.path);
    return open_beneath(pending.parent(), pending.path.c_str() + pending.path.rfind('/') + 1,
                        O_DIRECTORY);
  }

  // What a folder is called by now that was listed under another name; empty: it is gone.
  std::string name_now(const Pending& pending) {
    const std::string above =
        pending.path.substr(0, std::max<std::size_t>(1, pending.path.rfind('/')));
    const UniqueFd opened = pending.parent() < 0 ? root_.open_folder(above) : UniqueFd();
    const int folder = pending.parent() < 0 ? opened.get() : pending.parent();
    std::string name;
    if (folder < 0 || pending.inode == kNoNumber || ::lseek(folder, 0, SEEK_SET) != 0) return name;
    each_entry(folder, [&](const Entry& entry) {
      if (entry.inode == pending.inode && (entry.type == DT_DIR || entry.type == DT_UNKNOWN))
        name = entry.name;
    });
    return name == "." || name == ".." ? std::string() : name;
  }

  // Empty, with errno ENOENT: it is gone, or was told of.
  UniqueFd open_renamed(Pending& pending) {
    UniqueFd fd = open(pending);
    for (int turn = 0; !fd && is_gone(errno) && !pending.is_start(); ++turn) {
      const std::string name = name_now(pending);
      if (turn == kRenamesMax && !name.empty())
        visitor_.unreadable(pending.path, std::string(kRenamed));
      errno = ENOENT;
      if (turn == kRenamesMax || name.empty()) return {};
      pending.path.replace(pending.path.rfind('/') + 1, std::string::npos, name);
      if (root_.mount_points().at(pending.path)) return {};  // another folder with its number
      fd = open(pending);
    }
    return fd;
  }

  bool is_held(const Pending& pending, FileSystem kind) {
    if (kind == FileSystem::kElsewhere) visitor_.unreadable(pending.path, std::string(kInShare));
    return kind == FileSystem::kHeld;
  }

  void folder(Pending& pending) {
    if (const std::string share = root_.share_of(pending.path); !share.empty())
      return visitor_.unreadable(share, std::string(kInShare));
    const auto mount = root_.mount_points().at(pending.path);
    if (mount && !is_held(pending, *mount)) return;
    UniqueFd fd = open_renamed(pending);
    if (!fd) {
      if (pending.is_start() && (errno == ENOTDIR || errno == ELOOP)) return single(pending.path);
      if (!is_gone(errno)) visitor_.unreadable(pending.path, std::strerror(errno));
      return;
    }
    // All others lie where the folder above them does.
    const bool may_begin = !root_.mount_points().are_known() || pending.is_start() || mount;
    const auto kind = may_begin ? file_system(fd.get()) : std::optional(FileSystem::kHeld);
    if (!kind) visitor_.unreadable(pending.path, std::strerror(errno));
    if (!kind || !is_held(pending, *kind)) return;
    struct stat status {};
    if ((may_begin || root_.may_be_left_out(pending.inode)) && ::fstat(fd.get(), &status) == 0 &&
        (root_.is_left_out(status) ||
         (!pending.is_start() && views_.contains({pending.path, status.st_dev}))))
      return;
    if (!visitor_.enter(pending.path, fd.get())) return;

    if (depth_ >= kOpenFoldersMax) here_->fd.reset();
    depth_ = pending.depth;
    here_ = std::make_shared<Above>(Above{std::move(fd)});
    path_ = pending.path == "/" ? "" : pending.path;
    path_ += '/';
    stem_ = path_.size();
    gone_.clear();
    if (!each_entry(here_->fd.get(), [this](const Entry& entry) { visit(entry); }))
      return visitor_.unreadable(pending.path, std::strerror(errno));
    for (int turn = 0; !gone_.empty() && turn < kRenamesMax; ++turn) look_for_gone();
    if (!gone_.empty() && !visitor_.is_stopped())
      visitor_.unreadable(pending.path, "a file in it " + std::string(kRenamed));
  }

  // Files that were gone when they were looked at, by the names that they have now.
  void look_for_gone() {
    std::vector<std::uint64_t> wanted = std::exchange(gone_, {});
    std::sort(wanted.begin(), wanted.end());
    if (::lseek(here_->fd.get(), 0, SEEK_SET) != 0) return;
    each_entry(here_->fd.get(), [&](const Entry& entry) {
      if (entry.type != DT_DIR && std::binary_search(wanted.begin(), wanted.end(), entry.inode))
        visit(entry);
    });
  }

  // Until the visitor stops it. False, with errno: not all of them could be read.
  bool each_entry(int folder, const auto& use) {
    while (true) {
      const long size = ::syscall(SYS_getdents64, folder, block_.data(), block_.size());
      if (size <= 0) return size == 0;
      for (long at = 0; at < size;) {
        if (visitor_.is_stopped()) return true;
        const auto* entry = reinterpret_cast<const Entry*>(block_.data() + at);
        at += entry->length;
        use(*entry);
      }
    }
  }

  void visit(const Entry& entry) {
    const int folder = here_->fd.get();
    path_.resize(stem_);
    path_ += entry.name;
    std::uint8_t type = entry.type;
    // A share may be one file.
    if (type != DT_DIR && !root_.share_of(path_).empty())
      return visitor_.unreadable(path_, std::string(kInShare));
    if (type == DT_UNKNOWN) {
      struct stat status {};
      if (::fstatat(folder, entry.name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT) return add_gone(entry);
        return visitor_.unreadable(path_, std::strerror(errno));
      }
      type = static_cast<std::uint8_t>(IFTODT(status.st_mode));
    }
    if (type == DT_REG) {
      if (!visitor_.file(folder, path_, entry.name))
        add_gone(entry);
      else if (!gone_.empty())
        std::erase(gone_, entry.inode);
    } else if (type == DT_LNK) {
      visitor_.link(folder, path_, entry.name);
    } else if (type == DT_DIR && std::strcmp(entry.name, ".") != 0 &&
               std::strcmp(entry.name, "..") != 0) {
      if (here_->path.empty()) here_->path.assign(path_, 0, stem_);
      waiting_.push_back(
          {.above = here_, .name = entry.name, .inode = entry.inode, .depth = depth_ + 1});
    }
  }

  void add_gone(const Entry& entry) {
    if (gone_.size() < kGoneMax && entry.inode != kNoNumber) gone_.push_back(entry.inode);
  }

  // A scope may name one file.
  void single(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
    const UniqueFd fd = root_.open_folder(parent);
    struct stat status {};
    const char* name = path.c_str() + slash + 1;
    if (!fd && errno == ELOOP) visitor_.unreadable(path, unopened(errno));
    if (!fd || ::fstatat(fd.get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (S_ISLNK(status.st_mode)) {
      // What leads to a file is another thing than a file.
      const UniqueFd target = root_.open_followed(path);
      if (!target && errno == EREMOTE) visitor_.unreadable(path, unopened(errno));
      if (target && ::fstat(target.get(), &status) == 0 && S_ISDIR(status.st_mode))
        visitor_.unreadable(path, unopened(ELOOP));
    } else if (S_ISREG(status.st_mode) && visitor_.enter(parent, fd.get())) {
      visitor_.file(fd.get(), path, name);
    }
  }

  // Nothing, with errno: it does not say.
  std::optional<FileSystem> file_system(int fd) {
    struct stat folder {};
    if (::fstat(fd, &folder) != 0) return std::nullopt;
    const auto known = devices_.find(folder.st_dev);
    if (known != devices_.end()) return known->second;
    struct statfs status {};
    if (::fstatfs(fd, &status) != 0) return std::nullopt;
    return devices_[folder.st_dev] = file_system_of(status.f_type);
  }

  const Root& root_;
  WalkVisitor& visitor_;
  const std::set<View> views_;
  std::vector<char> block_;
  std::string path_;
  // The folder at hand.
  std::size_t depth_ = 0;
  std::shared_ptr<Above> here_;
  std::size_t stem_ = 0;             // of path_
  std::vector<std::uint64_t> gone_;  // numbers of files
  std::vector<Waiting> waiting_;
  std::map<dev_t, FileSystem> devices_;
};

}  // namespace

void walk(const Root& root, std::vector<std::string> starts, WalkVisitor& visitor) {
  // What lies in a folder comes right after it.
  const auto place = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
  std::sort(starts.begin(), starts.end(), [&](const std::string& a, const std::string& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [&](char x, char y) { return place(x) < place(y); });
  });
  std::vector<std::string> kept;
  for (std::string& start : starts) {
    const bool is_held = !kept.empty() && (kept.back() == "/" || start == kept.back() ||
                                           start.starts_with(kept.back() + "/"));
    if (!is_held) kept.push_back(std::move(start));
  }
  // Containers: layers that several share are walked once, and what is put together from them
  // never.
  std::set<View> views =
      root.is_whole() ? seen_by_layers(reachable_overlays(), kept) : std::set<View>{};
  Walk(root, visitor, std::move(views)).run(std::move(kept));
}

}  // namespace fleetsweep::scan
