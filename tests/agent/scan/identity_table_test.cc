#include "agent/scan/identity_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>

#include "agent/scan/table_file.h"
#include "protocol/base/limits.h"
#include "protocol/base/prng.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;
using Names = std::set<std::string>;

constexpr std::int64_t kSecond = 1'000'000'000;

const crypto::TableKey kKey{};

FileNow file(std::string_view name = "x") {
  return {.file_system = 1,
          .inode = 2,
          .size = 3,
          .born_ns = 4 * kSecond,
          .mtime_ns = 5 * kSecond,
          .ctime_ns = 6 * kSecond,
          .folder = IdentityTable::name_of_folder(kKey, "/bin", {}),
          .name = name};
}

Digest digest(std::string_view text) {
  return crypto::sha256(as_bytes(text));
}

TEST(IdentityTable, ForgetsOverARestart) {
  IdentityTable table;
  const auto bit = table.question(digest("q"));
  ASSERT_TRUE(bit);
  IdentityTable::Questions no{};
  set(no, *bit);
  table.learn(table.name_of(file()), digest("content"), no);
  auto again = IdentityTable::decode(to_bytes(table.encode()));
  ASSERT_TRUE(again) << again.error().message;
  const auto* known = again->find(again->name_of(file()));
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->sha256, digest("content"));
  EXPECT_EQ(again->question(digest("q")), bit);
  EXPECT_TRUE(has(known->no, *bit));
  EXPECT_EQ(again->find(again->name_of(file("y"))), nullptr);
}

TEST(IdentityTable, KnowsAFileAgainAfterOneOfItsMarksChanged) {
  IdentityTable table;
  table.learn(table.name_of(file()), digest("content"), {});
  const auto expect_unknown = [&](auto change) {
    FileNow other = file();
    change(other);
    EXPECT_EQ(table.find(table.name_of(other)), nullptr);
  };
  expect_unknown([](FileNow& f) { f.file_system = 9; });
  expect_unknown([](FileNow& f) { f.inode = 9; });
  expect_unknown([](FileNow& f) { f.size = 9; });
  expect_unknown([](FileNow& f) { f.born_ns = 9; });
  expect_unknown([](FileNow& f) { f.mtime_ns += 1; });
  expect_unknown([](FileNow& f) { f.ctime_ns += 1; });
  expect_unknown([](FileNow& f) { f.name = "x2"; });
  const auto in_folder = [](std::string_view path, const std::vector<std::string>& aliases) {
    return [=](FileNow& f) { f.folder = IdentityTable::name_of_folder(kKey, path, aliases); };
  };
  expect_unknown(in_folder("/bin2", {}));
  expect_unknown(in_folder("/bin", {"/usr/bin"}));
  expect_unknown(in_folder("", {"/bin"}));
  EXPECT_NE(table.find(table.name_of(file())), nullptr);
}

TEST(IdentityTable, TrustsATimeThatIsStillGoingOnOrNeverWas) {
  EXPECT_FALSE(is_unsettled(file(), 100 * kSecond));
  EXPECT_TRUE(is_unsettled(file(), 7 * kSecond)) << "may change again within the same tick";
  EXPECT_TRUE(is_unsettled(file(), 40 * kSecond)) << "a page of it may be dirty";
  EXPECT_TRUE(is_unsettled(file(), 1 * kSecond)) << "from the future";
  FileNow unborn = file();
  unborn.born_ns = unborn.ctime_ns + 1;
  EXPECT_TRUE(is_unsettled(unborn, 100 * kSecond)) << "changed before it was born";
}

TEST(IdentityTable, AnAnswerOutlivesItsQuestion) {
  IdentityTable table;
  const auto name = table.name_of(file());
  for (std::size_t i = 0; i < limits::kKnownQuestions; ++i) {
    IdentityTable::Questions no{};
    set(no, *table.question(digest("old" + std::to_string(i))));
    table.learn(name, {}, no);
  }
  EXPECT_EQ(table.question(digest("new")), std::nullopt) << "all bits are of this run";
  auto next = IdentityTable::decode(to_bytes(table.encode()));
  ASSERT_TRUE(next);
  ASSERT_TRUE(next->question(digest("old0")));
  const auto bit = next->question(digest("new"));
  ASSERT_TRUE(bit);
  EXPECT_FALSE(has(next->find(name)->no, *bit)) << "the answer to another question";
  EXPECT_TRUE(has(next->find(name)->no, *next->question(digest("old0"))));
}

