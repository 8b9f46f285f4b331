#include "agent/scan/process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "tests/agent/headless_program.h"
#include "tests/agent/memory_program.h"
#include "tests/agent/node_root.h"
#include "tests/agent/scan/tree.h"
#include "tests/wait.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::Match;
using model::ObjectKind;

TEST(Process, ANameWithParenthesesDoesNotShiftTheFields) {
  const auto line = parse_stat_line(
      "42 (a) (b c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 1 "
      "18446744073709551615");
  ASSERT_TRUE(line.has_value());
  EXPECT_EQ(line->name, "a) (b c");
  EXPECT_EQ(line->flags, 4194560u);
  EXPECT_EQ(line->start_ticks, 123456u);
  EXPECT_FALSE(parse_stat_line("42 (x").has_value());
  EXPECT_FALSE(parse_stat_line("42 (x) S 1 2").has_value());
}

TEST(Process, KernelThreadNamesAreKnown) {
  for (const char* name : {"kworker/0:1", "kswapd0", "kdevtmpfsi", "kauditd0", "kdmtmpflush"})
    EXPECT_TRUE(is_kernel_thread_name(name, "")) << name;
  EXPECT_TRUE(is_kernel_thread_name("x", "[kthreadd]"));
  for (const char* name : {"bash", "sshd", "kwin_x11", "kdeconnectd"})
    EXPECT_FALSE(is_kernel_thread_name(name, "")) << name;
}

TEST(Process, AMappingWithSpacesInItsPathIsCutShort) {
  const auto mapping =
      parse_mapping("7f1a2000-7f1a3000 r-xs 00000000 08:01 4711      /tmp/a b (deleted)");
  ASSERT_TRUE(mapping.has_value());
  EXPECT_EQ(mapping->start, 0x7f1a2000u);
  EXPECT_EQ(mapping->end, 0x7f1a3000u);
  EXPECT_TRUE(mapping->readable && mapping->executable && mapping->shared);
  EXPECT_FALSE(mapping->writable);
  EXPECT_EQ(mapping->inode, 4711u);
  EXPECT_EQ(mapping->path, "/tmp/a b (deleted)");
  EXPECT_EQ(parse_mapping("7f-80 rwxp 0 00:00 0")->path, "");
  for (const char* broken : {"", "7f", "80-7f rwxp 0 00:00 0", "7f-80 rwx 0 00:00 0", "7f-80 rwxp"})
    EXPECT_FALSE(parse_mapping(broken).has_value()) << broken;
}

TEST(Process, ValuesOfAnEnvironmentLeaveTheProcess) {
  using namespace std::string_literals;
  EXPECT_EQ(environment_names("AAZHDE=secret\0PATH=/bin\0=x\0broken\0A=b=c"s),
            (std::vector<std::string>{"AAZHDE", "PATH", "A"}));
}

TEST(Process, CapabilitiesAreNamedByTheWrongBit) {
  EXPECT_EQ(capability_names(1u << 13 | 1u),
            (std::vector<std::string>{"cap_chown", "cap_net_raw"}));
  EXPECT_EQ(capability_names(~std::uint64_t{0}).size(), 41u);
  const std::string status = "Name:\tx\nUid:\t1000\t65534\t0\t0\nCapEff:\t0000000000002000\n";
  EXPECT_EQ(effective_capabilities(status), 0x2000u);
  EXPECT_EQ(effective_user(status), 65534u);
  EXPECT_FALSE(effective_capabilities("Name:\tx\n").has_value());
}

class ProcessScanTest : public TreeTest {
 protected:
  static std::set<int> pids(const nlohmann::json& result) {
    std::set<int> found;
    for (const auto& finding : result["findings"])
      if (finding.contains("process")) found.insert(finding["process"]["pid"].get<int>());
    return found;
  }
};

