#include "agent/scan/cross_view.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "agent/scan/looks.h"
#include "tests/agent/node_root.h"
#include "tests/agent/preloaded.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;

bool has(const Mismatches& all, const std::string& part) {
  return std::any_of(all.begin(), all.end(),
                     [&](const std::string& one) { return one.find(part) != one.npos; });
}

bool has_none(const Mismatches& all) {
  for (const std::string& one : all) ADD_FAILURE() << one;
  return all.empty();
}

// The danger of such checks: this machine hides nothing, and is busy.
TEST(CrossView, AnHonestBusyMachineIsCalledAHidingOne) {
  const auto root = Root::open("/");
  ASSERT_TRUE(root.has_value());
  const CrossView view;
  for (int i = 0; i < 60; ++i) {
    // Something comes and goes all the time, as on any host.
    const pid_t child = ::fork();
    if (child == 0) {
      for (int n = 0; n < 5; ++n) {
        const pid_t grandchild = ::fork();
        if (grandchild == 0) ::_exit(0);
        ::waitpid(grandchild, nullptr, 0);
        const std::string file = "/tmp/fleetsweep-view-" + std::to_string(::getpid());
        ::mkdir(file.c_str(), 0700);
        ::rmdir(file.c_str());
      }
      ::_exit(0);
    }
    EXPECT_TRUE(has_none(view.look(*root))) << "round " << i;
    ::waitpid(child, nullptr, 0);
  }
}

TEST(CrossView, WhatIsSeenOnlyOnceIsBelieved) {
  int looks = 0;
  EXPECT_TRUE(seen_each_time([&] {
                return ++looks == 3 ? std::vector<int>{2} : std::vector<int>{1, 2};
              }) == std::vector<int>{2});
  EXPECT_EQ(looks, kLooks);
  looks = 0;
  EXPECT_TRUE(seen_each_time([&] { return std::vector<int>(looks++ == 0 ? 1 : 0); }).empty());
  EXPECT_EQ(looks, 2) << "looked on, though nothing was left to confirm";
}

// In a pid namespace of its own, so that nobody else's processes come and go.
TEST(CrossView, AProcessThatProcDoesNotListStaysHidden) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a pid namespace";
  char folder[] = "/tmp/fleetsweep-proc-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const fs::path proc = folder;
  const pid_t maker = ::fork();
  if (maker == 0) {
    if (::unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) ::_exit(2);
    const pid_t first = ::fork();
    if (first == 0) {
      const pid_t hidden = ::fork();
      if (hidden == 0) {
        ::pause();
        ::_exit(0);
      }
      // A listing as a rootkit would give it: without the second process.
      fs::create_directory(proc / "1");
      fs::create_symlink("1", proc / "self");
      const Mismatches found = hidden_processes(proc);
      fs::create_directory(proc / std::to_string(hidden));
      const Mismatches honest = hidden_processes(proc);
      ::_exit(found.size() == 1 && has(found, "process 2 answers to pidfd_open") && honest.empty()
                  ? 0
                  : 1);
    }
    int status = 0;
    ::waitpid(first, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 3);
  }
  int status = 0;
  ::waitpid(maker, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  fs::remove_all(proc);
}

TEST(CrossView, FourMillionNumbersAreAskedThoughTheKernelCountsWhatIsListed) {
  const auto always = [](std::uint64_t count) { return [=] { return count; }; };
  EXPECT_TRUE(accounts_for_all(always(7), always(7)));
  EXPECT_TRUE(accounts_for_all(always(1), always((1 << 16) + 1))) << "sysinfo has 16 bits";
  EXPECT_FALSE(accounts_for_all(always(8), always(7))) << "one is hidden";
  EXPECT_FALSE(accounts_for_all(always(7), always(8)));
  for (int busy = 0; busy < 2 * kLooks; ++busy) {
    int looks = 0;
    EXPECT_FALSE(accounts_for_all([&] { return looks++ == busy ? 8 : 7; }, always(7)))
        << "a moment of look " << busy;
  }
  for (int chance = 0; chance < kLooks; ++chance) {
    int looks = 0;
    EXPECT_FALSE(accounts_for_all(always(8), [&] { return looks++ == chance ? 7 : 8; }))
        << "look " << chance;
  }
}

