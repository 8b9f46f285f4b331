// A scan that is stopped goes on where it was: the log by itself, then the program, killed in the
// middle of a real walk.

#include "agent/scan/checkpoint.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "protocol/base/limits.h"
#include "protocol/base/prng.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/scan/tree.h"
#include "tests/wait.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;
using Names = std::set<std::string>;

Digest digest(std::string_view text) {
  return crypto::sha256(as_bytes(text));
}

Answered answered(std::uint8_t number) {
  Answered file{.sha256 = digest(std::string(1, static_cast<char>(number))), .bytes = number};
  file.name[0] = number;
  set(file.no, number % 128);
  return file;
}

class CheckpointTest : public TreeTest {
 protected:
  std::string path() const { return (folder_ / "checkpoint").string(); }
  Checkpoint open() const {
    auto opened = Checkpoint::open(path());
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  // What a scan that starts now would not read again.
  std::vector<Answered> left(const Digest& scan, std::int64_t now) const {
    Checkpoint checkpoint = open();
    std::vector<Answered> files;
    if (const auto head = checkpoint.find(scan, now)) {
      EXPECT_TRUE(checkpoint.go_on(*head, [&](const Answered& file) { files.push_back(file); }));
    }
    return files;
  }

  const CheckpointHead head_{digest("scan"), 1'000'000, {7}};
};

TEST_F(CheckpointTest, WhatWasAnsweredIsForgottenOverARestart) {
  {
    Checkpoint checkpoint = open();
    EXPECT_FALSE(checkpoint.find(head_.scan, head_.started));
    ASSERT_TRUE(checkpoint.begin(head_));
    ASSERT_TRUE(checkpoint.add(std::vector{answered(1), answered(2)}));
    ASSERT_TRUE(checkpoint.add(std::vector{answered(3)}));
  }
  EXPECT_EQ(left(head_.scan, head_.started + 5),
            (std::vector{answered(1), answered(2), answered(3)}));
  {  // what goes on adds behind it
    Checkpoint checkpoint = open();
    ASSERT_TRUE(checkpoint.go_on(head_, [](const Answered&) {}));
    ASSERT_TRUE(checkpoint.add(std::vector{answered(4)}));
  }
  EXPECT_EQ(left(head_.scan, head_.started + 5).size(), 4u);
}

TEST_F(CheckpointTest, AnotherScanOrAnOldOneIsGoneOnWith) {
  {
    Checkpoint checkpoint = open();
    ASSERT_TRUE(checkpoint.begin(head_));
    ASSERT_TRUE(checkpoint.add(std::vector{answered(1)}));
  }
  EXPECT_TRUE(left(digest("other"), head_.started).empty());
  EXPECT_EQ(left(head_.scan, head_.started + limits::kCheckpointAgeSeconds).size(), 1u);
  EXPECT_TRUE(left(head_.scan, head_.started + limits::kCheckpointAgeSeconds + 1).empty());
  EXPECT_TRUE(left(head_.scan, head_.started - 1).empty()) << "the clock was moved back";
}

TEST_F(CheckpointTest, AScanThatEndedIsGoneOnWith) {
  {
    Checkpoint checkpoint = open();
    ASSERT_TRUE(checkpoint.begin(head_));
    ASSERT_TRUE(checkpoint.add(std::vector{answered(1)}));
    ASSERT_TRUE(checkpoint.end());
  }
  EXPECT_TRUE(left(head_.scan, head_.started).empty());
  EXPECT_EQ(std::filesystem::file_size(path()), 0u) << "it keeps its place on the disk";
}

TEST_F(CheckpointTest, WhatAnOlderScanLeftBehindIsOurs) {
  {
    Checkpoint checkpoint = open();
    ASSERT_TRUE(checkpoint.begin(head_));
    for (std::uint8_t i = 1; i <= 5; ++i) ASSERT_TRUE(checkpoint.add(std::vector{answered(i)}));
  }
  CheckpointHead next = head_;
  next.started += 1;  // the same key, as of one identity table
  {
    Checkpoint checkpoint = open();
    ASSERT_TRUE(checkpoint.begin(next));
    ASSERT_TRUE(checkpoint.add(std::vector{answered(9)}));
  }
  EXPECT_EQ(left(next.scan, next.started), std::vector{answered(9)});
}

// Whatever a crash leaves of the file: a beginning of what was written, never anything else.
TEST_F(CheckpointTest, ACutOrDamagedLogGivesWhatNobodyAnswered) {
  std::vector<Answered> all;
  {
    Checkpoint checkpoint = open();
    ASSERT_TRUE(checkpoint.begin(head_));
    for (std::uint8_t i = 0; i < 20; ++i) {
      const std::vector block(1 + i % 3, answered(i));
      ASSERT_TRUE(checkpoint.add(block));
      all.insert(all.end(), block.begin(), block.end());
    }
  }
  std::ifstream file(path(), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), {}};
  Prng random(5);
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    if (random.below(2) == 0)
      bytes.resize(random.below(bytes.size()));
    else
      bytes[random.below(bytes.size())] ^= static_cast<char>(1 + random.below(255));
    std::ofstream(path(), std::ios::binary) << bytes;
    const auto files = left(head_.scan, head_.started);
    ASSERT_LT(files.size(), all.size());
    EXPECT_TRUE(std::equal(files.begin(), files.end(), all.begin())) << "round " << round;
  }
}

