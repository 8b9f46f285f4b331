// Files of which not everything is read: large ones and such that are mostly holes.

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "agent/scan/file_bytes.h"
#include "protocol/base/limits.h"
#include "protocol/base/unique_fd.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;
using Names = std::set<std::string>;

constexpr char kMark[] = "FLEETSWEEP-LOOKALIKE";
constexpr off_t kTerabyte = off_t{1} << 40;
constexpr std::uint64_t kFewBytes = 32 << 20;  // head, tail and what stands around the mark

class LargeFileTest : public TreeTest {
 protected:
  // A hole of this size, with the mark at these places.
  void write_sparse(const std::string& path, off_t size, std::initializer_list<off_t> marks) {
    write(path, "");
    const UniqueFd fd(::open(at(path).c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::ftruncate(fd.get(), size), 0);
    for (const off_t where : marks)
      ASSERT_EQ(::pwrite(fd.get(), kMark, sizeof kMark - 1, where),
                static_cast<ssize_t>(sizeof kMark - 1));
  }
  static model::Policy by_rule(const std::string& condition) {
    model::Policy policy;
    policy.rules.push_back(
        {.id = "r",
         .source = "rule LookAlike { strings: $a = \"FLEETSWEEP-LOOKALIKE\" condition: " +
                   condition + " }",
         .license = "Apache-2.0"});
    policy.detections.push_back({.id = "d", .object = ObjectKind::kFile, .rule = 0});
    policy.verdicts.push_back(
        {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
    return policy;
  }
};

TEST_F(LargeFileTest, ATerabyteOfHolesWithoutTheMarkIsCleanAndCostsNothing) {
  write_sparse("/big", kTerabyte, {});
  const auto result = scan(by_rule("$a"));
  EXPECT_TRUE(result["findings"].empty());
  EXPECT_EQ(result["unscannable"], 0);
  EXPECT_EQ(result["partial"], 0);
  EXPECT_LE(result["scanned_bytes"], kFewBytes);
}

TEST_F(LargeFileTest, AMarkInTheMiddleOfATerabyteIsNeitherAHitNorClean) {
  write_sparse("/big", kTerabyte, {kTerabyte / 2 + 4711});
  const auto result = scan(by_rule("$a"));
  EXPECT_TRUE(result["findings"].empty());
  EXPECT_EQ(result["unscannable"], 1);
  ASSERT_EQ(result["partial"], 1);
  EXPECT_NE(result["partial_paths"][0].get<std::string>().find("/big: larger than"),
            std::string::npos);
  EXPECT_LE(result["scanned_bytes"], kFewBytes);
}

TEST_F(LargeFileTest, HeadAndTailOfALargeFileAreSeenAtTheirTruePlaces) {
  constexpr off_t kSize = off_t{100} << 20;
  write_sparse("/head", kSize, {4711});
  write_sparse("/tail", kSize, {kSize - 100});
  const auto result = scan(by_rule("$a"));
  EXPECT_EQ(files(result), (Names{"d /head", "d /tail"}));
  for (const auto& finding : result["findings"]) {
    EXPECT_EQ(finding["partial"], true);
    EXPECT_EQ(finding["file"]["sha256"].get<std::string>().size(), 64u) << "not to be acted on";
  }
  EXPECT_EQ(files(scan(by_rule("$a at filesize - 100"))), Names{"d /tail"});
}

TEST_F(LargeFileTest, WhatIsTooLargeToBeHashedIsReportedWithoutAHash) {
  write_sparse("/evil", kTerabyte, {0});
  model::Policy policy;
  policy.detections.push_back(detection("name", ObjectKind::kFile, {is(Field::kFileName, "evil")}));
  policy.detections.push_back(
      detection("hash", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex("other"))}));
  policy.verdicts.push_back(
      {.id = "v", .condition = one_of({0, 1}), .confidence = 90, .level = "high"});
  const auto result = scan(policy);
  ASSERT_EQ(files(result), Names{"name /evil"});
  EXPECT_FALSE(result["findings"][0]["file"].contains("sha256"));
  EXPECT_EQ(result["findings"][0]["partial"], true);
  EXPECT_EQ(result["partial"], 1);
  EXPECT_EQ(result["unscannable"], 1) << "whether it has the hash nobody knows";
  EXPECT_LE(result["scanned_bytes"], kFewBytes);
}

TEST_F(LargeFileTest, AHashWithItsSizeDoesNotReadAnotherSize) {
  write_sparse("/big", kTerabyte, {0});
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kFile,
                {number(Field::kFileSize, 5), is(Field::kFileSha256, sha256_hex("other"))}));
  policy.verdicts.push_back(
      {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
  const auto result = scan(policy);
  EXPECT_EQ(result["scanned_bytes"], 0);
  EXPECT_EQ(result["unscannable"], 0);
}

class FileBytesTest : public LargeFileTest {
 protected:
  UniqueFd open(const std::string& path) {
    return UniqueFd(::open(at(path).c_str(), O_RDONLY | O_CLOEXEC));
  }
  // How many operations of the disk it took; 255: it cannot be read.
  int read_whole(const std::string& path, std::uint64_t size) {
    const UniqueFd fd = open(path);
    FileBytes bytes(fd.get(), size);
    const bool is_read = bytes.each_block(0, room_, [](BytesView) { return true; }).has_value();
    return is_read ? static_cast<int>(std::min<std::uint64_t>(bytes.operations(), 254)) : 255;
  }
  // The same in a process where the kernel or the file system does not know these flags of preadv2.
  int read_without(std::initializer_list<int> flags, const std::string& path, std::uint64_t size) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
      for (const int flag : flags)
        seccomp_rule_add(
            filter, SCMP_ACT_ERRNO(EOPNOTSUPP), SCMP_SYS(preadv2), 1,
            SCMP_A5(SCMP_CMP_MASKED_EQ, static_cast<unsigned>(flag), static_cast<unsigned>(flag)));
      if (seccomp_load(filter) != 0) ::_exit(255);
      ::_exit(read_whole(path, size));
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 255);
    return WEXITSTATUS(status);
  }
  std::vector<std::uint8_t> room_ = std::vector<std::uint8_t>(256 * 1024);
};

