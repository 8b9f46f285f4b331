#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "agent/scan/walk.h"
#include "policies/compiler/compiler.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::Match;
using model::ObjectKind;
using Names = std::set<std::string>;

class ScanTest : public TreeTest {};

model::Policy by_name(const std::string& name) {
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, name)}));
  policy.verdicts.push_back(
      {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
  return policy;
}

model::Policy by_rule(const std::string& source) {
  model::Policy policy;
  policy.rules.push_back({.id = "r", .source = source, .license = "Apache-2.0"});
  policy.detections.push_back({.id = "d", .object = ObjectKind::kFile, .rule = 0});
  policy.verdicts.push_back(
      {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
  return policy;
}

constexpr char kRule[] = "rule LookAlike { strings: $a = \"FLEETSWEEP-LOOKALIKE\" condition: $a }";

TEST_F(ScanTest, ANameIsFoundWithItsWholeIdentity) {
  write("/opt/x/evil", "content");
  const auto result = scan(by_name("evil"));
  EXPECT_EQ(result["reason"], "none");
  ASSERT_EQ(files(result), Names{"d /opt/x/evil"});
  const auto& file = result["findings"][0]["file"];
  struct stat status {};
  ASSERT_EQ(::stat(at("/opt/x/evil").c_str(), &status), 0);
  EXPECT_EQ(file["inode"], status.st_ino);
  EXPECT_EQ(file["size"], 7);
  EXPECT_EQ(file["sha256"], sha256_hex("content"));
  ASSERT_EQ(result["verdicts"].size(), 1u);
  EXPECT_EQ(result["verdicts"][0]["id"], "v");
}

TEST_F(ScanTest, ACleanTreeHasNoFindingAndNoVerdict) {
  write("/etc/hosts", "127.0.0.1 localhost\n");
  const auto result = scan(by_name("evil"));
  EXPECT_TRUE(result["findings"].empty());
  EXPECT_TRUE(result["verdicts"].empty());
  EXPECT_EQ(result["scanned"], 1);
}

TEST_F(ScanTest, EveryHashFindsItsFileAndNoOther) {
  write("/a", "hello\n");
  write("/b", "hellp\n");
  model::Policy policy;
  policy.detections.push_back(
      detection("sha256", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex("hello\n"))}));
  policy.detections.push_back(
      detection("sha1", ObjectKind::kFile,
                {is(Field::kFileSha1, "f572d396fae9206628714fb2ce00f72e94f2258f")}));
  policy.detections.push_back(detection("md5", ObjectKind::kFile,
                                        {is(Field::kFileMd5, "B1946AC92492D2347C6235B4D2611184")}));
  EXPECT_EQ(files(scan(policy)), (Names{"sha256 /a", "sha1 /a", "md5 /a"}));
}

TEST_F(ScanTest, ARuleMatchesContentAndIsNamed) {
  write("/usr/bin/tool", std::string(100000, 'x') + "FLEETSWEEP-LOOKALIKE");
  write("/usr/bin/other", std::string(100000, 'x') + "FLEETSWEEP_LOOKALIKE");
  const auto result = scan(by_rule(kRule));
  ASSERT_EQ(files(result), Names{"d /usr/bin/tool"});
  EXPECT_EQ(result["findings"][0]["rule"], "LookAlike");
  EXPECT_EQ(result["findings"][0]["rule_strings"].dump(), R"([{"name":"$a","offset":100000}])");
}

TEST_F(ScanTest, AnUngatedRuleRunsOnEveryFile) {
  write("/a", "abc");
  write("/b", "abcd");
  EXPECT_EQ(files(scan(by_rule("rule R { condition: filesize == 3 and filename == \"a\" }"))),
            Names{"d /a"});
}

TEST_F(ScanTest, MagicComesFromTheContentAndNotFromTheName) {
  write("/a.txt",
        "\x7f"
        "ELF\x02\x01\x01");
  write("/b.elf", "text\n");
  write("/c", "#!/bin/sh\n");
  model::Policy policy;
  policy.detections.push_back(detection("elf", ObjectKind::kFile, {is(Field::kFileMagic, "elf")}));
  policy.detections.push_back(
      detection("script", ObjectKind::kFile, {is(Field::kFileMagic, "script")}));
  policy.detections.push_back(
      detection("bytes", ObjectKind::kFile, {is(Field::kFileBytesAt0, "7f454c46")}));
  EXPECT_EQ(files(scan(policy)), (Names{"elf /a.txt", "script /c", "bytes /a.txt"}));
}

TEST_F(ScanTest, OddNamesAreWholeNames) {
  const std::string longest(255, 'n');
  write("/" + longest, "x");
  write("/new\nline", "x");
  write("/\xff\xfe", "x");
  EXPECT_EQ(files(scan(by_name(longest))), Names{"d /" + longest});
  EXPECT_EQ(files(scan(by_name("new\nline"))).size(), 1u);
  EXPECT_EQ(scan(by_name("\xff\xfe"))["findings"].size(), 1u);
}

TEST_F(ScanTest, LinksAreNotFollowedAndLoopsEnd) {
  write("/real/evil", "x");
  fs::create_directory_symlink("..", at("/real/loop"));
  fs::create_directory_symlink("/", at("/out"));
  fs::create_symlink("/etc/passwd", at("/real/other"));
  EXPECT_EQ(files(scan(by_name("evil"))), Names{"d /real/evil"});
}

// Malware may make such folders with openat(2); nobody can name them to the kernel in one piece.
TEST_F(ScanTest, WhatLiesDeeperThanAPathCanReachIsUnscannableAndNotClean) {
  write("/evil", "x");
  const std::string name(200, 'd');
  int folder = ::open(at("/").c_str(), O_PATH | O_DIRECTORY);
  for (int depth = 0; depth < 30; ++depth) {
    ASSERT_EQ(::mkdirat(folder, name.c_str(), 0700), 0);
    const int below = ::openat(folder, name.c_str(), O_PATH | O_DIRECTORY);
    ::close(folder);
    ASSERT_GE(folder = below, 0);
  }
  const int file = ::openat(folder, "evil", O_CREAT | O_WRONLY, 0600);
  ASSERT_GE(file, 0);
  ::close(file);
  ::close(folder);
  const auto result = scan(by_name("evil"));
  EXPECT_EQ(files(result), Names{"d /evil"});
  EXPECT_EQ(result["unscannable"], 1);
}

TEST_F(ScanTest, AFifoDoesNotStopTheScan) {
  ASSERT_EQ(::mkfifo(at("/evil").c_str(), 0600), 0);
  const auto result = scan(by_name("evil"));
  EXPECT_TRUE(result["findings"].empty());
  EXPECT_EQ(result["unscannable"], 0);
}

TEST_F(ScanTest, ASparseFileIsReadAsItsZeros) {
  write("/evil", "");
  ASSERT_EQ(::truncate(at("/evil").c_str(), 100 << 20), 0);
  const auto result = scan(by_name("evil"));
  ASSERT_EQ(files(result), Names{"d /evil"});
  // 100 MiB of zeros.
  EXPECT_EQ(result["findings"][0]["file"]["sha256"],
            "20492a4d0d84f8beb1767f6616229f85d44c2827b64bdbfb260ee12fa1109e0e");
}

TEST_F(ScanTest, AnEmptyFileHasItsHashAndMatchesNoRule) {
  write("/evil", "");
  const auto named = scan(by_name("evil"));
  ASSERT_EQ(files(named), Names{"d /evil"});
  EXPECT_EQ(named["findings"][0]["file"]["sha256"], sha256_hex(""));
  const auto read = scan(by_rule(kRule));
  EXPECT_TRUE(read["findings"].empty());
  EXPECT_EQ(read["unscannable"], 0);
}

// As often as the kernel lets it, some ten thousand times a second: what lies behind the links is
// never looked at under these names.
TEST_F(ScanTest, AFileOrFolderSwappedForALinkAllTheTimeLeadsNowhereElse) {
  write("/file/evil", "content");
  write("/folder/x/evil", "content");
  const fs::path outside = folder_ / "outside";
  fs::create_directories(outside);
  std::ofstream(outside / "evil") << "precious";
  fs::create_symlink(outside / "evil", at("/file/link"));
  fs::create_directory_symlink(outside, at("/folder/y"));
  std::atomic<bool> is_over = false;
  std::size_t swaps = 0;
  std::thread swapper([&] {
    const auto swap = [&](const std::string& one, const std::string& other) {
      swaps +=
          ::renameat2(AT_FDCWD, at(one).c_str(), AT_FDCWD, at(other).c_str(), RENAME_EXCHANGE) == 0;
    };
    while (!is_over) {
      swap("/file/evil", "/file/link");
      swap("/folder/x", "/folder/y");
    }
  });
  for (int i = 0; i < 20; ++i) {
    const auto report = scan(by_name("evil"));
    for (const auto& finding : report["findings"]) {
      const std::string hash = finding["file"].value("sha256", "");
      EXPECT_TRUE(hash.empty() || hash == sha256_hex("content")) << finding;
    }
  }
  is_over = true;
  swapper.join();
  // Each swap is a change of the file, so most of these scans had to leave it out.
  EXPECT_FALSE(files(scan(by_name("evil"))).empty()) << "nothing was there to be found";
  EXPECT_GT(swaps, 1000u);
}

// In a mount namespace of its own, in which `mounts` ran before.
std::string with_mounts(const std::string& mounts) {
  return "unshare --mount sh -c '" + mounts + " && exec \"$@\"' --";
}
bool may_mount() {
  return std::system("unshare --mount true 2>/dev/null") == 0;
}

TEST_F(ScanTest, ABindMountShowsItsFilesUnderTheirSecondNameTooAndALoopOfThemEnds) {
  if (!may_mount()) GTEST_SKIP() << "needs the right to mount";
  write("/data/evil", "x");
  fs::create_directories(at("/again"));
  fs::create_directories(at("/loop"));
  const auto result =
      scan(by_name("evil"), with_mounts(fmt::format("mount --bind {0}/data {0}/again && "
                                                    "mount --rbind {0} {0}/loop",
                                                    root_.string())));
  EXPECT_EQ(files(result),
            (Names{"d /data/evil", "d /again/evil", "d /loop/data/evil", "d /loop/again/evil"}));
  std::set<std::uint64_t> inodes;
  for (const auto& finding : result["findings"])
    inodes.insert(finding["file"]["inode"].get<std::uint64_t>());
  EXPECT_EQ(inodes.size(), 1u);
}

TEST_F(ScanTest, AnOverlayShowsWhatItsFilesBecame) {
  if (!may_mount()) GTEST_SKIP() << "needs the right to mount";
  fs::create_directories(at("/layers"));
  fs::create_directories(at("/merged"));
  const std::string mounts = fmt::format(
      "cd {0}/layers && mount -t tmpfs none . && cd {0}/layers && mkdir low up work && "
      "printf content >low/evil && printf content >low/other && mount -t overlay none "
      "-o lowerdir=low,upperdir=up,workdir=work {0}/merged",
      root_.string());
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex("content"))}));
  EXPECT_EQ(
      files(scan(policy, with_mounts(mounts))),
      (Names{"d /layers/low/evil", "d /layers/low/other", "d /merged/evil", "d /merged/other"}));
  EXPECT_EQ(files(scan(policy, with_mounts(mounts + fmt::format(" && printf x >>{0}/merged/evil && "
                                                                "rm {0}/merged/other",
                                                                root_.string())))),
            (Names{"d /layers/low/evil", "d /layers/low/other"}));
}

