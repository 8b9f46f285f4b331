#include "agent/scan/process.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

constexpr std::uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD, include/linux/sched.h
constexpr std::size_t kCommandNameBytes = 15;        // TASK_COMM_LEN - 1

std::string read_all(const std::string& path, std::size_t most) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::string text;
  char block[4096];
  while (fd && text.size() < most) {
    const ssize_t count = ::read(fd.get(), block, std::min(sizeof block, most - text.size()));
    if (count <= 0) break;
    text.append(block, static_cast<std::size_t>(count));
  }
  return text;
}

std::string link_of(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  return size <= 0 ? std::string() : std::string(target, static_cast<std::size_t>(size));
}

std::vector<int> list_pids() {
  std::vector<int> pids;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return pids;
  while (const dirent* entry = ::readdir(folder)) {
    const int pid = std::atoi(entry->d_name);
    if (pid > 0) pids.push_back(pid);
  }
  ::closedir(folder);
  std::sort(pids.begin(), pids.end());
  return pids;
}

// Ourselves and the parser; the agent's other processes are protected where acting is decided.
bool is_ours(int pid) {
  return pid == ::getpid() ||
         read_all("/proc/" + std::to_string(pid) + "/status", 4096)
                 .find("\nPPid:\t" + std::to_string(::getpid()) + "\n") != std::string::npos;
}

// A program's path as the root has it; nothing if it does not lie in it. The kernel writes it as
// seen from / of the process's own mount namespace: to a container that cleans its node that is the
// root already.
std::optional<std::string> in_root(const Root& root, int pid, std::string exe) {
  const std::string folder = "/proc/" + std::to_string(pid);
  if (root.is_whole()) return exe;
  if (link_of(folder + "/ns/mnt") != link_of("/proc/self/ns/mnt") && root.is_root_of(pid))
    return exe;
  if (!exe.starts_with(root.path() + "/")) return std::nullopt;
  return exe.substr(root.path().size());
}

std::optional<ProcessFacts> read_process(const Root& root, int pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const auto stat_line = parse_stat_line(read_all(folder + "/stat", 4096));
  if (!stat_line) return std::nullopt;
  ProcessFacts facts;
  model::ProcessIdentity& identity = facts.identity;
  identity.pid = pid;
  identity.start_ticks = stat_line->start_ticks;
  identity.name = stat_line->name;
  facts.is_kernel_thread = (stat_line->flags & kKernelThread) != 0;

  std::string exe = link_of(folder + "/exe");
  constexpr std::string_view kDeleted = " (deleted)";
  if (exe.ends_with(kDeleted)) {
    identity.exe_deleted = true;
    exe.resize(exe.size() - kDeleted.size());
  }
  auto path = in_root(root, pid, std::move(exe));
  if (!path) return std::nullopt;
  exe = std::move(*path);
  struct stat status {};
  if (!exe.empty() && ::stat((folder + "/exe").c_str(), &status) == 0) {
    // A program whose text says "(deleted)" may really be called so.
    if (identity.exe_deleted && status.st_nlink > 0) {
      exe += kDeleted;
      identity.exe_deleted = false;
    }
    identity.exe = identity_of(exe, status);
  } else {
    identity.exe.path = exe;
  }
  facts.exe_alias = root.alias(exe);
  std::string command = read_all(folder + "/cmdline", limits::kLineBytes);
  while (!command.empty() && command.back() == '\0') command.pop_back();
  std::replace(command.begin(), command.end(), '\0', ' ');
  identity.command_line = std::move(command);
  // The kernel cuts names at 15 bytes; the program's own name says the rest.
  const std::string_view exe_name = std::string_view(exe).substr(exe.rfind('/') + 1);
  if (identity.name.size() == kCommandNameBytes && exe_name.starts_with(identity.name))
    identity.name = exe_name;
  facts.looks_like_kernel_thread = !facts.is_kernel_thread && !exe.empty() &&
                                   is_kernel_thread_name(identity.name, identity.command_line);
  return facts;
}

std::optional<std::uint64_t> hex_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string address_text(const Bytes& bytes) {
  char text[INET6_ADDRSTRLEN] = {};
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  // An IPv4 peer of a dual-stack socket is an IPv4 peer.
  if (bytes.size() == 16 && std::equal(std::begin(kMapped), std::end(kMapped), bytes.begin()))
    ::inet_ntop(AF_INET, bytes.data() + 12, text, sizeof text);
  else
    ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof text);
  return text;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (text.empty()) return result;
    result.push_back(text.substr(0, text.find_first_of(" \t")));
    text.remove_prefix(result.back().size());
  }
}

}  // namespace

std::optional<StatLine> parse_stat_line(std::string_view text) {
  // "pid (name) state ..."; the name may hold spaces and parentheses, so the last one counts.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return std::nullopt;
  StatLine line;
  line.name = text.substr(open + 1, close - open - 1);
  const auto fields = words(text.substr(close + 1));
  constexpr std::size_t kFlags = 9 - 3, kStart = 22 - 3;  // proc(5) counts from 1; state is 3
  if (fields.size() <= kStart) return std::nullopt;
  const auto number = [&](std::size_t field, std::uint64_t& value) {
    return std::from_chars(fields[field].data(), fields[field].data() + fields[field].size(), value)
               .ec == std::errc();
  };
  if (!number(kFlags, line.flags) || !number(kStart, line.start_ticks)) return std::nullopt;
  return line;
}