TEST(CrossView, AFolderMountedOverAProcessIsTakenForTheProcess) {
  const std::string mountinfo =
      "22 1 0:20 / /proc rw - proc proc rw\n"
      "30 22 0:20 /1 /proc/4711 rw - proc proc rw\n"
      "31 22 0:20 /sys /proc/sys ro - proc proc rw\n"
      "32 22 0:31 / /proc/4712/fd\\040x rw - tmpfs tmpfs rw\n"
      "33";
  const Mismatches found = covered_processes("/proc", mountinfo);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(has(found, "over /proc/4711:"));
  EXPECT_TRUE(has(found, "process 4712"));
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  EXPECT_TRUE(with_node_at("/mnt", [] {
    const std::string ours = "/proc/" + std::to_string(::getppid());
    return ::mount("/proc/1", ours.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
           has(hidden_processes("/proc"), "over " + ours);
  }));
}

TEST(CrossView, AModuleIsInOneListOnly) {
  const Mismatches found = module_oddities("ext4 1000 1 - Live 0x0\nonly_proc 1 0 - Live 0x0 (O)\n",
                                           {"ext4", "rootkit"});
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(has(found, "rootkit is in /sys/module, and /proc/modules does not list it"));
  EXPECT_TRUE(has(found, "only_proc is in /proc/modules, and not in /sys/module"));
}

class CrossViewTree : public TreeTest {};

TEST_F(CrossViewTree, AModuleOnDiskIsReadAsTheKernelShowsIt) {
  write("/proc/modules", "shown 1 0 - Live 0x0\n");
  write("/sys/module/shown/initstate", "live\n");
  write("/sys/module/built_in/parameters/x", "1\n");
  EXPECT_TRUE(has_none(hidden_modules(at("/proc"), at("/sys"))));
  write("/sys/module/diamorphine_lookalike/initstate", "live\n");
  EXPECT_TRUE(has(hidden_modules(at("/proc"), at("/sys")), "diamorphine_lookalike"));
  fs::remove(at("/proc/modules"));
  EXPECT_TRUE(has_none(hidden_modules(at("/proc"), at("/sys")))) << "a kernel without modules";
}

TEST_F(CrossViewTree, AFolderThatCannotBeListedContradictsWhatIsLoaded) {
  write("/proc/modules", "shown 1 0 - Live 0x0\n");
  write("/sys/module", "no folder");
  EXPECT_TRUE(has_none(hidden_modules(at("/proc"), at("/sys"))));
}

TEST_F(CrossViewTree, ThreadsOfAProcessAreNotCounted) {
  write("/proc/7/stat", "7 (a) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 99 1 1 1 1 1\n");
  write("/proc/8/stat", "8 (b) Z) R 1 8 8 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 99 1 1 1 1 1\n");
  fs::create_directories(at("/proc/9"));
  write("/proc/self/stat", "7 (a) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 99 1 1 1 1 1\n");
  EXPECT_EQ(listed_threads(at("/proc")), 4u);
}

TEST_F(CrossViewTree, ASocketThatProcDoesNotListStaysHidden) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const SockDiag diag;
  const std::string ours =
      "listening TCP socket of port " + std::to_string(ntohs(address.sin_port));

  EXPECT_FALSE(has(hidden_sockets("/proc/self", diag), ours));
  // A table as a rootkit would give it: without the line of its port.
  write("/net/tcp", "  sl  local_address rem_address   st\n");
  write("/net/tcp6", "");
  EXPECT_TRUE(has(hidden_sockets(root_.string(), diag), ours));
  // What stands behind the end of what is read is not hidden.
  EXPECT_TRUE(has_none(hidden_sockets("/proc/self", diag, 64)));
}

TEST_F(CrossViewTree, ASocketOfIpv6ThatProcDoesNotListStaysHidden) {
  const UniqueFd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    GTEST_SKIP() << "no IPv6 here: " << std::strerror(errno);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const SockDiag diag;
  const std::string ours =
      "listening TCP socket of port " + std::to_string(ntohs(address.sin6_port));
  write("/net/tcp6", "  sl  local_address remote_address   st\n");
  EXPECT_TRUE(has(hidden_sockets(root_.string(), diag), ours));
}

