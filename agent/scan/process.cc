#include "agent/scan/process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "agent/overlay/container.h"
#include "agent/scan/attributes.h"
#include "agent/scan/raw_file.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {
namespace {

constexpr std::uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD, include/linux/sched.h
constexpr std::uint64_t kExiting = 0x00000004;       // PF_EXITING
constexpr std::size_t kCommandNameBytes = 15;        // TASK_COMM_LEN - 1
constexpr std::size_t kStatusBytes = 1 << 20;        // a process may be in 65,536 groups
constexpr std::size_t kMapsBytes = 16 << 20;
constexpr std::size_t kEnvironmentBytes = 1 << 20;
constexpr std::size_t kTexts = 4096;  // files mapped, names in an environment

// A process that ends takes its files along.
bool has_gone(int error) {
  return error == ENOENT || error == ESRCH;
}

std::vector<raw::Entry> list_all(const std::string& folder, std::vector<Missed>& missed) {
  const UniqueFd fd = raw::open(folder, O_DIRECTORY);
  auto entries = raw::list(fd.get());
  if (entries) return std::move(*entries);
  if (!has_gone(errno)) missed.push_back({folder, std::strerror(errno)});
  return {};
}

std::optional<StatLine> read_stat(int pid) {
  return parse_stat_line(raw::read("/proc/" + std::to_string(pid) + "/stat", 4096));
}

// A thread that ends has lost its memory, and so its program, some time before.
bool has_ended(const StatLine& line) {
  return line.state == 'Z' || line.state == 'X' || (line.flags & kExiting) != 0;
}

// Nothing: it has none.
std::optional<int> living_thread(int pid, const StatLine& line, std::vector<Missed>& missed) {
  if (!has_ended(line)) return pid;
  if (line.threads < 2) return std::nullopt;
  for (const raw::Entry& entry : list_all("/proc/" + std::to_string(pid) + "/task", missed)) {
    const int thread = std::atoi(entry.name.c_str());
    if (const auto one = read_stat(thread); one && !has_ended(*one)) return thread;
  }
  return std::nullopt;
}

std::vector<int> list_pids(std::vector<Missed>& missed) {
  std::vector<int> pids;
  for (const raw::Entry& entry : list_all("/proc", missed))
    if (const int pid = std::atoi(entry.name.c_str()); pid > 0) pids.push_back(pid);
  std::sort(pids.begin(), pids.end());
  return pids;
}

// Ourselves and the parser; the agent's other processes are protected where acting is decided.
bool is_ours(int pid) {
  return pid == ::getpid() ||
         raw::read("/proc/" + std::to_string(pid) + "/status", 4096)
                 .find("\nPPid:\t" + std::to_string(::getpid()) + "\n") != std::string::npos;
}

// A program's path as the root has it; nothing if it does not lie in it. The kernel writes it as
// seen from / of the process's own mount namespace: to a container that cleans its node that is the
// root already.
std::optional<std::string> in_root(const Root& root, int pid, std::string exe) {
  const std::string folder = "/proc/" + std::to_string(pid);
  if (root.is_whole()) return exe;
  if (raw::link(folder + "/ns/mnt") != raw::link("/proc/self/ns/mnt") && root.is_root_of(pid))
    return exe;
  if (!exe.starts_with(root.path() + "/")) return std::nullopt;
  return exe.substr(root.path().size());
}

void note_texts(const std::string& path, std::size_t texts, std::vector<Missed>& missed) {
  if (texts == kTexts)
    missed.push_back({path, fmt::format("only {} names in it were looked at", texts), true});
}

// What was missed since then serves this need alone.
void serve(bool ProcessNeeds::*need, std::vector<Missed>& missed, std::size_t before) {
  for (std::size_t i = before; i < missed.size(); ++i) missed[i].need = need;
}

// Paths of what it runs, in the root's spelling where they lie in it.
std::vector<std::string> mapped_files(const Root& root, int pid, std::vector<Missed>& missed) {
  std::set<std::string> files;
  const std::string maps = "/proc/" + std::to_string(pid) + "/maps";
  for_each_line(read_whole(maps, kMapsBytes, missed), [&](std::string_view line) {
    auto mapping = parse_mapping(line);
    if (!mapping || !mapping->executable || !mapping->path.starts_with('/') ||
        files.size() >= kTexts)
      return;
    files.insert(in_root(root, pid, mapping->path).value_or(mapping->path));
  });
  note_texts(maps, files.size(), missed);
  return {files.begin(), files.end()};
}

void read_more(const Root& root, const ProcessNeeds& needs, ProcessFacts& facts,
               std::vector<Missed>& missed) {
  const int pid = facts.thread;
  const std::string folder = "/proc/" + std::to_string(pid);
  if (needs.mapped_files) {
    const std::size_t before = missed.size();
    facts.mapped_files = mapped_files(root, pid, missed);
    serve(&ProcessNeeds::mapped_files, missed, before);
  }
  if (needs.environment) {
    const std::size_t before = missed.size();
    const std::string path = folder + "/environ";
    facts.environment_names = environment_names(read_whole(path, kEnvironmentBytes, missed));
    note_texts(path, facts.environment_names.size(), missed);
    serve(&ProcessNeeds::environment, missed, before);
  }
  if (needs.capabilities || needs.user) {
    const std::string status = raw::read(folder + "/status", kStatusBytes);
    if (const auto mask = effective_capabilities(status))
      facts.capabilities = capability_names(*mask);
    if (const auto uid = effective_user(status)) facts.user = root.user_name(*uid);
  }
  if (needs.cwd) {
    std::string cwd = raw::link(folder + "/cwd");
    facts.cwd = in_root(root, pid, cwd).value_or(cwd);
  }
  if (needs.container)
    facts.container_id = container_id(raw::read(folder + "/cgroup", kStatusBytes));
}

bool has_room(std::size_t bytes, const ProcessFacts& facts, Listing& listing) {
  if (bytes <= listing.texts_left) {
    listing.texts_left -= bytes;
    return true;
  }
  listing.missed.push_back({"/proc/" + std::to_string(facts.thread),
                            fmt::format("only {} bytes of what processes show were looked at",
                                        limits::kProcessTextBytes),
                            true});
  return false;
}

// Each is bounded, and who starts many processes has as many of them.
void keep_texts(ProcessFacts& facts, Listing& listing) {
  std::size_t bytes = facts.identity.command_line.size() + facts.cwd.size();
  for (const auto* texts : {&facts.mapped_files, &facts.environment_names})
    for (const std::string& text : *texts) bytes += sizeof text + text.size();
  if (has_room(bytes, facts, listing)) return;
  for (std::string* text : {&facts.identity.command_line, &facts.cwd}) *text = {};
  for (auto* texts : {&facts.mapped_files, &facts.environment_names}) *texts = {};
}

// A program whose text says "(deleted)" may really be called so. That it has a name does not tell:
// a hard link of it may lie anywhere. The kernel writes the path as seen from our / or, in another
// mount namespace, from the process's.
bool is_called(const std::string& path, int pid, const struct stat& program) {
  for (const std::string& root : {std::string(), "/proc/" + std::to_string(pid) + "/root"}) {
    struct stat status {};
    if (::stat((root + path).c_str(), &status) == 0 && status.st_dev == program.st_dev &&
        status.st_ino == program.st_ino)
      return true;
  }
  return false;
}

std::optional<ProcessFacts> read_process(const Root& root, int pid, int& parent,
                                         std::vector<Missed>& missed) {
  errno = 0;
  const auto stat_line = read_stat(pid);
  // As with hidepid=noaccess. Of one that cannot be looked at nobody knows whether it is of a
  // folder.
  if (!stat_line && root.is_whole() && errno != 0 && !has_gone(errno))
    missed.push_back({"/proc/" + std::to_string(pid), std::strerror(errno)});
  const auto thread = stat_line ? living_thread(pid, *stat_line, missed) : std::nullopt;
  if (!thread) return std::nullopt;
  const std::string folder = "/proc/" + std::to_string(*thread);
  parent = stat_line->parent;
  ProcessFacts facts;
  facts.thread = *thread;
  model::ProcessIdentity& identity = facts.identity;
  identity.pid = pid;
  identity.start_ticks = stat_line->start_ticks;
  identity.name = stat_line->name;
  facts.is_kernel_thread = (stat_line->flags & kKernelThread) != 0;

  const std::string link = raw::link(folder + "/exe");
  if (link.empty() && !facts.is_kernel_thread && root.is_whole()) {
    const int error = errno;
    const auto now = read_stat(pid);
    if (!now || now->start_ticks != identity.start_ticks || !living_thread(pid, *now, missed))
      return std::nullopt;
    missed.push_back({folder + "/exe", std::strerror(error)});
  }
  std::string exe = link;
  constexpr std::string_view kDeleted = " (deleted)";
  if (exe.ends_with(kDeleted)) {
    identity.exe_deleted = true;
    exe.resize(exe.size() - kDeleted.size());
  }
  auto path = in_root(root, *thread, std::move(exe));
  if (!path) return std::nullopt;
  exe = std::move(*path);
  struct stat status {};
  if (!exe.empty() && ::stat((folder + "/exe").c_str(), &status) == 0) {
    if (identity.exe_deleted && is_called(link, *thread, status)) {
      exe += kDeleted;
      identity.exe_deleted = false;
    }
    identity.exe = identity_of(exe, status);
  } else {
    identity.exe.path = exe;
  }
  facts.exe_aliases = root.aliases(exe);
  const std::size_t before = missed.size();
  std::string command = read_whole(folder + "/cmdline", limits::kLineBytes, missed);
  serve(&ProcessNeeds::command_line, missed, before);
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
  // proc(5) counts from 1; state is 3
  constexpr std::size_t kParent = 4 - 3, kFlags = 9 - 3, kThreads = 20 - 3, kStart = 22 - 3;
  if (fields.size() <= kStart) return std::nullopt;
  line.state = fields[0][0];
  const auto number = [&](std::size_t field, auto& value) {
    return std::from_chars(fields[field].data(), fields[field].data() + fields[field].size(), value)
               .ec == std::errc();
  };
  if (!number(kParent, line.parent) || !number(kFlags, line.flags) ||
      !number(kThreads, line.threads) || !number(kStart, line.start_ticks))
    return std::nullopt;
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

std::optional<Mapping> parse_mapping(std::string_view line) {
  // "7f00-7f01 r-xp 00000000 08:01 1234   /usr/lib/libc.so.6"; the path may hold spaces.
  Mapping mapping;
  std::string_view fields[5];
  for (std::string_view& field : fields) {
    field = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.find_first_not_of(' ', field.size()), line.size()));
  }
  const std::size_t dash = fields[0].find('-');
  const auto hex = [](std::string_view text, std::uint64_t& value) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return !text.empty() && parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  };
  if (dash == std::string_view::npos || fields[1].size() != 4 ||
      !hex(fields[0].substr(0, dash), mapping.start) ||
      !hex(fields[0].substr(dash + 1), mapping.end) || mapping.end < mapping.start ||
      std::from_chars(fields[4].data(), fields[4].data() + fields[4].size(), mapping.inode).ec !=
          std::errc())
    return std::nullopt;
  mapping.readable = fields[1][0] == 'r';
  mapping.writable = fields[1][1] == 'w';
  mapping.executable = fields[1][2] == 'x';
  mapping.shared = fields[1][3] == 's';
  mapping.device = fields[3];
  mapping.path = line;
  return mapping;
}

