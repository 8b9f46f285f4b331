#include "agent/scan/process_pass.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "agent/overlay/overlay.h"
#include "agent/scan/memory.h"
#include "agent/scan/process.h"
#include "agent/scan/raw_file.h"
#include "agent/scan/sock_diag.h"
#include "agent/scan/sockets.h"

namespace fleetsweep::scan {

using model::ObjectKind;

namespace {

constexpr std::size_t kMountsBytes = 16 << 20;

// No walk of ours finds it: it lies in a mount namespace of its process alone, or beneath what was
// mounted over it. `ours`: what is mounted in our namespace; layers of an overlay lie in that.
bool lies_apart(const Root& root, const ProcessFacts& process, const std::vector<Mount>& ours) {
  const model::FileIdentity& exe = process.identity.exe;
  const std::string folder = "/proc/" + std::to_string(process.thread);
  struct stat status {};
  const bool is_ours = raw::link(folder + "/ns/mnt") == raw::link("/proc/self/ns/mnt");
  if (exe.path.empty() || (is_ours && !root.share_of(exe.path).empty())) return false;
  if (exe.inode == 0) return true;  // on a mount that not even root may look at
  const UniqueFd here = root.open_file(exe.path);
  const int error = errno;
  const bool is_there = here && ::fstat(here.get(), &status) == 0;
  if (is_ours)
    return is_there ? status.st_dev != exe.device || status.st_ino != exe.inode
                    : error == ENOENT || error == ENOTDIR;
  if (is_there && is_seen(exe, status)) return false;
  const auto theirs = parse_mounts(raw::read(folder + "/mountinfo", kMountsBytes));
  const std::string above = root.is_whole() ? "" : root.path();
  for (const std::string& place : places_of(above + exe.path, theirs, ours)) {
    if (!place.starts_with(above + "/")) continue;
    const std::string path = place.substr(above.size());
    if (!root.share_of(path).empty()) return false;
    const UniqueFd file = root.open_file(path);
    if (file && ::fstat(file.get(), &status) == 0 && is_seen(exe, status)) return false;
  }
  return ::stat((folder + "/exe").c_str(), &status) == 0 &&
         !layer_file(process.thread, raw::link(folder + "/exe"), status);
}

// Its program is the file at its path, or was before a package replaced it: that is root's alone.
// In a mount namespace of their own anybody gives a program any path.
bool has_own_path(const Root& root, const ProcessFacts& process) {
  const model::FileIdentity& exe = process.identity.exe;
  struct stat status {};
  if (process.identity.exe_deleted)
    return ::stat(("/proc/" + std::to_string(process.thread) + "/exe").c_str(), &status) == 0 &&
           status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  const UniqueFd here = root.open_file(exe.path);
  if (!here) return errno != ENOENT && errno != ENOTDIR;
  return ::fstat(here.get(), &status) == 0 && status.st_dev == exe.device &&
         status.st_ino == exe.inode;
}

constexpr std::string_view kOther =
    "runs another program, or in another thread, each time that it "
    "is looked at";

std::string memory_of(const ProcessFacts& process) {
  return fmt::format("memory of process {} ({})", process.identity.pid, process.identity.name);
}

bool is_memfd(const ProcessFacts& process) {
  return process.identity.exe.path.starts_with("/memfd:");
}

}  // namespace

FileState state_of(const model::FileIdentity& file) {
  return {file.device, file.inode, file.size, file.mtime_ns, file.ctime_ns};
}

ProcessPass::ProcessPass(const Root& root, const Matcher& matcher, const PackageDb& packages,
                         ParserClient& parser, Collector& collector, const Sweep& sweep,
                         Tallies& tallies, std::function<bool()> is_stopped)
    : root_(root),
      matcher_(matcher),
      packages_(packages),
      parser_(parser),
      collector_(collector),
      sweep_(sweep),
      tallies_(tallies),
      is_stopped_(std::move(is_stopped)),
      listing_{.is_stopped = is_stopped_} {
  if (sweep.wanting(ObjectKind::kNetworkTraffic))
    packet_sockets_ = SockDiag().packet_sockets().value_or(PacketSockets());
}

template <class Wants>
Policies ProcessPass::asking_for(Wants wants) const {
  Policies who = 0;
  for (std::uint16_t d = 0; d < matcher_.detections(); ++d)
    if (matcher_.detection(d).object == ObjectKind::kProcess && wants(d)) who |= sweep_.bit_of(d);
  return who;
}

void ProcessPass::note(const std::vector<Missed>& missed, Policies asked) {
  for (const Missed& one : missed) {
    const Policies who = one.need == nullptr ? asked : asking_for([&](std::uint16_t d) {
      return matcher_.needs(d).process.*one.need;
    });
    if (one.is_partial)
      tallies_.add_partial(who, one.what, one.why);
    else
      tallies_.add_unscannable(who, one.what, one.why);
  }
}

void ProcessPass::learn(ProcessFacts& process) {
  if (!process.identity.exe.path.empty())
    process.exe_package_owned =
        packages_.owner(process.identity.exe.path).has_value() && has_own_path(root_, process);
  programs_[state_of(process.identity.exe)];
}

bool ProcessPass::keep_up(ProcessFacts& process) {
  if (runs_as_before(process)) return true;
  auto now = look_again(root_, matcher_.process_needs(), process, listing_);
  const std::vector<Missed> missed = std::exchange(listing_.missed, {});
  if (!now) return false;
  process = std::move(*now);
  note(missed, who());
  learn(process);
  return true;
}

void ProcessPass::list() {
  if (!shows_us("/proc"))
    tallies_.add_unscannable(who(), "/proc", "does not show the processes of this system");
  else if (hides_others("/proc"))
    tallies_.add_unscannable(who(), "/proc",
                             "hides processes of others (hidepid), at which we may not look");
  processes_ = list_processes(root_, matcher_.process_needs(), listing_);
  note(std::exchange(listing_.missed, {}), who());
  for (ProcessFacts& process : processes_) {
    tallies_.add_scanned(who());
    learn(process);
  }
  const Policies asked = sweep_.wanting(ObjectKind::kNetworkTraffic);
  if (!asked) return;
  std::vector<Missed> missed;
  for (ConnectionFacts& facts : list_connections(root_, processes_, &missed)) {
    const auto known = packet_sockets_.find(facts.inode);
    if (known != packet_sockets_.end()) facts.has_packet_filter = known->second;
    connections_.emplace_back(std::move(facts));
  }
  note(missed, asked);
}

UniqueFd ProcessPass::open_exe(const ProcessFacts& process, struct stat& status, Policies asked) {
  const std::string path = "/proc/" + std::to_string(process.thread) + "/exe";
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const bool is_gone = !file && (errno == ENOENT || errno == ESRCH);
  std::string why = file || is_gone ? "" : std::strerror(errno);
  if (file && (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
               status.st_ino != process.identity.exe.inode))
    file.reset();
  Listing listing;
  if (!file && why.empty() && look_again(root_, {}, process, listing)) why = kOther;
  if (!why.empty()) tell_of_program(process, why, asked);
  return file;
}

void ProcessPass::tell_of_program(const ProcessFacts& process, std::string_view why,
                                  Policies asked) {
  Policies& told = told_of_[process.identity.pid];
  tallies_.add_unscannable(
      asked & ~told,
      fmt::format("program of process {} ({})", process.identity.pid, process.identity.exe.path),
      why);
  told |= asked;
}

std::vector<Probe> ProcessPass::asking(const std::vector<Probe>& all, const ProcessFacts& process,
                                       Policies& who) const {
  std::vector<Probe> probes;
  for (const Probe& probe : all) {
    const model::FileScope& scope = matcher_.detection(probe.detection).scope;
    if (!(is_memfd(process) ? scope.memfd : scope.deleted_exe)) continue;
    probes.push_back(probe);
    who |= sweep_.bit_of(probe.detection);
  }
  return probes;
}

void ProcessPass::submit_running_files(FilePass& files, const std::vector<Probe>& all) {
  const bool are_wanted = std::any_of(all.begin(), all.end(), [this](const Probe& probe) {
    const model::FileScope& scope = matcher_.detection(probe.detection).scope;
    return scope.memfd || scope.deleted_exe;
  });
  if (!are_wanted) return;
  std::set<FileState> seen;  // several processes may run one program
  const auto ours = mounts().value_or(std::vector<Mount>());
  for (ProcessFacts& process : processes_) {
    keep_up(process);
    Policies asked = 0;
    std::vector<Probe> probes = asking(all, process, asked);
    if (probes.empty() || (!process.identity.exe_deleted && !lies_apart(root_, process, ours)) ||
        (process.identity.exe.inode != 0 && !seen.insert(state_of(process.identity.exe)).second))
      continue;
    struct stat status {};
    UniqueFd file = open_exe(process, status, asked);
    if (!file) continue;
    FileFacts facts;
    facts.identity = process.identity.exe;
    facts.identity.links = 0;  // it has no name here
    facts.stage = FileStage::kStat;
    facts.mtime_delta_ms = 0;
    facts.package_owned = false;
    files.submit(std::move(facts), std::move(file), status, std::move(probes));
  }
  parser_.finish();
}

void ProcessPass::find_candidates(const Probe& probe) {
  if (matcher_.detection(probe.detection).object != ObjectKind::kProcess) return;
  for (const ProcessFacts& process : processes_)
    if (matcher_.match(probe.detection, Object(process), probe.binding) != Truth::kNo)
      programs_[state_of(process.identity.exe)].is_wanted = true;
}

bool ProcessPass::is_waiting_for(const model::FileIdentity& file) const {
  const auto program = programs_.find(state_of(file));
  return program != programs_.end() && program->second.is_wanted;
}

void ProcessPass::complete(Job& job) const {
  job.hash = is_waiting_for(job.facts.identity);
}

void ProcessPass::ask_all(const Probe& probe) {
  const model::Detection& detection = matcher_.detection(probe.detection);
  const auto ask = [&](const Object& object) {
    const Truth truth = matcher_.match(probe.detection, object, probe.binding);
    if (truth == Truth::kYes) collector_.record(probe.detection, object, probe.joined);
    return truth;
  };
  if (detection.object == ObjectKind::kNetworkTraffic)
    for (const Object& object : connections_) {
      const auto& connection = std::get<ConnectionFacts>(object);
      if (ask(object) != Truth::kUnknown || connection.has_packet_filter) continue;
      tallies_.add_unscannable(
          sweep_.bit_of(probe.detection),
          fmt::format("{} socket {} of process {}", connection.identity.protocol, connection.inode,
                      connection.identity.pid),
          "the kernel tells of its filter in its own network only, and to CAP_NET_ADMIN");
    }
  if (detection.object != ObjectKind::kProcess) return;
  for (ProcessFacts& process : processes_) {
    if (is_stopped_()) return;
    if (matcher_.match(probe.detection, Object(process), probe.binding) == Truth::kNo) continue;
    keep_up(process);
    // Its identity is the program's content.
    hash_exe(process, sweep_.bit_of(probe.detection));
    // Memory last, and only of those that everything else leaves over.
    if (detection.rule >= 0 &&
        matcher_.match(probe.detection, Object(process), probe.binding) == Truth::kUnknown)
      scan_memory(process, static_cast<std::uint16_t>(detection.rule));
    ask(Object(process));
  }
}

void ProcessPass::hash_exe(ProcessFacts& process, Policies asked) {
  if (process.identity.exe.path.empty() || !process.exe_sha256.empty()) return;
  const Program& program = programs_[state_of(process.identity.exe)];
  if (!program.sha256) {
    struct stat status {};
    UniqueFd file = open_exe(process, status, asked);
    if (!file) return;
    Job job;
    job.id = ++last_id_;
    job.hash = true;
    job.facts.identity = process.identity.exe;
    unhashed_.clear();
    parser_.submit(std::move(job), std::move(file));
    parser_.finish();
    if (!unhashed_.empty()) tell_of_program(process, unhashed_, asked);
  }
  if (!program.sha256) return;
  process.exe_sha256 = program.sha256->hex();
  process.identity.exe.sha256 = *program.sha256;
}

void ProcessPass::scan_memory(ProcessFacts& process, std::uint16_t rule) {
  for (bool is_again = false; !read_memory_of(process, rule) && keep_up(process); is_again = true) {
    if (!is_again) continue;
    tallies_.add_unscannable(asking_memory(rule), memory_of(process), kOther);
    break;
  }
  // Another process by now: what was read may be of that one.
  if (start_ticks_of(process.identity.pid) != process.identity.start_ticks) process.rules.clear();
  process.rules_done.push_back(rule);
}

Policies ProcessPass::asking_memory(std::uint16_t rule) const {
  return asking_for([&](std::uint16_t d) { return matcher_.detection(d).rule == rule; });
}

bool ProcessPass::read_memory_of(ProcessFacts& process, std::uint16_t rule) {
  if (process.is_kernel_thread) return true;
  const std::string what = memory_of(process);
  scanned_ = &process;
  const auto read = read_memory(process.thread, [&](UniqueFd image) {
    struct stat status {};
    if (::fstat(image.get(), &status) != 0) return;
    Job job;
    job.id = ++last_id_;
    job.rules = {rule};
    job.facts.identity = identity_of(what, status);
    parser_.submit(std::move(job), std::move(image));
  });
  parser_.finish();
  scanned_ = nullptr;
  if ((!read && read.error().code == Code::kNotFound) || !runs_as_before(process)) return false;
  const Policies asked = asking_memory(rule);
  if (!read) tallies_.add_unscannable(asked, what, read.error().message);
  if (read && read->is_partial)
    tallies_.add_partial(asked, what, fmt::format("rules saw only {} bytes", read->bytes));
  return true;
}

void ProcessPass::on_answer(const Job& job, const Answer& answer) {
  if (scanned_ != nullptr && !job.rules.empty()) {
    // Where its strings were is a place in a copy of parts of the memory, and of no use.
    for (const auto& [rule, match] : answer.rules)
      scanned_->rules.emplace_back(rule, model::RuleMatch{.name = match.name, .strings = {}});
    if (answer.status != Answer::Status::kRead)  // a rule took too long, or it is unread
      tallies_.add_unscannable(asking_memory(job.rules.front()), job.facts.identity.path,
                               answer.detail);
  }
  const auto program = programs_.find(state_of(job.facts.identity));
  const auto sha256 = Digest::parse_hex(answer.sha256);
  if (program != programs_.end() && sha256 && !is_unread(answer)) program->second.sha256 = *sha256;
  if (job.hash && answer.status != Answer::Status::kRead) unhashed_ = answer.detail;
}

}  // namespace fleetsweep::scan
