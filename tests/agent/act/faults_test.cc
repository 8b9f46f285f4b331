// Every system call of act, in every action and its undo: killed before it, killed after it, or it
// fails with a full disk, an I/O error, a missing right, a read-only mount. Then act is started
// again as core does, and what it was at is fully done or fully undone, as its answer says; what
// was done is taken back to the last byte. The test takes a sample by a seed;
// FLEETSWEEP_FAULTS=all, or a number, and FLEETSWEEP_FAULT_SEED take others (./dev bench --faults
// takes all), and FLEETSWEEP_FAULT_ONLY those whose title holds it.

#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "agent/act/hold.h"
#include "agent/act/ledger.h"
#include "agent/act/vault.h"
#include "agent/local/enrolment.h"
#include "agent/plan/network.h"
#include "protocol/base/prng.h"
#include "tests/agent/act/act_host.h"
#include "tests/agent/act/fake_manager.h"
#include "tests/agent/act/service_group.h"
#include "tests/agent/act/tracer.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Outcome;

constexpr std::size_t kSample = 360;
constexpr unsigned kWorkers = 2;
constexpr int kErrors[] = {ENOSPC, EIO, EPERM, EROFS};
constexpr const char* kBeneath = "/dev/shm";  // memory: what is tested is the order of calls

std::string name_of(long call) {
  char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(call));
  const std::string result = name == nullptr ? std::to_string(call) : name;
  ::free(name);
  return result;
}

// An error of a disk or of a right that these never return.
const std::map<std::string, std::string> kNoErrors = {
    {"brk", "memory"},
    {"mmap", "memory"},
    {"munmap", "memory"},
    {"mprotect", "memory"},
    {"mremap", "memory"},
    {"madvise", "memory"},
    {"rt_sigaction", "cannot fail so"},
    {"rt_sigprocmask", "cannot fail so"},
    {"arch_prctl", "the C library's start"},
    {"set_tid_address", "the C library's start"},
    {"set_robust_list", "the C library's start"},
    {"rseq", "the C library's start"},
    {"prlimit64", "the C library's start"},
    {"futex", "cannot fail so"},
    {"getrandom", "cannot fail so"},
    {"getpid", "cannot fail"},
    {"getuid", "cannot fail"},
    {"getppid", "cannot fail"},
    {"gettid", "cannot fail"},
    {"geteuid", "cannot fail"},
    {"umask", "cannot fail"},
    {"clock_gettime", "cannot fail so"},
    {"fstat", "of an open file: answered from memory"},
    {"close", "closes even when it fails"},
    {"exit_group", "does not return"},
};

const std::set<std::string> kChanging = {"write",    "pwrite64",  "renameat2",
                                         "unlinkat", "fsync",     "utimensat",
                                         "fchmod",   "fchown",    "ioctl",
                                         "mkdir",    "mkdirat",   "ftruncate",
                                         "rename",   "unlink",    "fsetxattr",
                                         "rmdir",    "symlinkat", "fchownat",
                                         "openat",   "sendmsg",   "pidfd_send_signal"};

// Everything that can be seen of a folder and what is in it.
std::string manifest(const std::string& root) {
  std::vector<fs::path> paths = {root};
  for (const auto& entry : fs::recursive_directory_iterator(root)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::string text;
  for (const auto& path : paths) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) continue;
    text +=
        fmt::format("{} {:o} {}:{} {}", path.string().substr(root.size()), status.st_mode,
                    status.st_uid, status.st_gid, S_ISDIR(status.st_mode) ? 0 : status.st_nlink);
    text += fmt::format(" {}.{}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    if (S_ISLNK(status.st_mode)) text += " -> " + fs::read_symlink(path).string();
    if (S_ISREG(status.st_mode)) text += " " + read_text(path);
    if (!S_ISLNK(status.st_mode)) {
      char names[1024];
      const auto size = ::listxattr(path.c_str(), names, sizeof names);
      std::set<std::string> attributes;
      for (const char* at = names; at < names + std::max<ssize_t>(size, 0);
           at += std::strlen(at) + 1) {
        char value[256];
        const auto bytes = ::getxattr(path.c_str(), at, value, sizeof value);
        attributes.insert(std::string(at) + "=" + std::string(value, bytes > 0 ? bytes : 0));
      }
      for (const auto& attribute : attributes) text += " " + attribute;
      const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
      long flags = 0;
      if (::ioctl(fd, _IOR('f', 1, long), &flags) == 0) text += fmt::format(" {:x}", flags);
      ::close(fd);
    }
    text += "\n";
  }
  return text;
}

