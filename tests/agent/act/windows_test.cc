// Cleaning a volume of Windows: the real scanner finds what the tests planted, the real act cleans.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/act/ledger.h"
#include "agent/act/vault.h"
#include "agent/hive/registry.h"
#include "agent/hive/text.h"
#include "policies/compiler/compiler.h"
#include "tests/agent/act/real_scan.h"
#include "tests/agent/hive/hive_builder.h"

namespace fleetsweep::act {
namespace {

using hive::HiveBuilder;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using testing::HasSubstr;

constexpr char kConfig[] = "/Windows/System32/config/";
constexpr char kUserHive[] = "/Users/Ann/NTUSER.DAT";
constexpr char kLoader[] = "/Users/Ann/AppData/Local/Qwertz/mfpmp.ocx";
constexpr char kRun[] = "Software\\Microsoft\\Windows\\CurrentVersion\\Run";
constexpr char kCache[] = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\";

class WindowsCleaning : public testing::Test {
 protected:
  WindowsCleaning() {
    const auto compiled =
        compiler::compile_file(FS_SOURCE_DIR "/tests/policies/fixtures/emotet.yaml",
                               std::chrono::floor<Seconds>(std::chrono::system_clock::now()));
    EXPECT_TRUE(compiled && compiled->ok());
    host_.policy = compiled->policy;
  }

  void SetUp() override { plant(); }

