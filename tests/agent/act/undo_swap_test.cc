// Somebody puts something else in the place of what an undo gives back, while it does.

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/act/actions/beside.h"
#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Reason;

struct UndoSwap : Clean {
  static constexpr uid_t kNobody = 65534;
  static constexpr const char* kEvil = "/tmp/kit/evil";

  // Of what is found only what follows.
  void only(ActionKind kind, std::uint16_t detection) {
    host.policy.responses[0].actions = {
        {kind, {{model::Selector::Kind::kDetections, {detection}, {}}}}};
    host.policy.responses[0].actions[0].clear_flags = {"immutable"};
    host.policy.limits.independent_min = 0;
    host.findings.clear();
  }
  void only_quarantine(const std::string& path) {
    only(ActionKind::kQuarantine, kByName);
    host.find_file(kByName, path);
  }
  void clean() {
    host.dry_run = host.findings;
    request = host.request();
    const Answer answer = host.run(request);
    ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  }
  Answer undo(const std::string& place, const std::function<void()>& meanwhile) {
    return host.run_racing(host.undo_request(request), place, meanwhile);
  }
  static struct stat status_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status;
  }
  bool has_flag(char flag, const std::string& path) {
    return output_of("lsattr -d " + host.at(path)).substr(0, 20).find(flag) != std::string::npos;
  }
  void change_flags(const std::string& how, const std::string& path) {
    if (::system(("chattr " + how + " " + host.at(path) + " 2>/dev/null").c_str()) != 0)
      GTEST_SKIP() << "this file system or user has no such flag";
  }

  // Of what was taken, under its name.
  void put_a_locked_copy() {
    only_quarantine(kEvil);
    const std::string content = read_text(host.at(kEvil));
    clean();
    write_text(host.at(kEvil), content);
    change_flags("+i", kEvil);
  }

  model::ActRequest request;
};

TEST_F(UndoSwap, UnitThatSomebodyPutInTheOldOnesPlaceIsEnabled) {
  const std::string unit = "/etc/systemd/system/evil.service";
  const std::string link = host.at("/etc/systemd/system/multi-user.target.wants/evil.service");
  only(ActionKind::kRemove, kByUnit);
  host.find_unit(unit);
  ASSERT_TRUE(fs::is_symlink(link));
  clean();
  ASSERT_FALSE(fs::is_symlink(link));
  write_text(host.at(unit), "[Service]\nExecStart=/usr/bin/another\n");
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_FALSE(fs::is_symlink(link)) << undone.text();
}

