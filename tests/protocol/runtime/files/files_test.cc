#include "protocol/runtime/files/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace fleetsweep::files {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  Files() {
    std::string pattern = (fs::temp_directory_path() / "files.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~Files() override { fs::remove_all(folder_); }

  std::string path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  void write(std::string_view name, std::string_view text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  static unsigned mode(const std::string& path) {
    struct stat status;
    return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777u : 0;
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  std::string folder_;
};

// Root passes every permission check, so the test becomes nobody for a while.
class AsNobody {
 public:
  AsNobody() {
    if (geteuid() == 0) was_root_ = seteuid(65534) == 0;
  }
  ~AsNobody() {
    if (was_root_ && seteuid(0) != 0) std::abort();
  }

 private:
  bool was_root_ = false;
};

TEST_F(Files, AFileOfExactlyTheCapIsRefused) {
  write("f", "12345");
  EXPECT_EQ(as_text(read_file(path("f"), 5).value()), "12345");
  EXPECT_EQ(as_text(read_file(path("f"), 500).value()), "12345");
  const auto larger = read_file(path("f"), 4);
  ASSERT_FALSE(larger);
  EXPECT_EQ(larger.error().code, Code::kInvalid);
  write("empty", "");
  EXPECT_TRUE(read_file(path("empty"), 5)->empty());
}

// /proc files say that they have 0 bytes.
TEST_F(Files, AFileThatLiesAboutItsSizeIsCut) {
  EXPECT_FALSE(read_file("/proc/self/status", 1 << 20)->empty());
}

TEST_F(Files, ALinkOrAFifoIsRead) {
  write("secret", "s");
  fs::create_symlink("secret", path("link"));
  const auto linked = read_file(path("link"), 10);
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.error().code, Code::kInvalid);
  EXPECT_NE(linked.error().message.find("symbolic link"), std::string::npos);
  EXPECT_TRUE(read_file(path("link"), 10, Links::kFollow));
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_NE(read_file(path("fifo"), 10).error().message.find("not a regular file"),
            std::string::npos);
  EXPECT_FALSE(read_file(folder_, 10));
}

TEST_F(Files, AnAbsentFileIsNotTold) {
  EXPECT_EQ(read_file(path("absent"), 10).error().code, Code::kNotFound);
}

TEST_F(Files, AReplacedFileKeepsItsOldModeOrContent) {
  write("f", "old and longer");
  fs::permissions(path("f"), fs::perms::all);
  const auto mask = umask(077);
  ASSERT_TRUE(write_file_atomic(path("f"), as_bytes("new"), 0640));
  umask(mask);
  EXPECT_EQ(as_text(read_file(path("f"), 100).value()), "new");
  EXPECT_EQ(mode(path("f")), 0640u);
  EXPECT_EQ(entries(), 1u) << "no temporary file stays";
}

TEST_F(Files, AWriteGoesThroughALink) {
  write("target", "untouched");
  fs::create_symlink("target", path("link"));
  ASSERT_TRUE(write_file_atomic(path("link"), as_bytes("new")));
  EXPECT_EQ(as_text(read_file(path("target"), 100).value()), "untouched");
  EXPECT_EQ(as_text(read_file(path("link"), 100).value()), "new");
}

TEST_F(Files, AFailedReplacementLosesTheOldContent) {
  fs::create_directory(path("folder"));
  write("folder/inside", "x");
  EXPECT_FALSE(write_file_atomic(path("folder"), as_bytes("new")));
  EXPECT_EQ(entries(), 1u);
  EXPECT_EQ(write_file_atomic(path("no/such/file"), as_bytes("x")).error().code, Code::kNotFound);
}

TEST_F(Files, ANewFileOverwritesAnOldOne) {
  ASSERT_TRUE(write_new_file(path("f"), as_bytes("first")));
  EXPECT_EQ(mode(path("f")), 0600u);
  EXPECT_EQ(write_new_file(path("f"), as_bytes("second")).error().code, Code::kConflict);
  EXPECT_EQ(as_text(read_file(path("f"), 100).value()), "first");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, AMissingPermissionIsNotNamed) {
  write("private", "x");
  fs::permissions(path("private"), fs::perms::none);
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_exec);
  {
    const AsNobody nobody;
    const auto read = read_file(path("private"), 10);
    const auto written = write_file_atomic(path("new"), as_bytes("x"));
    ASSERT_FALSE(read);
    ASSERT_FALSE(written);
    for (const Error& error : {read.error(), written.error()}) {
      EXPECT_EQ(error.code, Code::kInvalid);
      EXPECT_NE(error.message.find("permission denied"), std::string::npos) << error.message;
    }
  }
  fs::permissions(folder_, fs::perms::owner_all);
}

// Every file system answers ENOSPC and EROFS alike; tests that need a full one run end to end.
TEST(SystemError, TheReasonIsNotInPlainWords) {
  EXPECT_EQ(system_error(ENOSPC, "write /s/x"),
            (Error{Code::kUnavailable,
                   "cannot write /s/x: the disk is full: free space there, then try again"}));
  EXPECT_EQ(system_error(EROFS, "write /s/x"),
            (Error{Code::kInvalid,
                   "cannot write /s/x: the file system is read-only: mount it writable, or name a "
                   "folder elsewhere"}));
  EXPECT_EQ(system_error(EMFILE, "open /s/x").code, Code::kOverloaded);
  EXPECT_EQ(system_error(EIO, "write /s/x").code, Code::kInternal);
}

TEST_F(Files, AStateFolderIsOpenToOthers) {
  const auto mask = umask(0);
  ASSERT_TRUE(make_private_directory(path("a/b/state")));
  umask(mask);
  EXPECT_EQ(mode(path("a/b/state")), 0700u);
  EXPECT_TRUE(make_private_directory(path("a/b/state"))) << "a second start";
  fs::permissions(path("a/b/state"), fs::perms::owner_all | fs::perms::group_read);
  const Status status = make_private_directory(path("a/b/state"));
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("chmod 700 " + path("a/b/state")), std::string::npos);
  EXPECT_EQ(mode(path("a/b/state")), 0740u) << "an owner's folder is not changed";
}

TEST_F(Files, AStateFolderIsALinkOrAFile) {
  ASSERT_TRUE(make_private_directory(path("real")));
  fs::create_directory_symlink("real", path("link"));
  write("file", "");
  EXPECT_FALSE(make_private_directory(path("link")));
  EXPECT_FALSE(make_private_directory(path("file")));
  EXPECT_FALSE(make_private_directory(path("file/below")));
}

TEST_F(Files, TwoProcessesWorkWithOneState) {
  auto lock = StateLock::acquire(folder_, "fleetsweep-witness");
  ASSERT_TRUE(lock);
  const auto second = StateLock::acquire(folder_, "fleetsweep-witness");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(),
            (Error{Code::kConflict,
                   fmt::format("another fleetsweep-witness is running with this state ({}, pid {})",
                               folder_, getpid())}));
  { const StateLock gone(std::move(*lock)); }
  EXPECT_TRUE(StateLock::acquire(folder_, "fleetsweep-witness"));
}

TEST_F(Files, AKilledProcessKeepsItsLock) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = StateLock::acquire(folder_, "test");
    const char answer = lock ? 'y' : 'n';
    if (::write(ready[1], &answer, 1) != 1) _exit(1);
    pause();
    _exit(0);
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_FALSE(StateLock::acquire(folder_, "test"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(StateLock::acquire(folder_, "test"));
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace fleetsweep::files