TEST(IdentityTable, ADamagedByteIsBelieved) {
  IdentityTable table;
  table.learn(table.name_of(file()), digest("content"), {});
  const Bytes good = to_bytes(table.encode());
  ASSERT_TRUE(IdentityTable::decode(good));
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes bad = good;
    bad[at] ^= 1;
    EXPECT_FALSE(IdentityTable::decode(std::move(bad))) << at;
  }
  for (const std::size_t size : {std::size_t{0}, good.size() / 2, good.size() - 1})
    EXPECT_FALSE(IdentityTable::decode(Bytes(good.begin(), good.begin() + size))) << size;
}

TEST(IdentityTable, TenThousandFilesAreNotConfused) {
  IdentityTable table;
  std::vector<std::string> paths;
  for (int i = 0; i < 10'000; ++i) paths.push_back("/f" + std::to_string(i));
  for (const std::string& path : paths) table.learn(table.name_of(file(path)), digest(path), {});
  ASSERT_EQ(table.size(), paths.size());
  for (const std::string& path : paths) {
    const auto* known = table.find(table.name_of(file(path)));
    ASSERT_NE(known, nullptr) << path;
    EXPECT_EQ(known->sha256, digest(path));
  }
}

TEST(IdentityTable, GrowsWithoutBound) {
  IdentityTable table;
  IdentityTable::Name name{};
  for (std::uint32_t i = 0; i < limits::kKnownFiles + 10; ++i) {
    std::memcpy(name.data(), &i, sizeof i);
    table.learn(name, digest("x"), {});
  }
  EXPECT_EQ(table.size(), limits::kKnownFiles);
  // What nobody has seen for long makes room.
  Bytes bytes = to_bytes(table.encode());
  for (int run = 0; run < 40; ++run) {
    auto next = IdentityTable::decode(std::move(bytes));
    ASSERT_TRUE(next) << next.error().message;
    ASSERT_NE(next->size(), 0u);
    std::uint32_t first = 0;
    std::memcpy(name.data(), &first, sizeof first);
    if (next->find(name) == nullptr) break;
    if (next->size() == 1) return;
    bytes = to_bytes(next->encode());
  }
  FAIL() << "the one that is seen in every run is to be the only one left";
}

// The program, on files that lie there long enough.
class KnownTreeTest : public TreeTest {
 protected:
  void SetUp() override {
    TreeTest::SetUp();
    write("/a", "hello\n");
    write("/b", "hellp\n");
    write("/c/d", std::string(100'000, 'x') + "FLEETSWEEP-LOOKALIKE");
    clock_.emplace();
    scan_known(by_hash("nothing"));
  }

  nlohmann::json scan_known(const model::Policy& policy) {
    return scan(policy, "", "--table '" + (folder_ / "table").string() + "'");
  }

  void write_packed(const std::string& path, const std::string& content) {
    write(path, "");
    const std::string packing = "printf '%s' '" + content + "' | gzip -n > " + at(path).string();
    ASSERT_EQ(std::system(packing.c_str()), 0);
  }

  static model::Policy by_hash(const std::string& content) {
    model::Policy policy;
    policy.detections.push_back(
        detection("hash", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex(content))}));
    return policy;
  }
  static model::Policy by_rule(const std::string& text) {
    model::Policy policy;
    policy.rules.push_back({.id = "r",
                            .source = "rule R { strings: $a = \"" + text + "\" condition: $a }",
                            .license = "Apache-2.0"});
    policy.detections.push_back({.id = "rule", .object = ObjectKind::kFile, .rule = 0});
    return policy;
  }

  std::optional<LateClock> clock_;
};

TEST_F(KnownTreeTest, AFileThatMayChangeUnderTheSameTimesIsLearnt) {
  write("/new", "hello\n");
  clock_.reset();  // a host on which all of this was written just now
  EXPECT_EQ(scan_known(by_hash("nothing"))["opened"], 4);
  EXPECT_EQ(scan_known(by_hash("nothing"))["opened"], 4);
  clock_.emplace();
  EXPECT_EQ(scan_known(by_hash("nothing"))["opened"], 1) << "what was learnt before is still known";
}

TEST_F(KnownTreeTest, WhatTheOwnerOfTwoFilesSwapsOnXfsOrF2fsIsKnown) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, and somebody who is not";
  if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  ASSERT_EQ(::chmod(at("/b").c_str(), 0664), 0);
  ASSERT_EQ(::chown(at("/c/d").c_str(), 1, 1), 0);
  // Every file system says that it is the one or the other.
  for (const std::string type : {"4253465800000000", "1020f5f200000000"}) {
    const auto opened = [&] {
      return scan(
          by_hash("nothing"),
          "strace -f -o /dev/null -e trace=fstatfs -e inject=fstatfs:poke_exit=@arg2=" + type,
          "--table '" + (folder_ / "table").string() + "'")["opened"];
    };
    EXPECT_EQ(opened(), 2);
    EXPECT_EQ(opened(), 2) << "root's own alone is known";
  }
}