  void plant() {
    put(std::string(kConfig) + "SOFTWARE",
        HiveBuilder()
            .text("Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion", "6.1")
            .text(std::string(kCache) + "Tree\\Updater", "Id", "{1}")
            .text(std::string(kCache) + "Tasks\\{1}", "Path", "\\Updater")
            .build());
    HiveBuilder system;
    for (const char* set : {"ControlSet001", "ControlSet002"})
      system.text(std::string(set) + "\\Services\\mfpmp.ocx", "ImagePath", command())
          .number(std::string(set) + "\\Services\\mfpmp.ocx", "Start", 2)
          .text(std::string(set) + "\\Services\\EventLog", "ImagePath", "svchost.exe -k local")
          .number(std::string(set) + "\\Services\\EventLog", "Start", 2);
    put(std::string(kConfig) + "SYSTEM", system.build());
    put(kUserHive, HiveBuilder()
                       .text(kRun, "OneDrive", "C:\\OneDrive.exe /background")
                       .text(kRun, "mfpmp.ocx", command())
                       .build());
    put(kLoader, to_bytes("MZ" + std::string(20'000, '\1')));
    write("/Windows/System32/Tasks/Updater",
          "<Task><Exec><Command>" + command() + "</Command></Exec></Task>");
  }

  static std::string command() {
    return "C:\\Windows\\SysWOW64\\rundll32.exe "
           "C:\\Users\\Ann\\AppData\\Local\\Qwertz\\mfpmp.ocx,ShowDialogA";
  }

  void put(const std::string& path, const Bytes& bytes) { write(path, to_text(bytes)); }
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(host_.at(path)).parent_path());
    std::ofstream(host_.at(path), std::ios::binary) << text;
  }
  Bytes bytes_of(const std::string& path) const {
    std::ostringstream text;
    text << std::ifstream(host_.at(path), std::ios::binary).rdbuf();
    return to_bytes(text.str());
  }

  // The verdicts, with what the host now shows as findings.
  std::vector<std::string> scan() {
    const model::ScanDone done = real_scan(host_, host_.policy);
    host_.findings = done.result.findings;
    std::vector<std::string> names;
    for (const auto verdict : done.result.verdicts)
      names.push_back(host_.policy.verdicts[verdict].id);
    return names;
  }

  // One detection of entries that start the look-alike, and one action for them.
  void ask_for(model::PersistenceKind kind, ActionKind action) {
    model::Policy policy;
    policy.platform = model::Platform::kWindows;
    model::Detection detection;
    detection.id = "entry";
    detection.object = model::ObjectKind::kPersistence;
    detection.any_of.push_back(
        {{.field = model::Field::kPersistenceKind, .values = {{.text = std::string(name(kind))}}},
         {.field = model::Field::kPersistenceCommand, .values = {{.text = command()}}}});
    policy.detections.push_back(detection);
    policy.verdicts.push_back({.id = "v",
                               .condition = {model::Condition::Kind::kAtLeast, 1, {0}, {}},
                               .confidence = 95,
                               .level = "high"});
    model::Action one;
    one.kind = action;
    one.select.push_back({.detections = {0}});
    policy.responses.push_back({{0}, 90, {one}});
    policy.limits.independent_min = 1;
    host_.policy = policy;
  }

  // All that the vault holds of the registry.
  std::string exports() const {
    std::string all;
    const auto vault = Vault::open(host_.state());
    const auto ledger = Ledger::open(host_.state() + "/journal");
    EXPECT_TRUE(vault && ledger);
    for (const auto& transaction : ledger->history())
      for (std::size_t i = 0; i < transaction.ops.size(); ++i) {
        Bytes text;
        const auto loaded = vault->load(transaction.id, std::to_string(i) + "-reg_export",
                                        [&](BytesView piece) -> Status {
                                          append(text, piece);
                                          return {};
                                        });
        if (loaded) all += hive::from_utf16(text);
      }
    return all;
  }

  static std::string value_at(const Bytes& bytes, const std::string& key, const char* name) {
    const auto hive = hive::Hive::open(bytes);
    if (!hive) return "no hive";
    const auto at = hive->find(hive->root(), key);
    const auto value = at ? hive->value(*at, name) : std::nullopt;
    return value ? hive::text_of(*value) : "none";
  }

  ActHost host_;
};

TEST_F(WindowsCleaning, EmotetIsCleanedVerifiedAndUndoneByteForByte) {
  ASSERT_EQ(scan(), std::vector<std::string>{"emotet_joined"});
  host_.dry_run = host_.findings;
  const std::string before = host_.manifest();
  const auto request = host_.request();
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();

  EXPECT_FALSE(std::filesystem::exists(host_.at(kLoader)));
  EXPECT_EQ(value_at(bytes_of(kUserHive), kRun, "mfpmp.ocx"), "none");
  EXPECT_EQ(value_at(bytes_of(kUserHive), kRun, "OneDrive"), "C:\\OneDrive.exe /background");
  const Bytes system = bytes_of(std::string(kConfig) + "SYSTEM");
  for (const std::string set : {"ControlSet001", "ControlSet002"}) {
    EXPECT_EQ(value_at(system, set + "\\Services\\mfpmp.ocx", "ImagePath"), "none");
    EXPECT_EQ(value_at(system, set + "\\Services\\EventLog", "ImagePath"), "svchost.exe -k local");
  }
  EXPECT_TRUE(scan().empty());
  const std::string kept = exports();
  EXPECT_THAT(kept, HasSubstr("[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Services\\mfpmp.ocx]"));
  EXPECT_THAT(kept, HasSubstr("\"Start\"=dword:00000002"));
  EXPECT_THAT(kept, HasSubstr("\"mfpmp.ocx\"=\"C:\\\\Windows\\\\SysWOW64\\\\rundll32.exe"));
  EXPECT_THAT(kept, testing::Not(HasSubstr("OneDrive")));

  const auto undone = host_.run(host_.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(host_.manifest(), before);
}

TEST_F(WindowsCleaning, WhatThePolicyProtectsIsLeftAloneWhateverItsCase) {
  host_.policy.limits.protect = {"%LOCALAPPDATA%\\QWERTZ"};
  scan();
  host_.dry_run = host_.findings;
  const auto answer = host_.run(host_.request());
  EXPECT_EQ(answer.state(), HostState::kRefused);
  EXPECT_EQ(answer.reason(), model::Reason::kProtected) << answer.text();
  EXPECT_TRUE(std::filesystem::exists(host_.at(kLoader)));
}

TEST_F(WindowsCleaning, NobodyCanLogOnAfterAProgramOfWinlogonIsRemoved) {
  constexpr char kKey[] = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";
  const std::string software = std::string(kConfig) + "SOFTWARE";
  const auto set = [&](const std::string& shell) {
    put(software, HiveBuilder()
                      .text("Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion", "6.1")
                      .text(kKey, "Shell", shell)
                      .text(kKey, "Userinit", "C:\\userinit.exe,C:\\x.exe,C:\\y.exe")
                      .build());
    ask_for(model::PersistenceKind::kWindowsWinlogon, ActionKind::kRemove);
    host_.policy.detections[0].any_of[0][1].values = {{.text = "C:\\x.exe"}, {.text = "C:\\y.exe"}};
    host_.policy.title = shell;  // another order, also in the same second
    scan();
    ASSERT_EQ(host_.findings.size(), 3u);
    host_.dry_run = host_.findings;
  };
  set("explorer.exe, C:\\x.exe");
  const std::string before = host_.manifest();
  const auto request = host_.request();
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(value_at(bytes_of(software), kKey, "Shell"), "explorer.exe");
  EXPECT_EQ(value_at(bytes_of(software), kKey, "Userinit"), "C:\\userinit.exe");
  EXPECT_TRUE(scan().empty());
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host_.manifest(), before);

  set("C:\\x.exe");
  const auto failed = host_.run(host_.request());
  EXPECT_EQ(failed.state(), HostState::kFailed) << failed.text();
  EXPECT_THAT(failed.text(), HasSubstr("set it by hand"));
  EXPECT_EQ(value_at(bytes_of(software), kKey, "Shell"), "C:\\x.exe");
}

TEST_F(WindowsCleaning, AServiceIsDisabledAndEnabledAgain) {
  ask_for(model::PersistenceKind::kWindowsService, ActionKind::kDisable);
  scan();
  ASSERT_EQ(host_.findings.size(), 2u);
  host_.dry_run = host_.findings;
  const Bytes before = bytes_of(std::string(kConfig) + "SYSTEM");
  const auto request = host_.request();
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const Bytes after = bytes_of(std::string(kConfig) + "SYSTEM");
  for (const std::string set : {"ControlSet001", "ControlSet002"}) {
    EXPECT_EQ(value_at(after, set + "\\Services\\mfpmp.ocx", "Start"), "4");
    EXPECT_EQ(value_at(after, set + "\\Services\\EventLog", "Start"), "2");
  }
  EXPECT_TRUE(scan().empty()) << "never verified, and disabled again by the next order";
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(bytes_of(std::string(kConfig) + "SYSTEM"), before);
  EXPECT_EQ(scan(), std::vector<std::string>{"v"});
}

TEST_F(WindowsCleaning, ATaskGoesWithItsFileAndBothItsKeys) {
  ask_for(model::PersistenceKind::kWindowsTask, ActionKind::kRemove);
  scan();
  ASSERT_EQ(host_.findings.size(), 1u);
  host_.dry_run = host_.findings;
  const std::string before = host_.manifest();
  const auto request = host_.request();
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  const Bytes software = bytes_of(std::string(kConfig) + "SOFTWARE");
  EXPECT_EQ(value_at(software, std::string(kCache) + "Tree\\Updater", "Id"), "none");
  EXPECT_EQ(value_at(software, std::string(kCache) + "Tasks\\{1}", "Path"), "none");
  EXPECT_FALSE(std::filesystem::exists(host_.at("/Windows/System32/Tasks/Updater")));
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host_.manifest(), before);
}

TEST_F(WindowsCleaning, ATaskTakesKeysOutOfAHiveThatIsNotToBeTouched) {
  ask_for(model::PersistenceKind::kWindowsTask, ActionKind::kRemove);
  scan();
  host_.dry_run = host_.findings;
  const std::string consent = host_.state() + "/../consent.conf";
  const auto refused_for = [&](model::Reason reason) {
    host_.policy.title += "x";  // another order, also in the same second
    const std::string before = host_.manifest();
    const auto answer = host_.run(host_.request());
    EXPECT_EQ(answer.state(), HostState::kRefused) << answer.text();
    EXPECT_EQ(answer.reason(), reason) << answer.text();
    EXPECT_EQ(host_.manifest(), before);
  };
  for (const char* words : {"deny = /Windows/System32/config", "root = /Windows/System32/Tasks"}) {
    std::ofstream(consent) << words << "\n";
    refused_for(model::Reason::kConsent);
  }
  std::filesystem::remove(consent);
  host_.policy.limits.protect = {"%SystemRoot%\\System32\\config"};
  refused_for(model::Reason::kProtected);
}

TEST_F(WindowsCleaning, ATaskThatHidesItsXmlStaysOrItsTwoActionsFailTheOrder) {
  std::filesystem::remove(host_.at("/Windows/System32/Tasks/Updater"));
  put(std::string(kConfig) + "SOFTWARE",
      HiveBuilder()
          .text("Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion", "6.1")
          .text(std::string(kCache) + "Tree\\Good", "Id", "{2}")
          .text(std::string(kCache) + "Tree\\Updater", "Id", "{1}")
          .bytes(std::string(kCache) + "Tasks\\{1}", "Actions", 3,
                 hive::task_actions({{command(), ""}, {command(), "again"}}))
          .build());
  ask_for(model::PersistenceKind::kWindowsTask, ActionKind::kRemove);
  host_.policy.detections[0].any_of[0][1].match = model::Match::kStartsWith;
  scan();
  ASSERT_EQ(host_.findings.size(), 2u);
  host_.dry_run = host_.findings;
  const std::string before = host_.manifest();
  const auto request = host_.request();
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.reason(), model::Reason::kNone) << answer.text();
  const Bytes software = bytes_of(std::string(kConfig) + "SOFTWARE");
  EXPECT_EQ(value_at(software, std::string(kCache) + "Tree\\Updater", "Id"), "none");
  EXPECT_EQ(value_at(software, std::string(kCache) + "Tasks\\{1}", "Actions"), "none");
  EXPECT_EQ(value_at(software, std::string(kCache) + "Tree\\Good", "Id"), "{2}");
  EXPECT_TRUE(scan().empty());
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host_.manifest(), before);
  EXPECT_EQ(scan(), std::vector<std::string>{"v"});
}

