#include "protocol/runtime/sandbox/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

namespace fleetsweep::runtime {
namespace {

constexpr int kSurvived = 7;

// Runs `body` in a child that never comes back; its wait status.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

int in_parser(const std::function<void()>& attempt) {
  return in_child([&] {
    const int keep[] = {0, 1, 2};
    const auto level = confine_parser(keep, User{65534, 65534}, {.memory_bytes = 1ull << 30});
    if (!level) return 1;
    attempt();
    return kSurvived;
  });
}

void expect_death(const std::function<void()>& attempt) {
  const int status = in_parser(attempt);
  EXPECT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

void expect_exit(int status, int code) {
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), code);
}

TEST(Sandbox, AParserThatOnlyReadsAndAllocatesLives) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int status = in_child([&] {
    const int keep[] = {ends[0], ends[1]};
    if (!confine_parser(keep, User{65534, 65534}, {.memory_bytes = 1ull << 30})) return 1;
    char* memory = new char[64 << 20];
    memory[12345] = 'x';
    char got = 0;
    if (::write(ends[1], memory + 12345, 1) != 1 || ::read(ends[0], &got, 1) != 1) return 2;
    delete[] memory;
    return got == 'x' ? kSurvived : 3;
  });
  expect_exit(status, kSurvived);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Sandbox, AParserGetsMoreMemoryThanItIsAllowed) {
#ifdef FS_SANITIZED
  GTEST_SKIP() << "the sanitizer's own memory is larger than any limit";
#endif
  const int status = in_child([] {
    const int keep[] = {0, 1, 2};
    if (!confine_parser(keep, User{65534, 65534}, {.memory_bytes = 1ull << 30})) return 1;
    const void* const more = ::mmap(nullptr, 1ull << 30, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return more == MAP_FAILED ? kSurvived : 2;
  });
  expect_exit(status, kSurvived);
}

TEST(Sandbox, AParserThatOpensAFileDies) {
  expect_death([] { ::open("/etc/passwd", O_RDONLY | O_CLOEXEC); });
}

TEST(Sandbox, AParserThatLooksAtAPathDies) {
  expect_death([] { ::access("/etc/passwd", R_OK); });
}

TEST(Sandbox, AParserThatWantsASocketDies) {
  expect_death([] { ::socket(AF_INET, SOCK_STREAM, 0); });
}

TEST(Sandbox, AParserThatRunsAProgramDies) {
  expect_death([] { ::execl("/bin/true", "true", nullptr); });
}

TEST(Sandbox, AParserThatForksDies) {
  expect_death([] { ::fork(); });
}

TEST(Sandbox, AParserThatTracesDies) {
  expect_death([] { ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); });
}

TEST(Sandbox, AParserThatSignalsAnotherProcessDies) {
  expect_death([] { ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); });
}

TEST(Sandbox, AParserThatWantsExecutableMemoryDies) {
  expect_death([] {
    ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  });
}

TEST(Sandbox, AFailedAssertionInAParserIsAnAbortAndNotAViolation) {
  const int status = in_parser([] { std::abort(); });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
}

TEST(Sandbox, DescriptorsThatWereNotKeptAreClosed) {
  const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int kept = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int status = in_child([&] {
    const int keep[] = {kept};
    if (!close_all_but(keep)) return 1;
    return ::fcntl(other, F_GETFD) == -1 && ::fcntl(0, F_GETFD) == -1 &&
                   ::fcntl(kept, F_GETFD) != -1
               ? kSurvived
               : 2;
  });
  expect_exit(status, kSurvived);
  ::close(other);
  ::close(kept);
}

TEST(Sandbox, TheLevelSaysWhatWasAchieved) {
  const int status = in_child([] {
    const int keep[] = {0, 1, 2};
    const auto level = confine_parser(keep, User{65534, 65534}, {});
    return level ? 100 + static_cast<int>(*level) : 1;
  });
  const bool full = ::geteuid() == 0 && landlock_abi() > 0;
  expect_exit(status, 100 + static_cast<int>(full ? model::SandboxLevel::kFull
                                                  : model::SandboxLevel::kReduced));
}

TEST(Sandbox, WithoutAUserOfItsOwnTheLevelIsReduced) {
  const int status = in_child([] {
    const int keep[] = {0, 1, 2};
    const auto level = confine_parser(keep, std::nullopt, {});
    return level ? 100 + static_cast<int>(*level) : 1;
  });
  expect_exit(status, 100 + static_cast<int>(model::SandboxLevel::kReduced));
}

TEST(Sandbox, RootIsNeverAUserToDropTo) {
  const auto status = drop_privileges({0, 0});
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kInvalid);
}