constexpr int kDontCache = 0x80;  // RWF_DONTCACHE, Linux 6.14

TEST_F(FileBytesTest, BlocksAreTheFileWithItsHoles) {
  constexpr off_t kSize = (off_t{5} << 20) + 17;
  write_sparse("/f", kSize, {0, 1 << 20, (3 << 20) - 5, kSize - 20});
  const UniqueFd fd = open("/f");
  std::string plain(kSize, 'x');
  ASSERT_EQ(::pread(fd.get(), plain.data(), plain.size(), 0), kSize);
  for (const std::uint64_t from : {0, 1, 1 << 20, 4 << 20, static_cast<int>(kSize)}) {
    FileBytes bytes(fd.get(), kSize);
    std::string told;
    ASSERT_TRUE(bytes.each_block(from, room_, [&](BytesView block) {
      told += as_text(block);
      return true;
    }));
    EXPECT_TRUE(told == plain.substr(from)) << from;
    EXPECT_LT(bytes.bytes_read(), 1 << 20) << "holes are not read";
  }
}

TEST_F(FileBytesTest, AStringAcrossTwoReadsOrAtTheEdgeOfAHoleStandsInAWindow) {
  constexpr off_t kSize = off_t{200} << 20;
  const auto block = static_cast<off_t>(room_.size() - sizeof kMark);
  for (const off_t where : {off_t{0}, block - 7, 64 * block - 1, kSize - 20}) {
    write_sparse("/f", kSize, {where});
    const UniqueFd fd = open("/f");
    FileBytes bytes(fd.get(), kSize);
    int seen = 0;
    const std::string edge = std::string(where == 0 ? 0 : 9, '\0') + kMark;
    ASSERT_TRUE(bytes.each_window(edge.size(), room_, [&](BytesView window, BytesView) {
      seen += as_text(window).find(edge) != std::string_view::npos;
      return true;
    }));
    EXPECT_GE(seen, 1) << where;
  }
}

TEST_F(FileBytesTest, WhatIsFreshInTheWindowsIsTheFileOnce) {
  std::string content;
  for (int i = 0; content.size() < (3 << 20) + 17; ++i) content += std::to_string(i) + ' ';
  write("/f", content);
  const UniqueFd fd = open("/f");
  FileBytes bytes(fd.get(), content.size());
  std::string told;
  ASSERT_TRUE(bytes.each_window(256, room_, [&](BytesView, BytesView fresh) {
    told += as_text(fresh);
    return true;
  }));
  EXPECT_TRUE(told == content);
}

TEST_F(FileBytesTest, AFileThatBecameShorterIsAConflict) {
  write("/f", "12345");
  const UniqueFd fd = open("/f");
  FileBytes bytes(fd.get(), 10);
  std::uint8_t target[10];
  const auto read = bytes.read(target, 0);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kConflict);
}