TEST_F(WindowsCleaning, TheXmlOfATaskWithoutKeysStaysForEver) {
  const std::string software = std::string(kConfig) + "SOFTWARE";
  put(software, HiveBuilder()
                    .text("Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion", "6.1")
                    .text(std::string(kCache) + "Tree\\Good", "Id", "{2}")
                    .build());
  ask_for(model::PersistenceKind::kWindowsTask, ActionKind::kRemove);
  scan();
  ASSERT_EQ(host_.findings.size(), 1u);
  host_.dry_run = host_.findings;
  const std::string before = host_.contents();
  const Bytes hive = bytes_of(software);
  const auto request = host_.request();
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(std::filesystem::exists(host_.at("/Windows/System32/Tasks/Updater")));
  EXPECT_EQ(bytes_of(software), hive);
  EXPECT_TRUE(scan().empty());
  // Nothing of it is put back either.
  put(software + ".LOG1", hive::log_with(9));
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  std::filesystem::remove(host_.at(software + ".LOG1"));
  EXPECT_EQ(host_.contents(), before);
}

TEST_F(WindowsCleaning, OfTwoHivesWhoseNamesDifferByCaseTheWrongOneIsEdited) {
  put("/Windows/System32/config/software", HiveBuilder().key("Microsoft").build());
  ask_for(model::PersistenceKind::kWindowsTask, ActionKind::kRemove);
  scan();
  ASSERT_EQ(host_.findings.size(), 1u);
  host_.dry_run = host_.findings;
  const std::string before = host_.manifest();
  const auto answer = host_.run(host_.request());
  EXPECT_EQ(answer.state(), HostState::kRefused) << answer.text();
  EXPECT_EQ(answer.reason(), model::Reason::kConflict);
  ASSERT_TRUE(answer.done);
  EXPECT_THAT(answer.done->detail, HasSubstr("differ only by case"));
  EXPECT_EQ(host_.manifest(), before);
}

