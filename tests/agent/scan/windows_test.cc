// Volumes of Windows, with hives that the tests write and files that only look like malware.

#include "agent/scan/windows.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/scan/engine.h"
#include "agent/scan/scope.h"
#include "policies/compiler/compiler.h"
#include "protocol/base/limits.h"
#include "tests/agent/hive/hive_builder.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using hive::HiveBuilder;
using model::Field;
using model::Match;
using model::ObjectKind;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Names = std::set<std::string>;

constexpr char kConfig[] = "/WINDOWS/system32/Config/";
constexpr char kRun[] = "Software\\Microsoft\\Windows\\CurrentVersion\\Run";
constexpr char kProfileList[] = "Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-21-";
constexpr char kLoader[] = "/Users/Ann/AppData/Local/Qwertz/mfpmp.ocx";

class WindowsTest : public TreeTest {
 protected:
  void SetUp() override {
    TreeTest::SetUp();
    put(std::string(kConfig) + "SOFTWARE", software());
    put(std::string(kConfig) + "SYSTEM",
        HiveBuilder().text("ControlSet001\\Services\\EventLog", "ImagePath", "svchost.exe"));
    put("/Users/Ann/NTUSER.DAT", HiveBuilder().text(kRun, "OneDrive", "C:\\OneDrive.exe"));
    put("/Users/Bob/ntuser.dat", HiveBuilder().text(kRun, "OneDrive", "C:\\OneDrive.exe"));
  }

  static HiveBuilder software() {
    constexpr char kVersion[] = "Microsoft\\Windows NT\\CurrentVersion";
    return HiveBuilder()
        .number(kVersion, "CurrentMajorVersionNumber", 10)
        .number(kVersion, "CurrentMinorVersionNumber", 0)
        .text(kVersion, "CurrentBuild", "19045");
  }

  void put(const std::string& path, const HiveBuilder& builder) {
    write(path, to_text(builder.build()));
  }