TEST(TemporaryName, WhoSawTheHiddenNameKnowsIt) {
  Op op;
  op.token = 0x0123456789abcdef;
  EXPECT_EQ(temporary_name(op).find("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(temporary_name(op).size(), hidden_name(op).size());
}

TEST_F(UndoSwap, AStrangersFileUnderTheTemporaryNameOfALinkIsGivenAway) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  const std::string folder = host.at("/etc/systemd/system/multi-user.target.wants");
  const std::string link = folder + "/evil.service";
  ASSERT_EQ(::lchown(link.c_str(), kNobody, kNobody), 0);
  clean();
  std::string temporary;
  const Answer undone = undo("link-made:1", [&] {
    temporary = output_of("find " + folder + " -name '.fsr-*' -printf %p");
    fs::remove(temporary);
    write_text(temporary, "the only copy of a letter");
  });
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_FALSE(fs::exists(fs::symlink_status(link)));
  EXPECT_EQ(read_text(temporary), "the only copy of a letter");
  EXPECT_EQ(status_of(temporary).st_uid, 0u);

  fs::remove(temporary);
  const Answer again = host.run_locally(fixture::id_of(request.order));
  EXPECT_EQ(again.state(), HostState::kUndone) << again.text();
  EXPECT_EQ(status_of(link).st_uid, kNobody);
}

TEST_F(UndoSwap, ACopyInPlaceOfOneNameIsLinkedToTheOther) {
  only_quarantine("/usr/lib/libevil.so");
  const std::string folder = host.at("/usr/lib/");
  clean();
  std::string back;
  const Answer undone = undo("undone:1", [&] {
    back = fs::exists(folder + "libevil.so") ? "libevil.so" : "libevil.so.1";
    output_of("cd " + folder + " && cp -a " + back + " copy && chmod 0666 copy && mv copy " + back);
  });
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  const auto other = status_of(folder + (back == "libevil.so" ? "libevil.so.1" : "libevil.so"));
  EXPECT_NE(other.st_mode & 07777, 0666u) << undone.text();
  EXPECT_EQ(other.st_nlink, 1u);
  EXPECT_EQ(status_of(folder + back).st_mode & 07777, 0666u);
}

TEST_F(UndoSwap, AnotherFileInPlaceOfWhatCameBackIsCalledUndoneAndMadeImmutable) {
  (void)::system(("chattr +i " + host.at(kEvil) + " 2>/dev/null").c_str());
  only_quarantine(kEvil);
  clean();
  const Answer undone = undo("back:1", [&] {
    fs::rename(host.at(kEvil), host.at("/srv/moved"));
    write_text(host.at(kEvil), "another file");
  });
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_EQ(read_text(host.at(kEvil)), "another file");
  EXPECT_FALSE(has_flag('i', kEvil));
}

TEST_F(UndoSwap, ACopyThatCannotBeReplacedStaysUnlocked) {
  put_a_locked_copy();
  if (IsSkipped()) return;
  const Answer undone = undo("restored:1", [&] { change_flags("+i", "/tmp/kit"); });
  change_flags("-i", "/tmp/kit");
  EXPECT_EQ(undone.state(), HostState::kFailed) << undone.text();
  EXPECT_TRUE(has_flag('i', kEvil)) << undone.text();
}

TEST_F(UndoSwap, FlagsOfWhoEditsMeanwhileGoForOnesOfOurs) {
  change_flags("+i", "/etc/crontab");
  if (IsSkipped()) return;
  only(ActionKind::kRemove, kByCron);
  host.find_line(kByCron, model::PersistenceKind::kCron, "/etc/crontab",
                 "*/5 * * * * root /tmp/kit/evil >/dev/null");
  clean();
  ASSERT_TRUE(has_flag('i', "/etc/crontab"));
  const Answer undone = undo("edit-undo-written:1", [&] {
    change_flags("-i", "/etc/crontab");
    write_text(host.at("/etc/crontab"), read_text(host.at("/etc/crontab")) + "# by hand\n");
    change_flags("+a", "/etc/crontab");
  });
  EXPECT_EQ(undone.reason(), Reason::kRaced) << undone.text();
  EXPECT_TRUE(has_flag('a', "/etc/crontab"));
  EXPECT_FALSE(has_flag('i', "/etc/crontab"));
  change_flags("-a", "/etc/crontab");
}

// What came out is somebody's, and what went in is not there either: it cannot go back.
struct Swapped : UndoSwap {
  static constexpr const char* kLetter = "the only copy of a letter";
  const std::string table = host.at("/etc/crontab");

  void SetUp() override {
    UndoSwap::SetUp();
    only(ActionKind::kRemove, kByCron);
    host.find_line(kByCron, model::PersistenceKind::kCron, "/etc/crontab",
                   "*/5 * * * * root /tmp/kit/evil >/dev/null");
  }
  std::string beside() {
    return output_of("find " + host.at("/etc") + " -maxdepth 1 -name '.fs*' -printf %p");
  }
  void swap() {
    fs::rename(table, host.at("/srv/moved"));
    write_text(table, "another file");
    fs::remove(beside());
    write_text(beside_, kLetter);
  }
  std::string beside_;
};

TEST_F(Swapped, WhatAnEditCouldNotGiveBackIsDeletedByItsRecovery) {
  host.dry_run = host.findings;
  request = host.request();
  const Answer answer = host.run_racing(request, "exchanged:1", [&] {
    beside_ = beside();
    swap();
  });
  EXPECT_EQ(answer.reason(), Reason::kRaced) << answer.text();
  EXPECT_NE(answer.text().find(fs::path(beside_).filename()), std::string::npos) << answer.text();
  EXPECT_EQ(read_text(beside_), kLetter);
  EXPECT_EQ(read_text(table), "another file");
}

TEST_F(Swapped, WhatAnUndoCouldNotGiveBackIsDeletedByTheNext) {
  const std::string before = read_text(table);
  clean();
  const std::string edited = read_text(table);
  const Answer undone = undo("exchanged:1", [&] {
    beside_ = beside();
    swap();
  });
  EXPECT_EQ(undone.reason(), Reason::kRaced) << undone.text();
  EXPECT_EQ(read_text(beside_), kLetter);
  write_text(table, edited);
  const Answer next = host.run_locally(fixture::id_of(request.order));
  EXPECT_NE(next.text().find(fs::path(beside_).filename()), std::string::npos) << next.text();
  EXPECT_EQ(read_text(beside_), kLetter);
  fs::rename(beside_, host.at("/srv/letter"));
  const Answer again = host.run_locally(fixture::id_of(request.order));
  EXPECT_EQ(again.state(), HostState::kUndone) << again.text();
  EXPECT_EQ(read_text(table), before);
}

TEST_F(Swapped, WhatIsSwappedBeforeActDoesIsDeletedAsItsTemporaryFile) {
  const std::string before = read_text(table);
  host.dry_run = host.findings;
  request = host.request();
  const Answer answer = host.run_racing(request, "edit-written:1", [&] {
    ASSERT_EQ(::renameat2(AT_FDCWD, table.c_str(), AT_FDCWD, beside().c_str(), RENAME_EXCHANGE), 0);
  });
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(beside(), "");
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(read_text(table), before);
}

TEST_F(Swapped, ALetterUnderTheTemporaryNameIsDeletedWhereNothingCanBeSwapped) {
  clean();
  const Answer undone = undo("edit-undo-written:1", [&] {
    beside_ = beside();
    fs::rename(table, host.at("/srv/moved"));
    fs::remove(beside_);
    write_text(beside_, kLetter);
  });
  EXPECT_EQ(undone.state(), HostState::kFailed) << undone.text();
  EXPECT_EQ(read_text(table), kLetter);
  EXPECT_EQ(beside(), "");
}

TEST_F(Swapped, WhoTakesAwayWhatCameOutLeavesALineThatNoUndoGivesBack) {
  const std::string before = read_text(table);
  host.dry_run = host.findings;
  request = host.request();
  const Answer answer = host.run_racing(request, "exchanged:1", [&] { fs::remove(beside()); });
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(read_text(table), before);
}

TEST_F(Swapped, WhatIsNotOursIsPutInPlaceOfTheFile) {
  const std::string before = read_text(table);
  host.dry_run = host.findings;
  for (const bool is_letter : {false, true}) {
    host.policy.title = is_letter ? "a letter" : "nothing";
    request = host.request();
    const Answer answer = host.run_racing(request, "edit-written:1", [&] {
      beside_ = beside();
      fs::remove(beside_);
      if (is_letter) write_text(beside_, kLetter);
    });
    EXPECT_EQ(answer.reason(), Reason::kRaced) << answer.text();
    EXPECT_EQ(read_text(table), before);
    EXPECT_EQ(beside(), is_letter ? beside_ : "");
  }
  EXPECT_EQ(read_text(beside_), kLetter);
}

TEST_F(Swapped, AFolderUnderTheUnfinishedNameKeepsWhatIsDoneFromBeingFinished) {
  host.dry_run = host.findings;
  request = host.request();
  ASSERT_FALSE(host.run(request, "exchanged:1").done);
  Op op;
  op.token = std::stoull(beside().substr(beside().rfind('-') + 1), nullptr, 16);
  fs::create_directory(host.at("/etc/" + unfinished_name(op)));
  request.resume = true;
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(beside(), host.at("/etc/" + unfinished_name(op)));
}

TEST_F(Swapped, ACopyLockedUnderOurNameNeverGoes) {
  put_a_locked_copy();
  if (IsSkipped()) return;
  const Answer undone = undo("exchanged:1", [&] { change_flags("+i", "/tmp/kit"); });
  change_flags("-i", "/tmp/kit");
  EXPECT_EQ(undone.state(), HostState::kFailed) << undone.text();
  const Answer again = host.run_locally(fixture::id_of(request.order));
  EXPECT_EQ(again.state(), HostState::kUndone) << again.text();
  EXPECT_EQ(output_of("find " + host.at("/tmp/kit") + " -name '.fs*'"), "");
}

TEST_F(Swapped, ANameThatWasInTheWayOfAnUndoIsNeverLinkedAgainToWhatIsImmutable) {
  only_quarantine(kEvil);
  const std::string folder = host.at("/tmp/kit");
  for (const char* name : {"a", "b"}) fs::create_hard_link(host.at(kEvil), folder + "/" + name);
  change_flags("+i", kEvil);
  if (IsSkipped()) return;
  host.findings.clear();
  host.find_file(kByName, kEvil);
  const std::string before = host.contents();
  clean();
  write_text(folder + "/b", "in the way");
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).reason(), Reason::kConflict);
  fs::remove(folder + "/b");
  const Answer failed = undo("restored:1", [&] { write_text(folder + "/b", "in the way again"); });
  EXPECT_EQ(failed.reason(), Reason::kConflict) << failed.text();
  EXPECT_TRUE(has_flag('i', kEvil)) << "unlocked to be linked, and left so";
  fs::remove(folder + "/b");
  const Answer again = host.run_locally(fixture::id_of(request.order));
  EXPECT_EQ(again.state(), HostState::kUndone) << again.text();
  EXPECT_EQ(host.contents(), before);
  EXPECT_TRUE(has_flag('i', kEvil));
}