TEST_F(CrossViewTree, APacketSocketThatProcDoesNotListStaysHidden) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for packet sockets";
  const UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  struct stat status {};
  ASSERT_EQ(::fstat(socket.get(), &status), 0);
  const SockDiag diag;
  const std::string ours = "packet socket " + std::to_string(status.st_ino);

  EXPECT_FALSE(has(hidden_sockets("/proc/self", diag), ours));
  write("/net/packet", "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n");
  EXPECT_TRUE(has(hidden_sockets(root_.string(), diag), ours));
}

TEST(CrossView, AFolderHasMoreSubfoldersThanItLists) {
  EXPECT_TRUE(oddities("/tmp", {.links = 4, .counts_subfolders = true, .subfolders = 2}).empty());
  EXPECT_TRUE(oddities("/tmp", {.links = 1, .subfolders = 2}).empty()) << "btrfs, overlay";
  EXPECT_TRUE(has(oddities("/tmp", {.links = 5, .counts_subfolders = true, .subfolders = 2}),
                  "/tmp: its link count stands for 3 subfolders, and 2 are listed"));
  EXPECT_TRUE(has(oddities("/", {.missing = {"a\nb"}}), "/a\\x0ab: is listed, and there is no"));
  EXPECT_TRUE(has(oddities("/etc", {.unlisted = {"ld.so.preload"}}),
                  "/etc/ld.so.preload: is there, and its folder does not list it"));
}

TEST_F(CrossViewTree, AnOrdinaryTreeHasHiddenFiles) {
  for (const char* path : {"/etc/ld.so.preload", "/tmp/.xdiag/x", "/tmp/b/c/d", "/usr/bin/perfcc"})
    write(path, "x");
  fs::create_symlink("nowhere", at("/tmp/dangling"));
  const auto root = Root::open(root_);
  EXPECT_TRUE(has_none(hidden_files(*root)));
}

std::string loader_text() {
  std::ifstream file("/lib64/ld-linux-x86-64.so.2", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// As by a rootkit that hooks the listing.
TEST_F(CrossViewTree, AListingWithoutAKnownNameIsBelieved) {
  if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  write("/tmp/kinsing", "harmless");
  write("/tmp/a/b", "x");
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, "none")}));
  policy.verdicts.push_back(
      {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
  const auto result = scan(policy, "strace -f -o /dev/null -P " + at("/tmp").string() +
                                       " -e trace=getdents64 -e inject=getdents64:retval=0");
  const auto found = result["mismatches"].get<Mismatches>();
  EXPECT_TRUE(has(found, "/tmp/kinsing: is there, and its folder does not list it"));
}

TEST_F(CrossViewTree, ALoaderThatReadsAnotherListIsTakenForAGoodOne) {
  std::string loader = loader_text();
  ASSERT_FALSE(loader.empty());
  EXPECT_FALSE(is_altered_loader(loader));
  EXPECT_FALSE(
      is_altered_loader("\x7f"
                        "ELF of musl, which has LD_PRELOAD alone"));
  constexpr std::string_view kList = "/etc/ld.so.preload";
  const std::size_t list = loader.find(kList);
  ASSERT_NE(list, std::string::npos);
  loader.replace(list, kList.size(), "/sbin/.ifup-local ");  // as HiddenWasp does
  write("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", loader);
  fs::create_directories(at("/usr/lib64"));
  fs::create_symlink("usr/lib64", at("/lib64"));
  fs::create_symlink("usr/lib", at("/lib"));
  fs::create_symlink("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
                     at("/usr/lib64/ld-linux-x86-64.so.2"));
  // By the program itself, in a root that is a folder.
  const auto result = scan({});
  ASSERT_EQ(result["mismatches"].size(), 1u) << result.dump(1);
  EXPECT_TRUE(
      has(result["mismatches"].get<Mismatches>(), "/lib64/ld-linux-x86-64.so.2: does not "));
}

TEST(CrossView, AForeignProgramInOurMemoryIsTakenForOurs) {
  const std::vector<std::string> known{"/usr/bin/fleetsweep-scan", "/usr/lib/libc.so.6"};
  const std::string maps =
      "55d0-55d1 r-xp 00000000 08:01 1 /usr/bin/fleetsweep-scan\n"
      "7f00-7f01 r-xp 00000000 08:01 2 /usr/lib/libc.so.6 (deleted)\n"
      "7f02-7f03 r--p 00000000 08:01 3 /usr/lib/locale/locale-archive\n"
      "7f04-7f05 r-xp 00000000 08:01 4 /usr/lib/libgcwrap.so\n"
      "7f06-7f07 rwxp 00000000 00:00 0 \n"
      "7f08-7f09 rw-p 00000000 00:00 0 [heap]\n"
      "7f0a-7f0b r-xp 00000000 00:00 0 [vdso]\n"
      "ff00-ff01 --xp 00000000 00:00 0 [vsyscall]\n"
      "broken";
  const Mismatches found = foreign_lines(maps, known);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(has(found, "runs /usr/lib/libgcwrap.so, which"));
  EXPECT_TRUE(has(found, "runs a program without a file, which"));
}

// By the program itself, when it has given up what it does not need.
TEST_F(CrossViewTree, AConfinedScannerSeesNoContradiction) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  const pid_t pid = start_program("/opt/hidden");
  const std::string folder = "/proc/" + std::to_string(pid);
  const auto result = scan({},
                           "unshare -m --propagation private sh -c 'mount --bind /proc/1 " +
                               folder + " && exec \"$@\"' sh",
                           "", "/");
  EXPECT_EQ(result["reason"], "none");
  EXPECT_TRUE(has(result["mismatches"].get<Mismatches>(), "mounted over " + folder + ":"))
      << result.dump(1);
}