bool is_kernel_thread_name(std::string_view name, std::string_view command_line) {
  // A program that writes brackets around its name pretends in ps.
  if (command_line.starts_with('[') && command_line.find(']') != std::string_view::npos)
    return true;
  constexpr std::string_view kStarts[] = {
      "kworker",     "kthreadd",   "kthreadad",    "kswapd",      "kdevtmpfs", "kauditd",
      "ksoftirqd",   "kcompactd",  "khugepaged",   "khungtaskd",  "kblockd",   "kintegrityd",
      "kpsmoused",   "migration/", "rcu_",         "rcuc/",       "rcuob/",    "jbd2/",
      "edac",        "cpuhp/",     "idle_inject/", "oom_reaper",  "ksmd",      "kdmflush",
      "kdmtmpflush", "kdumpflush", "kthrotld",     "scsi_eh_",    "ata_sff",   "watchdogd",
      "irq/",        "kvfree_",    "netns",        "mm_percpu_wq"};
  return std::any_of(std::begin(kStarts), std::end(kStarts),
                     [&](std::string_view start) { return name.starts_with(start); });
}

std::vector<ProcessFacts> list_processes(const Root& root) {
  std::vector<ProcessFacts> result;
  for (const int pid : list_pids()) {
    if (is_ours(pid)) continue;
    if (auto facts = read_process(root, pid)) result.push_back(std::move(*facts));
  }
  return result;
}

std::optional<SocketLine> parse_socket_line(std::string_view line) {
  // "0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1000 0 12345 ..."
  const auto fields = words(line);
  if (fields.size() < 10 || !fields[0].ends_with(':')) return std::nullopt;
  const auto end_point = [](std::string_view text, std::string& address, std::uint16_t& port) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) return false;
    const auto port_number = hex_number(text.substr(colon + 1));
    const std::string_view digits = text.substr(0, colon);
    if (!port_number || (digits.size() != 8 && digits.size() != 32)) return false;
    // 32-bit words in the byte order of the host, which is little-endian here.
    Bytes bytes;
    for (std::size_t word = 0; word < digits.size(); word += 8) {
      const auto value = hex_number(digits.substr(word, 8));
      if (!value) return false;
      for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::uint8_t>(*value >> (8 * i)));
    }
    address = address_text(bytes);
    port = static_cast<std::uint16_t>(*port_number);
    return true;
  };
  SocketLine result;
  model::ConnectionIdentity& identity = result.identity;
  if (!end_point(fields[1], identity.local_address, identity.local_port) ||
      !end_point(fields[2], identity.remote_address, identity.remote_port))
    return std::nullopt;
  const auto& inode = fields[9];
  if (std::from_chars(inode.data(), inode.data() + inode.size(), result.inode).ec != std::errc())
    return std::nullopt;
  return result;
}

std::vector<ConnectionFacts> list_connections(const Root& root,
                                              const std::vector<ProcessFacts>& processes) {
  std::map<std::uint64_t, const ProcessFacts*> owners;  // socket inode -> process
  std::map<std::string, int> namespaces;                // network namespace -> a process in it
  if (root.is_whole()) namespaces[link_of("/proc/self/ns/net")] = ::getpid();
  for (const ProcessFacts& process : processes) {
    const std::string folder = "/proc/" + std::to_string(process.identity.pid);
    namespaces.try_emplace(link_of(folder + "/ns/net"), process.identity.pid);
    DIR* descriptors = ::opendir((folder + "/fd").c_str());
    if (descriptors == nullptr) continue;
    while (const dirent* entry = ::readdir(descriptors)) {
      const std::string target = link_of(folder + "/fd/" + entry->d_name);
      constexpr std::string_view kSocket = "socket:[";
      if (target.starts_with(kSocket))
        owners.try_emplace(std::strtoull(target.c_str() + kSocket.size(), nullptr, 10), &process);
    }
    ::closedir(descriptors);
  }
  constexpr std::size_t kTableBytes = 64 << 20;
  std::vector<ConnectionFacts> result;
  for (const auto& [name, pid] : namespaces) {
    for (const char* table : {"tcp", "tcp6", "udp", "udp6"}) {
      const std::string text =
          read_all("/proc/" + std::to_string(pid) + "/net/" + table, kTableBytes);
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const auto line = parse_socket_line(std::string_view(text).substr(at, end - at));
        at = end + 1;
        if (!line) continue;
        const auto owner = owners.find(line->inode);
        if (owner == owners.end() && !root.is_whole()) continue;
        ConnectionFacts facts{line->identity, {}};
        if (owner != owners.end()) {
          facts.identity.pid = owner->second->identity.pid;
          facts.identity.exe = owner->second->identity.exe;
          facts.process_name = owner->second->identity.name;
        }
        result.push_back(std::move(facts));
      }
    }
  }
  return result;
}

}  // namespace fleetsweep::scan