TEST_F(Swapped, AWholeCopyOfWhatWasTakenStaysBesideWhatHasItsName) {
  only_quarantine(kEvil);
  clean();
  ASSERT_FALSE(host.run(host.undo_request(request), "restored:1").done);
  EXPECT_NE(output_of("find " + host.at("/tmp/kit") + " -name '.fs*'"), "");
  write_text(host.at(kEvil), "another file");
  const Answer undone = host.run_locally(fixture::id_of(request.order));
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_EQ(output_of("find " + host.at("/tmp/kit") + " -name '.fs*'"), "");
}

TEST_F(Swapped, WhatCameOutForAFileThatWasTakenIsDeletedByTheNextUndo) {
  only_quarantine(kEvil);
  const std::string content = read_text(host.at(kEvil)), evil = host.at(kEvil);
  clean();
  write_text(evil, content);  // a copy, which undo replaces by the file
  const Answer undone = undo("exchanged:1", [&] {
    beside_ = output_of("find " + host.at("/tmp/kit") + " -name '.fs*' -printf %p");
    fs::rename(evil, host.at("/srv/moved"));
    write_text(evil, "another file");
    fs::remove(beside_);
    write_text(beside_, kLetter);
  });
  EXPECT_EQ(undone.reason(), Reason::kRaced) << undone.text();
  EXPECT_EQ(read_text(beside_), kLetter);
  fs::remove(evil);
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).reason(), Reason::kRaced);
  EXPECT_EQ(read_text(evil), kLetter);
  fs::remove(evil);
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  EXPECT_EQ(read_text(evil), content);
}