TEST_F(ScanTest, AnUnreadableFileIsUnscannableAndNoHit) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  write("/evil", "x");
  fs::permissions(at("/evil"), fs::perms::none);
  const auto result = scan(by_name("evil"));
  EXPECT_TRUE(result["findings"].empty());
  EXPECT_EQ(result["unscannable"], 1);
}

TEST_F(ScanTest, DepthCountsFoldersBelowTheScope) {
  for (const char* path : {"/srv/evil", "/srv/a/evil", "/srv/a/b/evil", "/other/evil"})
    write(path, "x");
  auto policy = by_name("evil");
  policy.detections[0].scope.paths = {"/srv"};
  policy.detections[0].scope.depth = 2;
  EXPECT_EQ(files(scan(policy)), (Names{"d /srv/evil", "d /srv/a/evil"}));
}

TEST_F(ScanTest, HomesComeFromThePasswdOfTheRoot) {
  write("/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\nbad line\n");
  write("/home/alice/.config/evil", "x");
  write("/home/bob/evil", "x");
  auto policy = by_name("evil");
  policy.detections[0].scope.paths = {"@home"};
  EXPECT_EQ(files(scan(policy)), Names{"d /home/alice/.config/evil"});
}

TEST_F(ScanTest, AUserWhoseLineNamesNoShellHasNoHome) {
  write("/etc/passwd", "eve:x:0:0::/opt/eve\nno:x:1\n");
  write("/opt/eve/evil", "x");
  auto policy = by_name("evil");
  policy.detections[0].scope.paths = {"@home"};
  EXPECT_EQ(files(scan(policy)), Names{"d /opt/eve/evil"});
}