TEST_F(WindowsCleaning, ADirtyHiveIsNotWrittenToAndSaysWhatToDo) {
  Bytes hive = bytes_of(kUserHive);
  hive::make_dirty(hive);
  put(kUserHive, hive);
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kRemove);
  scan();
  ASSERT_EQ(host_.findings.size(), 1u);
  host_.dry_run = host_.findings;
  const auto answer = host_.run(host_.request());
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  const auto item = answer.item(kUserHive, ActionKind::kRemove);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->reason, model::Reason::kConflict);
  EXPECT_THAT(answer.text(), HasSubstr("start Windows once"));
  EXPECT_EQ(bytes_of(kUserHive), hive);
}

TEST_F(WindowsCleaning, TheLogThatHoldsTheNewestPartOfAHiveGoes) {
  constexpr char kLog[] = "/Users/Ann/ntuser.dat.LOG1";
  Bytes hive = bytes_of(kUserHive);
  hive::make_dirty(hive);
  put(kUserHive, hive);
  put(kLog, hive::log_with(8));
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kQuarantine);
  host_.policy.detections[0].object = model::ObjectKind::kFile;
  host_.policy.detections[0].any_of = {
      {{.field = model::Field::kFileName, .values = {{.text = "NTUSER.DAT.LOG1"}}}}};
  scan();
  ASSERT_EQ(host_.findings.size(), 1u);
  host_.dry_run = host_.findings;
  const std::string before = host_.manifest();
  const auto answer = host_.run(host_.request());
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), model::Reason::kProtected);
  EXPECT_THAT(answer.text(), HasSubstr("left, for it has the name of a user's registry"));
  EXPECT_EQ(host_.manifest(), before);
}