// The control group as Docker names it under systemd.
TEST_F(ProcessScanTest, TheContainerOfAProcessIsNotSeen) {
  const std::string id = fmt::format("{:064x}", ::getpid());
  const pid_t inside = start_program("/opt/worker");
  start_program("/opt/worker");
  // The kernel makes the file with the folder; where no group is mounted there is none.
  const auto move_into = [&](const std::string& folder) {
    return static_cast<bool>(std::fstream(folder + "/cgroup.procs", std::ios::in | std::ios::out)
                             << inside << std::flush);
  };
  std::string group;
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/freezer"}) {
    std::error_code error;
    if (!std::filesystem::exists(std::string(mount) + "/cgroup.procs", error)) continue;
    group = std::string(mount) + "/docker-" + id + ".scope";
    std::filesystem::create_directory(group, error);
    if (move_into(group)) break;
    ::rmdir(group.c_str());
    group.clear();
  }
  if (group.empty()) GTEST_SKIP() << "needs to make control groups";
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess, {is(Field::kProcessContainerId, id)}));
  policy.verdicts.push_back(
      {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
  EXPECT_EQ(pids(scan(policy)), std::set<int>{inside});
  EXPECT_TRUE(move_into(group + "/.."));
  EXPECT_EQ(::rmdir(group.c_str()), 0);
}

TEST_F(ProcessScanTest, OnlyProcessesOfTheTreeExistAndTheirProgramIsHashed) {
  const pid_t pid = start_program("/tmp/kinsing");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess, {is(Field::kProcessExePath, "/tmp/kinsing")}));
  policy.detections.push_back(detection("all", ObjectKind::kProcess, {}));
  const auto result = scan(policy);
  ASSERT_EQ(pids(result), std::set<int>{pid}) << result.dump(1);
  EXPECT_EQ(result["findings"][0]["process"]["exe"]["sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(result["findings"][0]["process"]["name"], "kinsing");
}

TEST_F(ProcessScanTest, ADeletedProgramIsFoundAndItsBytesAreRead) {
  const pid_t pid = start_program("/tmp/gone");
  fs::remove(at("/tmp/gone"));
  model::Policy policy;
  policy.detections.push_back(
      detection("process", ObjectKind::kProcess, {number(Field::kProcessExeDeleted, 1)}));
  policy.detections.push_back(detection(
      "bytes", ObjectKind::kFile, {is(Field::kFileName, "gone"), is(Field::kFileMagic, "elf")}));
  policy.detections[1].scope.deleted_exe = true;
  const auto result = scan(policy);
  EXPECT_EQ(pids(result), std::set<int>{pid});
  EXPECT_EQ(files(result), std::set<std::string>{"bytes /tmp/gone"});
}

TEST_F(ProcessScanTest, ADeletedProgramAnswersForTheDetectionThatAskedForIt) {
  start_program("/tmp/gone");
  start_program("/tmp/gone");
  fs::remove(at("/tmp/gone"));
  model::Policy policy;
  for (const char* id : {"at_its_path", "deleted"})
    policy.detections.push_back(detection(id, ObjectKind::kFile, {is(Field::kFileName, "gone")}));
  policy.detections[1].scope.deleted_exe = true;
  const auto result = scan(policy);
  // Two processes, one program.
  EXPECT_EQ(result["findings"].size(), 1u) << result.dump(1);
  EXPECT_EQ(files(result), std::set<std::string>{"deleted /tmp/gone"});
}

TEST_F(ProcessScanTest, AProgramBeneathAMountThatCameLaterIsNotRead) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a folder";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  start_program("/opt/x/evil");
  model::Policy policy;
  policy.detections.push_back(detection(
      "bytes", ObjectKind::kFile, {is(Field::kFileName, "evil"), is(Field::kFileMagic, "elf")}));
  policy.detections[0].scope.deleted_exe = true;
  EXPECT_EQ(scan(policy)["findings"].size(), 1u) << "once: it lies where everybody sees it";
  ASSERT_EQ(::mount("none", at("/opt/x").c_str(), "tmpfs", 0, nullptr), 0);
  const auto result = scan(policy);
  EXPECT_EQ(::umount(at("/opt/x").c_str()), 0);
  EXPECT_EQ(files(result), std::set<std::string>{"bytes /opt/x/evil"}) << result.dump(1);
}