std::vector<std::string> environment_names(std::string_view environ) {
  std::vector<std::string> names;
  while (!environ.empty() && names.size() < kTexts) {
    const std::string_view entry = environ.substr(0, environ.find('\0'));
    environ.remove_prefix(std::min(entry.size() + 1, environ.size()));
    const std::size_t equals = entry.find('=');
    if (equals != 0 && equals != std::string_view::npos)
      names.emplace_back(entry.substr(0, equals));
  }
  return names;
}

std::vector<std::string> capability_names(std::uint64_t mask) {
  const auto known = known_capabilities();
  std::vector<std::string> names;
  for (std::size_t bit = 0; bit < known.size(); ++bit)
    if (mask >> bit & 1) names.emplace_back(known[bit]);
  return names;
}

namespace {

// The words behind "Uid:" and its like.
std::vector<std::string_view> status_words(std::string_view status, std::string_view field) {
  std::vector<std::string_view> found;
  for_each_line(status, [&](std::string_view line) {
    if (line.starts_with(field)) found = words(line.substr(field.size()));
  });
  return found;
}

template <class T>
std::optional<T> number_of(std::string_view text, int base) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::uint64_t> effective_capabilities(std::string_view status) {
  const auto found = status_words(status, "CapEff:");
  return found.empty() ? std::nullopt : number_of<std::uint64_t>(found[0], 16);
}

std::optional<unsigned> effective_user(std::string_view status) {
  const auto found = status_words(status, "Uid:");  // real, effective, saved, file system
  return found.size() < 2 ? std::nullopt : number_of<unsigned>(found[1], 10);
}

std::string read_whole(const std::string& path, std::size_t most, std::vector<Missed>& missed) {
  const UniqueFd file = raw::open(path);
  if (!file && !has_gone(errno)) missed.push_back({path, std::strerror(errno)});
  errno = 0;
  std::string text = raw::read(file.get(), most);
  if (file && errno != 0 && !has_gone(errno)) missed.push_back({path, std::strerror(errno)});
  if (text.size() == most)
    missed.push_back({path, fmt::format("only its first {} bytes were looked at", most), true});
  return text;
}

bool shows_us(const std::string& proc) {
  const std::string us = std::to_string(::getpid());
  return raw::link(proc + "/self") == us &&
         std::ranges::any_of(raw::list(proc).value_or(std::vector<raw::Entry>{}),
                             [&](const raw::Entry& entry) { return entry.name == us; });
}

bool hides_others(const std::string& proc) {
  constexpr std::string_view kOption = "hidepid=";
  bool is_hidden = false;
  for_each_line(raw::read(proc + "/self/mountinfo", kMapsBytes), [&](std::string_view line) {
    const auto fields = words(line);  // id parent major:minor root mount-point ... options
    if (fields.size() < 5 || fields[4] != proc) return;
    const std::size_t at = fields.back().find(kOption);
    std::string_view how =
        at == std::string_view::npos ? "" : fields.back().substr(at + kOption.size());
    how = how.substr(0, how.find(','));
    // With noaccess they are listed.
    is_hidden = !how.empty() && how != "1" && how != "noaccess";
  });
  if (!is_hidden) return false;
  const auto mask = effective_capabilities(raw::read(proc + "/self/status", kStatusBytes));
  return !mask || (*mask >> CAP_SYS_PTRACE & 1) == 0;
}

std::optional<std::uint64_t> start_ticks_of(int pid) {
  const auto line = read_stat(pid);
  return line ? std::optional(line->start_ticks) : std::nullopt;
}

std::vector<ProcessFacts> list_processes(const Root& root, const ProcessNeeds& needs) {
  Listing listing;
  return list_processes(root, needs, listing);
}

std::vector<ProcessFacts> list_processes(const Root& root, const ProcessNeeds& needs,
                                         Listing& listing) {
  std::vector<ProcessFacts> result;
  std::vector<int> parents;
  std::map<int, std::size_t> known;
  for (const int pid : list_pids(listing.missed)) {
    if (listing.is_stopped()) break;
    if (is_ours(pid)) continue;
    int parent = 0;
    auto facts = read_process(root, pid, parent, listing.missed);
    if (!facts) continue;
    read_more(root, needs, *facts, listing.missed);
    keep_texts(*facts, listing);
    known[pid] = result.size();
    parents.push_back(parent);
    result.push_back(std::move(*facts));
  }
  for (std::size_t i = 0; needs.parent && i < result.size(); ++i) {
    const auto parent = known.find(parents[i]);
    if (parent == known.end()) continue;
    const ProcessFacts& from = result[parent->second];
    result[i].parent_name = from.identity.name;
    result[i].parent_exe = from.identity.exe.path;
    result[i].parent_exe_aliases = from.exe_aliases;
    if (has_room(from.identity.command_line.size(), result[i], listing))
      result[i].parent_command_line = from.identity.command_line;
  }
  return result;
}

std::optional<ProcessFacts> look_again(const Root& root, const ProcessNeeds& needs,
                                       const ProcessFacts& before, Listing& listing) {
  int parent = 0;
  auto now = read_process(root, before.identity.pid, parent, listing.missed);
  if (!now || now->identity.start_ticks != before.identity.start_ticks) return std::nullopt;
  read_more(root, needs, *now, listing.missed);
  keep_texts(*now, listing);
  now->parent_name = before.parent_name;
  now->parent_exe = before.parent_exe;
  now->parent_exe_aliases = before.parent_exe_aliases;
  now->parent_command_line = before.parent_command_line;
  return now;
}

bool runs_as_before(const ProcessFacts& process) {
  const model::FileIdentity& exe = process.identity.exe;
  struct stat status {};
  if (exe.path.empty()) return true;  // a thread of the kernel
  if (::stat(("/proc/" + std::to_string(process.thread) + "/exe").c_str(), &status) != 0)
    return errno != ENOENT && errno != ESRCH;
  return status.st_dev == exe.device && status.st_ino == exe.inode;
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

}  // namespace fleetsweep::scan