TEST_F(KnownTreeTest, ANewHashListReadsAnUnchangedTree) {
  const auto result = scan_known(by_hash("also not here"));
  EXPECT_EQ(result["opened"], 0);
  EXPECT_EQ(result["recalled"], 3);
  EXPECT_EQ(result["scanned"], 3);
}

// tmpfs: what is not on a disk begins anew with each start, and may have the same times then.
TEST_F(KnownTreeTest, AFileSystemThatIsGoneWithThePowerIsBelievedTheNextTime) {
  char root[] = "/dev/shm/fleetsweep-scan-test-XXXXXX";
  ASSERT_NE(::mkdtemp(root), nullptr);
  std::ofstream(std::string(root) + "/a") << "hello\n";
  const auto opened = [&] {
    const std::string table = "--table '" + (folder_ / "other").string() + "'";
    return scan(by_hash("nothing"), "", table, root)["opened"];
  };
  EXPECT_EQ(opened(), 1);
  EXPECT_EQ(opened(), 1);
  std::filesystem::remove_all(root);
}

TEST_F(KnownTreeTest, AScanLeavesItsTimeOfAccessBehind) {
  // Older than the last change: a reading would be noted.
  const timespec old[2] = {{1'000'000, 0}, {2'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("/a").c_str(), old, 0), 0);
  const auto accessed = [&] {
    struct stat status {};
    EXPECT_EQ(::stat(at("/a").c_str(), &status), 0);
    return status.st_atim.tv_sec;
  };
  EXPECT_EQ(files(scan(by_hash("hello\n"))), Names{"hash /a"});
  EXPECT_EQ(accessed(), old[0].tv_sec);
  std::string line;
  std::getline(std::ifstream(at("/a")), line);
  if (accessed() == old[0].tv_sec) GTEST_SKIP() << "this file system notes no time of access";
}

TEST_F(KnownTreeTest, AScanUnderAClockThatIsAheadEndsAListForGood) {
  model::Policy policy = by_rule("not here");
  policy.detections.push_back(by_hash("hello\n").detections[0]);
  policy.detections[1].any_of[0][0].expires =
      std::chrono::floor<Seconds>(std::chrono::system_clock::now()) + std::chrono::hours(1);
  clock_.emplace(2 * 60 * 60);
  EXPECT_EQ(files(scan_known(policy)), Names{});
  clock_.emplace();
  EXPECT_EQ(files(scan_known(policy)), Names{"hash /a"});
}

TEST_F(KnownTreeTest, AHashFromTheTableIsAFindingWithoutAReading) {
  const auto result = scan_known(by_hash("hello\n"));
  EXPECT_EQ(files(result), Names{"hash /a"});
  EXPECT_EQ(result["opened"], 1) << "what is found is read again";
  EXPECT_EQ(result["findings"][0]["file"]["sha256"], sha256_hex("hello\n"));
}

TEST_F(KnownTreeTest, ARuleThatMatchedNothingReadsTheTreeASecondTime) {
  EXPECT_EQ(files(scan_known(by_rule("FLEETSWEEP-LOOKALIKE"))), Names{"rule /c/d"});
  const auto again = scan_known(by_rule("FLEETSWEEP-LOOKALIKE"));
  EXPECT_EQ(files(again), Names{"rule /c/d"});
  EXPECT_EQ(again["opened"], 1);
  EXPECT_EQ(again["recalled"], 2);
  const auto written = std::filesystem::last_write_time(folder_ / "table");
  EXPECT_EQ(scan_known(by_rule("FLEETSWEEP-LOOKALIKE"))["opened"], 1);
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "table"), written)
      << "a table to which nothing is added is written again";
  EXPECT_EQ(files(scan_known(by_rule("hello"))), Names{"rule /a"}) << "another rule";
}