// One action on a small host, with something that must stay beside everything that may go.
struct Scenario {
  const char* name;
  std::vector<ActionKind> actions;
  std::vector<std::uint16_t> detections;
  void (*find)(ActHost&);
  bool undo = false;  // the faults are in its undo
};

void find_file(ActHost& host) {
  host.find_file(kByName, "/usr/lib/libevil.so");
}
void find_cron(ActHost& host) {
  host.find_line(kByCron, model::PersistenceKind::kCron, "/etc/crontab",
                 "* * * * * root /tmp/evil");
}
void find_preload(ActHost& host) {
  host.find_line(kByPreload, model::PersistenceKind::kLdSoPreload, "/etc/ld.so.preload",
                 "/usr/lib/libevil.so", "/usr/lib/libevil.so");
}
void find_unit(ActHost& host) {
  host.find_unit("/etc/systemd/system/evil.service");
}
void find_setuid(ActHost& host) {
  host.find_unit("/opt/rights");
  std::get<model::PersistenceIdentity>(host.findings.back().identity).kind =
      model::PersistenceKind::kSetuidProgram;
}
void find_process(ActHost& host) {
  host.find_process(host.start("/opt/worker"));
}

void find_service(ActHost& host) {
  host.find_file(kByName, "/opt/worker");
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> list = {
        {"quarantine", {ActionKind::kQuarantine}, {kByName}, find_file},
        {"remove a line", {ActionKind::kRemove}, {kByCron}, find_cron},
        {"remove the last line", {ActionKind::kRemove}, {kByPreload}, find_preload},
        {"remove a unit", {ActionKind::kRemove}, {kByUnit}, find_unit},
        {"disable a unit", {ActionKind::kDisable}, {kByUnit}, find_unit},
        {"disable a line", {ActionKind::kDisable}, {kByCron}, find_cron},
        {"disable a program", {ActionKind::kDisable}, {kByUnit}, find_setuid},
        {"suspend", {ActionKind::kSuspend}, {kByProcess}, find_process},
        {"block", {ActionKind::kBlock}, {kByName}, find_file},
        {"isolate", {ActionKind::kIsolate}, {kByName}, find_file},
    };
    const auto count = list.size();
    for (std::size_t i = 0; i < count; ++i) {
      list.push_back(list[i]);
      list.back().undo = true;
    }
    list.push_back(
        {"restart", {ActionKind::kQuarantine, ActionKind::kRestart}, {kByName}, find_service});
    list.push_back({"collect", {ActionKind::kCollect}, {kByProcess}, find_process});
    list.push_back({"suspend and kill",
                    {ActionKind::kSuspend, ActionKind::kKill},
                    {kByProcess},
                    find_process});
    return list;
  }();
  return all;
}

std::string title(const Scenario& scenario) {
  return (scenario.undo ? "undo of " : "") + std::string(scenario.name);
}