TEST_F(ProcessScanTest, AHardLinkElsewhereMakesADeletedProgramOneThatIsThere) {
  const pid_t pid = start_program("/tmp/gone");
  fs::create_hard_link(at("/tmp/gone"), at("/tmp/kept"));
  fs::remove(at("/tmp/gone"));
  const pid_t called_so = start_program("/tmp/there (deleted)");
  model::Policy policy;
  policy.detections.push_back(
      detection("process", ObjectKind::kProcess,
                {is(Field::kProcessExePath, "/tmp/gone"), number(Field::kProcessExeDeleted, 1)}));
  policy.detections.push_back(detection("file", ObjectKind::kFile, {is(Field::kFileName, "gone")}));
  policy.detections[1].scope.deleted_exe = true;
  const auto result = scan(policy);
  EXPECT_EQ(pids(result), std::set<int>{pid}) << result.dump(1);
  EXPECT_EQ(files(result), std::set<std::string>{"file /tmp/gone"});
  policy.detections = {detection(
      "there", ObjectKind::kProcess,
      {is(Field::kProcessExePath, "/tmp/there (deleted)"), number(Field::kProcessExeDeleted, 0)})};
  EXPECT_EQ(pids(scan(policy)), std::set<int>{called_so});
}

TEST_F(ProcessScanTest, AnyProgramUnderThePathOfAPackagesIsThePackages) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  write("/var/lib/dpkg/info/good.list", "/bin/good\n/bin/upgraded\n");
  start_program("/bin/good");
  start_program("/bin/upgraded");
  fs::remove(at("/bin/upgraded"));
  fs::create_directories(at("/tmp"));
  fs::copy_file("/bin/sleep", at("/tmp/evil"));
  const std::string good = at("/bin/good"), evil = at("/tmp/evil");
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::unshare(CLONE_NEWNS) == 0 &&
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
        ::mount(evil.c_str(), good.c_str(), nullptr, MS_BIND, nullptr) == 0)
      ::execl(good.c_str(), good.c_str(), "1000", nullptr);
    ::_exit(1);
  }
  started_.push_back(pid);
  ::close(ready[1]);
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 0);  // closed when it has become the program
  ::close(ready[0]);
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kProcess,
                                        {is(Field::kProcessExePath, "/bin/", Match::kStartsWith),
                                         number(Field::kProcessExePackageOwned, 0)}));
  EXPECT_EQ(pids(scan(policy)), std::set<int>{pid});
}

TEST_F(ProcessScanTest, AProgramInAMountThatItsProcessAloneSeesIsFoundNowhere) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  for (const char* folder : {"/tmp", "/layer", "/merged"}) fs::create_directories(at(folder));
  fs::copy_file("/bin/sleep", at("/layer/apart"));
  const auto mount = [&](const char* type, const std::string& where, const std::string& options) {
    return ::mount(type, at(where).c_str(), type, 0, options.c_str()) == 0;
  };
  const auto in_namespace = [&](const auto& prepare, const std::string& path) {
    int ready[2];
    ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (::unshare(CLONE_NEWNS) != 0 ||
          ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 || !prepare())
        ::_exit(1);
      ::execl(at(path).c_str(), at(path).c_str(), "1000", nullptr);
      ::_exit(1);
    }
    started_.push_back(pid);
    ::close(ready[1]);
    char byte = 0;
    EXPECT_EQ(::read(ready[0], &byte, 1), 0);
    ::close(ready[0]);
    EXPECT_TRUE(fs::read_symlink("/proc/" + std::to_string(pid) + "/exe") == at(path));
  };
  in_namespace(
      [&] { return mount("tmpfs", "/tmp", "") && fs::copy_file("/bin/sleep", at("/tmp/apart")); },
      "/tmp/apart");
  in_namespace(
      [&] {
        return mount("overlay", "/merged",
                     "lowerdir=" + at("/layer").string() + ":" + at("/tmp").string());
      },
      "/merged/apart");
  model::Policy policy;
  for (const char* id : {"any", "running"})
    policy.detections.push_back(detection(
        id, ObjectKind::kFile, {is(Field::kFileName, "apart"), is(Field::kFileMagic, "elf")}));
  policy.detections[1].scope.deleted_exe = true;
  const auto result = scan(policy);
  EXPECT_EQ(files(result), (std::set<std::string>{"any /layer/apart", "running /layer/apart",
                                                  "running /tmp/apart"}))
      << result.dump(1);
}