TEST_F(WindowsCleaning, AHibernatedWindowsIsWrittenTo) {
  constexpr char kMemory[] = "/HiberFil.sys";
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kRemove);
  scan();
  host_.dry_run = host_.findings;
  const auto refused = [&](const model::ActRequest& request) {
    const std::string before = host_.manifest();
    const auto answer = host_.run(request);
    EXPECT_EQ(answer.state(), HostState::kRefused) << answer.text();
    EXPECT_EQ(answer.reason(), model::Reason::kConflict);
    EXPECT_THAT(answer.text(), HasSubstr("shut it down in full"));
    EXPECT_EQ(host_.manifest(), before);
  };
  write(kMemory, "hibr" + std::string(8192, 'x'));
  auto request = host_.request();
  refused(request);
  write(kMemory, std::string(8192, '\0'));
  host_.policy.title = "again";  // another order, also in the same second
  request = host_.request();
  const std::string before = host_.contents();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  write(kMemory, "HIBR" + std::string(8192, 'x'));
  refused(host_.undo_request(request));
  write(kMemory, std::string(8192, '\0'));
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host_.contents(), before);
}

// Which of the two logs is newer than its hive; "": neither.
class LogsOfAHive : public WindowsCleaning, public testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, LogsOfAHive, testing::Values("", ".LOG1", ".LOG2"));

TEST_P(LogsOfAHive, TheHiveIsWrittenToAlthoughOneIsNewer) {
  for (const std::string log : {".LOG1", ".LOG2"})
    put("/Users/Ann/ntuser.dat" + log, hive::log_with(log == GetParam() ? 8 : 7));
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kRemove);
  scan();
  host_.dry_run = host_.findings;
  const Bytes before = bytes_of(kUserHive);
  const auto answer = host_.run(host_.request());
  if (GetParam().empty()) {
    EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
    return;
  }
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  const auto item = answer.item(kUserHive, ActionKind::kRemove);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->reason, model::Reason::kConflict);
  EXPECT_THAT(answer.text(), HasSubstr("its log holds newer changes"));
  EXPECT_EQ(bytes_of(kUserHive), before);
}

// One is newer than what we left; the other only than what comes back.
TEST_P(LogsOfAHive, TheUndoPutsAnOlderHiveBesideOne) {
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kRemove);
  scan();
  host_.dry_run = host_.findings;
  const Bytes before = bytes_of(kUserHive);
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  const Bytes cleaned = bytes_of(kUserHive);
  for (const std::string log : {".LOG1", ".LOG2"})
    put("/Users/Ann/ntuser.dat" + log, hive::log_with(log != GetParam() ? 7
                                                      : log == ".LOG1"  ? 9
                                                                        : 8));
  const auto undone = host_.run(host_.undo_request(request));
  if (GetParam().empty()) {
    EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
    EXPECT_EQ(bytes_of(kUserHive), before);
    return;
  }
  EXPECT_NE(undone.state(), HostState::kUndone) << undone.text();
  const auto item = undone.item(kUserHive, ActionKind::kRemove);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->reason, model::Reason::kConflict);
  EXPECT_THAT(undone.text(), HasSubstr("its log holds newer changes"));
  EXPECT_EQ(bytes_of(kUserHive), cleaned);
}