// The program.

class StoppedScanTest : public CheckpointTest {
 protected:
  static constexpr int kFiles = 400;

  void SetUp() override {
    TreeTest::SetUp();
    // About a millisecond for each file.
    policy_.rules.push_back({.id = "r",
                             .source = "rule R { strings: $a = \"LOOKALIKE\" condition: $a or for "
                                       "any i in (1..20000) : (filesize == i + 1000000) }",
                             .license = "Apache-2.0"});
    policy_.detections.push_back({.id = "rule", .object = ObjectKind::kFile, .rule = 0});
    for (int i = 0; i < kFiles; ++i)
      write(file(i), (i % 50 == 7 ? "LOOKALIKE " : "harmless ") + std::to_string(i));
  }
  void TearDown() override {
    if (pid_ > 0) stop();
    TreeTest::TearDown();
  }

  static std::string file(int i) {
    return "/d" + std::to_string(i % 20) + "/f" + std::to_string(i);
  }
  std::string options(bool with_table = true) const {
    return "--checkpoint '" + path() + "'" +
           (with_table ? " --table '" + (folder_ / "table").string() + "'" : "");
  }

  // As scan(), and goes on while it runs.
  void start(bool with_table = true) {
    model::Policy slow = policy_;
    slow.limits.cpu_percent = 5;  // slow enough to be stopped
    const Bytes bytes = codec::encode(slow);
    const std::string policy = (folder_ / "policy.bin").string();
    const std::string table = (folder_ / "table").string(), checkpoint = path();
    std::ofstream(policy, std::ios::binary) << as_text(bytes);
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, 1);
    std::vector<const char*> arguments = {"fleetsweep-scan", "--root",          root_.c_str(),
                                          "--policy",        policy.c_str(),    "--json",
                                          "--checkpoint",    checkpoint.c_str()};
    if (with_table) arguments.insert(arguments.end(), {"--table", table.c_str()});
    arguments.push_back(nullptr);
    ::execv(FS_BINARY_DIR "/fleetsweep-scan", const_cast<char**>(arguments.data()));
    ::_exit(127);
  }
  void stop() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // Killed once it has kept more than there was.
  void start_and_kill(bool with_table = true) {
    const auto size = [this] {
      std::error_code none;
      const auto bytes = std::filesystem::file_size(path(), none);
      return none ? 0 : bytes;
    };
    const auto before = std::max<std::uintmax_t>(size(), 100);
    start(with_table);
    ASSERT_TRUE(until([&] { return size() > before; })) << "it keeps nothing";
    stop();
  }

  const LateClock clock_;  // what was changed just now may change again under the same times
  model::Policy policy_;
  pid_t pid_ = -1;
};