class World {
 public:
  explicit World(const Scenario& scenario) : scenario_(scenario), host_(kBeneath) {
    write_text(host_.at("/usr/lib/libevil.so"), "harmless content of a look-alike");
    fs::create_hard_link(host_.at("/usr/lib/libevil.so"), host_.at("/usr/lib/libevil.so.1"));
    ::setxattr(host_.at("/usr/lib/libevil.so").c_str(), "user.note", "kept", 4, 0);
    write_text(host_.at("/usr/lib/libgood.so"), "the same folder, another file");
    write_text(host_.at("/etc/crontab"),
               "# jobs\n* * * * * root /tmp/evil\n5 * * * * root /usr/bin/true\n");
    fs::permissions(host_.at("/etc/crontab"), fs::perms(0640));
    ::setxattr(host_.at("/etc/crontab").c_str(), "user.note", "kept", 4, 0);
    write_text(host_.at("/etc/ld.so.preload"), "/usr/lib/libevil.so\n");
    write_text(host_.at("/etc/systemd/system/evil.service"), "[Service]\nExecStart=/tmp/evil\n");
    fs::create_directories(host_.at("/etc/systemd/system/multi-user.target.wants"));
    for (const char* unit : {"evil.service", "good.service"})
      fs::create_symlink(std::string("/etc/systemd/system/") + unit,
                         host_.at("/etc/systemd/system/multi-user.target.wants/") + unit);
    fs::create_directories(host_.at("/opt"));
    fs::copy_file("/bin/sleep", host_.at("/opt/worker"));
    write_text(host_.at("/opt/rights"), "harmless content of a look-alike");
    ::chmod(host_.at("/opt/rights").c_str(), 06755);
    if (restarts()) begin_service();
    std::time_t time = 1'500'000'000;
    std::vector<std::string> paths = {host_.root()};
    for (const auto& entry : fs::recursive_directory_iterator(host_.root()))
      paths.push_back(entry.path().string());
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
      const timespec times[2] = {{time += 1000, 1}, {time, 123456789}};
      ::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
    }