  static model::Policy policy_of(std::vector<model::Detection> detections) {
    model::Policy policy;
    policy.platform = model::Platform::kWindows;
    policy.detections = std::move(detections);
    policy.verdicts.push_back(
        {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
    return policy;
  }

  // What starts C:\bad.exe, and such files beneath `scope`.
  static model::Policy run_and_files(model::Predicate files, const char* scope) {
    auto file = detection("f", ObjectKind::kFile, {std::move(files)});
    file.scope.paths = {scope};
    return policy_of({detection("run", ObjectKind::kPersistence,
                                {is(Field::kPersistenceCommand, "C:\\bad.exe")}),
                      file});
  }

  static model::Policy emotet(const char* path = "/tests/policies/fixtures/emotet.yaml") {
    const auto compiled =
        compiler::compile_file(std::string(FS_SOURCE_DIR) + path,
                               std::chrono::floor<Seconds>(std::chrono::system_clock::now()));
    EXPECT_TRUE(compiled && compiled->ok());
    return compiled->policy;
  }

  // A file of this size and content's beginning, changed a week before its folder.
  void plant_loader(const std::string& path) {
    write(path, "MZ" + std::string(20'000, '\1'));
    const auto set = [&](const std::string& at_path, std::int64_t seconds) {
      const timespec times[2] = {{seconds, 0}, {seconds, 0}};
      ASSERT_EQ(::utimensat(AT_FDCWD, at(at_path).c_str(), times, 0), 0);
    };
    set(path, 1'611'000'000);
    set(path.substr(0, path.rfind('/')), 1'611'000'000 + 7 * 86400);
  }

  static Names verdicts(const nlohmann::json& result) {
    Names names;
    for (const auto& verdict : result["verdicts"]) names.insert(verdict["id"]);
    return names;
  }

  // Of files, and of entries with their user.
  static Names paths(const nlohmann::json& result) {
    Names names;
    for (const auto& finding : result["findings"]) {
      const bool is_entry = finding.contains("persistence");
      const auto& entry = is_entry ? finding["persistence"] : finding;
      names.insert((is_entry ? "run of " + entry["user"].get<std::string>() + ": " : "") +
                   entry["file"]["path"].get<std::string>());
    }
    return names;
  }
};

TEST_F(WindowsTest, AFolderIsFoundWhateverTheCaseOfItsName) {
  const auto root = Root::open(root_.string());
  ASSERT_TRUE(root);
  EXPECT_TRUE(root->is_windows());
  const Unreadable none = [](const std::string& path, std::string_view) { ADD_FAILURE() << path; };
  EXPECT_THAT(resolve(*root, "/windows/SYSTEM32/config/software", none),
              ElementsAre(std::string(kConfig) + "SOFTWARE"));
  EXPECT_THAT(resolve(*root, "/users/*/NTUSER.dat", none),
              UnorderedElementsAre("/Users/Ann/NTUSER.DAT", "/Users/Bob/ntuser.dat"));
  EXPECT_THAT(resolve(*root, "/nowhere/x", none), IsEmpty());
  EXPECT_THAT(resolve(*root, "/", none), ElementsAre("/"));
}

TEST_F(WindowsTest, AHiveThatIsNoneOrLiesBehindThousandsOfNamesIsSilentlyNothing) {
  for (int i = 0; i <= 20'000; ++i)
    ASSERT_EQ(::mknod(at("/Users/Ann/" + std::to_string(i)).c_str(), S_IFREG | 0600, 0), 0);
  put("/Users/Ann/NTUSER.DAT", HiveBuilder().text(kRun, "evil", "C:\\bad.exe"));
  write("/Users/Cy/NTUSER.DAT", "");
  std::filesystem::create_directories(at("/Users/Di/NTUSER.DAT"));
  std::filesystem::create_directories(at("/Users/Ed"));
  std::filesystem::create_symlink("../Ann/NTUSER.DAT", at("/Users/Ed/NTUSER.DAT"));
  std::filesystem::create_directory_symlink("Users", at("/Documents and Settings"));
  std::filesystem::remove(at(std::string(kConfig) + "SYSTEM"));
  const auto result = scan(run_and_files(is(Field::kFileName, "none"), "%SystemRoot%"));
  EXPECT_EQ(paths(result), Names{"run of Ann: /Users/Ann/NTUSER.DAT"});
  EXPECT_THAT(result["unscannable_paths"],
              UnorderedElementsAre("/Users/Cy/NTUSER.DAT: empty: it holds no registry",
                                   "/Users/Di/NTUSER.DAT: no regular file",
                                   "/Users/Ed/NTUSER.DAT: a symlink: not followed",
                                   "/Windows/System32/config/SYSTEM: there is no such hive"));
  EXPECT_EQ(scan(policy_of(
                {detection("d", ObjectKind::kFile, {is(Field::kFileName, "x")})}))["unscannable"],
            0)
      << "nothing of it lies in the registry";
}

TEST_F(WindowsTest, ALinkInPlaceOfAllUsersHidesThem) {
  put("/Users/Ann/NTUSER.DAT", HiveBuilder().text(kRun, "evil", "C:\\bad.exe"));
  std::filesystem::rename(at("/Users"), at("/Elsewhere"));
  std::filesystem::create_directory_symlink("Elsewhere", at("/Users"));
  std::filesystem::create_directory_symlink("Users", at("/Documents and Settings"));
  const auto result = scan(run_and_files(is(Field::kFileName, "none"), "%APPDATA%"));
  EXPECT_EQ(paths(result), Names{});
  EXPECT_THAT(result["unscannable_paths"], Contains(HasSubstr("/Users: behind a link")));
}

TEST_F(WindowsTest, UsersBeyondTwentyThousandAreSilentlyNothing) {
  for (int i = 0; i <= 20'000; ++i)
    ASSERT_EQ(::mkdir(at("/Users/" + std::to_string(i)).c_str(), 0700), 0);
  const auto result = scan(run_and_files(is(Field::kFileName, "none"), "%SystemRoot%"));
  EXPECT_THAT(result["unscannable_paths"],
              ElementsAre("/Users/: more than 20000 names: the others were not looked at"));
}

TEST_F(WindowsTest, AVolumeWithoutItsSoftwareHiveIsCalledLinuxWithoutAReason) {
  std::filesystem::remove(at(std::string(kConfig) + "SOFTWARE"));
  model::Policy policy =
      policy_of({detection("d", ObjectKind::kFile, {is(Field::kFileName, "x")})});
  policy.platform = model::Platform::kWindows;
  const auto result = scan(policy);
  EXPECT_EQ(result["reason"], "platform");
  EXPECT_THAT(result["detail"].get<std::string>(), HasSubstr("Windows/System32/config/SOFTWARE"));
}

TEST_F(WindowsTest, APolicyForLinuxIsRefusedAndOneForWindowsIsNot) {
  model::Policy policy =
      policy_of({detection("d", ObjectKind::kFile, {is(Field::kFileName, "x")})});
  EXPECT_EQ(scan(policy)["reason"], "none");
  policy.platform = model::Platform::kLinux;
  EXPECT_EQ(scan(policy)["reason"], "platform");
}

TEST_F(WindowsTest, ThePreconditionIsHeldAgainstWhatWindowsCallsItself) {
  model::Policy policy =
      policy_of({detection("d", ObjectKind::kFile, {is(Field::kFileName, "x")})});
  policy.preconditions.push_back({"os.version", ">=", "6.1"});
  EXPECT_EQ(scan(policy)["reason"], "none");
  policy.preconditions[0].value = "10.0.22000";
  const auto result = scan(policy);
  EXPECT_EQ(result["reason"], "precondition");
  EXPECT_THAT(result["detail"].get<std::string>(), HasSubstr("10.0.19045"));
}

TEST_F(WindowsTest, AVolumeWhoseVersionCannotBeReadIsOneThatThePolicyIsNotFor) {
  put("/Users/Ann/NTUSER.DAT", HiveBuilder().text(kRun, "evil", "C:\\bad.exe"));
  auto policy = run_and_files(is(Field::kFileName, "none"), "%TEMP%");
  policy.preconditions.push_back({"os.version", ">=", "6.1"});
  EXPECT_EQ(verdicts(scan(policy)), Names{"v"});
  write(std::string(kConfig) + "SOFTWARE", std::string(20'000, 'x'));
  for (const char* operation : {">=", "!="}) {
    policy.preconditions[0].operation = operation;
    const auto result = scan(policy);
    EXPECT_EQ(result["reason"], "io");
    EXPECT_THAT(result["detail"].get<std::string>(),
                HasSubstr("/WINDOWS/system32/Config/SOFTWARE: not a registry hive"));
  }
  policy.preconditions.push_back({"os", "==", "linux"});
  EXPECT_EQ(scan(policy)["reason"], "precondition");
}

TEST_F(WindowsTest, AVariableStandsForTheFolderOfEveryProfile) {
  write("/Users/Ann/AppData/Local/Temp/UDP1.tmp", "x");
  write("/Users/Bob/appdata/local/temp/udp2.TMP", "x");
  write("/Windows/Elsewhere/udp3.tmp", "x");
  auto detection_of = detection("d", ObjectKind::kFile, {is(Field::kFileExtension, "tmp")});
  detection_of.scope.paths = {"%TEMP%"};
  EXPECT_EQ(files(scan(policy_of({detection_of}))),
            (Names{"d /Users/Ann/AppData/Local/Temp/UDP1.tmp",
                   "d /Users/Bob/appdata/local/temp/udp2.TMP"}));
}

TEST_F(WindowsTest, APathIsComparedAsWindowsWritesIt) {
  write("/Users/Ann/x.dll", "x");
  EXPECT_EQ(files(scan(policy_of({detection("d", ObjectKind::kFile,
                                            {is(Field::kFilePath, "c:\\users\\ANN\\X.DLL")})}))),
            (Names{"d /Users/Ann/x.dll"}));
}

TEST_F(WindowsTest, AValueOfTheRegistryIsFoundInEveryHiveThatHoldsIt) {
  put("/Users/Ann/NTUSER.DAT",
      HiveBuilder().text(kRun, "bad", "C:\\bad.exe").text(kRun, "good", "C:\\good.exe"));
  const auto result =
      scan(policy_of({detection("d", ObjectKind::kWindowsRegistryKey,
                                {is(Field::kRegistryKey, "HKCU\\" + std::string(kRun)),
                                 is(Field::kRegistryValueData, "bad", Match::kContains)})}));
  ASSERT_EQ(result["findings"].size(), 1u) << result;
  const auto& registry = result["findings"][0]["registry"];
  EXPECT_EQ(registry["hive"]["path"], "/Users/Ann/NTUSER.DAT");
  EXPECT_EQ(registry["key"], "HKEY_CURRENT_USER\\" + std::string(kRun));
  EXPECT_EQ(registry["value_name"], "bad");
  EXPECT_EQ(registry["data_type"], "REG_SZ");
  EXPECT_EQ(registry["data"], "C:\\bad.exe");
}

TEST_F(WindowsTest, WhatStartsByItselfIsFoundWithItsKindAndWhoseItIs) {
  put(std::string(kConfig) + "SYSTEM",
      HiveBuilder()
          .text("ControlSet001\\Services\\bad", "ImagePath", "C:\\bad.exe")
          .text("ControlSet002\\Services\\bad", "ImagePath", "C:\\bad.exe"));
  put("/Users/Bob/ntuser.dat",
      HiveBuilder().text("Software\\Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\RunOnce",
                         "bad", "C:\\bad.exe"));
  put(std::string(kConfig) + "SOFTWARE",
      software().text("Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "Shell", "C:\\bad.exe"));
  write("/WINDOWS/system32/Tasks/Microsoft/bad",
        "<Task><Exec><Command>C:\\bad.exe</Command></Exec></Task>");
  const auto result = scan(policy_of(
      {detection("d", ObjectKind::kPersistence, {is(Field::kPersistenceCommand, "C:\\bad.exe")})}));
  Names found;
  for (const auto& finding : result["findings"])
    found.insert(fmt::format("{} {} {}", finding["persistence"]["kind"].get<std::string>(),
                             finding["persistence"]["name"].get<std::string>(),
                             finding["persistence"]["user"].get<std::string>()));
  EXPECT_EQ(result["findings"].size(), 5u);
  EXPECT_EQ(found, (Names{"win_service bad ", "win_run bad Bob", "win_winlogon Shell ",
                          "win_task Microsoft\\bad "}));
}

TEST_F(WindowsTest, ATaskOfTheRegistryAloneIsMissedOrOneWithXmlCountsTwice) {
  const std::string cache = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\";
  auto hive = software();
  const auto task = [&](const std::string& name, const std::string& program) {
    hive.text(cache + "Tree\\" + name, "Id", "{" + name + "}")
        .bytes(cache + "Tasks\\{" + name + "}", "Actions", 3,
               hive::task_actions({{program, "/x"}}));
    return "<Task><Exec><Command>" + program + "</Command><Arguments>/x</Arguments></Exec></Task>";
  };
  task("Hidden", "C:\\bad.exe");
  write("/Windows/System32/Tasks/both", task("Both", "C:\\bad.exe"));
  task("Mask", "C:\\bad.exe");
  write("/Windows/System32/Tasks/Mask",
        "<Task><Exec><Command>C:\\good.exe</Command></Exec></Task>");
  put(std::string(kConfig) + "SOFTWARE", hive);
  const auto result = scan(policy_of({detection(
      "d", ObjectKind::kPersistence, {is(Field::kPersistenceCommand, "C:\\bad.exe /x")})}));
  Names found;
  for (const auto& finding : result["findings"])
    found.insert(finding["persistence"]["name"].get<std::string>() + " of " +
                 finding["persistence"]["file"]["path"].get<std::string>());
  EXPECT_EQ(result["findings"].size(), 3u) << result.dump(2);
  EXPECT_EQ(found, (Names{"Hidden of " + std::string(kConfig) + "SOFTWARE",
                          "Mask of " + std::string(kConfig) + "SOFTWARE",
                          "both of /Windows/System32/Tasks/both"}));
}

TEST_F(WindowsTest, EmotetIsFoundByItsFileItsRunValueItsServiceAndItsTimes) {
  plant_loader(kLoader);
  put("/Users/Ann/NTUSER.DAT",
      HiveBuilder().text(kRun, "mfpmp.ocx",
                         "C:\\Windows\\SysWOW64\\rundll32.exe "
                         "\"C:\\Users\\Ann\\AppData\\Local\\Qwertz\\mfpmp.ocx\",ShowDialogA"));
  put(std::string(kConfig) + "SYSTEM",
      HiveBuilder().text("ControlSet001\\Services\\mfpmp.ocx", "ImagePath",
                         "rundll32.exe C:\\Users\\Ann\\AppData\\Local\\Qwertz\\mfpmp.ocx,RunDLL"));
  const auto result = scan(emotet());
  EXPECT_EQ(result["reason"], "none") << result["detail"];
  EXPECT_EQ(verdicts(result), (Names{"emotet_joined"}));
  Names detections;
  for (const auto& finding : result["findings"]) detections.insert(finding["detection"]);
  EXPECT_EQ(detections, (Names{"loader_file", "link_timestomp", "link_run_value", "link_service"}));
  // The shipped one, too.
  EXPECT_EQ(verdicts(scan(emotet("/policies/catalog/emotet/policy.yaml"))),
            (Names{"emotet_joined"}));
}

TEST_F(WindowsTest, NearMissesOfEmotetGiveNoVerdict) {
  // Of an installed program, with another ending, and one that nothing starts.
  plant_loader("/Users/Ann/AppData/Local/Vendor/tool.ocx");
  write("/Users/Ann/AppData/Roaming/Vendor/readme.txt", "x");
  plant_loader("/Users/Ann/AppData/Local/Qwertz/mfpmp.dll");
  write("/Users/Bob/AppData/Local/Asdfgh/other.ocx", "MZ" + std::string(20'000, '\1'));
  put("/Users/Bob/ntuser.dat", HiveBuilder().text(kRun, "other.ocx", "C:\\other.exe"));
  EXPECT_EQ(verdicts(scan(emotet())), Names{});
}

TEST_F(WindowsTest, AFolderOfTooManyNamesStopsThePolicyOrWhatItHoldsIsTakenForNoName) {
  constexpr char kFull[] = "/Users/Ann/AppData/Roaming";
  std::filesystem::create_directories(at(kFull));
  for (int i = 0; i <= 20'000; ++i)
    ASSERT_EQ(::mknod(at(kFull + ("/a" + std::to_string(i))).c_str(), S_IFREG | 0600, 0), 0);
  plant_loader(kLoader);
  put("/Users/Ann/NTUSER.DAT",
      HiveBuilder().text(kRun, "mfpmp.ocx",
                         "C:\\Windows\\SysWOW64\\rundll32.exe "
                         "\"C:\\Users\\Ann\\AppData\\Local\\Qwertz\\mfpmp.ocx\",ShowDialogA"));
  const std::string missed =
      kFull + std::string(": more than 20000 names: the others were not looked at");
  // Its folder may be that of an installed program.
  const auto result = scan(emotet());
  EXPECT_EQ(result["reason"], "none") << result["detail"];
  EXPECT_EQ(verdicts(result), Names{});
  EXPECT_THAT(result["unscannable_paths"], Contains(missed));

  // What is known is a name all the same.
  std::filesystem::create_directories(at("/Users/Bob/AppData/Roaming/0known"));
  write("/Elsewhere/0known/x.txt", "x");
  write("/Elsewhere/other/x.txt", "x");
  const model::Predicate names{
      .field = Field::kFileParentName,
      .values = {{.text = "{{@names_under(%APPDATA%)}}", .templated = true}}};
  EXPECT_EQ(files(scan(policy_of(
                {detection("d", ObjectKind::kFile, {is(Field::kFileExtension, "txt"), names})}))),
            Names{"d /Elsewhere/0known/x.txt"});
}

TEST_F(WindowsTest, AFolderThatCannotBeListedStopsThePolicy) {
  if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  constexpr char kBad[] = "/Users/Ann/AppData/Roaming";
  std::filesystem::create_directories(at(kBad));
  const auto result = scan(emotet(), "strace -f -o /dev/null -P '" + at(kBad).string() +
                                         "' -e trace=getdents64 -e inject=getdents64:error=EIO");
  EXPECT_EQ(result["reason"], "none") << result["detail"];
  EXPECT_THAT(result["unscannable_paths"], Contains(kBad + std::string(": Input/output error")));
}

TEST_F(WindowsTest, AProfileThatWasMovedIsNotLookedAt) {
  put(std::string(kConfig) + "SOFTWARE",
      software()
          .text(kProfileList + std::string("1"), "ProfileImagePath", "C:\\Data\\Eve", 2)
          .text(kProfileList + std::string("2"), "ProfileImagePath", "%SystemDrive%\\Users\\Ann", 2)
          .text(kProfileList + std::string("3"), "ProfileImagePath", "D:\\Profiles\\Dan", 2));
  put("/data/eve/ntuser.DAT", HiveBuilder().text(kRun, "bad", "C:\\bad.exe"));
  write("/data/eve/AppData/Roaming/bad.tmp", "x");
  write("/Users/Ann/AppData/Roaming/bad.tmp", "x");
  write("/Elsewhere/AppData/Roaming/bad.tmp", "x");
  const auto result = scan(run_and_files(is(Field::kFileExtension, "tmp"), "%APPDATA%"));
  EXPECT_EQ(paths(result),
            (Names{"run of eve: /data/eve/ntuser.DAT", "/data/eve/AppData/Roaming/bad.tmp",
                   "/Users/Ann/AppData/Roaming/bad.tmp"}));
  ASSERT_EQ(result["unscannable"], 1) << result;
  EXPECT_THAT(result["unscannable_paths"][0].get<std::string>(),
              HasSubstr("the profile D:\\Profiles\\Dan lies on another volume"));
}

TEST_F(WindowsTest, AFolderWhoseNameHasAnUmlautInTheOtherCaseIsNotLookedAt) {
  write("/Daten/Müller/x.tmp", "x");
  write("/Daten/Möller/x.tmp", "x");
  const auto found = [](model::Selection where, model::Platform platform) {
    auto file = detection("d", ObjectKind::kFile, std::move(where));
    file.scope.paths = {"C:\\DATEN"};
    auto policy = policy_of({file});
    policy.platform = platform;
    return policy;
  };
  const Names only_that = {"d /Daten/Müller/x.tmp"};
  auto scoped = found({is(Field::kFileExtension, "tmp")}, model::Platform::kWindows);
  scoped.detections[0].scope.paths = {"C:\\Daten\\MÜLLER"};
  EXPECT_EQ(files(scan(scoped)), only_that);
  for (const auto platform : {model::Platform::kWindows, model::Platform::kAny})
    for (const auto& where : {is(Field::kFilePath, "c:\\daten\\MÜLLER\\X.TMP"),
                              is(Field::kFilePath, "C:\\Daten\\MÜ", Match::kStartsWith),
                              is(Field::kFileParentName, "MÜLLER")})
      EXPECT_EQ(files(scan(found({where}, platform))), only_that) << where.values[0].text;
}

TEST_F(WindowsTest, AProfileWhoseNameHasAnUmlautInTheOtherCaseIsNotLookedAt) {
  put(std::string(kConfig) + "SOFTWARE",
      software().text(std::string(kProfileList) + "1", "ProfileImagePath", "C:\\Daten\\JÖRG"));
  put("/Daten/Jörg/NTUSER.DAT", HiveBuilder().text(kRun, "bad", "C:\\bad.exe"));
  write("/Daten/Jörg/AppData/Roaming/bad.tmp", "x");
  const auto result = scan(run_and_files(is(Field::kFileExtension, "tmp"), "%APPDATA%"));
  EXPECT_EQ(paths(result),
            (Names{"run of Jörg: /Daten/Jörg/NTUSER.DAT", "/Daten/Jörg/AppData/Roaming/bad.tmp"}));
  EXPECT_EQ(result["unscannable"], 0) << result;
}

TEST_F(WindowsTest, AProfileOfXpOrOfAServiceOrTheClassesOfAUserAreNotLookedAt) {
  const auto bad = HiveBuilder().text("Software\\x", "", "C:\\bad.exe");
  const Names hives = {"/Documents and Settings/Xp/NTUSER.DAT",
                       "/WINDOWS/ServiceProfiles/LocalService/NTUSER.DAT",
                       "/Users/Ann/AppData/Local/Microsoft/Windows/UsrClass.dat"};
  for (const std::string& hive : hives) put(hive, bad);
  const auto result = scan(policy_of({detection("d", ObjectKind::kWindowsRegistryKey,
                                                {is(Field::kRegistryValueData, "C:\\bad.exe")})}));
  Names found;
  for (const auto& finding : result["findings"]) found.insert(finding["registry"]["hive"]["path"]);
  EXPECT_EQ(found, hives);
  EXPECT_EQ(result["findings"].size(), 3u);
}

TEST_F(WindowsTest, AMandatoryProfileIsNotLookedAtOrLiesBelowAnotherInSilence) {
  put(std::string(kConfig) + "SOFTWARE",
      software()
          .text(std::string(kProfileList) + "1", "ProfileImagePath", "C:\\Users\\Public\\x")
          .text(std::string(kProfileList) + "2", "ProfileImagePath", "C:\\Users\\Ann"));
  const auto bad = HiveBuilder().text(kRun, "bad", "C:\\bad.exe");
  put("/Users/Ann/ntuser.man", bad);
  write("/Users/Ann/ntuser.man.LOG1", to_text(hive::log_with(8)));
  put("/Users/Public/x/NTUSER.DAT", bad);
  write("/Users/Public/x/AppData/Roaming/bad.tmp", "x");
  write("/Users/Ann/AppData/Roaming/bad.tmp", "x");
  const auto result = scan(run_and_files(is(Field::kFileExtension, "tmp"), "%APPDATA%"));
  EXPECT_EQ(
      paths(result),
      (Names{"run of Ann: /Users/Ann/ntuser.man", "run of x: /Users/Public/x/NTUSER.DAT",
             "/Users/Public/x/AppData/Roaming/bad.tmp", "/Users/Ann/AppData/Roaming/bad.tmp"}));
  EXPECT_EQ(result["findings"].size(), 4u) << result.dump(2);
  EXPECT_THAT(result["unscannable_paths"],
              ElementsAre("/Users/Ann/ntuser.man: read as it stands: its log holds newer changes"));
}

TEST_F(WindowsTest, ARunKeyThatIsALinkOutOfItsHiveIsSilentlyEmpty) {
  put("/Users/Ann/NTUSER.DAT", HiveBuilder().link(kRun, "\\Registry\\User\\S-1-5-21-1\\Evil"));
  EXPECT_THAT(scan(run_and_files(is(Field::kFileName, "none"), "%TEMP%"))["unscannable_paths"],
              ElementsAre("/Users/Ann/NTUSER.DAT: HKEY_CURRENT_USER\\" + std::string(kRun) +
                          " is a link: what Windows starts behind it was not looked at"));
}

TEST_F(WindowsTest, OfTwoNamesThatDifferByCaseOneIsNotLookedAt) {
  put("/USERS/ann/NTUSER.DAT", HiveBuilder().text(kRun, "bad", "C:\\bad.exe"));
  put("/Users/Ann/ntuser.dat", HiveBuilder().text(kRun, "bad", "C:\\bad.exe"));
  write("/USERS/ann/appdata/Local/Temp/x.tmp", "x");
  write("/Users/Ann/AppData/Local/Temp/x.tmp", "x");
  write("/Users/Ann/appdata/local/temp/X.TMP", "x");
  EXPECT_EQ(paths(scan(run_and_files(is(Field::kFileName, "x.tmp"), "%TEMP%"))),
            (Names{"run of ann: /USERS/ann/NTUSER.DAT", "run of Ann: /Users/Ann/ntuser.dat",
                   "/USERS/ann/appdata/Local/Temp/x.tmp", "/Users/Ann/AppData/Local/Temp/x.tmp",
                   "/Users/Ann/appdata/local/temp/X.TMP"}));
}

TEST_F(WindowsTest, AHiveThatWasNotBroughtToItsEndIsReadAndSaidToBeOld) {
  Bytes hive = HiveBuilder().text(kRun, "bad", "C:\\bad.exe").build();
  hive::make_dirty(hive);
  write("/Users/Ann/NTUSER.DAT", to_text(hive));
  const auto result = scan(policy_of(
      {detection("d", ObjectKind::kPersistence, {is(Field::kPersistenceCommand, "C:\\bad.exe")})}));
  EXPECT_EQ(result["findings"].size(), 1u);
  EXPECT_EQ(result["unscannable"], 1);
  EXPECT_THAT(result["unscannable_paths"][0].get<std::string>(),
              HasSubstr("/Users/Ann/NTUSER.DAT: read as it stands"));
}

TEST_F(WindowsTest, LongDataIsPassedOverInSilence) {
  put("/Users/Ann/NTUSER.DAT",
      HiveBuilder().text("Software\\x", "long", std::string(40'000, 'A') + "EVILMARK"));
  const auto result =
      scan(policy_of({detection("d", ObjectKind::kWindowsRegistryKey,
                                {is(Field::kRegistryKey, "HKCU\\Software\\x"),
                                 is(Field::kRegistryValueData, "EVILMARK", Match::kContains)})}));
  EXPECT_THAT(
      result["unscannable_paths"],
      ElementsAre("/Users/Ann/NTUSER.DAT: of HKEY_CURRENT_USER\\Software\\x\\\\long no more "
                  "than 32768 bytes of data were looked at"));
}

TEST_F(WindowsTest, ATaskOfMegabytesIsReadForHours) {
  write("/Windows/System32/Tasks/large", std::string(2 << 20, '&'));
  EXPECT_THAT(
      scan(run_and_files(is(Field::kFileName, "none"), "%TEMP%"))["unscannable_paths"],
      ElementsAre(HasSubstr("Tasks/large: larger than 1048576 bytes for a file of this kind")));
}

TEST_F(WindowsTest, AHibernatedWindowsIsLookedAtAsIfItWereWhole) {
  const auto policy = run_and_files(is(Field::kFileName, "none"), "%TEMP%");
  for (const auto& [mark, unscannable] :
       {std::pair{"hibr", 1}, {"HIBR", 1}, {"RSTR", 0}, {"", 0}}) {
    write("/HiberFil.sys", mark + std::string(8192, '\0'));
    const auto result = scan(policy);
    EXPECT_EQ(result["unscannable"], unscannable) << mark << result;
    if (unscannable == 0) continue;
    EXPECT_THAT(result["unscannable_paths"][0].get<std::string>(),
                HasSubstr("/HiberFil.sys: the newest part of the registry lies in here"));
  }
}

TEST_F(WindowsTest, OfTwoLogsOneIsNewerThanItsHiveAndIsNotNoticed) {
  const model::Policy policy = policy_of(
      {detection("d", ObjectKind::kPersistence, {is(Field::kPersistenceCommand, "none")})});
  for (const std::string newer : {"none", ".LOG1", ".LOG2"}) {
    for (const std::string log : {".LOG1", ".LOG2"})
      write("/Users/Ann/ntuser.dat" + log, to_text(hive::log_with(log == newer ? 8 : 7)));
    EXPECT_EQ(scan(policy)["unscannable"], newer == "none" ? 0 : 1) << newer;
  }
}

TEST_F(WindowsTest, ALogThatCannotBeReadHasNothingNewer) {
  put("/Users/Ann/NTUSER.DAT", HiveBuilder().text(kRun, "good", "C:\\good.exe"));
  write("/Users/Ann/NTUSER.DAT.LOG1", to_text(hive::log_with(7)));
  std::filesystem::resize_file(at("/Users/Ann/NTUSER.DAT.LOG1"), limits::kHiveBytes + 1);
  EXPECT_THAT(scan(run_and_files(is(Field::kFileName, "none"), "%TEMP%"))["unscannable_paths"],
              Contains(HasSubstr("/Users/Ann/NTUSER.DAT.LOG1: ")));
}

TEST_F(WindowsTest, AVolumeThatIsNotMountedAnyMoreIsAnEmptyLinuxAndClean) {
  std::filesystem::remove_all(at("/WINDOWS"));
  auto root = Root::open(root_);
  ASSERT_TRUE(root.has_value());
  model::Facts facts;
  facts.os = "windows";
  model::Policy policy = policy_of(
      {detection("d", ObjectKind::kPersistence, {is(Field::kPersistenceCommand, "none")})});
  const auto done = fleetsweep::scan::scan({&policy, 1}, facts, *root, {});
  EXPECT_EQ(done.front().reason, model::Reason::kIo);
}

TEST_F(WindowsTest, AHiveThatIsNoneIsUnscannableAndTheScanGoesOn) {
  write(std::string(kConfig) + "SYSTEM", std::string(20'000, 'x'));
  put("/Users/Ann/NTUSER.DAT", HiveBuilder().text(kRun, "bad", "C:\\bad.exe"));
  const auto result = scan(policy_of(
      {detection("d", ObjectKind::kPersistence, {is(Field::kPersistenceCommand, "C:\\bad.exe")})}));
  EXPECT_EQ(result["reason"], "none");
  EXPECT_EQ(result["findings"].size(), 1u);
  EXPECT_EQ(result["unscannable"], 1);
}

}  // namespace
}  // namespace fleetsweep::scan