TEST_F(KnownTreeTest, AFileThatBeginsOtherwiseThanARuleWantsIsOpenedASecondTime) {
  model::Policy policy = by_rule("hello");
  policy.rules[0].source =
      "rule R { strings: $a = \"hello\" condition: uint32(0) == 0x464c457f and $a }";
  EXPECT_EQ(scan_known(policy)["opened"], 3);
  const auto again = scan_known(policy);
  EXPECT_EQ(again["opened"], 0);
  EXPECT_EQ(again["recalled"], 3);
  EXPECT_EQ(again["scanned"], 3);
}

TEST_F(KnownTreeTest, ARuleForFilesOfNoPackageReadsTheTreeASecondTime) {
  model::Policy policy = by_rule("FLEETSWEEP-LOOKALIKE");
  policy.detections[0].scope.paths = {"/a", "/b", "/c"};
  policy.detections[0].none_of = {{number(Field::kFilePackageOwned, 1)}};
  write("/var/lib/dpkg/info/good.list", "/b\n/c/d\n");
  EXPECT_EQ(scan_known(policy)["opened"], 1) << "what a package owns is not read for this";
  const auto again = scan_known(policy);
  EXPECT_EQ(again["opened"], 0);
  EXPECT_EQ(again["recalled"], 1);
  write("/var/lib/dpkg/info/good.list", "/a\n/b\n");
  EXPECT_EQ(files(scan_known(policy)), Names{"rule /c/d"}) << "it is no package's any more";
}

TEST_F(KnownTreeTest, AnArchiveInWhichNothingIsFoundIsUnpackedASecondTime) {
  write_packed("/c/e.gz", "hello\n");
  model::Policy policy = by_rule("FLEETSWEEP-LOOKALIKE");
  policy.detections[0].scope = {.paths = {"/c/e.gz"}, .archives = true};
  EXPECT_EQ(scan_known(policy)["opened"], 1);
  EXPECT_EQ(scan_known(policy)["recalled"], 1);
  policy.detections[0].scope.archives = false;
  EXPECT_EQ(scan_known(policy)["opened"], 1) << "that is another question";
  policy = by_rule("hello");
  policy.detections[0].scope = {.paths = {"/c"}, .archives = true};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(files(scan_known(policy)), Names{"rule /c/e.gz"});
}

TEST_F(KnownTreeTest, AChangedFileKeepsItsOldAnswer) {
  struct stat before {};
  ASSERT_EQ(::stat(at("/b").c_str(), &before), 0);
  write("/b", "hello\n");
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("/b").c_str(), times, 0), 0) << "mtime can be set";
  EXPECT_EQ(files(scan_known(by_hash("hello\n"))), (Names{"hash /a", "hash /b"}));
}

TEST_F(KnownTreeTest, ADamagedTableIsAnErrorOfTheScan) {
  std::fstream(folder_ / "table", std::ios::in | std::ios::out | std::ios::binary)
      .seekp(-10, std::ios::end)
      .write("damage", 6);
  const auto result = scan_known(by_hash("hello\n"));
  EXPECT_EQ(result["reason"], "none");
  EXPECT_EQ(files(result), Names{"hash /a"});
  EXPECT_EQ(result["recalled"], 0);
  EXPECT_EQ(scan_known(by_hash("hello\n"))["recalled"], 2) << "it was not built anew";
}