TEST(Sandbox, AReaderReadsButCannotWrite) {
  const int status = in_child([] {
    if (!no_new_privileges() || !filter_system_calls(Profile::kReader)) return 1;
    return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ? kSurvived : 2;
  });
  expect_exit(status, kSurvived);
  const int write = in_child([] {
    if (!no_new_privileges() || !filter_system_calls(Profile::kReader)) return 1;
    ::open("/tmp/fleetsweep-never", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return kSurvived;
  });
  EXPECT_TRUE(WIFSIGNALED(write));
  EXPECT_NE(::access("/tmp/fleetsweep-never", F_OK), 0);
}

int under(Profile profile, const std::function<int()>& body) {
  return in_child([&] {
    if (!no_new_privileges() || !filter_system_calls(profile)) return 1;
    return body();
  });
}

void expect_never(Profile profile,
                  const std::vector<std::pair<const char*, std::function<void()>>>& calls) {
  for (const auto& [call, attempt] : calls) {
    // By name, for clang 14: it captures no structured binding by itself.
    const int status = under(profile, [&attempt = attempt] {
      attempt();
      return kSurvived;
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << call;
  }
}

const std::vector<std::pair<const char*, std::function<void()>>> kNobodyDoes = {
    {"execve", [] { ::execl("/bin/true", "true", nullptr); }},
    {"ptrace", [] { ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
    {"mount", [] { ::syscall(SYS_mount, "none", "/nowhere", "tmpfs", 0, nullptr); }},
    {"mount_setattr", [] { ::syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, nullptr, 0); }},
    {"fspick", [] { ::syscall(SYS_fspick, AT_FDCWD, "/", 0); }},
    {"unshare", [] { ::syscall(SYS_unshare, 0); }},
    {"sethostname", [] { ::syscall(SYS_sethostname, "", 0); }},
    {"bpf", [] { ::syscall(SYS_bpf, 0, nullptr, 0); }},
    {"chroot", [] { ::syscall(SYS_chroot, "/"); }},
};

// Of a process of its own user, which is what the kernel lets anybody do.
void read_own_memory() {
  char from = 'x', to = 0;
  const iovec ours{&to, 1}, theirs{&from, 1};
  ::process_vm_readv(::getpid(), &ours, 1, &theirs, 1, 0);
}

TEST(Sandbox, AReaderCannotMakeOrEmptyAFileThatItOpensForReading) {
  char made[] = "/tmp/fleetsweep-kept-XXXXXX";
  const int kept = ::mkstemp(made);
  ASSERT_EQ(::write(kept, "kept", 4), 4);
  expect_never(
      Profile::kReader,
      {{"O_TRUNC", [&] { ::open(made, O_RDONLY | O_TRUNC | O_CLOEXEC); }},
       {"O_CREAT", [] { ::open("/tmp/fleetsweep-never", O_RDONLY | O_CREAT | O_CLOEXEC, 0600); }},
       {"open_by_handle_at",
        [] { ::syscall(SYS_open_by_handle_at, AT_FDCWD, nullptr, O_RDONLY | O_TRUNC); }},
       {"openat2", [&] {
          open_how how{};
          how.flags = O_RDONLY | O_TRUNC;
          ::syscall(SYS_openat2, AT_FDCWD, made, &how, sizeof how);
        }}});
  struct stat status {};
  ASSERT_EQ(::fstat(kept, &status), 0);
  EXPECT_EQ(status.st_size, 4);
  EXPECT_NE(::access("/tmp/fleetsweep-never", F_OK), 0);
  ::unlink(made);
  ::close(kept);
}

TEST(Sandbox, TheReaderAloneLooksIntoMemory) {
  expect_exit(under(Profile::kReader,
                    [] {
                      read_own_memory();
                      return kSurvived;
                    }),
              kSurvived);
  for (const Profile other : {Profile::kActor, Profile::kNetwork, Profile::kParser})
    expect_never(other, {{"process_vm_readv", read_own_memory}});
}

TEST(Sandbox, WhoHasTheNetworkTalksAndWritesButStartsTracesAndMountsNothing) {
  const int status = under(Profile::kNetwork, [] {
    const int file = ::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return ::socket(AF_INET, SOCK_STREAM, 0) >= 0 && ::write(file, "x", 1) == 1 ? kSurvived : 2;
  });
  expect_exit(status, kSurvived);
  expect_never(Profile::kNetwork, kNobodyDoes);
}

TEST(Sandbox, WhoActsWritesAndSignalsButHasNoNetworkEvenWithoutANamespaceOfItsOwn) {
  const int status = under(Profile::kActor, [] {
    const int file = ::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return ::write(file, "x", 1) == 1 && ::fchmod(file, 0640) == 0 && ::kill(::getpid(), 0) == 0
               ? kSurvived
               : 2;
  });
  expect_exit(status, kSurvived);
  expect_never(Profile::kActor, kNobodyDoes);
  expect_never(Profile::kActor, {{"socket", [] { ::socket(AF_INET, SOCK_STREAM, 0); }},
                                 {"packets", [] { ::socket(AF_PACKET, SOCK_RAW, 0); }},
                                 {"connect", [] { ::connect(0, nullptr, 0); }},
                                 {"bind", [] { ::bind(0, nullptr, 0); }},
                                 {"listen", [] { ::listen(0, 1); }},
                                 {"accept", [] { ::accept4(0, nullptr, nullptr, 0); }}});
}

TEST(Sandbox, LandlockLeavesAReaderItsReads) {
  if (landlock_abi() == 0) GTEST_SKIP() << "no Landlock in this kernel";
  const int status = in_child([] {
    if (!no_new_privileges() || !restrict_files(FileAccess::kReadOnly)) return 1;
    if (::open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0) return 2;
    return ::open("/tmp/fleetsweep-never", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 &&
                   errno == EACCES
               ? kSurvived
               : 3;
  });
  expect_exit(status, kSurvived);
}

TEST(Sandbox, OnlyTheNamedCapabilitiesRemain) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const int status = in_child([] {
    if (!keep_capabilities({CAP_DAC_READ_SEARCH})) return 1;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct have[2] = {};
    ::syscall(SYS_capget, &header, have);
    return have[0].permitted == 1u << CAP_DAC_READ_SEARCH && have[1].permitted == 0 ? kSurvived : 2;
  });
  expect_exit(status, kSurvived);
}

}  // namespace
}  // namespace fleetsweep::runtime