    auto& actions = host_.policy.responses[0].actions;
    actions.clear();
    for (const auto kind : scenario.actions) {
      model::Action action;
      action.kind = kind;
      action.what = {"exe", "command_line"};
      action.select.push_back({model::Selector::Kind::kDetections, scenario.detections, {}});
      action.ttl = std::chrono::hours(1);
      action.direction = "out";
      if (kind == ActionKind::kRestart) {
        action.select[0].kind = model::Selector::Kind::kServicesMapping;
        action.allow = {service_->unit()};
      }
      if (kind == ActionKind::kBlock)
        action.select = {{model::Selector::Kind::kList, {}, {"192.0.2.66", "2001:db8::/32"}}};
      actions.push_back(action);
    }
    host_.policy.verdicts[0].condition.detections = scenario.detections;
    host_.policy.limits.independent_min = 0;
    scenario.find(host_);
    if (scenario.detections[0] == kByProcess)
      worker_ = std::get<model::ProcessIdentity>(host_.findings[0].identity).pid;
    host_.dry_run = host_.findings;
    agent::Enrolment enrolment;
    enrolment.address = "tcp://192.0.2.1:7600";
    enrolment.root_chain = {to_bytes("a root")};
    write_text(host_.state() + "/../enrolment", agent::enrolment_text(enrolment));
    before_ = seen();
    request_ = host_.request();
    applied_ = fixture::id_of(request_.order);
    if (scenario.undo) {
      expect(host_.run(request_).state() == HostState::kCleaned, "the cleaning before the undo");
      request_ = host_.undo_request(request_);
    }
  }

  // Why it is not as it must be; empty if it is.
  const std::string& complaints() const { return complaints_; }

  Trace run(const Fault& fault) {
    Trace trace;
    host_.tracer = [&](pid_t pid) { trace = act::trace(pid, fault); };
    Answer answer = host_.run(request_);
    host_.tracer = nullptr;
    if (fault.how == Fault::How::kNone) {
      expect(answer.state() == (scenario_.undo ? HostState::kUndone : HostState::kCleaned),
             answer.text());
      if (!scenario_.undo) check_apply(answer, fault);
      if (restarts()) expect(systemd_->asked().size() == 1, "not restarted, or twice");
      return trace;
    }
    if (!trace.was_hit) return trace;
    auto again = request_;
    again.resume = true;
    const Answer resumed = host_.run(again);
    // Nothing to resume: then the first answer holds, or nothing had begun.
    if (resumed.state() != HostState::kRefused || resumed.reason() != model::Reason::kNone)
      answer = resumed;
    scenario_.undo ? check_undo(answer) : check_apply(answer, fault);
    check_hold();
    return trace;
  }

 private:
  // What may change: the files, and the packet filter of the network that the worker lives in.
  std::string seen() const {
    return manifest(host_.root()) + (is_about_network() ? output_of("nft list tables") : "");
  }
  bool restarts() const { return scenario_.actions.back() == ActionKind::kRestart; }
  void begin_service() {
    host_.be_whole_host();
    service_.emplace();
    served_ = host_.start("/opt/worker");
    service_->take(served_);
    systemd_.emplace(host_.at("/run/systemd/private"), FakeManager::How::kDone,
                     std::vector<pid_t>{served_});
  }
  bool is_about_network() const { return plan::is_about_network(scenario_.actions[0]); }

  // Just thawed it may still be on its way to sleep.
  static bool runs(char state) { return state != 0 && state != 'T'; }
  void expect(bool holds, const std::string& what) {
    if (!holds) complaints_ += what + "\n";
  }

  // A host is called clean when nothing of it is in its service's memory any more, or a person is
  // told to restart that. An act that may not look at a memory knows of nothing in it.
  void check_restart(const Answer& answer, const Fault& fault) {
    const bool is_clean = answer.state() == HostState::kCleaned;
    const bool is_blind = fault.how == Fault::How::kError;
    bool is_said = is_blind;
    for (std::size_t i = 0; answer.done && i < answer.done->items.size(); ++i) {
      const auto& item = answer.done->items[i];
      if (item.action != ActionKind::kRestart) continue;
      is_said = true;
      const bool is_done = item.outcome == Outcome::kDone;
      const bool is_named = item.outcome == Outcome::kFound &&
                            answer.done->paths[i].find("needs restart: ") != std::string::npos;
      const bool was_unseen = is_blind && item.reason == model::Reason::kGone;
      expect(!is_done || (!systemd_->asked().empty() && host_.process_state(served_) == 0),
             "said to be restarted, and it runs on\n" + answer.text());
      expect(!is_clean || is_done || is_named || was_unseen,
             "called clean, and the restart is forgotten\n" + answer.text());
    }
    expect(!is_clean || is_said, "called clean without a word on its service\n" + answer.text());
  }

  // Each step is what the answer says it is.
  void check_apply(const Answer& answer, const Fault& fault) {
    bool done = true, frozen = false, killed = false;
    expect(!answer.done || !answer.done->items.empty() || answer.state() != HostState::kCleaned,
           "a cleaning without a step");
    for (const auto& item : answer.done ? answer.done->items : std::vector<model::ReceiptItem>{}) {
      if (item.action == ActionKind::kRestart) continue;  // the files are gone all the same
      done = done && item.outcome == Outcome::kDone;
      if (item.action == ActionKind::kSuspend) frozen = item.outcome == Outcome::kDone;
      if (item.action == ActionKind::kKill) killed = item.outcome == Outcome::kDone;
    }
    done = done && answer.done && !answer.done->items.empty();
    if (restarts()) check_restart(answer, fault);
    if (worker_ != 0) {
      const char state = host_.process_state(worker_);
      expect(killed   ? state == 0
             : frozen ? state == 'T'
                      : runs(state),
             fmt::format("process is '{}' where {}\n{}", state == 0 ? '-' : state,
                         killed   ? "it was killed"
                         : frozen ? "it was frozen"
                                  : "it runs",
                         answer.text()));
    }
    const std::string now = seen();
    const bool changes = scenario_.detections[0] != kByProcess;
    if (!done || !changes) return expect(now == before_, difference(answer, before_, now));
    expect(now != before_, "said to be done, and nothing was\n" + answer.text());
    expect(now.find(".fs") == std::string::npos, "a temporary file is left\n" + now);
    const Answer undone = host_.run(host_.undo_request(request_));
    expect(undone.state() == HostState::kUndone, "undo after it: " + undone.text());
    const std::string back = seen();
    expect(back == before_, difference(undone, before_, back));
  }

  // A cgroup stays only as long as somebody is held in it.
  void check_hold() {
    const auto mount = freezer_mount(read_text("/proc/self/mountinfo"));
    if (!mount || (worker_ != 0 && host_.process_state(worker_) == 'T')) return;
    const auto ledger = Ledger::open(host_.state() + "/journal");
    const auto vault = Vault::open(host_.state());
    expect(ledger.has_value() && vault.has_value(), "the journal or the vault cannot be read");
    if (!ledger || !vault) return;
    for (const auto& transaction : ledger->history())
      expect(!fs::exists(mount->path + "/fleetsweep-hold-" + vault->name_of(transaction.id)),
             "an empty cgroup is left");
  }

  void check_undo(const Answer& answer) {
    if (answer.state() != HostState::kUndone) {
      // It says so, and the next one goes on where it stood.
      const bool says_so = !answer.done || answer.state() == HostState::kFailed ||
                           answer.state() == HostState::kRefused;
      expect(says_so, "neither undone nor failed: " + answer.text());
      model::Order order = host_.undo_order(applied_);
      order.title = "once more";
      const Answer more = host_.run(host_.request(order, {"alice", "bob"}));
      expect(more.state() == HostState::kUndone, "undone once more: " + more.text());
    }
    if (worker_ != 0) expect(runs(host_.process_state(worker_)), "a process is not continued");
    const std::string now = seen();
    expect(now == before_, difference(answer, before_, now));
  }

  static std::string difference(const Answer& answer, const std::string& expected,
                                const std::string& found) {
    const auto lines = [](const std::string& text) {
      std::set<std::string> result;
      std::istringstream stream(text);
      for (std::string line; std::getline(stream, line);) result.insert(line);
      return result;
    };
    std::string text = answer.text();
    const auto a = lines(expected), b = lines(found);
    for (const auto& line : a)
      if (!b.contains(line)) text += "  - " + line + "\n";
    for (const auto& line : b)
      if (!a.contains(line)) text += "  + " + line + "\n";
    return text;
  }

  const Scenario& scenario_;
  std::optional<ServiceGroup> service_;  // lives longer than its processes
  ActHost host_;
  std::optional<FakeManager> systemd_;
  pid_t worker_ = 0, served_ = 0;  // who is found; who has the found file loaded
  std::string before_, complaints_;
  DocumentId applied_;
  model::ActRequest request_;
};