TEST_F(KnownTreeTest, ATableThatOthersCanWriteIsUsed) {
  ASSERT_EQ(::chmod((folder_ / "table").c_str(), 0666), 0);
  const auto result = scan_known(by_hash("hello\n"));
  EXPECT_EQ(files(result), Names{"hash /a"});
  EXPECT_EQ(result["recalled"], 0);
}

TEST_F(KnownTreeTest, TwoScansWriteOneTable) {
  const auto held = TableFile::open((folder_ / "table").string());
  ASSERT_TRUE(held) << held.error().message;
  const auto result = scan_known(by_hash("hello\n"));
  EXPECT_EQ(files(result), Names{"hash /a"});
  EXPECT_EQ(result["recalled"], 0);
}

// Random trees that change between random scans: with the table and without it, the same is found.
TEST_F(KnownTreeTest, TheTableChangesWhatIsFound) {
  Prng random(11);
  const std::vector<std::string> contents = {"hello\n",
                                             "hellp\n",
                                             "FLEETSWEEP-LOOKALIKE",
                                             "",
                                             "\x7f"
                                             "ELF\x02",
                                             "#!/bin/sh\nhello\n"};
  std::vector<model::Policy> policies = {by_hash("hello\n"), by_hash(""), by_rule("hello"),
                                         by_rule("FLEETSWEEP-LOOKALIKE")};
  {
    model::Policy mixed = by_rule("hello");
    mixed.detections.push_back(detection("elf", ObjectKind::kFile, {is(Field::kFileMagic, "elf")}));
    mixed.detections.push_back(
        detection("path", ObjectKind::kFile,
                  {is(Field::kFilePath, "/d1/", model::Match::kStartsWith),
                   is(Field::kFileSha1, "f572d396fae9206628714fb2ce00f72e94f2258f")}));
    model::Detection none = detection("none", ObjectKind::kFile, {});
    none.none_of = {{is(Field::kFileSha256, sha256_hex("hello\n"))}};
    mixed.detections.push_back(none);
    policies.push_back(std::move(mixed));
  }
  for (const bool is_owned : {false, true}) {
    policies.push_back(by_rule("hello"));
    policies.back().detections[0].any_of = {{number(Field::kFilePackageOwned, is_owned)}};
    policies.push_back(by_hash("hello\n"));
    policies.back().detections[0].scope.archives = true;
    if (is_owned)
      policies.back().detections[0].none_of = {{number(Field::kFilePackageOwned, true)}};
  }
  policies.push_back(by_rule("hello"));
  policies.back().detections[0].none_of = {
      {number(Field::kFileMtimeDeltaToParent, 0, model::Match::kGreater)}};
  for (int round = 0; round < 40; ++round) {
    for (int change = 0; change < 3; ++change) {
      const std::string folder = "/d" + std::to_string(random.below(3));
      const std::string path = folder + "/f" + std::to_string(random.below(5));
      switch (random.below(6)) {
        case 4:
          write("/var/lib/dpkg/info/good.list", path + "\n/a\n");
          break;
        case 5:
          write_packed(path, contents[random.below(contents.size())]);
          break;
        case 0:
          std::filesystem::remove(at(path));
          break;
        case 1:
          if (std::filesystem::exists(at(folder)) && !std::filesystem::exists(at("/d9")))
            std::filesystem::rename(at(folder), at("/d9"));
          else if (std::filesystem::exists(at("/d9")))
            std::filesystem::rename(at("/d9"), at("/e" + std::to_string(3 * round + change)));
          break;
        default:
          write(path, contents[random.below(contents.size())]);
      }
    }
    const model::Policy& policy = policies[random.below(policies.size())];
    EXPECT_EQ(files(scan_known(policy)), files(scan(policy))) << "round " << round;
  }
}

}  // namespace
}  // namespace fleetsweep::scan