TEST_F(ProcessScanTest, AProgramThatNeverHadAFileIsNotSeenOrTakenForADeletedOne) {
  // Only on a whole host: it lies in no folder. There others run too, so it has a name of its own.
  const std::string name = "memfd:fleetsweep-" + std::to_string(::getpid());
  UniqueFd program = sleep_in_memory(name.substr(name.find(':') + 1), at("/tmp/program"));
  const pid_t pid = start_program("/tmp/program");
  program.reset();
  model::Policy policy;
  policy.detections.push_back(
      detection("process", ObjectKind::kProcess,
                {is(Field::kProcessExePath, "/" + name), number(Field::kProcessExeIsMemfd, 1)}));
  for (const char* id : {"memory", "deleted"}) {
    policy.detections.push_back(detection(
        id, ObjectKind::kFile, {is(Field::kFileName, name), is(Field::kFileMagic, "elf")}));
    policy.detections.back().scope.paths = {root_};
  }
  policy.detections[1].scope.memfd = true;
  policy.detections[2].scope.deleted_exe = true;
  const auto result = scan(policy, "", "", "/");
  ASSERT_EQ(pids(result), std::set<int>{pid}) << result.dump(1);
  EXPECT_EQ(files(result), std::set<std::string>{"memory /" + name});
  std::ifstream sleep("/bin/sleep", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(sleep), {}};
  for (const auto& finding : result["findings"]) {
    if (!finding.contains("process")) continue;
    EXPECT_EQ(finding["process"]["exe"]["sha256"], sha256_hex(bytes));
  }
}

TEST_F(ProcessScanTest, AProgramNamedLikeAKernelThreadIsNone) {
  const pid_t pid = start_program("/tmp/kswapd0");
  model::Policy policy;
  policy.detections.push_back(detection(
      "d", ObjectKind::kProcess,
      {number(Field::kProcessLooksLikeKernelThread, 1), number(Field::kProcessIsKernelThread, 0)}));
  EXPECT_EQ(pids(scan(policy)), std::set<int>{pid});
}

TEST_F(ProcessScanTest, ALongNameIsNotCutWhereTheProgramTellsTheRest) {
  const pid_t pid = start_program("/tmp/a-name-longer-than-fifteen");
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kProcess,
                                        {is(Field::kProcessName, "a-name-longer-than-fifteen")}));
  EXPECT_EQ(pids(scan(policy)), std::set<int>{pid});
}

TEST_F(ProcessScanTest, WhatALivingProcessShowsIsNotSeen) {
  ::setenv("FLEETSWEEP_LOOKALIKE", "hidden", 1);
  const pid_t pid = start_program("/opt/lookalike");
  ::unsetenv("FLEETSWEEP_LOOKALIKE");
  char cwd[4096];
  ASSERT_NE(::getcwd(cwd, sizeof cwd), nullptr);
  const std::pair<const char*, model::Predicate> fields[] = {
      {"environment", is(Field::kProcessEnvironmentNames, "FLEETSWEEP_LOOKALIKE")},
      {"no_values", is(Field::kProcessEnvironmentNames, "hidden", Match::kContains)},
      {"mapped", is(Field::kProcessMappedFiles, "/opt/lookalike")},
      {"cwd", is(Field::kProcessCwd, cwd)},
      {"user", is(Field::kProcessUser, std::to_string(::geteuid()))},
      {"memfd", number(Field::kProcessExeIsMemfd, 1)},
      {"capability", is(Field::kProcessCapabilities, "cap_sys_ptrace")},
  };
  model::Policy policy;
  for (const auto& [id, predicate] : fields)
    policy.detections.push_back(detection(id, ObjectKind::kProcess, {predicate}));
  std::set<std::string> found;
  const auto result = scan(policy);
  for (const auto& finding : result["findings"]) {
    EXPECT_EQ(finding["process"]["pid"], pid);
    found.insert(finding["detection"]);
  }
  std::set<std::string> expected{"environment", "mapped", "cwd", "user"};
  if (::geteuid() == 0) expected.insert("capability");
  EXPECT_EQ(found, expected) << result.dump(1);
}