struct RunKey {
  const char* path;
  const char* key;
};
class RunKeys : public WindowsCleaning, public testing::WithParamInterface<RunKey> {};
INSTANTIATE_TEST_SUITE_P(
    All, RunKeys,
    testing::Values(
        RunKey{"/Windows/System32/config/SOFTWARE", "Microsoft\\Windows\\CurrentVersion\\Run"},
        RunKey{"/Windows/System32/config/SOFTWARE", "Microsoft\\Windows\\CurrentVersion\\RunOnce"},
        RunKey{"/Windows/System32/config/SOFTWARE",
               "Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Run"},
        RunKey{"/Windows/System32/config/SOFTWARE",
               "Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\RunOnce"},
        RunKey{"/Windows/System32/config/DEFAULT", kRun}, RunKey{"/Users/Ann/NTUSER.MAN", kRun},
        RunKey{"/Windows/System32/config/DEFAULT",
               "Software\\Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\RunOnce"}));

TEST_P(RunKeys, AnEntryOfTheMachineOrTheDefaultUserStaysOrIsNotBack) {
  const auto& [path, key] = GetParam();
  put(kUserHive, HiveBuilder().key(kRun).build());
  put(path, HiveBuilder().text(key, "bad", command()).text(key, "good", "C:\\good.exe").build());
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kRemove);
  scan();
  ASSERT_EQ(host_.findings.size(), 1u);
  host_.dry_run = host_.findings;
  const std::string before = host_.manifest();
  const auto request = host_.request();
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(value_at(bytes_of(path), key, "bad"), "none");
  EXPECT_EQ(value_at(bytes_of(path), key, "good"), "C:\\good.exe");
  EXPECT_TRUE(scan().empty());
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host_.manifest(), before);
  EXPECT_EQ(scan(), std::vector<std::string>{"v"});
}

// NTFS cannot swap two names, and through FUSE it takes no flags of rename at all.
TEST_F(WindowsCleaning, AFileSystemThatCannotSwapNamesIsCleanedToo) {
  ASSERT_EQ(scan(), std::vector<std::string>{"emotet_joined"});
  host_.dry_run = host_.findings;
  const std::string before = host_.contents();
  const auto request = host_.request();
  host_.launcher = "strace -f -o /dev/null -e trace=renameat2 -e inject=renameat2:error=EINVAL";
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_TRUE(scan().empty());
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host_.contents(), before);
}

