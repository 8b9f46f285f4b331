// The real fleetsweep-act on a private root: cleaning, what it must not touch, and undo.

#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;

TEST_F(Clean, TheInfectionGoesAndUndoBringsBackEveryByteOwnerModeAttributeAndTime) {
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer cleaned = host.run(request);
  ASSERT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(cleaned.steps.size(), cleaned.done->items.size());
  EXPECT_EQ(cleaned.done->acted, 8u) << cleaned.text();
  for (const char* gone :
       {"/tmp/kit/evil", "/usr/lib/libevil.so", "/usr/lib/libevil.so.1", "/opt/kit/worker",
        "/etc/ld.so.preload", "/etc/systemd/system/evil.service",
        "/etc/systemd/system/multi-user.target.wants/evil.service"})
    EXPECT_FALSE(fs::exists(fs::symlink_status(host.at(gone)))) << gone;
  EXPECT_EQ(read_text(host.at("/etc/crontab")),
            "SHELL=/bin/sh\n# jobs\n17 * * * * root run-parts /etc/cron.hourly\n"
            "25 6 * * * root curl https://own.example/backup\n");
  EXPECT_EQ(host.process_state(worker), 0);
  EXPECT_EQ(output_of("find " + host.root() + " -name '.fs*'"), "");

  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_NE(undone.done->detail.find("not started again"), std::string::npos);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, TheLoaderKeepsALibraryInItsCacheAndNobodySaysSo) {
  write_text(host.at("/etc/ld.so.cache"), std::string("cache\0/lib/libevil.so.1\0", 25));
  const auto request = host.request();
  const Answer answer = host.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->detail,
            "the loader's cache still names /usr/lib/libevil.so.1: run ldconfig");
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.done->detail.find("ldconfig"), std::string::npos) << undone.done->detail;
}

TEST_F(Clean, WhoStillRunsARemovedProgramIsNotNamed) {
  model::Action restart{ActionKind::kRestart,
                        {{model::Selector::Kind::kServicesMapping, {kByName}, {}}}};
  restart.allow = {"cron.service"};
  host.policy.responses[0].actions = {
      {ActionKind::kQuarantine, {{model::Selector::Kind::kDetections, {kByName}, {}}}}, restart};
  const Answer answer = host.run(host.request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  ASSERT_EQ(answer.done->items.size(), 3u) << answer.text();
  EXPECT_EQ(answer.done->items[2].action, ActionKind::kRestart) << "after the files";
  EXPECT_EQ(answer.done->items[2].outcome, Outcome::kFound);
  const std::string& said = answer.done->paths[2];
  EXPECT_TRUE(said.starts_with("/opt/kit/worker: needs restart: ")) << said;
  EXPECT_NE(said.find(fmt::format("(processes {})", worker)), std::string::npos) << said;
  EXPECT_TRUE(host.is_alive(worker));
}

TEST_F(Clean, NearMissesAreNotTouched) {
  const auto look = [&] {
    return output_of("cd " + host.root() +
                     " && find srv etc/cron.d etc/systemd/system/evil2.service"
                     " etc/systemd/system/multi-user.target.wants/evil2.service"
                     " -printf '%P %y %m %U:%G %T@ %C@ %i %l\\n' | sort");
  };
  const std::string before = look();
  // Started like the malware, from another program.
  fs::copy_file("/bin/sleep", host.at("/srv/worker"));
  const pid_t foreign = host.start("/srv/worker");
  const std::string with_worker = look();
  ASSERT_EQ(host.run(host.request()).state(), HostState::kCleaned);
  EXPECT_EQ(look(), with_worker);
  EXPECT_NE(with_worker, before);
  EXPECT_EQ(host.process_state(foreign), 'S');
}

TEST_F(Clean, LocalRootUndoesWithoutAnOrder) {
  const std::string before = host.manifest();
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  const Answer undone = host.run_locally(fixture::id_of(request.order));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_TRUE(undone.done->local);
  EXPECT_TRUE(undone.done->undo);
  EXPECT_EQ(host.manifest(), before);
  EXPECT_EQ(host.run_locally(DocumentId{}).reason(), Reason::kUndoUnknown);
}

TEST_F(Clean, UndoNeverOverwritesWhatTookTheNameMeanwhile) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  write_text(host.at("/tmp/kit/evil"), "the owner's new file");
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kFailed) << undone.text();
  EXPECT_EQ(undone.reason(), Reason::kConflict);
  EXPECT_EQ(read_text(host.at("/tmp/kit/evil")), "the owner's new file");
  EXPECT_TRUE(fs::exists(host.at("/etc/ld.so.preload")));  // the rest is back
  fs::remove(host.at("/tmp/kit/evil"));
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));
}

}  // namespace
}  // namespace fleetsweep::act
