#pragma once

// What hides: the same thing asked in two ways that must give one answer. Each contradiction is a
// sentence; such a host is never called clean (ScanResult::mismatches). No policy can switch this
// off. All of it goes by the system calls themselves (raw_file.h).
//
// A host goes on living while it is looked at, so a contradiction counts only if every further look
// sees it too, and only of what did not change in between.

#include <sys/stat.h>

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/scan/root.h"
#include "agent/scan/sock_diag.h"

namespace fleetsweep::scan {

using Mismatches = std::vector<std::string>;

class CrossView {
 public:
  // All of them for the host itself; of a root that is a folder, its files. At most
  // limits::kMismatches. `shares`: the network and FUSE mounts in which it did not look.
  Mismatches look(const Root& root, std::set<std::string>* shares = nullptr) const;

 private:
  SockDiag sock_diag_;
};

// The parts. `proc` and `sys` say where these file systems are.

// pidfd_open against the listing of /proc, and what is mounted over it, or over a process's folder.
// Nothing more where /proc hides the processes of others from us.
Mismatches hidden_processes(const std::string& proc);

// The threads of the processes that `proc` lists.
std::uint64_t listed_threads(const std::string& proc);

// /proc/modules against /sys/module. Nothing for a kernel without modules.
Mismatches hidden_modules(const std::string& proc, const std::string& sys);

// TCP and packet sockets that the kernel's socket tables hold, and net/tcp, net/tcp6, net/packet
// beneath `proc` do not. Nothing of one that is not read whole, or is as long as `most`.
inline constexpr std::size_t kSocketTableBytes = 64 << 20;
Mismatches hidden_sockets(const std::string& proc, const SockDiag& diag,
                          std::size_t most = kSocketTableBytes);

// In folders where malware likes to hide, but for shares.
Mismatches hidden_files(const Root& root, std::set<std::string>* shares = nullptr);

// The GNU loaders of this root.
Mismatches altered_loaders(const Root& root);

// Programs in our own memory that we did not ask for.
Mismatches foreign_memory();

// Pure, for the parts above.

// A folder as one reading shows it.
struct FolderView {
  std::uint64_t links = 0;
  bool counts_subfolders = false;     // its file system keeps 2 + subfolders as the link count
  std::uint64_t subfolders = 0;       // listed
  std::vector<std::string> missing;   // listed, but there is no such file
  std::vector<std::string> unlisted;  // there is such a file, but it is not listed
};
Mismatches oddities(const std::string& folder, const FolderView& view);

// Modules that only one side knows; `in_sys` are the folders with an initstate.
Mismatches module_oddities(std::string_view proc_modules, const std::vector<std::string>& in_sys);

// Whether the kernel's own count of its threads is that of the listed ones, however often it is
// asked. Both of this moment; a thread that comes or goes in between makes it no.
bool accounts_for_all(const std::function<std::uint64_t()>& kernel,
                      const std::function<std::uint64_t()>& listed);

// Mount points that lie over the folder of a process.
Mismatches covered_processes(const std::string& proc, std::string_view mountinfo);

// Executable memory in the text of /proc/self/maps that is none of these files.
Mismatches foreign_lines(std::string_view maps, const std::vector<std::string>& known);

// A loader of the GNU C library that does not name /etc/ld.so.preload: it was told to read another
// list, which nobody looks at (HiddenWasp, Intezer 2019).
bool is_altered_loader(std::string_view content);

}  // namespace fleetsweep::scan