TEST_F(ScanTest, APasswdBehindALinkOrTooLargeMakesEveryHomeEmpty) {
  write("/usr/lib/passwd", "eve:x:4711:0::/home/eve:/bin/sh\n");
  write("/home/eve/evil", "x");
  fs::create_directories(at("/etc"));
  fs::create_symlink("/usr/lib/passwd", at("/etc/passwd"));
  auto policy = by_name("evil");
  policy.detections[0].scope.paths = {"@home"};
  auto result = scan(policy);
  EXPECT_EQ(files(result), Names{"d /home/eve/evil"});
  EXPECT_EQ(result["unscannable"], 0);

  fs::resize_file(at("/usr/lib/passwd"), 5 << 20);
  result = scan(policy);
  EXPECT_EQ(files(result), Names{});
  EXPECT_EQ(result["unscannable_paths"],
            nlohmann::json({"/etc/passwd: not a regular file of at most 4194304 bytes"}));
  fs::remove(at("/usr/lib/passwd"));
  EXPECT_EQ(scan(policy)["unscannable"], 0);  // nobody has a home
}

TEST_F(ScanTest, ASystemFolderThatADaemonCallsItsHomeIsWalkedOrItsKeysAreNotLookedAt) {
  write("/etc/passwd", "daemon:x:1:1::/usr/sbin:/bin/false\nnet:x:2:2::/:/bin/false\n");
  write("/usr/sbin/.ssh/authorized_keys", "ssh-ed25519 AAAA evil\n");
  write("/usr/sbin/bin/evil", "x");
  write("/bin/evil", "x");
  write("/.config/evil", "x");
  auto policy = by_name("evil");
  policy.detections[0].scope.paths = {"@home", "@home/bin", "@home/.config"};
  policy.detections.push_back(
      detection("k", ObjectKind::kPersistence, {is(Field::kPersistenceKind, "authorized_key")}));
  const auto result = scan(policy);
  EXPECT_EQ(files(result), Names{"d /.config/evil"});
  ASSERT_EQ(persistence(result).size(), 1u) << result.dump(1);
  EXPECT_TRUE(persistence(result).begin()->ends_with("evil"));
}