// A set-id program that `disable` took its rights from.
struct Rights : UndoSwap {
  static constexpr const char* kProgram = "/opt/rights";

  void SetUp() override {
    UndoSwap::SetUp();
    write_text(host.at(kProgram), "a program");
    ASSERT_EQ(::chmod(host.at(kProgram).c_str(), 06755), 0);
    only(ActionKind::kDisable, kByUnit);
    host.find_unit(kProgram);
    std::get<model::PersistenceIdentity>(host.findings[0].identity).kind =
        model::PersistenceKind::kSetuidProgram;
    clean();
    ASSERT_EQ(mode(), 0755u);
  }
  mode_t mode() { return status_of(host.at(kProgram)).st_mode & 07777; }
};

TEST_F(Rights, GoToAFileOfAnotherOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give files away";
  ASSERT_EQ(::chown(host.at(kProgram).c_str(), kNobody, kNobody), 0);
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_EQ(mode(), 0755u);
}

TEST_F(Rights, GoToWhatIsWrittenAfterTheLastLook) {
  const auto time = fs::last_write_time(host.at(kProgram));
  const Answer undone = undo("rights-due:1", [&] {
    write_text(host.at(kProgram), "A program");
    fs::last_write_time(host.at(kProgram), time);
  });
  EXPECT_EQ(undone.reason(), Reason::kConflict) << undone.text();
  EXPECT_EQ(mode(), 0755u);
}

}  // namespace
}  // namespace fleetsweep::act