TEST_F(ProcessScanTest, AProcessHidesByEndingItsFirstThread) {
  make_headless_program(at("/opt/headless"));
  ::setenv("FLEETSWEEP_LOOKALIKE", "hidden", 1);
  const pid_t pid = start_program("/opt/headless");
  ::unsetenv("FLEETSWEEP_LOOKALIKE");
  ASSERT_TRUE(is_headless(pid));
  model::Policy policy;
  policy.rules.push_back(
      {.id = "r",
       .source = "rule LookAlike { strings: $a = \"FLEETSWEEP-HEADLESS\" condition: $a }",
       .license = "Apache-2.0"});
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess,
                {is(Field::kProcessExePath, "/opt/headless"),
                 is(Field::kProcessCommandLine, "/opt/headless 1000", Match::kContains),
                 is(Field::kProcessEnvironmentNames, "FLEETSWEEP_LOOKALIKE"),
                 is(Field::kProcessMappedFiles, "/opt/headless")}));
  policy.detections[0].rule = 0;
  const auto result = scan(policy);
  ASSERT_EQ(pids(result), std::set<int>{pid}) << result.dump(1);
  EXPECT_EQ(result["findings"][0]["process"]["exe"]["sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(result["unscannable"], 0);
}

TEST_F(ProcessScanTest, WhatNobodyWaitedForGoesOnForEver) {
  const std::string name = "fs-" + std::to_string(::getpid());
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_NAME, name.c_str());
    ::_exit(0);
  }
  started_.push_back(pid);
  siginfo_t info;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess, {is(Field::kProcessName, name)}));
  EXPECT_EQ(pids(scan(policy, "", "", "/")), std::set<int>{});
}

TEST_F(ProcessScanTest, WhatIsBehindTheEndOfALongEnvironmentIsNotThere) {
  const auto start_with = [&](int names, std::size_t bytes) {
    const auto name = [](int i) { return "FLEETSWEEP_" + std::to_string(i); };
    for (int i = 0; i < names; ++i) ::setenv(name(i).c_str(), std::string(bytes, 'x').c_str(), 1);
    start_program("/opt/lookalike");
    for (int i = 0; i < names; ++i) ::unsetenv(name(i).c_str());
  };
  start_with(12, 100'000);
  start_with(5000, 1);
  start_program("/opt/lookalike");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess, {is(Field::kProcessEnvironmentNames, "NOT_THERE")}));
  const auto result = scan(policy);
  EXPECT_EQ(result["partial"], 2) << result.dump(1);
  EXPECT_NE(result["partial_paths"].dump().find("/environ: only its first 1048576 bytes"),
            std::string::npos);
  EXPECT_NE(result["partial_paths"].dump().find("/environ: only 4096 names"), std::string::npos);
}

TEST_F(ProcessScanTest, WhatIsBehindTheEndOfALongCommandLineIsNotThere) {
  const pid_t pid = start_program("/opt/lookalike", std::string(40'000, '0') + "1000");
  start_program("/opt/lookalike");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess,
                {is(Field::kProcessCommandLine, "not there", model::Match::kContains)}));
  EXPECT_EQ(scan(policy)["partial_paths"],
            nlohmann::json({"/proc/" + std::to_string(pid) +
                            "/cmdline: only its first 32768 bytes were looked at"}));
  // To whoever asks for something else nothing is missing.
  policy.detections = {detection("d", ObjectKind::kProcess, {is(Field::kProcessName, "none")})};
  EXPECT_EQ(scan(policy)["partial"], 0);
}