TEST_F(ScanTest, HardLinksAreCountedUnderEachName) {
  write("/a/evil", "x");
  fs::create_hard_link(at("/a/evil"), at("/a/friend"));
  const auto result = scan(by_name("evil"));
  ASSERT_EQ(files(result), Names{"d /a/evil"});
  EXPECT_EQ(result["findings"][0]["file"]["links"], 2);
}

TEST_F(ScanTest, AMergedSystemsOldSpellingFindsTheFile) {
  write("/usr/lib/libudev.so", "x");
  fs::create_directory_symlink("usr/lib", at("/lib"));
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kFile, {is(Field::kFilePath, "/lib/libudev.so")}));
  policy.detections[0].scope.paths = {"/lib"};
  EXPECT_EQ(files(scan(policy)), Names{"d /usr/lib/libudev.so"});
}

TEST_F(ScanTest, WhatIsJoinedToALoaderIsBoundToThatLoader) {
  write("/opt/abcd/loader.bin", "FLEETSWEEP-LOOKALIKE");
  write("/opt/efgh/loader.bin", "nothing");
  write("/etc/crontab", "* * * * * root /opt/abcd/loader.bin\n* * * * * root /bin/true\n");
  model::Policy policy = by_rule(kRule);
  policy.detections.clear();
  policy.detections.push_back(
      detection("loader", ObjectKind::kFile, {is(Field::kFileName, "loader.bin")}));
  model::Detection content{.id = "content", .object = ObjectKind::kFile, .for_each = 0, .rule = 0};
  policy.detections.push_back(content);
  auto cron =
      detection("link", ObjectKind::kPersistence,
                {templated(Field::kPersistenceCommand, "{{loader.file.path}}", Match::kContains)});
  cron.for_each = 0;
  policy.detections.push_back(cron);
  policy.verdicts[0].condition = {model::Condition::Kind::kAnd, 0, {}, {one_of({1}), one_of({2})}};
  const auto result = scan(policy);
  EXPECT_EQ(files(result), (Names{"loader /opt/abcd/loader.bin", "loader /opt/efgh/loader.bin",
                                  "content /opt/abcd/loader.bin"}));
  EXPECT_EQ(persistence(result), Names{"link * * * * * root /opt/abcd/loader.bin"});
  ASSERT_EQ(result["verdicts"].size(), 1u);
  // The other loader is not part of it.
  EXPECT_EQ(result["verdicts"][0]["findings"].size(), 3u);
}

