// `disable` where one file has two names, two rights or two actions: found by the real scanner,
// turned off by the real act, and turned on again.

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/agent/act/real_scan.h"
#include "tests/host/planted.h"

namespace fleetsweep::host {
namespace {

namespace fs = std::filesystem;
using act::ActHost;
using act::Answer;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;

constexpr const char* kProgram = "/var/tmp/evil";
constexpr const char* kAutostart = "/etc/xdg/autostart/evil.desktop";

struct Disable : testing::Test {
  ActHost host;
  model::ActRequest request;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: set-uid programs and capabilities";
    host.policy = marked();
    host.policy.responses[0].actions.clear();
    answer_with(ActionKind::kDisable, 0);
  }
  void answer_with(ActionKind kind, std::uint16_t detection) {
    model::Action action;
    action.kind = kind;
    action.select.push_back({model::Selector::Kind::kDetections, {detection}, {}});
    host.policy.responses[0].actions.push_back(action);
  }
  // A detection after those there are.
  void detect(model::ObjectKind object, model::Selection selection) {
    auto& detections = host.policy.detections;
    host.policy.verdicts[0].condition.detections.push_back(
        static_cast<std::uint16_t>(detections.size()));
    model::Detection detection;
    detection.id = fmt::format("found{}", detections.size());
    detection.object = object;
    detection.any_of = {std::move(selection)};
    detections.push_back(std::move(detection));
  }
  std::vector<model::Finding> found() const {
    return act::real_scan(host, host.policy).result.findings;
  }
  Answer clean() {
    host.findings = host.dry_run = found();
    request = host.request(host.order(), {"alice", "bob"});
    return host.run(request);
  }
  Answer undo() { return host.run(host.undo_request(request)); }
  unsigned mode_of(const std::string& path) const {
    struct stat status {};
    EXPECT_EQ(::stat(host.at(path).c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }
  void expect_all_done(const Answer& answer, std::size_t items) {
    EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
    ASSERT_TRUE(answer.done);
    EXPECT_EQ(answer.done->items.size(), items) << answer.text();
    for (const auto& item : answer.done->items) EXPECT_EQ(item.outcome, Outcome::kDone);
  }
};

model::Predicate predicate(model::Field field, model::Match match, std::string value) {
  model::Predicate result{.field = field, .match = match};
  result.values.push_back({std::move(value), 0, false});
  return result;
}

TEST_F(Disable, AProgramFailsByItsSecondName) {
  put(host, kProgram, "look-alike of a program", 06755);
  fs::create_hard_link(host.at(kProgram), host.at("/var/tmp/evil.2"));
  const std::string before = host.manifest();
  expect_all_done(clean(), 2);
  EXPECT_EQ(mode_of(kProgram), 0755u);
  EXPECT_TRUE(found().empty());
  EXPECT_EQ(undo().state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Disable, AProgramWithACapabilityFailsByItsSecondNameAndItsSecondRight) {
  put(host, kProgram, "look-alike of a program", 04755);
  act::output_of("setcap cap_setuid+ep " + host.at(kProgram));
  fs::create_hard_link(host.at(kProgram), host.at("/var/tmp/evil.2"));
  const std::string before = host.manifest();
  expect_all_done(clean(), 4);
  EXPECT_EQ(mode_of(kProgram), 0755u);
  EXPECT_TRUE(found().empty()) << "a capability is left";
  EXPECT_EQ(undo().state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Disable, UndoGivesRightsToContentThatNobodyLookedAt) {
  put(host, kProgram, "look-alike of a program", 04755);
  put(host, "/var/tmp/evil.cap", "look-alike of a program", 0755);
  act::output_of("setcap cap_setuid+ep " + host.at("/var/tmp/evil.cap"));
  expect_all_done(clean(), 2);
  for (const char* path : {kProgram, "/var/tmp/evil.cap"}) {
    const auto time = fs::last_write_time(host.at(path));
    act::write_text(host.at(path), "LOOK-alike of a program");
    fs::last_write_time(host.at(path), time);
  }
  const Answer undone = undo();
  EXPECT_EQ(undone.state(), HostState::kFailed) << undone.text();
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_EQ(mode_of(kProgram), 0755u);
  EXPECT_TRUE(found().empty()) << undone.text();
}

TEST_F(Disable, ASettingThatStandsThereTwiceIsLeftAndCalledGone) {
  put(host, "/usr/share/dbus-1/system-services/org.evil.service",
      "[D-BUS Service]\nName=org.evil\nExec=/opt/x\nExec=/opt/x\n");
  put(host, kAutostart, "[Desktop Entry]\nHidden=false\nHidden=false\nExec=/opt/x\n");
  const std::string before = host.manifest();
  expect_all_done(clean(), 2);
  EXPECT_TRUE(found().empty());
  EXPECT_EQ(undo().state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Disable, AnEntryHidesBehindABackslash) {
  put(host, kAutostart, "[Desktop Entry]\nHidden=true\nX-Foo=a \\\nHidden=false\nExec=/opt/x\n");
  put(host, "/usr/share/dbus-1/system-services/org.evil.service",
      "[D-BUS Service]\nName=org.evil\nX=a \\\nExec=/opt/x\n");
  put(host, "/etc/xdg/autostart/evil-2.desktop", "[Desktop Entry]\nExec=/opt/x \\\nHidden=true\n");
  const std::string before = host.manifest();
  expect_all_done(clean(), 3);
  EXPECT_TRUE(found().empty());
  EXPECT_EQ(undo().state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Disable, AUnitThatIsAlsoRemovedStaysAndIsCalledGone) {
  answer_with(ActionKind::kRemove, 0);
  put(host, "/etc/systemd/system/evil.service", "[Service]\nExecStart=/opt/x\n");
  const std::string link = host.at("/etc/systemd/system/multi-user.target.wants/evil.service");
  fs::create_directories(fs::path(link).parent_path());
  fs::create_symlink("/etc/systemd/system/evil.service", link);
  const std::string before = host.manifest();
  expect_all_done(clean(), 1);
  EXPECT_FALSE(fs::exists(host.at("/etc/systemd/system/evil.service")));
  EXPECT_FALSE(fs::is_symlink(link));
  EXPECT_EQ(undo().state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Disable, AnEntryThatIsAlsoQuarantinedIsAnotherFileByThen) {
  detect(model::ObjectKind::kFile,
         {predicate(model::Field::kFileName, model::Match::kContains, "evil")});
  answer_with(ActionKind::kQuarantine, 1);
  put(host, kAutostart, "[Desktop Entry]\nExec=/opt/x\n");
  put(host, kProgram, "look-alike of a program", 04755);
  const std::string before = host.manifest();
  expect_all_done(clean(), 2);
  EXPECT_FALSE(fs::exists(host.at(kAutostart)));
  EXPECT_FALSE(fs::exists(host.at(kProgram)));
  EXPECT_EQ(undo().state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Disable, WhatCannotBeQuarantinedForAnotherNameIsCalledGone) {
  detect(model::ObjectKind::kFile,
         {predicate(model::Field::kFileName, model::Match::kContains, "evil")});
  answer_with(ActionKind::kQuarantine, 1);
  put(host, kAutostart, "[Desktop Entry]\nExec=/opt/x\n");
  put(host, kProgram, "look-alike of a program", 04755);
  fs::create_hard_link(host.at(kAutostart), host.root() + "/../outside-1");
  fs::create_hard_link(host.at(kProgram), host.root() + "/../outside-2");
  const Answer answer = clean();
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  for (const char* path : {kAutostart, kProgram})
    for (const auto kind : {ActionKind::kDisable, ActionKind::kQuarantine}) {
      const auto item = answer.item(path, kind);
      ASSERT_TRUE(item) << path << answer.text();
      EXPECT_EQ(item->outcome, Outcome::kFailed) << path;
      EXPECT_EQ(item->reason, Reason::kHardLinks) << path;
    }
}

TEST_F(Disable, AModuleStaysAlthoughNoLineNamesItAnyMore) {
  host.policy.responses[0].actions.clear();
  for (const char* kind : {"pam_config", "pam_module"})
    detect(model::ObjectKind::kPersistence,
           {predicate(model::Field::kPersistenceKind, model::Match::kEquals, kind),
            predicate(model::Field::kPersistenceCommand, model::Match::kContains, "evil")});
  answer_with(ActionKind::kDisable, 1);
  answer_with(ActionKind::kRemove, 2);
  const std::string module = "/usr/lib/x86_64-linux-gnu/security/pam_evil.so";
  put(host, module, "look-alike of a module\n");
  put(host, "/etc/pam.d/sshd", "auth optional pam_evil.so\nauth required pam_unix.so\n");
  const std::string before = host.manifest();
  expect_all_done(clean(), 2);
  EXPECT_FALSE(fs::exists(host.at(module)));
  EXPECT_EQ(act::read_text(host.at("/etc/pam.d/sshd")),
            "# auth optional pam_evil.so\nauth required pam_unix.so\n");
  EXPECT_EQ(undo().state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

}  // namespace
}  // namespace fleetsweep::host
