// Every system call of act and of the processes it starts, in every action and its undo: killed
// before it, killed after it, or it fails with a full disk, an I/O error, a missing right, a
// read-only mount, where that makes a difference. Then act is started again as core does, and what
// it was at is fully done or fully undone, as its answer says; what was done is taken back to the
// last byte. The test takes a sample by a seed;
// FLEETSWEEP_FAULTS=all, or a number, and FLEETSWEEP_FAULT_SEED take others (./dev bench --faults
// takes all), and FLEETSWEEP_FAULT_ONLY those whose title holds it.

#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <sstream>

#include "protocol/base/prng.h"
#include "tests/agent/act/faults_world.h"

namespace fleetsweep::act {
namespace {

constexpr std::size_t kSample = 360;
constexpr std::size_t kOfEach = 3;  // scenario, of the sample
constexpr unsigned kWorkers = 4;    // some wait rather than work
constexpr int kErrors[] = {ENOSPC, EIO, EPERM, EROFS};

std::string name_of(long call) {
  char* name = ::seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(call));
  const std::string result = name == nullptr ? std::to_string(call) : name;
  ::free(name);
  return result;
}

// What has no such error. Nothing of it outlives the process either.
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

// These read: no full disk and no read-only mount fails them.
const std::set<std::string> kReading = {
    "access",     "clock_adjtime", "fgetxattr", "flistxattr", "getdents64", "lseek",
    "newfstatat", "open",          "poll",      "ppoll",      "pread64",    "read",
    "readlink",   "readlinkat",    "recvfrom",  "recvmsg",    "statfs",     "statx",
};

// What these do is done to act itself and ends with it: only a missing right fails them.
const std::set<std::string> kOfItself = {
    "bind",         "capget",     "capset",  "close_range", "fcntl",   "flock",
    "memfd_create", "pidfd_open", "pipe2",   "prctl",       "seccomp", "setsid",
    "setsockopt",   "socket",     "unshare", "wait4",
};

constexpr int kReadErrors[] = {EIO, EPERM};
constexpr int kOwnErrors[] = {EPERM};

std::span<const int> errors_of(const std::string& call) {
  if (kNoErrors.contains(call)) return {};
  if (kReading.contains(call)) return kReadErrors;
  if (kOfItself.contains(call)) return kOwnErrors;
  return kErrors;
}

// Whoever is killed at another call leaves what he would have left at the one before it.
bool may_change(const std::string& call) {
  return errors_of(call).size() == std::size(kErrors);
}

struct Case {
  const Scenario* scenario;
  Fault fault;
  std::string call;