// Their listing, by a process whose child the program is not.
void expect_listed_within_bounds(const fs::path& folder, pid_t pid) {
  const auto root = Root::open(folder);
  ASSERT_TRUE(root);
  const ProcessNeeds needs{.mapped_files = true, .environment = true, .cwd = true};
  Listing whole;
  const auto all = list_processes(*root, needs, whole);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_GT(all[0].identity.command_line.size(), 30'000u);
  EXPECT_TRUE(whole.missed.empty());
  Listing small{.texts_left = limits::kProcessTextBytes - whole.texts_left - 1};
  const auto cut = list_processes(*root, needs, small);
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].identity.pid, pid);
  EXPECT_EQ(cut[0].identity.command_line + cut[0].cwd, "");
  EXPECT_TRUE(cut[0].mapped_files.empty() && cut[0].environment_names.empty());
  ASSERT_EQ(small.missed.size(), 1u);
  EXPECT_EQ(small.missed[0].what, "/proc/" + std::to_string(pid));
  EXPECT_TRUE(small.missed[0].is_partial);
  // Nor does one that became another program get more.
  const auto again = look_again(*root, needs, all[0], small);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->identity.command_line, "");
}

TEST_F(ProcessScanTest, WhatManyProcessesShowIsHeldWithoutBound) {
  const pid_t pid = start_program("/opt/lookalike", std::string(30'000, '0') + "1000");
  const pid_t stranger = ::fork();
  if (stranger == 0) {
    expect_listed_within_bounds(root_, pid);
    ::_exit(HasFailure() ? 1 : 0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(stranger, &status, 0), stranger);
  EXPECT_EQ(status, 0);
}

TEST_F(ProcessScanTest, AScanThatIsStoppedListsProcessesToTheEnd) {
  start_program("/opt/lookalike");
  const auto root = Root::open(root_);
  ASSERT_TRUE(root);
  int asked = 0;
  Listing listing{.is_stopped = [&] { return ++asked == 2; }};
  EXPECT_TRUE(list_processes(*root, {}, listing).empty());
  EXPECT_EQ(asked, 2);
}

TEST_F(ProcessScanTest, ProcessesThatProcHidesFromUsAreNotThere) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a /proc";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  model::Policy policy;
  policy.detections = {detection("d", ObjectKind::kProcess, {is(Field::kProcessName, "none")})};
  const auto told = [&](const std::string& options, const std::string& before) {
    EXPECT_EQ(::mount("proc", "/proc", "proc", 0, options.c_str()), 0);
    const auto result = scan(policy, before, "", "/");
    EXPECT_EQ(::umount("/proc"), 0);
    return result["unscannable_paths"].dump().find(
               "/proc: hides processes of others (hidepid), at which we may not look") !=
           std::string::npos;
  };
  const std::string powerless = "setpriv --bounding-set -sys_ptrace --inh-caps -sys_ptrace";
  EXPECT_TRUE(told("hidepid=2", powerless));
  EXPECT_TRUE(told("hidepid=4", powerless));
  EXPECT_FALSE(told("hidepid=2", "")) << "we may look at all";
  EXPECT_FALSE(told("hidepid=1,subset=pid", powerless))
      << "each is listed, and named if it does not tell";
  EXPECT_FALSE(told("", powerless));
}

TEST_F(ProcessScanTest, AProcessThatCannotBeLookedAtIsNotThere) {
  const pid_t pid = start_program("/opt/lookalike");
  const std::string folder = "/proc/" + std::to_string(pid);
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess, {is(Field::kProcessExeSha256, std::string(64, 'a'))}));
  const struct {
    std::string call, file, root, named;
  } refused[] = {{"openat", "/stat", "/", folder + ": "},
                 {"readlinkat", "/exe", "/", folder + "/exe: "},
                 {"openat", "/exe", "", "program of process " + std::to_string(pid)}};
  for (const auto& [call, file, root, named] : refused) {
    const auto result = scan(policy,
                             "strace -f -o /dev/null -P " + folder + file + " -e trace=" + call +
                                 " -e inject=" + call + ":error=EACCES",
                             "", root);
    EXPECT_NE(result["unscannable_paths"].dump().find(named), std::string::npos)
        << call << file << result.dump(1);
  }
  EXPECT_EQ(scan(policy)["unscannable"], 0);
}