// Malware that runs as root needs no kernel module to be seen by nobody.
TEST_F(CrossViewTree, AnEmptyFolderMountedOverProcIsAHostWithoutProcesses) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  start_program("/opt/hidden");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kProcess, {is(model::Field::kProcessExeName, "hidden")}));
  for (const char* cover : {"mount -t tmpfs none /proc", "unshare -pf mount -t proc none /proc"}) {
    const std::string before =
        "unshare -m --propagation private sh -c '" + std::string(cover) + " && exec \"$@\"' sh";
    const auto whole = scan({}, before, "", "/");
    EXPECT_EQ(whole["reason"], "none");
    EXPECT_TRUE(has(whole["mismatches"].get<Mismatches>(), "/proc does not show the process that"))
        << cover << whole.dump(1);
    const auto folder = scan(policy, before);
    EXPECT_EQ(folder["unscannable"], 1) << cover << folder.dump(1);
    EXPECT_TRUE(has(folder["unscannable_paths"].get<Mismatches>(), "/proc: does not show"));
    EXPECT_EQ(scan({}, before)["unscannable"], 0) << "nobody asked for processes";
  }
}

TEST_F(CrossViewTree, ALibraryPreloadedIntoTheScannerIsBelieved) {
  EXPECT_TRUE(has_none(scan({}, "", "", "/")["mismatches"].get<Mismatches>()));
  const fs::path library = folder_ / "libquiet.so";
  const std::string make =
      "echo 'int fleetsweep_quiet;' | cc -shared -fPIC -x c - -o '" + library.string() + "'";
  ASSERT_EQ(std::system(make.c_str()), 0);
  const auto result = scan({}, "env LD_PRELOAD='" + library.string() + "'", "", "/");
  EXPECT_TRUE(has(result["mismatches"].get<Mismatches>(), "libquiet.so, which it did not ask for"))
      << result.dump(1);
}

// So is every host of kinsing and perfctl, which their policies are to clean.
TEST_F(CrossViewTree, ALibraryInLdSoPreloadKeepsAHostFromBeingCleaned) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  const std::string preload = preloading(folder_, "void* readdir(void* folder) { return 0; }");
  ASSERT_FALSE(preload.empty());
  model::Policy policy;
  policy.detections.push_back(detection("d", model::ObjectKind::kPersistence,
                                        {is(model::Field::kPersistenceKind, "ld_so_preload")}));
  const auto result = scan(policy, preload, "", "/");
  EXPECT_TRUE(has_none(result["mismatches"].get<Mismatches>())) << result.dump(1);
  ASSERT_EQ(result["findings"].size(), 1u) << result.dump(1);
  EXPECT_EQ(result["findings"][0]["persistence"]["command"],
            (folder_ / "preload/libquiet.so").string())
      << result.dump(1);
}

}  // namespace
}  // namespace fleetsweep::scan