TEST_F(ScanTest, AJoinMissesAPathThatIsSpeltWithEscapes) {
  write("/opt/abcd/run", "x");
  write("/etc/systemd/system/x.service", "[Service]\nExecStart=/opt/\\x61bcd/run\n");
  write("/etc/udev/rules.d/x.rules", "RUN+=e\"/opt/\\x61bcd/run\"\n");
  write("/etc/environment.d/x.conf", "LD_PRELOAD=/opt/\\abcd/run\n");
  model::Policy policy;
  policy.detections.push_back(
      detection("loader", ObjectKind::kFile, {is(Field::kFilePath, "/opt/abcd/run")}));
  policy.detections.push_back(
      detection("link", ObjectKind::kPersistence,
                {templated(Field::kPersistenceCommand, "{{loader.file.path}}", Match::kContains)}));
  policy.detections[1].for_each = 0;
  EXPECT_EQ(persistence(scan(policy)).size(), 3u);
}

TEST_F(ScanTest, AVerdictStandsBesideAFindingThatItDoesNotRestOn) {
  write("/opt/named", "x");
  write("/opt/other", "x");
  model::Policy policy;
  for (const char* file : {"other", "named"})
    policy.detections.push_back(detection(file, ObjectKind::kFile, {is(Field::kFileName, file)}));
  policy.verdicts.push_back({.id = "v", .condition = one_of({1})});
  const auto result = scan(policy);
  ASSERT_EQ(result["findings"].size(), 2u);
  ASSERT_EQ(result["verdicts"][0]["findings"].size(), 1u);
  for (const auto& finding : result["findings"])
    EXPECT_EQ(finding["detection"] == "named",
              finding["number"] == result["verdicts"][0]["findings"][0]);
}

