#include "agent/scan/memory.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "agent/scan/raw_file.h"
#include "tests/agent/scan/tree.h"
#include "tests/wait.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::ObjectKind;

TEST(Memory, WhatAFileStandsBehindIsReadToo) {
  const auto regions = regions_to_scan(
      "1000-2000 r-xp 00000000 08:01 10 /usr/bin/x\n"
      "2000-3000 rw-p 00000000 08:01 10 /usr/bin/x\n"
      "3000-4000 rwxp 00000000 08:01 10 /usr/bin/x\n"  // written over
      "4000-5000 rwxp 00000000 00:00 0 \n"             // unpacked
      "5000-6000 r-xp 00000000 00:00 0 [anon:jit]\n"
      "6000-7000 rw-p 00000000 00:00 0 [heap]\n"
      "7000-8000 r--p 00000000 00:01 20 /memfd:a (deleted)\n"  // its other half is executable
      "8000-9000 r-xp 00001000 00:01 20 /memfd:a (deleted)\n"
      "9000-a000 rw-s 00000000 00:01 21 /memfd:pulseaudio (deleted)\n"
      "a000-b000 rw-s 00000000 00:01 22 /dev/zero (deleted)\n"
      "b000-c000 ---p 00000000 00:01 20 /memfd:a (deleted)\n"
      "c000-d000 r-xp 00000000 00:00 0 [vdso]\n"
      "d000-e000 --xp 00000000 00:00 0 \n"  // may only be executed
      "e000-f000 r-xp 00000000 00:05 4 /dev/zero\n"
      "f000-f100 r-xs 00000000 00:05 4 /dev/zero\n"
      "f100-f200 rwxp 00000000 00:60 30 /home/ann/share/x\n"
      "ff00-ff01 --xp 00000000 00:00 0 [vsyscall]\n"
      "broken\n",
      {"08:01", "00:01", "00:05"});
  EXPECT_EQ(regions, (std::vector<MemoryRegion>{{0x3000, 0x4000, false},
                                                {0x4000, 0x5000, true},
                                                {0x5000, 0x6000, true},
                                                {0x7000, 0x8000, false},
                                                {0x8000, 0x9000, false},
                                                {0xd000, 0xe000, true},
                                                {0xe000, 0xf000, true},
                                                {0xf100, 0xf200, false, false}}));
}

// A harmless process with this in its memory; stopped before it can end.
class Holder {
 public:
  template <class Prepare>
  explicit Holder(Prepare prepare) {
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const bool prepared = prepare();
      if (::write(ready[1], prepared ? "+" : "-", 1) == 1) ::pause();
      ::_exit(0);
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_TRUE(::read(ready[0], &byte, 1) == 1 && byte == '+');
    ::close(ready[0]);
  }
  ~Holder() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

char* map(std::size_t size, int protection, int fd = -1) {
  void* place = ::mmap(nullptr, size, protection,
                       MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS | MAP_NORESERVE : 0), fd, 0);
  return place == MAP_FAILED ? nullptr : static_cast<char*>(place);
}
constexpr int kCode = PROT_READ | PROT_WRITE | PROT_EXEC;

std::vector<std::string> images_of(pid_t pid, Result<MemoryRead>& read) {
  std::vector<std::string> images;
  read = read_memory(pid, [&](UniqueFd image) {
    EXPECT_EQ(::lseek(image.get(), 0, SEEK_SET), 0);
    images.push_back(raw::read(image.get(), 2 * kMemoryImageBytes));
  });
  return images;
}

TEST(Memory, AMarkerAcrossTheBorderOfTwoImagesIsTorn) {
  const std::string marker = "FLEETSWEEP-LOOKALIKE-MARKER";
  const Holder holder([&] {
    char* place = map(kMemoryImageBytes + (1 << 20), kCode);
    if (place == nullptr) return false;
    std::memset(place, 'x', kMemoryImageBytes + (1 << 20));
    std::memcpy(place + kMemoryImageBytes - 10, marker.data(), marker.size());
    return true;
  });
  Result<MemoryRead> read = MemoryRead{};
  const auto images = images_of(holder.pid(), read);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_FALSE(read->is_partial);
  ASSERT_EQ(images.size(), 2u);
  for (const std::string& image : images) EXPECT_LE(image.size(), kMemoryImageBytes);
  EXPECT_NE(images[1].find(marker), std::string::npos);
}