// Which pages of the file the page cache holds.
std::vector<bool> cached_pages(int fd, std::size_t size) {
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  EXPECT_NE(map, MAP_FAILED);
  std::vector<unsigned char> pages((size + 4095) / 4096);
  EXPECT_EQ(::mincore(map, size, pages.data()), 0);
  ::munmap(map, size);
  std::vector<bool> result;
  for (const unsigned char page : pages) result.push_back(page & 1);
  return result;
}

// Of 8 MiB, the tenant works with sixteen pages.
struct ColdFileTest : FileBytesTest {
  void SetUp() override {
    FileBytesTest::SetUp();
    write("/f", std::string(kSize, 'x'));
    fd_ = open("/f");
    ASSERT_EQ(::fsync(fd_.get()), 0);  // a page that is not written yet cannot be dropped
    ASSERT_EQ(::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    if (cached() != 0) GTEST_SKIP() << "this file system keeps its pages";
    ASSERT_EQ(::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_RANDOM), 0);
    work_with_it();
    ASSERT_EQ(cached(), 16);
  }
  void work_with_it() {
    std::vector<char> piece(64 * 1024);
    ASSERT_EQ(::pread(fd_.get(), piece.data(), piece.size(), 2 << 20),
              static_cast<ssize_t>(piece.size()));
  }
  std::ptrdiff_t cached() {
    const auto pages = cached_pages(fd_.get(), kSize);
    return std::count(pages.begin(), pages.end(), true);
  }
  bool is_tenants_warm() {
    const auto pages = cached_pages(fd_.get(), kSize);
    return std::count(pages.begin() + 512, pages.begin() + 528, true) == 16;
  }
  static constexpr std::size_t kSize = 8 << 20;
  UniqueFd fd_;
};

TEST_F(ColdFileTest, WhatWasColdIsColdAgainAndWhatWasWarmStaysWarm) {
  EXPECT_GT(read_without({}, "/f", kSize), 0) << "it waited for the disk";
  EXPECT_TRUE(is_tenants_warm());
  EXPECT_LE(cached(), 16 + 16);
}

TEST_F(ColdFileTest, AnOlderKernelKeepsWhatAScanRead) {
  EXPECT_GT(read_without({kDontCache}, "/f", 4096), 0) << "the head of it";
  EXPECT_LE(cached(), 16 + 4);
  EXPECT_GT(read_without({kDontCache}, "/f", kSize), 0);
  // A page that the kernel is at work on is not there for a moment, and taken for a cold one.
  for (int again = 0; again < 3 && !is_tenants_warm(); ++again) {
    work_with_it();
    read_without({kDontCache}, "/f", kSize);
  }
  EXPECT_TRUE(is_tenants_warm());
  EXPECT_LE(cached(), 16 + 16);
}

// Nor do its reads escape the bound of the disk.
TEST_F(ColdFileTest, AFileSystemThatDoesNotSayWhatItHasLosesWhatTheTenantUses) {
  EXPECT_GT(read_without({kDontCache, RWF_NOWAIT}, "/f", kSize), 0);
  EXPECT_TRUE(is_tenants_warm());
}

TEST_F(FileBytesTest, AReadFromMemoryIsTakenForOneFromTheDisk) {
  constexpr std::size_t kSize = 1 << 20;
  write("/f", std::string(kSize, 'x'));
  const UniqueFd fd = open("/f");
  if (cached_pages(fd.get(), kSize) != std::vector<bool>(kSize / 4096, true))
    GTEST_SKIP() << "memory is short";
  FileBytes bytes(fd.get(), kSize);
  ASSERT_TRUE(bytes.each_block(0, room_, [](BytesView) { return true; }));
  EXPECT_EQ(bytes.operations(), 0u);
}

TEST_F(FileBytesTest, TheHeadOfAColdFileBringsNothingElseIntoTheCache) {
  constexpr std::size_t kSize = 8 << 20;
  write("/f", std::string(kSize, 'x'));
  const UniqueFd fd = open("/f");
  ASSERT_EQ(::fsync(fd.get()), 0);
  ASSERT_EQ(::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
  {
    const UniqueFd ours = open("/f");
    FileBytes bytes(ours.get(), kSize);
    std::uint8_t head[4096];
    ASSERT_TRUE(bytes.read(head, 0));
  }
  const auto after = cached_pages(fd.get(), kSize);
  EXPECT_LE(std::count(after.begin(), after.end(), true), 4);
}

}  // namespace
}  // namespace fleetsweep::scan