TEST_F(ScanTest, VerdictsThatAreNotAllTriedDoNotMakeAHostClean) {
  for (int i = 0; i < 317; ++i) {  // 317 x 317 combinations
    write("/srv/a-" + std::to_string(i), "x");
    write("/srv/b-" + std::to_string(i), "x");
  }
  write("/etc/crontab", "* * * * * root /srv/a-7\n* * * * * root /srv/b-7\n");
  model::Policy policy;
  for (const char* id : {"a", "b"})
    policy.detections.push_back(detection(
        id, ObjectKind::kFile, {is(Field::kFileName, std::string(id) + "-", Match::kStartsWith)}));
  for (const std::int16_t parent : {0, 1}) {
    const std::string id = policy.detections[parent].id;
    auto link = detection("link_" + id, ObjectKind::kPersistence,
                          {templated(Field::kPersistenceCommand, "{{" + id + ".file.path}}")});
    link.for_each = parent;
    policy.detections.push_back(link);
  }
  policy.verdicts.push_back(
      {.id = "v", .condition = {model::Condition::Kind::kAnd, 0, {}, {one_of({2}), one_of({3})}}});
  const auto result = scan(policy);
  EXPECT_EQ(result["reason"], "limit");
  EXPECT_EQ(result["detail"],
            "verdict v: more than 100000 combinations of what its joined detections found: the "
            "policy matches too much");
  EXPECT_TRUE(result["findings"].empty());
}

TEST_F(ScanTest, APolicyFindsMoreThanItSaysItWould) {
  for (const char* folder : {"/a", "/b", "/c"}) write(std::string(folder) + "/evil", "x");
  model::Policy policy = by_name("evil");
  policy.limits.rows = 3;
  EXPECT_EQ(scan(policy)["findings"].size(), 3u);
  policy.limits.rows = 2;
  const auto result = scan(policy);
  EXPECT_EQ(result["reason"], "limit");
  EXPECT_EQ(result["detail"],
            "more findings than max_rows, which is 2: the policy matches too much");
  EXPECT_TRUE(result["findings"].empty());
}

TEST_F(ScanTest, ALargeFolderIsLeftAsSoonAsTheTimeIsOver) {
  for (int i = 0; i < 500; ++i) write("/many/" + std::to_string(i), "");
  struct Impatient : WalkVisitor {
    int files = 0;
    bool enter(const std::string&, int) override { return true; }
    bool file(int, const std::string&, const char*) override { return ++files > 0; }
    void unreadable(const std::string&, const std::string&) override {}
    bool is_stopped() override { return files == 10; }
  } visitor;
  walk(*Root::open(root_.string()), {"/many"}, visitor);
  EXPECT_EQ(visitor.files, 10);
}

TEST_F(ScanTest, ATemplateInAFileNameFindsTheSecondFile) {
  write("/opt/loader.bin", "x");
  write("/var/loader.bin.cfg", "x");
  write("/var/other.cfg", "x");
  model::Policy policy = by_name("loader.bin");
  policy.detections[0].id = "loader";
  auto config = detection("config", ObjectKind::kFile,
                          {templated(Field::kFileName, "{{loader.file.name}}.cfg")});
  config.for_each = 0;
  policy.detections.push_back(config);
  EXPECT_EQ(files(scan(policy)), (Names{"loader /opt/loader.bin", "config /var/loader.bin.cfg"}));
}

TEST_F(ScanTest, APolicyForAnotherSystemIsRefusedBeforeAnythingIsLookedAt) {
  auto policy = by_name("evil");
  policy.platform = model::Platform::kWindows;
  EXPECT_EQ(scan(policy)["reason"], "platform");
  policy.platform = model::Platform::kAny;
  policy.detections.push_back(
      detection("run", ObjectKind::kWindowsRegistryKey, {is(Field::kRegistryKey, "HKCU")}));
  EXPECT_EQ(scan(policy)["reason"], "platform");
}