  std::string text() const {
    const char* how = fault.how == Fault::How::kKillBefore  ? "killed before"
                      : fault.how == Fault::How::kKillAfter ? "killed after"
                                                            : ::strerrorname_np(fault.error);
    const std::string whose =
        fault.process == 0 ? "" : fmt::format(" of process {}", fault.process + 1);
    return fmt::format("{}: {} {}{} {}", title(*scenario), call, fault.nth + 1, whose, how);
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

// The first call of act itself: it gives up its rights. What the loader did before is the same each
// time.
constexpr const char* kFirstOfItsOwn = "unshare";

// All cases of a scenario, from a run without a fault; those of the loader in the first one alone.
std::vector<Case> cases_of(const Scenario& scenario, std::set<std::string>& called) {
  const std::string said = apart([&](std::FILE* out) {
    World world(scenario);
    const Trace clean = world.run({});
    for (const Call& call : clean.calls)
      std::fputs(fmt::format("{} {}\n", call.process, name_of(call.number)).c_str(), out);
    std::fputs(world.complaints().empty() ? "" : ("! " + world.complaints()).c_str(), out);
  });
  EXPECT_EQ(said.find('!'), std::string::npos)
      << title(scenario) << ": " << said.substr(said.find('!'));
  std::vector<Case> cases;
  std::istringstream lines(said);
  std::map<std::pair<std::size_t, std::string>, std::size_t> before;
  bool counts = &scenario == &scenarios().front();
  std::string call;
  for (std::size_t process = 0; lines >> process >> call;) {
    const std::size_t nth = before[{process, call}]++;
    counts = counts || call == kFirstOfItsOwn;
    if (!counts) continue;
    const long id = ::seccomp_syscall_resolve_name(call.c_str());
    called.insert(call);
    if (may_change(call)) {
      cases.push_back({&scenario, {Fault::How::kKillBefore, process, id, nth, 0}, call});
      cases.push_back({&scenario, {Fault::How::kKillAfter, process, id, nth, 0}, call});
    }
    for (const int error : errors_of(call))
      cases.push_back({&scenario, {Fault::How::kError, process, id, nth, error}, call});
  }
  EXPECT_FALSE(cases.empty()) << title(scenario) << " never calls " << kFirstOfItsOwn;
  return cases;
}

// Of each scenario some. Of the rest every second one at a call that changes something, as long as
// there are any.
std::vector<Case> sample_of(std::vector<Case> cases, std::size_t size, std::uint64_t seed) {
  Prng random(seed);
  for (std::size_t i = cases.size(); i > 1; --i) std::swap(cases[i - 1], cases[random.below(i)]);
  const std::size_t of_each = std::min(kOfEach, size / scenarios().size());
  std::map<const Scenario*, std::size_t> taken;
  std::vector<Case> sample, changing, others;
  for (const Case& one : cases)
    (taken[one.scenario]++ < of_each ? sample
     : may_change(one.call)          ? changing
                                     : others)
        .push_back(one);
  const auto add = [&](const std::vector<Case>& more, std::size_t most) {
    sample.insert(sample.end(), more.begin(), more.begin() + std::min(more.size(), most));
  };
  add(changing, (size - sample.size()) / 2);
  add(others, size - sample.size());
  return sample;
}

struct Tried {
  std::size_t hit = 0, missed = 0;  // those where act came to the call, and those where it did not
  std::string complaints;
};

Tried outcome_of(const std::vector<Case>& cases) {
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
  Tried outcome;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    int status = 0;
    ::waitpid(children[worker], &status, 0);
    std::string text = read_text(folder / std::to_string(worker));
    outcome.hit += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\x01'));
    outcome.missed += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\x02'));
    std::erase_if(text, [](char c) { return c == '\x01' || c == '\x02'; });
    outcome.complaints += text;
  }
  return outcome;
}

TEST(Faults, AtEverySystemCallWhatActIsAtIsFullyDoneOrFullyUndone) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for namespaces of its own";
  const char* wanted = std::getenv("FLEETSWEEP_FAULTS");
  const char* seed_text = std::getenv("FLEETSWEEP_FAULT_SEED");
  const std::uint64_t seed = seed_text != nullptr ? std::strtoull(seed_text, nullptr, 10) : 1;

  std::set<std::string> called;
  std::vector<Case> cases;
  for (const auto& scenario : scenarios()) {
    const auto more = cases_of(scenario, called);
    cases.insert(cases.end(), more.begin(), more.end());
  }
  ASSERT_GT(cases.size(), 1000u);
  const std::size_t total = cases.size();
  const char* only = std::getenv("FLEETSWEEP_FAULT_ONLY");
  if (only != nullptr)
    std::erase_if(cases,
                  [&](const Case& one) { return one.text().find(only) == std::string::npos; });
  if (wanted == nullptr)
    cases = sample_of(std::move(cases), kSample, seed);
  else if (std::string_view(wanted) != "all")
    cases = sample_of(std::move(cases), std::strtoull(wanted, nullptr, 10), seed);
  if (wanted == nullptr && only == nullptr) {
    ASSERT_GE(cases.size(), 300u);
  }
  std::printf("%zu of %zu cases, seed %llu\n", cases.size(), total,
              static_cast<unsigned long long>(seed));
  std::printf("nobody is killed at what changes nothing that outlives act, and of these calls:\n");
  for (const auto& call : called) {
    const auto never = kNoErrors.find(call);
    if (never != kNoErrors.end())
      std::printf("  %s: no error is made up (%s)\n", call.c_str(), never->second.c_str());
    else if (kReading.contains(call))
      std::printf("  %s: no full disk, no read-only mount (it reads)\n", call.c_str());
    else if (kOfItself.contains(call))
      std::printf("  %s: a missing right alone (it is about act itself)\n", call.c_str());
  }
  std::fflush(stdout);

  std::size_t missed = 0;
  for (const auto& scenario : scenarios()) {
    std::vector<Case> its;
    std::copy_if(cases.begin(), cases.end(), std::back_inserter(its),
                 [&](const Case& one) { return one.scenario == &scenario; });
    EXPECT_TRUE(only != nullptr || !its.empty()) << title(scenario) << " is not in the sample";
    if (its.empty()) continue;
    const Tried outcome = outcome_of(its);
    EXPECT_EQ(outcome.complaints, "");
    EXPECT_EQ(outcome.hit + outcome.missed, its.size()) << title(scenario);
    std::printf("%s: %zu cases, of which %zu ended before the call\n", title(scenario).c_str(),
                its.size(), outcome.missed);
    std::fflush(stdout);
    missed += outcome.missed;
  }
  EXPECT_LE(missed, cases.size() / 20);  // the number of calls differs little from run to run
}

}  // namespace
}  // namespace fleetsweep::act