TEST(Memory, WhatMayOnlyBeExecutedIsNotRead) {
  const std::string marker = "FLEETSWEEP-LOOKALIKE-MARKER";
  const Holder holder([&] {
    char* place = map(1 << 16, kCode);
    if (place == nullptr) return false;
    std::memcpy(place + 5000, marker.data(), marker.size());
    return ::mprotect(place, 1 << 16, PROT_EXEC) == 0;
  });
  Result<MemoryRead> read = MemoryRead{};
  const auto images = images_of(holder.pid(), read);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_FALSE(read->is_partial);
  ASSERT_EQ(images.size(), 1u);
  EXPECT_NE(images[0].find(marker), std::string::npos);
}

TEST(Memory, CodeInAPrivateMappingOfZeroIsNotRead) {
  const std::string marker = "FLEETSWEEP-LOOKALIKE-MARKER";
  const Holder holder([&] {
    const int fd = ::open("/dev/zero", O_RDWR | O_CLOEXEC);
    char* place = fd < 0 ? nullptr : map(1 << 30, PROT_READ | PROT_WRITE, fd);
    if (place == nullptr) return false;
    std::memcpy(place + 5000, marker.data(), marker.size());
    return ::mprotect(place, 1 << 30, PROT_READ | PROT_EXEC) == 0;
  });
  Result<MemoryRead> read = MemoryRead{};
  const auto images = images_of(holder.pid(), read);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_FALSE(read->is_partial);
  ASSERT_EQ(images.size(), 1u);
  EXPECT_NE(images[0].find(marker), std::string::npos);
}

// Memory that the kernel lets nobody else read (memfd_secret) is like this.
TEST(Memory, WhatCannotBeReadPassesForEmpty) {
  const Holder holder([] {
    const int fd = ::memfd_create("x", MFD_CLOEXEC);
    return fd >= 0 && map(8192, PROT_READ | PROT_EXEC, fd) != nullptr;
  });
  const auto read = read_memory(holder.pid(), [](UniqueFd) {});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_TRUE(read->is_partial);
}

TEST(Memory, MappingsBehindManyOthersPassForAll) {
  char folder[] = "/tmp/fleetsweep-maps-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  std::string path = folder;
  while (path.size() < 3700) path += '/' + std::string(200, 'x');
  fs::create_directories(path);
  const Holder holder([&] {
    const int fd = ::open((path + "/y").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, 4096) != 0) return false;
    for (int i = 0; i < 5000; ++i)
      if (map(4096, PROT_READ, fd) == nullptr) return false;
    return true;
  });
  const auto read = read_memory(holder.pid(), [](UniqueFd) {});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_TRUE(read->is_partial);
  fs::remove_all(folder);
}

TEST(Memory, PagesThatNobodyTouchedAreRead) {
  const Holder holder([] {
    char* place = map(1ull << 30, kCode);
    if (place == nullptr) return false;
    place[512 << 20] = 'x';
    return true;
  });
  Result<MemoryRead> read = MemoryRead{};
  static_cast<void>(images_of(holder.pid(), read));
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_LE(read->bytes, std::uint64_t{4} << 20);
  EXPECT_FALSE(read->is_partial);
}

TEST(Memory, MoreThanTheLimitIsReadOrPassesForAll) {
  const Holder holder([] {
    constexpr std::size_t kSize = kProcessMemoryBytes + (8 << 20);
    char* place = map(kSize, kCode);
    if (place == nullptr) return false;
    for (std::size_t at = 0; at < kSize; at += 4096) place[at] = 'x';
    return true;
  });
  Result<MemoryRead> read = read_memory(holder.pid(), [](UniqueFd) {});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_TRUE(read->is_partial);
  EXPECT_LE(read->bytes, kProcessMemoryBytes + (1 << 20));
}

// Whoever reads a page of it waits for a file system that has stopped, for ever.
TEST(Memory, AMappingOfFuseHoldsWhoeverReadsIt) {
  if (::geteuid() != 0 || ::access("/dev/fuse", R_OK | W_OK) != 0)
    GTEST_SKIP() << "needs root and /dev/fuse";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  char folder[] = "/tmp/fleetsweep-fuse-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string image = std::string(folder) + "/image", point = std::string(folder) + "/point";
  const std::string file = point + "/file";
  fs::create_directory(point);
  const std::string make = "truncate -s 8M " + image + " && mkntfs -q -Q -F " + image +
                           " && ntfs-3g " + image + " " + point + " && head -c 65536 /dev/zero > " +
                           file + " && umount " + point;
  ASSERT_EQ(std::system(make.c_str()), 0);
  const pid_t server = ::fork();
  if (server == 0) {
    ::execlp("ntfs-3g", "ntfs-3g", "-o", "no_detach", image.c_str(), point.c_str(), nullptr);
    ::_exit(1);
  }
  ASSERT_TRUE(until([&] { return fs::exists(file); }));
  for (const bool is_mounted : {true, false}) {
    const Holder holder([&] {
      char* code = map(1 << 16, kCode);
      const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
      if (fd < 0 || code == nullptr || map(1 << 16, kCode, fd) == nullptr) return false;
      code[0] = 'x';
      return is_mounted || ::umount2(point.c_str(), MNT_DETACH) == 0;
    });
    ::kill(server, SIGSTOP);
    const pid_t reader = ::fork();
    if (reader == 0) {
      const auto read = read_memory(holder.pid(), [](UniqueFd) {});
      ::_exit(read && read->is_partial && read->bytes > 0 ? 0 : 1);
    }
    int status = -1;
    EXPECT_TRUE(until([&] { return ::waitpid(reader, &status, WNOHANG) == reader; },
                      std::chrono::seconds(30)))
        << is_mounted;
    EXPECT_EQ(status, 0);
    ::kill(reader, SIGKILL);
    ::kill(server, SIGCONT);
  }
  EXPECT_EQ(::waitpid(server, nullptr, 0), server);  // nothing uses it any more
  fs::remove_all(folder);
}

