#include "agent/plan/guard.h"

#include <gtest/gtest.h>

#include "agent/plan/binding.h"
#include "tests/agent/plan/world.h"

namespace fleetsweep::plan {
namespace {

using model::ActionKind;
using model::Reason;

TEST(Plan, TwoFilesByNameAreNotIndependentAndAHashIs) {
  World world;
  world.policy.verdicts[0].condition = at_least(1, {kName, kHash});
  world.find(kName, file("/tmp/a", 10));
  world.find(kName, file("/tmp/b", 11));
  EXPECT_EQ(world.plan().refused, Reason::kNotIndependent);
  world.find(kHash, file("/tmp/a", 10));
  EXPECT_EQ(world.plan().refused, Reason::kNone);
}

model::Finding seen(std::uint16_t detection, model::Identity identity) {
  model::Finding finding;
  finding.detection = detection;
  finding.identity = std::move(identity);
  return finding;
}

TEST(Plan, AWeakYaraRuleIsNoSecondWitness) {
  auto policy = a_policy();
  policy.rules.resize(1);
  policy.detections[kName].rule = 0;
  const auto named = seen(kName, file("/tmp/a", 10)), hashed = seen(kHash, file("/tmp/a", 10));
  EXPECT_EQ(independent(policy, {&named}), 1u);
  policy.detections[kName].score = 90;
  EXPECT_EQ(independent(policy, {&named}), 2u);
  // One alternative without the hash would let a name count as a proof.
  policy.detections[kHash].any_of.push_back({policy.detections[kName].any_of[0][0]});
  EXPECT_EQ(independent(policy, {&hashed}), 1u);
}

// A script in cron.hourly is a file, and the entry that starts it.
TEST(Plan, AFileThatIsItsOwnEntryIsTwoWitnesses) {
  auto policy = a_policy();
  model::PersistenceIdentity entry;
  entry.file.path = "/etc/cron.hourly/gcc.sh";
  const auto script = seen(kName, file("/etc/cron.hourly/gcc.sh", 10));
  const auto itself = seen(kPreload, entry);
  EXPECT_EQ(independent(policy, {&script, &itself}), 1u);
  entry.file.path = "/etc/crontab";
  const auto line = seen(kPreload, entry);
  EXPECT_EQ(independent(policy, {&script, &line}), 2u);
}

TEST(Plan, OneValueOfTheRegistryIsTwoWitnesses) {
  auto policy = a_policy();
  policy.detections[kName].object = model::ObjectKind::kWindowsRegistryKey;
  model::RegistryIdentity value;
  value.hive.path = "/Users/Ann/NTUSER.DAT";
  value.key = "HKEY_CURRENT_USER\\Software\\Run";
  value.value_name = "evil";
  model::PersistenceIdentity entry;
  entry.kind = model::PersistenceKind::kWindowsRun;
  entry.file.path = value.hive.path;
  entry.entry = "HKEY_CURRENT_USER\\Software\\RUN\\\\Evil";
  const auto together = [&] {
    const auto one = seen(kName, value), two = seen(kPreload, entry);
    return independent(policy, {&one, &two});
  };
  EXPECT_EQ(together(), 1u);
  value.value_name = "evil2";
  EXPECT_EQ(together(), 2u);
  value.value_name = "evil";
  value.hive.path = "/Users/Bob/NTUSER.DAT";
  EXPECT_EQ(together(), 2u);

  entry.kind = model::PersistenceKind::kWindowsService;
  entry.file.path = value.hive.path = "/Windows/System32/config/SYSTEM";
  entry.entry = "HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\evil";
  for (const auto& [below, kinds] : {std::pair{"", 1u}, {"\\Parameters", 1u}, {"2", 2u}}) {
    value.key = entry.entry + below;
    EXPECT_EQ(together(), kinds) << below;
  }
}

struct LimitCase {
  const char* name;
  std::uint32_t policy, order, others;
  bool refused;  // for the three objects of an infected host
};
class PlanLimit : public testing::TestWithParam<LimitCase> {};
TEST_P(PlanLimit, TheStrictestWordCountsAndNoneIsTouchedAboveIt) {
  auto world = World::infected();
  world.policy.limits.items = GetParam().policy;
  world.limits.items = GetParam().order;
  world.items_max = GetParam().others;
  EXPECT_EQ(world.plan().refused, GetParam().refused ? Reason::kLimit : Reason::kNone);
}
INSTANTIATE_TEST_SUITE_P(, PlanLimit,
                         testing::Values(LimitCase{"silent", 0, 0, 0, false},
                                         LimitCase{"policy", 2, 0, 0, true},
                                         LimitCase{"order", 10, 2, 0, true},
                                         LimitCase{"order_cannot_widen", 2, 10, 0, true},
                                         LimitCase{"consent", 10, 10, 2, true},
                                         LimitCase{"exactly", 3, 3, 3, false}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Plan, AboveTwentyFiveObjectsASilentPolicyTouchesNone) {
  auto world = World::infected();
  for (std::uint64_t i = 0; i < 23; ++i)
    world.find(kName, file(fmt::format("/tmp/{}", i), 100 + i));
  EXPECT_EQ(world.plan().refused, Reason::kLimit);
}

TEST(Plan, NoPolicyGoesBeyondTheCompiledInCeiling) {
  auto world = World::infected();
  world.policy.limits.items = 100000;
  for (std::uint64_t i = 0; i < 500; ++i)
    world.find(kName, file(fmt::format("/tmp/{}", i), 100 + i));
  EXPECT_EQ(world.plan().refused, Reason::kLimit);
}

TEST(Plan, TheRatioAppliesOnlyAboveTenThousandFiles) {
  auto world = World::infected();
  world.limits.permille_of_scanned = 1;
  world.policy.limits.items = 100;
  for (std::uint64_t i = 0; i < 20; ++i)
    world.find(kName, file(fmt::format("/tmp/{}", i), 100 + i));
  world.scanned = 10'000;
  EXPECT_EQ(world.plan().refused, Reason::kNone);
  world.scanned = 10'001;
  EXPECT_EQ(world.plan().refused, Reason::kLimit);
}

TEST(Plan, AnIntactPackageFileStopsTheWholePlan) {
  auto world = World::infected();
  world.facts[0].package = Package::kIntact;
  EXPECT_EQ(world.plan().refused, Reason::kKnownGood);
}

TEST(Plan, ATamperedPackageFileIsReportedOrStopsAllButLosesItsBadLine) {
  auto world = World::infected();
  world.facts[0].package = Package::kTampered;
  EXPECT_EQ(world.plan().refused, Reason::kProtected);
  world.policy.limits.package_owned = model::PackageOwned::kReport;
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kNone);
  for (const auto& step : plan.steps)
    if (step.action.kind == ActionKind::kQuarantine) {
      EXPECT_EQ(step.skipped, Reason::kProtected);
    }

  auto line = World::infected();
  line.facts[2].package = Package::kTampered;
  EXPECT_EQ(line.plan().refused, Reason::kNone);
}

TEST(Plan, AnyProgramThatIsCalledLikeADaemonStopsTheWholePlan) {
  auto world = World::infected();
  const model::ProcessIdentity process{501, 1, file("/usr/bin/dbus-daemon", 11), false, "x", "x"};
  world.find(kProcess, process);
  EXPECT_EQ(world.plan().refused, Reason::kProtected);
  world.running = {{process}};
  EXPECT_EQ(world.plan().refused, Reason::kProtected);
  world.running[0].is_misnamed = true;
  EXPECT_EQ(world.plan().refused, Reason::kNone);
  world.own.push_back("/usr/bin/dbus-daemon");
  EXPECT_EQ(world.plan().refused, Reason::kNone) << "nor like a program of ours";
  world.policy.limits.protect = {"/usr/bin/dbus-daemon"};
  EXPECT_EQ(world.plan().refused, Reason::kProtected) << "what people write keeps its word";
  world.policy.limits.protect.clear();
  world.running[0].process.start_ticks = 2;
  EXPECT_EQ(world.plan().refused, Reason::kProtected) << "another one has its number";
}

TEST(Plan, OneProtectedObjectStopsTheWholePlan) {
  auto world = World::infected();
  world.find(kName, file("/usr/sbin/sshd", 30));
  EXPECT_EQ(world.plan().refused, Reason::kProtected);

  auto own = World::infected();
  own.find(kName, file("/var/lib/fleetsweep/agent/identity.key", 30));
  EXPECT_EQ(own.plan().refused, Reason::kProtected);

  auto by_policy = World::infected();
  by_policy.policy.limits.protect = {"/tmp/*"};
  EXPECT_EQ(by_policy.plan().refused, Reason::kProtected);

  auto by_host = World::infected();
  by_host.facts[0] = {.refuse = Reason::kProtected, .why = "a mount point"};
  EXPECT_EQ(by_host.plan().refused, Reason::kProtected);
}

TEST(Plan, WhatLiesInAFolderThatAPatternNamesIsTouched) {
  for (const char* pattern : {"/home/*/tools", "/home/*/tools/", "/home/**/x"}) {
    auto world = World::infected();
    world.policy.limits.protect = {pattern};
    for (auto* findings : {&world.findings, &world.dry_run})
      std::get<model::FileIdentity>((*findings)[0].identity).path = "/home/ann/tools/a/x";
    EXPECT_EQ(world.plan().refused, Reason::kProtected) << pattern;
    for (auto* findings : {&world.findings, &world.dry_run})
      std::get<model::FileIdentity>((*findings)[0].identity).path = "/home/ann/tools2/a/y";
    EXPECT_EQ(world.plan().refused, Reason::kNone) << pattern;
  }
}

TEST(Plan, AModuleOfTheKernelIsTakenForOneThatWasDroppedThere) {
  const auto refusal = [](const char* path, bool is_stray) {
    auto world = World::infected();
    world.find(kName, file(path, 30));
    world.facts.back().is_stray_module = is_stray;
    return world.plan().refused;
  };
  EXPECT_EQ(refusal("/usr/lib/modules/6.1.0/kernel/net/evil.ko", true), Reason::kNone);
  EXPECT_EQ(refusal("/usr/lib/modules/6.1.0/kernel/net/evil.ko", false), Reason::kProtected);
  EXPECT_EQ(refusal("/usr/lib/modules/6.1.0/updates/dkms/zfs.ko", true), Reason::kProtected);
  EXPECT_EQ(refusal("/usr/lib/modules/6.1.0/modules.dep", true), Reason::kProtected);
}

TEST(Plan, AProtectedFolderOfAProfileThatWasMovedIsTouched) {
  const auto refusal = [](const char* path) {
    auto world = World::infected();
    world.policy.limits.protect = {"%APPDATA%\\Vendor", "C:\\Daten\\MÜLLER"};
    for (auto* findings : {&world.findings, &world.dry_run})
      std::get<model::FileIdentity>((*findings)[0].identity).path = path;
    return world.plan().refused;
  };
  EXPECT_EQ(refusal("/Users/Ann/AppData/Roaming/vendor/x"), Reason::kProtected);
  EXPECT_EQ(refusal("/Data/Eve/AppData/Roaming/VENDOR/x"), Reason::kProtected);
  EXPECT_EQ(refusal("/Daten/Müller/x"), Reason::kProtected);
  EXPECT_EQ(refusal("/Data/Eve/AppData/Roaming/other/x"), Reason::kNone);
  EXPECT_EQ(refusal("/Windows/AppData/Roaming/vendor/x"), Reason::kNone);
}

TEST(Plan, ANameThatMayNotBeTakenStopsThePlanWhicheverOfItsNamesWasFound) {
  const auto refusal = [](const char* other) {
    auto world = World::infected();
    world.policy.limits.protect = {"/srv/*"};
    world.consent.denied = {"/data"};
    world.facts[0].names = {"/tmp/x", other};
    return world.plan();
  };
  EXPECT_EQ(refusal("/opt/x").refused, Reason::kNone);
  EXPECT_EQ(refusal("/usr/bin/bash").refused, Reason::kProtected);
  EXPECT_EQ(refusal("/srv/x").refused, Reason::kProtected);
  EXPECT_EQ(refusal("/var/lib/fleetsweep/identity.key").refused, Reason::kProtected);
  EXPECT_EQ(refusal("/data/x").refused, Reason::kConsent);
  EXPECT_EQ(refusal("/data/x").detail,
            "/tmp/x is also /data/x: the host's owner does not allow it");
}

struct ProcessCase {
  const char* name;
  std::int32_t pid;
  const char* program;
  Reason reason;
};
class PlanProcess : public testing::TestWithParam<ProcessCase> {};
TEST_P(PlanProcess, OneThatMayNotBeStoppedStopsTheWholePlan) {
  auto world = World::infected();
  world.policy.limits.protect = {"/opt/kit"};
  world.consent.denied = {"/data"};
  world.find(kProcess, model::ProcessIdentity{GetParam().pid, 1, file(GetParam().program, 30),
                                              false, "x", "x"});
  EXPECT_EQ(world.plan().refused, GetParam().reason);
}
INSTANTIATE_TEST_SUITE_P(
    , PlanProcess,
    testing::Values(ProcessCase{"any_other", 501, "/tmp/y", Reason::kNone},
                    ProcessCase{"init", 1, "/tmp/y", Reason::kProtected},
                    ProcessCase{"ours", 77, "/tmp/y", Reason::kProtected},
                    ProcessCase{"daemon", 501, "/usr/sbin/sshd", Reason::kProtected},
                    ProcessCase{"of_that_name", 501, "/usr/bin/sshd", Reason::kNone},
                    ProcessCase{"our_program", 501, "/var/lib/fleetsweep/x", Reason::kProtected},
                    ProcessCase{"of_the_policy", 501, "/opt/kit/x", Reason::kProtected},
                    ProcessCase{"of_the_owner", 501, "/data/x", Reason::kConsent}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Plan, AKernelThreadIsAProcessLikeAnyOther) {
  auto world = World::infected();
  const auto thread = [](std::int32_t pid) {
    return model::ProcessIdentity{pid, 1, file("", 30), false, "kworker", ""};
  };
  world.find(kProcess, thread(501));
  world.running = {{thread(602), 500}};
  for (auto& action : world.policy.responses[0].actions)
    action.tree = action.kind == ActionKind::kKill;
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kNone);
  std::size_t killed = 0, left = 0;
  for (const auto& step : plan.steps) {
    const auto* process = std::get_if<model::ProcessIdentity>(&step.identity);
    if (process == nullptr || !is_intrusive(step.action.kind)) continue;
    EXPECT_EQ(step.skipped, process->pid == 501 ? Reason::kChanged : Reason::kNone);
    killed += process->pid == 500 && step.action.kind == ActionKind::kKill &&
              step.note.find("602 is a kernel thread") != std::string::npos;
    left += process->pid == 501;
  }
  EXPECT_EQ(killed, 1u);
  EXPECT_GT(left, 0u);
}

TEST(Plan, TheDescendantsOfATreeAreNotCountedOrOneOutOfReachStopsThePlan) {
  auto world = World::infected();
  world.running = {{{602, 1, file("/opt/kit/child", 31), false, "child", ""}, 601},
                   {{601, 1, file("/bin/sh", 32), false, "sh", ""}, 500},
                   {{700, 1, file("/usr/bin/dockerd", 33), false, "dockerd", ""}, 1}};
  world.policy.limits.processes = 2;
  EXPECT_EQ(world.plan().refused, Reason::kNone) << "no step is about a tree";
  for (auto& action : world.policy.responses[0].actions)
    action.tree = action.kind == ActionKind::kKill;
  EXPECT_EQ(world.plan().refused, Reason::kLimit) << "three processes";
  world.policy.limits.processes = 3;
  EXPECT_EQ(world.plan().refused, Reason::kNone);
  world.policy.limits.processes = 2;
  world.policy.limits.protect = {"/opt/kit"};
  EXPECT_EQ(world.plan().refused, Reason::kNone);
  world.policy.limits.protect.clear();
  world.consent.denied = {"/opt"};
  EXPECT_EQ(world.plan().refused, Reason::kNone);
  world.consent.denied.clear();
  world.policy.limits.processes = 3;
  world.running[2].parent = 602;
  EXPECT_EQ(world.plan().refused, Reason::kNone);
}

TEST(Plan, AnActionThisAgentLacksRefusesBeforeAnythingIsDone) {
  auto world = World::infected();
  world.policy.responses.push_back(
      {{}, 0, {action(ActionKind::kPurge, {kHash}, model::Selector::Kind::kServicesMapping)}});
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kCapability);
  EXPECT_TRUE(plan.steps.empty()) << "and it was of no true verdict";
  auto windows = World::infected();
  windows.policy.platform = model::Platform::kWindows;
  EXPECT_EQ(windows.plan().refused, Reason::kPlatform);
}

TEST(Plan, AScriptOfARunLevelIsDisabledByLinksThatItDoesNotHave) {
  model::PersistenceIdentity script;
  script.kind = model::PersistenceKind::kInitScript;
  for (const char* path : {"/etc/rc2.d/S99evil", "/etc/rc.d/rcS.d/S01evil"}) {
    script.file = file(path, 10);
    EXPECT_EQ(disabling_of(script), model::Disabling::kNone) << path;
  }
  for (const char* path : {"/etc/init.d/evil", "/etc/rc.d/init.d/evil"}) {
    script.file = file(path, 10);
    EXPECT_EQ(disabling_of(script), model::Disabling::kLinks) << path;
  }
}

TEST(Plan, ALineThatBecomesACommentStillNamesItsModule) {
  const auto refused = [](ActionKind kind) {
    auto world = World::infected();
    model::PersistenceIdentity line;
    line.kind = model::PersistenceKind::kPamConfig;
    line.file = file("/etc/pam.d/sshd", 12);
    line.entry = "auth optional pam_x.so";
    world.findings.back().identity = line;
    world.dry_run = world.findings;
    world.facts[0].named_by = {object_key(line)};
    world.policy.responses[0].actions = {action(ActionKind::kQuarantine, {kHash}),
                                         action(kind, {kPreload})};
    return world.plan().refused;
  };
  EXPECT_EQ(refused(ActionKind::kRemove), Reason::kNone);
  EXPECT_EQ(refused(ActionKind::kDisable), Reason::kNone);
  EXPECT_EQ(refused(ActionKind::kReport), Reason::kProtected);
}

}  // namespace
}  // namespace fleetsweep::plan