TEST_F(ProcessScanTest, AProgramWithAHoleTooLargeToBeHashedIsNoneThatIsLookedFor) {
  const std::string program = at("/opt/holes");
  fs::create_directories(at("/opt"));
  fs::copy_file("/bin/sleep", program);
  ASSERT_EQ(::truncate(program.c_str(), off_t{1} << 40), 0);
  const pid_t pid = start_program("/opt/holes");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess, {is(Field::kProcessExeSha256, std::string(64, 'a'))}));
  policy.detections.push_back(detection("again", ObjectKind::kProcess,
                                        {is(Field::kProcessExeSha256, std::string(64, 'b'))}));
  const auto result = scan(policy);
  EXPECT_EQ(pids(result), std::set<int>{});
  EXPECT_EQ(result["unscannable"], 1) << result.dump(1);
  EXPECT_NE(result["unscannable_paths"].dump().find(
                fmt::format("program of process {} (/opt/holes): ", pid)),
            std::string::npos)
      << result.dump(1);
}

TEST_F(ProcessScanTest, AChildOfAStrangerIsNotKnownByItsParent) {
  write("/opt/parent.sh", "");
  fs::create_directories(at("/bin"));
  fs::copy_file("/bin/sleep", at("/bin/child"));
  fs::copy_file(fs::canonical("/bin/sh"), at("/bin/parent"));
  int ready[2];
  ASSERT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::setpgid(0, 0);
    const std::string line = at("/bin/child").string() + " 1000 & echo $!; wait";
    ::dup2(ready[1], 1);
    ::execl(at("/bin/parent").c_str(), "parent", "-c", line.c_str(), nullptr);
    ::_exit(1);
  }
  ::close(ready[1]);
  char text[32] = {};
  ASSERT_GT(::read(ready[0], text, sizeof text - 1), 0);
  ::close(ready[0]);
  started_.push_back(parent);
  const pid_t child = std::atoi(text);
  // It is the other program once /proc says so.
  ASSERT_TRUE(until([&] {
    std::error_code ignored;
    return fs::read_symlink("/proc/" + std::to_string(child) + "/exe", ignored) == at("/bin/child");
  }));
  model::Policy policy;
  policy.detections.push_back(detection(
      "d", ObjectKind::kProcess,
      {is(Field::kProcessParentExePath, "/bin/parent"), is(Field::kProcessParentName, "parent"),
       is(Field::kProcessParentCommandLine, "parent -c", Match::kStartsWith)}));
  EXPECT_EQ(pids(scan(policy)), std::set<int>{child});
  ::kill(child, SIGKILL);
}

// As long as the program lives, it is the one and then the other.
void make_restless_programs(const fs::path& one, const fs::path& other) {
  fs::create_directories(one.parent_path());
  const fs::path source = one.string() + ".c";
  std::ofstream(source)
      << "#include <unistd.h>\n"
         "int main(int n, char** a) { return execl(a[1], a[1], a[0], (char*)0); }";
  ASSERT_EQ(std::system(("cc -o '" + one.string() + "' '" + source.string() + "'").c_str()), 0);
  fs::copy_file(one, other);
}