TEST(Memory, AProcessThatEndedIsAnError) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  const auto read = read_memory(pid, [](UniqueFd) { ADD_FAILURE() << "of nobody"; });
  EXPECT_TRUE(read.has_value() ? read->bytes == 0 : read.error().code == Code::kNotFound);
}

class MemoryScan : public TreeTest {
 protected:
  // A program that holds the marker, put together only when it runs, in memory that is executable;
  // or maps a file that holds it. Says when it is ready.
  void SetUp() override {
    TreeTest::SetUp();
    constexpr char kSource[] = R"(
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(int count, char** arguments) {
  char* place;
  if (count > 1) {
    place = mmap(0, 8192, PROT_READ, MAP_PRIVATE, open(arguments[1], O_RDONLY), 0);
  } else {
    place = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(place + 4090, "fleetsweep-lookalike");
    for (char* c = place + 4090; *c; ++c)
      if (*c >= 'a') *c -= 32;
    mprotect(place, 8192, PROT_READ | PROT_EXEC);
  }
  if (place == MAP_FAILED || write(1, "+", 1) != 1) return 1;
  pause();
})";
    write("/helper.c", kSource);
    ASSERT_EQ(
        std::system(
            ("cc -o '" + at("/helper").string() + "' '" + at("/helper.c").string() + "'").c_str()),
        0);
  }

  pid_t start(const std::string& name, const std::string& file = "") {
    fs::create_directories(at("/opt"));
    fs::copy_file(at("/helper"), at("/opt/" + name));
    int ready[2];
    EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::dup2(ready[1], 1);
      ::execl(at("/opt/" + name).c_str(), name.c_str(), file.empty() ? nullptr : file.c_str(),
              nullptr);
      ::_exit(1);
    }
    ::close(ready[1]);
    char byte = 0;
    EXPECT_TRUE(::read(ready[0], &byte, 1) == 1 && byte == '+');
    ::close(ready[0]);
    started_.push_back(pid);
    return pid;
  }
};

// By the program itself, through its sandbox.
TEST_F(MemoryScan, CodeThatWasUnpackedIntoMemoryIsNotFound) {
  write("/opt/data", std::string(5000, '.') + "FLEETSWEEP-LOOKALIKE");
  const pid_t unpacked = start("unpacked");
  start("mapped", at("/opt/data"));
  start("bystander");
  model::Policy policy;
  policy.rules.push_back(
      {.id = "r",
       .source = "rule LookAlike { strings: $a = \"FLEETSWEEP-LOOKALIKE\" condition: $a }",
       .license = "Apache-2.0"});
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess,
                {is(Field::kProcessExeName, "^(unpacked|mapped)$", model::Match::kRegex)}));
  policy.detections[0].rule = 0;
  const auto result = scan(policy);
  ASSERT_EQ(result["reason"], "none") << result.dump(1);
  ASSERT_EQ(result["findings"].size(), 1u) << result.dump(1);
  EXPECT_EQ(result["findings"][0]["process"]["pid"], unpacked);
  EXPECT_EQ(result["findings"][0]["rule"], "LookAlike");
  EXPECT_EQ(result["unscannable"], 0);
}

TEST_F(MemoryScan, TheMemoryOfEveryProcessIsRead) {
  model::Policy policy;
  policy.rules.push_back({.id = "r", .source = "rule R { condition: true }", .license = "x"});
  policy.detections.push_back({.id = "d", .object = ObjectKind::kProcess, .rule = 0});
  EXPECT_EQ(scan(policy)["reason"], "malformed");
}

}  // namespace
}  // namespace fleetsweep::scan
