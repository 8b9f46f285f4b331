#include <dirent.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <set>

#include "agent/scan/cross_view.h"
#include "agent/scan/looks.h"
#include "agent/scan/raw_file.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace fleetsweep::scan {
namespace {

constexpr std::string_view kFolders[] = {
    "/",        "/etc",      "/etc/cron.d", "/tmp",           "/var/tmp",      "/dev/shm", "/usr",
    "/usr/bin", "/usr/sbin", "/usr/lib",    "/root",          "/home",         "/opt",     "/run",
    "/var",     "/var/lib",  "/var/spool",  "/usr/local/bin", "/usr/local/lib"};

// In the program its bytes are others: to a rule that knows a rootkit by the names it hides, a
// program that holds them all is the rootkit.
class VeiledName {
 public:
  template <std::size_t N>
  consteval VeiledName(const char (&name)[N]) : size_(N - 1) {
    for (std::size_t i = 0; i < size_; ++i) bytes_[i] = static_cast<char>(name[i] ^ kVeil);
  }
  std::string text() const {
    std::string name(bytes_, size_);
    for (char& c : name) c = static_cast<char>(c ^ kVeil);
    return name;
  }

 private:
  static constexpr char kVeil = 0x55;
  char bytes_[40] = {};
  std::size_t size_;
};

// What published rootkits hide from listings. That one of them is there is a policy's matter; that
// it is there and not listed is ours.
constexpr VeiledName kHiddenNames[] = {"/etc/ld.so.preload",  // most preloaded rootkits
                                       "/etc/libsystem.so",
                                       "/tmp/kinsing",
                                       "/tmp/kdevtmpfsi",  // Kinsing (Trend Micro 2020)
                                       "/lib/libgcwrap.so",
                                       "/lib/libfsnldev.so",
                                       "/lib/libpprocps.so",
                                       "/bin/perfcc",
                                       "/bin/wizlmsh",
                                       "/bin/.local",
                                       "/bin/.atmp",
                                       "/tmp/.xdiag",
                                       "/tmp/.perf.c",
                                       "/tmp/.apid",
                                       "/etc/cron.d/perfclean",  // perfctl (Aqua, ExaTrack 2024)
                                       "/sbin/.ifup-local",      // HiddenWasp (Intezer 2019)
                                       "/dev/shm/kdmtmpflush",   // BPFDoor (Sandfly 2022)
                                       "/usr/local/lib/libprocesshider.so",
                                       "/lib/libprocesshider.so"};  // libprocesshider

// linux/magic.h; these keep 2 + subfolders as a folder's link count. ext4 gives up counting beyond
// 64998 and says 1.
bool counts_subfolders(int fd, std::uint64_t links) {
  struct statfs status {};
  if (links < 2 || ::fstatfs(fd, &status) != 0) return false;
  const auto type = static_cast<std::uint32_t>(status.f_type);
  return type == 0xef53 /* ext4 */ || type == 0x58465342 /* xfs */ ||
         type == 0x01021994; /* tmpfs */
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// What is odd, together with the state of the folder that it is odd of.
using Odd = std::pair<std::string, std::pair<std::int64_t, long>>;

std::vector<Odd> look_at(const Root& root, const std::string& folder,
                         const std::set<std::string>& names) {
  const UniqueFd fd = root.open_folder(folder);
  struct stat before {
  }, after{};
  if (!fd || ::fstat(fd.get(), &before) != 0) return {};
  FolderView view;
  view.links = before.st_nlink;
  view.counts_subfolders = counts_subfolders(fd.get(), view.links);
  std::set<std::string> listed;
  auto entries = raw::list(fd.get());
  if (!entries) return {};
  const std::string stem = folder == "/" ? folder : folder + "/";
  for (raw::Entry& entry : *entries) {
    struct stat status {};
    if (!root.share_of(stem + entry.name).empty()) {  // it is there, since it is mounted
      view.subfolders += entry.type == DT_DIR;
      view.counts_subfolders &= entry.type != DT_UNKNOWN;
      listed.insert(std::move(entry.name));
      continue;
    }
    const bool exists = ::syscall(SYS_newfstatat, fd.get(), entry.name.c_str(), &status,
                                  AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0;
    if (!exists && errno == ENOENT) view.missing.push_back(entry.name);
    view.subfolders +=
        entry.type == DT_UNKNOWN ? exists && S_ISDIR(status.st_mode) : entry.type == DT_DIR;
    listed.insert(std::move(entry.name));
  }
  for (const std::string& name : names) {
    struct stat status {};
    if (!listed.contains(name) && root.share_of(stem + name).empty() &&
        ::syscall(SYS_newfstatat, fd.get(), name.c_str(), &status,
                  AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0)
      view.unlisted.push_back(name);
  }
  // Somebody changes it: it may show both states.
  if (::fstat(fd.get(), &after) != 0 || !same_time(before.st_mtim, after.st_mtim) ||
      !same_time(before.st_ctim, after.st_ctim))
    return {};
  std::vector<Odd> odd;
  for (std::string& one : oddities(folder, view))
    odd.push_back({std::move(one), {after.st_ctim.tv_sec, after.st_ctim.tv_nsec}});
  return odd;
}

}  // namespace

Mismatches oddities(const std::string& folder, const FolderView& view) {
  Mismatches found;
  const std::string stem = folder == "/" ? folder : folder + "/";
  if (view.counts_subfolders && view.links != view.subfolders + 2)
    found.push_back(fmt::format("{}: its link count stands for {} subfolders, and {} are listed",
                                escaped(folder), view.links - 2, view.subfolders));
  for (const std::string& name : view.missing)
    found.push_back(fmt::format("{}: is listed, and there is no such file", escaped(stem + name)));
  for (const std::string& name : view.unlisted)
    found.push_back(
        fmt::format("{}: is there, and its folder does not list it", escaped(stem + name)));
  return found;
}

Mismatches hidden_files(const Root& root, std::set<std::string>* shares) {
  std::map<std::string, std::set<std::string>> folders;  // with names to ask for
  for (const std::string_view folder : kFolders) folders[root.real(folder)];
  for (const VeiledName& hidden : kHiddenNames) {
    const std::string path = root.real(hidden.text());
    const std::size_t slash = path.rfind('/');
    folders[path.substr(0, slash)].insert(path.substr(slash + 1));
  }
  Mismatches found;
  for (const auto& [folder, names] : folders) {
    std::string share = root.share_of(folder);
    if (shares != nullptr && !share.empty()) shares->insert(std::move(share));
    for (const Odd& odd : seen_each_time(
             [&root, &folder = folder, &names = names] { return look_at(root, folder, names); }))
      found.push_back(odd.first);
  }
  return found;
}

}  // namespace fleetsweep::scan