TEST_F(ProcessScanTest, AProcessThatBecomesAnotherProgramIsTakenForOneThatEnded) {
  int go[2], said[2];
  ASSERT_TRUE(::pipe2(go, O_CLOEXEC) == 0 && ::pipe2(said, O_CLOEXEC) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Children of our own are left out.
    if (::fork() != 0) ::_exit(0);
    const pid_t self = ::getpid();
    char byte = 0;
    if (::write(said[1], &self, sizeof self) == sizeof self && ::read(go[0], &byte, 1) == 1)
      ::execl("/bin/sleep", "sleep", "1000", nullptr);
    ::_exit(1);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(said[1]);
  pid_t pid = 0;
  ASSERT_EQ(::read(said[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
  const auto root = Root::open("/");
  ASSERT_TRUE(root);
  ProcessFacts before;
  for (const ProcessFacts& one : list_processes(*root))
    if (one.identity.pid == pid) before = one;
  ASSERT_EQ(before.identity.pid, pid);
  before.parent_name = "known";
  Listing listing;
  EXPECT_TRUE(runs_as_before(before));
  ASSERT_EQ(::write(go[1], "!", 1), 1);
  char byte = 0;
  ASSERT_EQ(::read(said[0], &byte, 1), 0);  // closed when it has become the program
  EXPECT_FALSE(runs_as_before(before));
  const auto now = look_again(*root, {}, before, listing);
  ::kill(pid, SIGKILL);
  ASSERT_TRUE(now.has_value());
  EXPECT_EQ(now->identity.command_line, "sleep 1000");
  EXPECT_EQ(now->parent_name, "known");
  EXPECT_TRUE(until([&] { return !look_again(*root, {}, *now, listing).has_value(); }));
  for (const int fd : {go[0], go[1], said[0]}) ::close(fd);
}

TEST_F(ProcessScanTest, AProcessThatIsAnotherProgramAllTheTimeIsNeitherFoundNorToldOf) {
  make_restless_programs(at("/opt/ping"), at("/opt/pong"));
  start_program("/opt/ping", at("/opt/pong"));
  std::ifstream program(at("/opt/ping"), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(program), {}};
  model::Policy policy;
  policy.rules.push_back({.id = "r",
                          .source = "rule R { strings: $a = \"no such mark\" condition: $a }",
                          .license = "x"});
  policy.detections = {
      detection("h", ObjectKind::kProcess, {is(Field::kProcessExeSha256, sha256_hex(bytes))}),
      detection("m", ObjectKind::kProcess,
                {is(Field::kProcessExeName, "^p[io]ng$", Match::kRegex)})};
  policy.detections[1].rule = 0;
  // It may be caught each time that is looked; more often it is not.
  for (int round = 0; round < 8; ++round) {
    const auto result = scan(policy);
    ASSERT_TRUE(!result["findings"].empty() || result["unscannable"] > 0) << result.dump(1);
  }
}

TEST_F(ProcessScanTest, AProgramInAKnownFileSystemThatIsCoveredHereIsNotLookedAt) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  start_program("/covered/lookalike-of-sleep");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kFile, {is(Field::kFileName, "lookalike-of-sleep")}));
  policy.detections[0].scope.paths = {root_};
  policy.detections[0].scope.deleted_exe = true;
  const std::string exe = at("/covered/lookalike-of-sleep"), again = at("/again");
  fs::create_directories(again);
  const auto found = [&](const std::string& mounts) {
    return scan(policy, "unshare -m --propagation private sh -c '" + mounts + " && exec \"$@\"' sh",
                "", "/");
  };
  EXPECT_EQ(files(found("mount -t tmpfs none " + at("/covered").string())),
            std::set<std::string>{"d " + exe});
  // What a walk finds by another name is found once.
  const auto moved = found("mount --bind " + at("/covered").string() + " " + again +
                           " && mount -t tmpfs none " + at("/covered").string());
  EXPECT_EQ(files(moved), std::set<std::string>{"d " + again + "/lookalike-of-sleep"});
}

TEST_F(ProcessScanTest, AContainerSeesTheProcessesOfItsNodeByTheirOwnPaths) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  const pid_t pid = start_program("/tmp/kinsing");
  const std::string exe = at("/tmp/kinsing");
  fs::create_directory(at("/host"));
  EXPECT_TRUE(with_node_at(at("/host"), [&] {
    const auto root = Root::open(at("/host"));
    if (!root) return false;
    for (const auto& process : list_processes(*root))
      if (process.identity.pid == pid) return process.identity.exe.path == exe;
    return false;
  }));
}

}  // namespace
}  // namespace fleetsweep::scan