// A real volume, in a mount namespace of our own, by the driver that rescue systems have.
class NtfsCleaning : public WindowsCleaning {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to mount a volume";
    if (::access("/dev/fuse", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/fuse";
    const std::string image = host_.root() + ".ntfs";
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    output_of("truncate -s 32M " + image + " && mkntfs -q -Q -F " + image);
    output_of("ntfs-3g " + image + " " + host_.root());
    is_mounted_ = true;
    plant();
  }
  void TearDown() override {
    if (is_mounted_) {
      EXPECT_EQ(::umount(host_.root().c_str()), 0);
    }
  }
  bool is_mounted_ = false;
};

TEST_F(NtfsCleaning, AVolumeIsNotCleanedOrComesBackAnother) {
  // Streams of a file are no files, and one of a file that is taken goes and comes with it.
  write("/Users/Ann/notes.txt", "the owner's");
  output_of("setfattr -n user.hidden.ocx -v MZ" + std::string(12'000, 'x') + " " +
            host_.at("/Users/Ann/notes.txt") + " && setfattr -n user.Zone.Identifier -v ZoneId=3 " +
            host_.at(kLoader));
  ASSERT_EQ(scan(), std::vector<std::string>{"emotet_joined"});
  for (const model::Finding& finding : host_.findings) {
    const auto* file = std::get_if<model::FileIdentity>(&finding.identity);
    EXPECT_TRUE(file == nullptr || file->path == kLoader);
  }
  host_.dry_run = host_.findings;
  const auto state = [&] {
    return host_.contents() +
           output_of(
               "cd " + host_.root() +
               " && find . -type f -printf '%P %T@\\n' | sort && find . -type f -print0 | sort "
               "-z | xargs -0 getfattr -h -d -m '^user'");
  };
  const std::string before = state();
  ASSERT_THAT(before, HasSubstr("Zone.Identifier"));
  const auto request = host_.request();
  const auto answer = host_.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(std::filesystem::exists(host_.at(kLoader)));
  EXPECT_EQ(value_at(bytes_of(kUserHive), kRun, "mfpmp.ocx"), "none");
  EXPECT_TRUE(scan().empty());
  EXPECT_EQ(host_.run(host_.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(state(), before);
}

TEST_F(WindowsCleaning, WhatWindowsWroteSinceIsLostByTheUndo) {
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kRemove);
  scan();
  host_.dry_run = host_.findings;
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  const auto changed =
      hive::edited(bytes_of(kUserHive), {{hive::Edit::Kind::kDeleteValue, kRun, "OneDrive", 0}});
  ASSERT_TRUE(changed);
  put(kUserHive, *changed);
  const auto undone = host_.run(host_.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(value_at(bytes_of(kUserHive), kRun, "mfpmp.ocx"), command());
  EXPECT_EQ(value_at(bytes_of(kUserHive), kRun, "OneDrive"), "none");
}

// Both control sets are in one hive: two edits, each taken back into what the other left.
TEST_F(WindowsCleaning, AServiceComesBackBesideWhatWindowsWroteSince) {
  ask_for(model::PersistenceKind::kWindowsService, ActionKind::kRemove);
  scan();
  ASSERT_EQ(host_.findings.size(), 2u);
  host_.dry_run = host_.findings;
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  const std::string path = std::string(kConfig) + "SYSTEM";
  const auto changed = hive::edited(
      bytes_of(path),
      {{hive::Edit::Kind::kSetNumber, "ControlSet001\\Services\\EventLog", "Start", 3}});
  ASSERT_TRUE(changed);
  put(path, *changed);
  const auto undone = host_.run(host_.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  const Bytes system = bytes_of(path);
  for (const std::string set : {"ControlSet001", "ControlSet002"}) {
    EXPECT_EQ(value_at(system, set + "\\Services\\mfpmp.ocx", "ImagePath"), command());
    EXPECT_EQ(value_at(system, set + "\\Services\\mfpmp.ocx", "Start"), "2");
  }
  EXPECT_EQ(value_at(system, "ControlSet001\\Services\\EventLog", "Start"), "3");
}

TEST_F(WindowsCleaning, AnEntryOfTheSameNameIsOverwrittenByTheUndo) {
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kRemove);
  scan();
  host_.dry_run = host_.findings;
  const auto request = host_.request();
  ASSERT_EQ(host_.run(request).state(), HostState::kCleaned);
  const Bytes other = HiveBuilder().text(kRun, "mfpmp.ocx", "C:\\good.exe").build();
  put(kUserHive, other);
  const auto undone = host_.run(host_.undo_request(request));
  EXPECT_NE(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(undone.item(kUserHive, ActionKind::kRemove)->reason, model::Reason::kConflict)
      << undone.text();
  EXPECT_EQ(bytes_of(kUserHive), other);
}

TEST_F(WindowsCleaning, AnEntryThatSaysSomethingElseByNowStays) {
  ask_for(model::PersistenceKind::kWindowsRun, ActionKind::kRemove);
  scan();
  host_.dry_run = host_.findings;
  put(kUserHive, HiveBuilder().text(kRun, "mfpmp.ocx", "C:\\good.exe").build());
  const auto answer = host_.run(host_.request());
  EXPECT_EQ(value_at(bytes_of(kUserHive), kRun, "mfpmp.ocx"), "C:\\good.exe") << answer.text();
  EXPECT_EQ(answer.item(kUserHive, ActionKind::kRemove)->outcome, Outcome::kSkipped);
}

}  // namespace
}  // namespace fleetsweep::act
