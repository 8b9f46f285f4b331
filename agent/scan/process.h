#pragma once

// Running programs, as /proc tells, without any tool of the host. A process that ends while it is
// looked at is one that is not there, as is one of which only the exit status is left. One whose
// first thread has ended goes on: /proc/PID shows nothing of it then, /proc/TID of another thread
// does.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/scan/evaluate/matcher.h"
#include "agent/scan/root.h"
#include "protocol/base/limits.h"

namespace fleetsweep::scan {

// What of a process could not be looked at, or not wholly.
struct Missed {
  std::string what, why;
  bool is_partial = false;
  bool ProcessNeeds::*need = nullptr;  // whoever has it is served by it; null: all are
};
// A file that /proc shows of a process; what of it cannot be read is noted, unless the process is
// gone.
std::string read_whole(const std::string& path, std::size_t most, std::vector<Missed>& missed);
// How processes are listed.
struct Listing {
  std::function<bool()> is_stopped = [] { return false; };
  std::size_t texts_left = limits::kProcessTextBytes;  // what does not fit is dropped
  std::vector<Missed> missed{};
};
// All processes; of a root that is a folder, those whose program lies in it or whose / it is.
// Processes of our own family are left out. Hashes and package ownership are not filled in.
std::vector<ProcessFacts> list_processes(const Root& root, const ProcessNeeds& needs,
                                         Listing& listing);
std::vector<ProcessFacts> list_processes(const Root& root, const ProcessNeeds& needs = {});

// The same process as it is now: it may run another program, or in another thread; of its parent
// what was known. Nothing: it ended, or has left the root.
std::optional<ProcessFacts> look_again(const Root& root, const ProcessNeeds& needs,
                                       const ProcessFacts& before, Listing& listing);
// Whether the thread that is known of it runs the program that is known.
bool runs_as_before(const ProcessFacts& process);

// Whether we are among those that it tells of: an empty folder that is mounted over /proc, or one
// of another pid namespace, tells of none of this host's.
bool shows_us(const std::string& proc);

// Whether it lists the processes of others only to who may look at all of them (hidepid), and we
// may not.
bool hides_others(const std::string& proc);

// When it was started; nothing: it ended.
std::optional<std::uint64_t> start_ticks_of(int pid);

// What /proc/PID/stat says that we need; nothing when it is malformed.
struct StatLine {
  std::string name;
  char state = '?';
  int parent = 0;
  std::uint64_t flags = 0;
  std::uint64_t threads = 0;
  std::uint64_t start_ticks = 0;
};
std::optional<StatLine> parse_stat_line(std::string_view text);

// "kworker/0:1", "[kswapd0]", "kdevtmpfsi": the name of a kernel thread or one made to look so.
bool is_kernel_thread_name(std::string_view name, std::string_view command_line);

// One line of /proc/PID/maps. Paths as the kernel writes them, with " (deleted)".
struct Mapping {
  std::uint64_t start = 0, end = 0;
  bool readable = false, writable = false, executable = false, shared = false;
  std::string device;
  std::uint64_t inode = 0;
  std::string path;
};
std::optional<Mapping> parse_mapping(std::string_view line);

// Of /proc/PID/environ: the names, without what they stand for.
std::vector<std::string> environment_names(std::string_view environ);

// Of /proc/PID/status: the effective capabilities by name, and the effective user's number.
std::vector<std::string> capability_names(std::uint64_t mask);
std::optional<std::uint64_t> effective_capabilities(std::string_view status);
std::optional<unsigned> effective_user(std::string_view status);

// Calls `take` with each line, without its end.
template <class Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size() == text.size() ? line.size() : line.size() + 1);
    take(line);
  }
}

// Its parts between spaces.
std::vector<std::string_view> words(std::string_view line);

}  // namespace fleetsweep::scan
