// The real fleetsweep-act on a private root: cleaning, what it must not touch, and undo.

#include "tests/agent/act/clean.h"

#include "tests/agent/preloaded.h"

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

// Beside the infection: what loads modules and registers a binary format at each start, a module,
// and a setting of sshd; and a kernel that has all of it.
struct StillActive : Clean {
  std::string proc;

  void SetUp() override {
    Clean::SetUp();
    plant();
    host.dry_run = host.findings;
    host.policy.responses[0].actions = {
        {ActionKind::kRemove, {{model::Selector::Kind::kDetections, {kByCron}, {}}}},
        {ActionKind::kQuarantine, {{model::Selector::Kind::kDetections, {kByName}, {}}}}};
    proc = host.root() + ".proc";
    write_text(proc + "/sys/fs/binfmt_misc/doc", "enabled\n");
    std::string modules;
    for (const char* name : {"loop", "evil_mod", "kit_net", "root_kit", "nbd"})
      modules += std::string(name) + " 16384 0 - Live 0x0000000000000000\n";
    write_text(proc + "/modules", modules);
  }
  void plant() {
    using Kind = model::PersistenceKind;
    write_text(host.at("/etc/modules-load.d/line.conf"), "loop\nevil-mod\n");
    write_text(host.at("/etc/modules-load.d/whole.conf"), "# of the kit\nkit_net\n");
    write_text(host.at("/opt/kit/root-kit.ko.xz"), "module");
    write_text(host.at("/etc/binfmt.d/evil.conf"), ":doc:E::doc::/tmp/kit/evil:\n");
    write_text(host.at("/etc/ssh/sshd_config"), "Port 22\nForceCommand /tmp/kit/evil\n");
    host.findings.clear();
    host.find_file(kByName, "/etc/modules-load.d/whole.conf");
    host.find_file(kByName, "/opt/kit/root-kit.ko.xz");
    host.find_line(kByCron, Kind::kKernelModule, "/etc/modules-load.d/line.conf", "evil-mod");
    host.find_line(kByCron, Kind::kBinfmt, "/etc/binfmt.d/evil.conf",
                   ":doc:E::doc::/tmp/kit/evil:");
    host.find_line(kByCron, Kind::kSshdConfig, "/etc/ssh/sshd_config",
                   "ForceCommand /tmp/kit/evil");
  }
};

constexpr const char* kReloadSshd =
    "sshd reads its settings at its next reload: systemctl reload ssh";