TEST_F(StoppedScanTest, AKilledScanBeginsAnew) {
  start_and_kill();
  const auto rest = scan(policy_, "", options());
  EXPECT_EQ(rest["reason"], "none");
  EXPECT_GT(rest["resumed"], 0);
  // What was found before is read again, and nothing else.
  EXPECT_EQ(rest["opened"].get<int>() + rest["resumed"].get<int>(), kFiles);
  const auto unbroken = scan(policy_);
  EXPECT_EQ(unbroken["opened"], kFiles);
  EXPECT_EQ(files(rest), files(unbroken));
  EXPECT_EQ(files(rest).size(), kFiles / 50u);
  EXPECT_EQ(rest["scanned"], unbroken["scanned"]);
  EXPECT_EQ(rest["scanned_bytes"], unbroken["scanned_bytes"]);
  // It ended: the table knows all of it, and there is nothing to go on with.
  const auto again = scan(policy_, "", options());
  EXPECT_EQ(again["resumed"], 0);
  EXPECT_EQ(again["recalled"], kFiles - kFiles / 50);
}

TEST_F(StoppedScanTest, WhatChangedBehindItIsNotSeen) {
  start_and_kill();
  // A file that was read, under its old time; one in a folder that was read; a folder under another
  // name. All are behind the position of any order in which some were read.
  for (int i = 0; i < kFiles; i += 20) {
    struct stat before {};
    ASSERT_EQ(::stat(at(file(i)).c_str(), &before), 0);
    std::string text(static_cast<std::size_t>(before.st_size), ' ');
    text.replace(0, 9, "LOOKALIKE");
    write(file(i), text);
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, at(file(i)).c_str(), times, 0), 0);
  }
  write("/d3/new", "LOOKALIKE");
  write("/unseen/x/f", "LOOKALIKE");
  std::filesystem::rename(at("/unseen/x"), at("/d4/x"));
  const auto rest = scan(policy_, "", options());
  EXPECT_GT(rest["resumed"], 0);
  const auto found = files(rest);
  EXPECT_EQ(found, files(scan(policy_)));
  EXPECT_TRUE(found.contains("rule /d3/new") && found.contains("rule /d4/x/f") &&
              found.contains("rule " + file(20)));
}

TEST_F(StoppedScanTest, AFileThatIsNoPackagesAnyMoreKeepsItsAnswer) {
  policy_.detections.push_back(detection("strange", ObjectKind::kFile,
                                         {is(Field::kFileName, "^f[0-9]+$", model::Match::kRegex),
                                          number(Field::kFilePackageOwned, 0)}));
  std::string list;
  for (int i = 0; i < kFiles; ++i) list += file(i) + "\n";
  write("/var/lib/dpkg/info/good.list", list);
  start_and_kill(false);
  const auto owned = scan(policy_, "", options(false));
  EXPECT_GT(owned["resumed"], 0);
  EXPECT_EQ(files(owned).size(), kFiles / 50u);
  start_and_kill(false);
  write("/var/lib/dpkg/info/good.list", "/d0\n");
  EXPECT_EQ(files(scan(policy_, "", options(false))).size(), kFiles + kFiles / 50u);
}

// A rescan goes on with what itself has read, never with what an earlier scan knew.
TEST_F(StoppedScanTest, ARescanBelievesAScanThatHadATable) {
  start_and_kill();
  const auto fresh = scan(policy_, "", options(false));
  EXPECT_EQ(fresh["resumed"], 0);
  EXPECT_EQ(fresh["opened"], kFiles);
  std::filesystem::remove(path());
  start_and_kill(false);
  const auto rest = scan(policy_, "", options(false));
  EXPECT_GT(rest["resumed"], 0);
  EXPECT_EQ(rest["recalled"], 0);
  EXPECT_EQ(rest["opened"].get<int>() + rest["resumed"].get<int>(), kFiles);
  EXPECT_EQ(files(rest).size(), kFiles / 50u);
}

TEST_F(StoppedScanTest, AScanThatItsTimeLimitEndedBeginsAnew) {
  model::Policy slow = policy_;
  slow.limits.cpu_percent = 5;
  slow.limits.timeout = std::chrono::seconds(2);
  for (int round = 0; !std::filesystem::exists(path()) || std::filesystem::file_size(path()) < 100;
       ++round) {
    ASSERT_LT(round, 30) << "it gets no further";
    EXPECT_EQ(scan(slow, "", options(false))["reason"], "timeout");
  }
  const auto rest = scan(policy_, "", options(false));
  EXPECT_EQ(rest["reason"], "none");
  EXPECT_GT(rest["resumed"], 0);
  EXPECT_EQ(files(rest).size(), kFiles / 50u);
}

}  // namespace
}  // namespace fleetsweep::scan