struct Case {
  const Scenario* scenario;
  Fault fault;
  std::string call;

  std::string text() const {
    const char* how = fault.how == Fault::How::kKillBefore  ? "killed before"
                      : fault.how == Fault::How::kKillAfter ? "killed after"
                                                            : ::strerrorname_np(fault.error);
    return fmt::format("{}: call {} {} {}", title(*scenario), fault.call, call, how);
  }
};

// In a process, mount and network namespace of its own: /proc shows what the test started, and no
// more. `work` writes to a file what it has to say, and its words come back.
std::string apart(const std::function<void(std::FILE*)>& work) {
  const TempDir folder(kBeneath);
  const std::string path = folder / "said";
  const pid_t outer = ::fork();
  if (outer == 0) {
    if (::unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET) != 0) ::_exit(2);
    const pid_t init = ::fork();
    if (init == 0) {
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
      if (::mount("proc", "/proc", "proc", 0, nullptr) != 0) ::_exit(2);
      std::FILE* said = std::fopen(path.c_str(), "w");
      // act prints its plan for the host's owner.
      if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(2);
      work(said);
      std::fclose(said);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(init, &status, 0);
    ::_exit(status == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(outer, &status, 0);
  const std::string text = read_text(path);
  return status == 0 ? text : text + fmt::format("the worker ended with {}\n", status);
}

// All cases of a scenario, from a run without a fault.
std::vector<Case> cases_of(const Scenario& scenario, std::map<std::string, std::string>& skipped) {
  const std::string said = apart([&](std::FILE* out) {
    World world(scenario);
    const Trace clean = world.run({});
    for (const long call : clean.calls) std::fputs((name_of(call) + "\n").c_str(), out);
    std::fputs(world.complaints().empty() ? "" : ("! " + world.complaints()).c_str(), out);
  });
  EXPECT_EQ(said.find('!'), std::string::npos)
      << title(scenario) << ": " << said.substr(said.find('!'));
  std::vector<Case> cases;
  std::istringstream lines(said);
  std::size_t number = 0;
  for (std::string call; std::getline(lines, call); ++number) {
    const long id = ::seccomp_syscall_resolve_name(call.c_str());
    cases.push_back({&scenario, {Fault::How::kKillBefore, number, id, 0}, call});
    cases.push_back({&scenario, {Fault::How::kKillAfter, number, id, 0}, call});
    const auto never = kNoErrors.find(call);
    if (never != kNoErrors.end()) skipped.insert(*never);
    for (const int error : kErrors)
      if (never == kNoErrors.end())
        cases.push_back({&scenario, {Fault::How::kError, number, id, error}, call});
  }
  return cases;
}

// Every second one at a call that changes something, as long as there are any.
std::vector<Case> sample_of(std::vector<Case> cases, std::size_t size, std::uint64_t seed) {
  Prng random(seed);
  for (std::size_t i = cases.size(); i > 1; --i) std::swap(cases[i - 1], cases[random.below(i)]);
  std::stable_partition(cases.begin(), cases.end(),
                        [](const Case& one) { return kChanging.contains(one.call); });
  const auto changing = static_cast<std::size_t>(std::count_if(
      cases.begin(), cases.end(), [](const Case& one) { return kChanging.contains(one.call); }));
  std::vector<Case> sample(cases.begin(), cases.begin() + std::min(changing, size / 2));
  const auto rest = std::min(cases.size() - changing, size - sample.size());
  sample.insert(sample.end(), cases.begin() + changing, cases.begin() + changing + rest);
  return sample;
}

TEST(Faults, AtEverySystemCallWhatActIsAtIsFullyDoneOrFullyUndone) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for namespaces of its own";
  const char* wanted = std::getenv("FLEETSWEEP_FAULTS");
  const char* seed_text = std::getenv("FLEETSWEEP_FAULT_SEED");
  const std::uint64_t seed = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1;

  std::map<std::string, std::string> skipped;
  std::vector<Case> cases;
  for (const auto& scenario : scenarios()) {
    const auto more = cases_of(scenario, skipped);
    std::printf("%s: %zu cases\n", title(scenario).c_str(), more.size());
    cases.insert(cases.end(), more.begin(), more.end());
  }
  ASSERT_GT(cases.size(), 1000u);
  const std::size_t total = cases.size();
  if (const char* only = std::getenv("FLEETSWEEP_FAULT_ONLY"))
    std::erase_if(cases,
                  [&](const Case& one) { return one.text().find(only) == std::string::npos; });
  else if (wanted == nullptr)
    cases = sample_of(std::move(cases), kSample, seed);
  else if (std::string_view(wanted) != "all")
    cases = sample_of(std::move(cases), std::strtoull(wanted, nullptr, 10), seed);
  std::printf("%zu of %zu cases, seed %llu\n", cases.size(), total,
              static_cast<unsigned long long>(seed));
  std::printf("no errors are made up for (they are only killed at):\n");
  for (const auto& [call, why] : skipped) std::printf("  %s: %s\n", call.c_str(), why.c_str());
  std::fflush(stdout);

  const TempDir folder(kBeneath);
  std::vector<pid_t> children;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    const pid_t pid = ::fork();
    if (pid != 0) {
      children.push_back(pid);
      continue;
    }
    const std::string text = apart([&](std::FILE* out) {
      for (std::size_t i = worker; i < cases.size(); i += kWorkers) {
        while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;  // guardians of those before
        World world(*cases[i].scenario);
        const Trace trace = world.run(cases[i].fault);
        if (!world.complaints().empty())
          std::fputs((cases[i].text() + "\n" + world.complaints() + "\n").c_str(), out);
        std::fputs(trace.was_hit ? "\x01" : "\x02", out);
        std::fflush(out);
      }
    });
    write_text(folder / std::to_string(worker), text);
    ::_exit(0);
  }
  std::size_t hit = 0, missed = 0;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    int status = 0;
    ::waitpid(children[worker], &status, 0);
    std::string text = read_text(folder / std::to_string(worker));
    hit += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\x01'));
    missed += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\x02'));
    std::erase_if(text, [](char c) { return c == '\x01' || c == '\x02'; });
    EXPECT_EQ(text, "");
  }
  std::printf("%zu hit, %zu ended before the call\n", hit, missed);
  EXPECT_EQ(hit + missed, cases.size());
  EXPECT_LT(missed, cases.size() / 20);  // the number of calls differs little from run to run
}

}  // namespace
}  // namespace fleetsweep::act