TEST_F(StillActive, WhatTheKernelStillHasLoadedIsCalledCleaned) {
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer cleaned = host.run_under(proc, request);
  ASSERT_EQ(cleaned.state(), HostState::kNeedsReboot) << cleaned.text();
  EXPECT_EQ(cleaned.reason(), Reason::kNone);
  EXPECT_EQ(cleaned.done->acted, 5u);
  EXPECT_EQ(cleaned.done->removed.size(), 5u);
  EXPECT_EQ(cleaned.done->detail,
            std::string("what stays in the kernel until the host starts again: module evil_mod, "
                        "module kit_net, module root_kit, binary format doc; ") +
                kReloadSshd);
  EXPECT_TRUE(fs::exists(proc + "/sys/fs/binfmt_misc/doc"));
  const Answer undone = host.run_under(proc, host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(StillActive, WhatTheKernelDoesNotHaveKeepsAHostFromBeingClean) {
  write_text(proc + "/modules", "loop 40960 0 - Live 0x0000000000000000\n");
  output_of("rm -r " + proc + "/sys");
  const Answer cleaned = host.run_under(proc, host.request());
  EXPECT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(cleaned.done->detail, kReloadSshd);
}

TEST_F(StillActive, AKernelThatShowsNoListIsTakenForOneWithoutModules) {
  output_of("rm " + proc + "/modules && mkdir " + proc + "/modules");
  EXPECT_EQ(host.run_under(proc, host.request()).state(), HostState::kNeedsReboot);
}

TEST_F(StillActive, AMountedDiskSaysWhatThisKernelHas) {
  output_of("cp -r " + proc + " " + host.at("/proc"));
  const Answer cleaned = host.run(host.request());
  EXPECT_EQ(cleaned.state(), HostState::kCleaned) << cleaned.text();
  EXPECT_EQ(cleaned.done->detail, "");
}

TEST_F(StillActive, WhatComesBackAfterTheRebootIsNotCleanedAgain) {
  host.policy.verify.respawn_rounds = 1;
  const auto request = host.request();
  ASSERT_EQ(host.run_under(proc, request).state(), HostState::kNeedsReboot);
  plant();
  auto again = host.request();
  again.order = request.order;
  again.checkpoint = request.checkpoint;
  again.round = 1;
  const Answer cleaned = host.run_under(proc, again);
  EXPECT_EQ(cleaned.state(), HostState::kNeedsReboot) << cleaned.text();
  EXPECT_EQ(read_text(host.at("/etc/modules-load.d/line.conf")), "loop\n");
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

// A unit of malware that hides the one of a package.
struct Override : Clean {
  static constexpr const char* kUnit = "/etc/systemd/system/ssh.service";
  static constexpr const char* kWants = "/etc/systemd/system/multi-user.target.wants/ssh.service";
  static constexpr const char* kVendorsWants =
      "/usr/lib/systemd/system/ssh-access.target.wants/ssh.service";
  static constexpr const char* kOwn = "/etc/systemd/system/sshd.service";

  void SetUp() override {
    Clean::SetUp();
    write_text(host.at(kUnit), "[Service]\nExecStart=/tmp/kit/evil\n");
    link("/usr/lib/systemd/system/ssh.service", kWants);
    link("../ssh.service", kVendorsWants);
    link(kUnit, kOwn);
    host.find_unit(kUnit);
    host.dry_run = host.findings;
  }
  void link(const char* target, const char* path) {
    fs::create_directories(fs::path(host.at(path)).parent_path());
    fs::create_symlink(target, host.at(path));
  }
  bool is_there(const char* path) { return fs::is_symlink(host.at(path)); }
  std::string said_of(const Answer& answer) {
    for (const auto& path : answer.done->paths)
      if (path.starts_with(kUnit)) return path;
    return {};
  }
};

TEST_F(Override, ItsRemovalTurnsOffThePackagesUnit) {
  write_text(host.at("/usr/lib/systemd/system/ssh.service"), "[Service]\nExecStart=/bin/sshd\n");
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer answer = host.run(request);
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at(kUnit)));
  EXPECT_TRUE(is_there(kWants));
  EXPECT_TRUE(is_there(kVendorsWants));
  EXPECT_FALSE(is_there(kOwn));
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Override, ALinkGoesThatIsAPackagesOrProtected) {
  write_text(host.at("/var/lib/dpkg/info/ssh.list"), std::string(kVendorsWants) + "\n");
  host.policy.limits.protect = {"/etc/systemd/system/multi-user.target.wants/ssh.service"};
  const Answer answer = host.run(host.request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at(kUnit)));
  EXPECT_FALSE(is_there(kOwn));
  EXPECT_TRUE(is_there(kWants));
  EXPECT_TRUE(is_there(kVendorsWants));
  EXPECT_EQ(said_of(answer), fmt::format("{}: not unlinked: {}: protected by the policy: not "
                                         "unlinked: {}: a link of a package",
                                         kUnit, kWants, kVendorsWants));
}

TEST_F(Override, WhatIsStillEnabledIsCalledDisabled) {
  write_text(host.at("/var/lib/dpkg/info/ssh.list"), std::string(kVendorsWants) + "\n");
  for (auto& action : host.policy.responses[0].actions)
    if (action.kind == ActionKind::kRemove && action.select[0].detections.back() == kByUnit)
      action.kind = ActionKind::kDisable;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kFailed) << answer.text();
  EXPECT_EQ(answer.reason(), Reason::kKnownGood);
  for (const char* path : {kWants, kVendorsWants, kOwn}) EXPECT_TRUE(is_there(path)) << path;
  EXPECT_EQ(said_of(answer),
            fmt::format("{}: not unlinked: {}: a link of a package", kUnit, kVendorsWants));
}

TEST_F(Clean, AUsersManagerStartsAgainWhatWasRemovedAndNobodyIsTold) {
  const std::string unit = "/home/ann/.config/systemd/user/evil.service";
  const std::string told =
      "units of users have changed: their managers were not told, and go by what they have in "
      "memory until each user runs systemctl --user daemon-reload or logs out";
  write_text(host.at(unit), "[Service]\nExecStart=/tmp/kit/evil\nRestart=always\n");
  fs::create_directories(host.at("/run/systemd/system"));
  host.find_unit(unit);
  host.dry_run = host.findings;
  const auto request = host.request();
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at(unit)));
  EXPECT_NE(answer.done->detail.find(told), std::string::npos) << answer.done->detail;
  const Answer undone = host.run(host.undo_request(request));
  EXPECT_EQ(undone.state(), HostState::kUndone) << undone.text();
  EXPECT_NE(undone.done->detail.find(told), std::string::npos) << undone.done->detail;
}

TEST_F(Clean, ALibraryInLdSoPreloadSaysThatAllIsDone) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  const TempDir folder;
  host.launcher = preloading(folder.path(),
                             "int renameat2(void) { return 0; }\n"
                             "int renameat(void) { return 0; }\n"
                             "int unlinkat(void) { return 0; }");
  const std::string before = host.manifest();
  const auto request = host.request();
  const Answer answer = host.run(request);
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil")));
  EXPECT_EQ(host.run(host.undo_request(request)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

}  // namespace
}  // namespace fleetsweep::act