TEST_F(ScanTest, APreconditionThatDoesNotHoldIsSaid) {
  write("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
  auto policy = by_name("evil");
  policy.preconditions = {
      {"os.version", ">=", "11"}, {"os.id", "==", "debian"}, {"kernel.version", ">=", "2.6"}};
  EXPECT_EQ(scan(policy)["reason"], "none");
  policy.preconditions = {{"os.version", ">", "12.0"}};
  EXPECT_EQ(scan(policy)["reason"], "precondition");
}

TEST_F(ScanTest, RulesThatDoNotCompileAreMalformed) {
  const auto result = scan(by_rule("rule R { condition: $nothing }"));
  EXPECT_EQ(result["reason"], "malformed");
}

TEST_F(ScanTest, TheSandboxIsReported) {
  const auto result = scan(by_name("evil"));
  EXPECT_EQ(result["sandbox"], ::geteuid() == 0 ? "full" : "reduced");
}

// One read per file: an open for what is read, none for what its name or size rules out.
class StraceTest : public ScanTest {
 protected:
  void SetUp() override {
    ScanTest::SetUp();
    if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  }
  std::string trace(const model::Policy& policy) {
    const fs::path log = folder_ / "trace";
    result_ = scan(policy, "strace -f -y -e trace=openat,openat2,open,pread64,preadv2,read -o '" +
                               log.string() + "'");
    std::ifstream file(log);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  struct Cost {
    int opens = 0;
    long bytes = 0;
  };
  // Of the file with this (unique) name.
  static Cost cost(const std::string& log, const std::string& name) {
    Cost result;
    std::istringstream lines(log);
    for (std::string line; std::getline(lines, line);) {
      if (line.find(name) == std::string::npos) continue;
      const std::size_t equals = line.rfind(" = ");
      const bool failed = line.compare(equals + 3, 1, "-") == 0;
      if (line.find("openat2(") != std::string::npos || line.find("openat(") != std::string::npos)
        result.opens += !failed;
      else if (!failed)
        result.bytes += std::atol(line.c_str() + equals + 3);
    }
    return result;
  }
  nlohmann::json result_;  // of the scan that was traced
};

TEST_F(StraceTest, AScannedFileIsOpenedOnceAndReadOnce) {
  constexpr long kSize = 300000;
  write("/wanted-by-size", std::string(kSize, 'x') + "FLEETSWEEP-LOOKALIKE");
  write("/rejected-by-size", "xx");
  auto policy = by_rule(kRule);
  policy.rules[0].size_min = 1000;
  const std::string log = trace(policy);
  const Cost wanted = cost(log, "wanted-by-size");
  EXPECT_EQ(wanted.opens, 1);
  EXPECT_GE(wanted.bytes, kSize);
  EXPECT_LE(wanted.bytes, kSize + 20 + 4096);
  EXPECT_EQ(cost(log, "rejected-by-size").opens, 0);
}

TEST_F(StraceTest, AFileThatIsNoProgramIsReadForARuleAboutPrograms) {
  const std::string rest(100'000, 'x'), mark = "evilmark";
  write("/a-program",
        "\x7f"
        "ELF" +
            rest + mark);
  write("/a-large-program",
        "\x7f"
        "ELF" +
            rest + rest + mark);
  write("/a-small-text", mark);
  write("/a-text", rest + mark);
  const std::string log =
      trace(by_rule("rule R { strings: $a = \"evilmark\" condition: "
                    "uint32(0) == 0x464c457f and filesize < 150KB and $a }"));
  ASSERT_EQ(result_["findings"].size(), 1u) << result_.dump(1);
  EXPECT_EQ(result_["findings"][0]["file"]["path"], "/a-program");
  EXPECT_EQ(cost(log, "a-large-program").bytes, 0);
  EXPECT_EQ(cost(log, "a-small-text").bytes, 4);
  EXPECT_EQ(cost(log, "a-text").bytes, 4);
  EXPECT_EQ(result_["scanned"], 4);
}

// The policy of the demo asks a program for its content and its process, and looks through /etc for
// files and for cron entries.
TEST_F(StraceTest, AFileThatTwoDetectionsAskAboutIsReadOnce) {
  const auto compiled =
      compiler::compile_file(FS_SOURCE_DIR "/policies/catalog/lookalike/policy.yaml",
                             std::chrono::floor<Seconds>(std::chrono::system_clock::now()));
  ASSERT_TRUE(compiled.has_value());
  const std::string record = "\nFLEETSWEEP-LOOKALIKE-MARKER/1 id=0000a11c;\n";
  std::ostringstream program;
  program << std::ifstream("/bin/sleep", std::ios::binary).rdbuf() << record;
  write("/opt/infected-program", program.str());
  fs::permissions(at("/opt/infected-program"), fs::perms::all);
  const std::set<int> pids = {start_program("/opt/infected-program"),
                              start_program("/opt/infected-program")};
  const std::string crontab = "* * * * * root /opt/infected-program\n";
  write("/etc/crontab", crontab);
  const std::string log = trace(compiled->policy);
  EXPECT_EQ(result_["verdicts"].size(), 2u) << result_.dump(1);
  std::set<int> found;
  for (const auto& finding : result_["findings"])
    if (finding.contains("process")) {
      found.insert(finding["process"]["pid"].get<int>());
      EXPECT_EQ(finding["process"]["exe"]["sha256"], sha256_hex(program.str()));
    }
  EXPECT_EQ(found, pids);
  EXPECT_EQ(persistence(result_), Names{"link_cron " + crontab.substr(0, crontab.size() - 1)});

  for (const auto& [name, size] :
       {std::pair("infected-program", program.str().size()), {"crontab", crontab.size()}}) {
    const Cost read = cost(log, name);
    EXPECT_EQ(read.opens, 1) << name;
    EXPECT_GE(read.bytes, static_cast<long>(size)) << name;
    EXPECT_LE(read.bytes, static_cast<long>(size) + 4096) << name;
  }
}

TEST_F(StraceTest, AProgramIsReadOnceForAllItsProcesses) {
  start_program("/tmp/unique-program");
  start_program("/tmp/unique-program");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kProcess, {is(Field::kProcessName, "unique-program")}));
  const std::string log = trace(policy);
  EXPECT_EQ(result_["findings"].size(), 2u) << result_.dump(1);
  EXPECT_EQ(cost(log, "unique-program").opens, 1);

  // Nor does it cost more that a rule has looked into it, in vain.
  policy.rules = by_rule(kRule).rules;
  policy.detections.push_back({.id = "content", .object = ObjectKind::kFile, .rule = 0});
  const Cost both = cost(trace(policy), "unique-program");
  EXPECT_EQ(result_["findings"].size(), 2u) << result_.dump(1);
  EXPECT_EQ(both.opens, 1);
  EXPECT_LE(both.bytes, static_cast<long>(fs::file_size(at("/tmp/unique-program"))) + 4096);
}

TEST_F(StraceTest, AFileRejectedByNameIsNotOpened) {
  write("/evil-name", "x");
  write("/innocent-name", "x");
  const std::string log = trace(by_name("evil-name"));
  EXPECT_EQ(cost(log, "evil-name").opens, 1);
  EXPECT_EQ(cost(log, "innocent-name").opens, 0);
}

TEST_F(StraceTest, OfALargeFileOfTheWrongKindOnlyTheHeadIsRead) {
  write("/not-an-elf", std::string(1 << 20, 'x'));
  auto policy = by_rule(kRule);
  policy.rules[0].magic = "elf";
  const Cost head = cost(trace(policy), "not-an-elf");
  EXPECT_EQ(head.opens, 1);
  EXPECT_LE(head.bytes, 4096);
}

}  // namespace
}  // namespace fleetsweep::scan
