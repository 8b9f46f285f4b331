#include "agent/plan/plan.h"

#include <gtest/gtest.h>

#include "agent/plan/binding.h"
#include "agent/plan/guard.h"

namespace fleetsweep::plan {
namespace {

using model::ActionKind;
using model::Reason;

// A small family: a file by hash, a file by name, its process, a preload line; and a link to the
// named file.
enum : std::uint16_t { kHash, kName, kProcess, kPreload, kLink };

model::Condition at_least(std::uint16_t count, std::vector<std::uint16_t> detections) {
  return {model::Condition::Kind::kAtLeast, count, std::move(detections), {}};
}

model::Action action(ActionKind kind, std::vector<std::uint16_t> detections,
                     model::Selector::Kind selector = model::Selector::Kind::kDetections) {
  model::Action result;
  result.kind = kind;
  result.select.push_back({selector, std::move(detections), {}});
  return result;
}

model::Policy a_policy() {
  model::Policy policy;
  policy.platform = model::Platform::kLinux;
  model::Predicate hash{model::Field::kFileSha256, model::Match::kEquals, false, false, 0, {}};
  model::Predicate file_name{model::Field::kFileName, model::Match::kEquals, false, false, 0, {}};
  policy.detections.resize(5);
  policy.detections[kHash] = {"hash", model::ObjectKind::kFile, {}, {{hash}}, {}, -1, -1, 100};
  policy.detections[kName] = {"name", model::ObjectKind::kFile, {}, {{file_name}}, {}, -1, -1, 20};
  policy.detections[kProcess] = {"process", model::ObjectKind::kProcess, {}, {}, {}, -1, -1, 20};
  policy.detections[kPreload] = {"preload", model::ObjectKind::kPersistence, {}, {}, {}, -1, -1, 0};
  policy.detections[kLink] = {"link", model::ObjectKind::kPersistence, {}, {}, {}, kName, -1, 40};
  policy.verdicts.push_back({"confirmed", at_least(2, {kHash, kName, kProcess, kPreload}), 95, ""});
  policy.responses.push_back(
      {{0},
       90,
       {action(ActionKind::kQuarantine, {kHash, kName}), action(ActionKind::kKill, {kProcess}),
        action(ActionKind::kRemove, {kPreload}),
        action(ActionKind::kReport, {}, model::Selector::Kind::kAll),
        action(ActionKind::kSuspend, {kProcess})}});
  return policy;
}

model::FileIdentity file(std::string path, std::uint64_t inode) {
  model::FileIdentity identity{std::move(path), 1, inode, 100, 1, 1, 1, {}};
  identity.sha256.value[0] = static_cast<std::uint8_t>(inode);
  return identity;
}

struct World {
  model::Policy policy = a_policy();
  std::vector<model::Finding> findings;
  std::vector<model::Finding> dry_run;
  std::vector<ObjectFacts> facts;
  std::vector<Running> running;
  std::vector<std::string> own = {"/var/lib/fleetsweep"};
  std::vector<std::int32_t> own_pids = {77};
  trust::Consent consent;
  model::OrderLimits limits;
  std::uint32_t items_max = 0;
  std::uint64_t scanned = 100;

  void find(std::uint16_t detection, model::Identity identity,
            std::uint32_t joined = model::Finding::kNoJoin, bool in_dry_run = true) {
    const auto number = static_cast<std::uint32_t>(findings.size());
    findings.push_back({detection, number, joined, std::move(identity), ""});
    facts.emplace_back();
    if (in_dry_run) dry_run.push_back(findings.back());
  }

  static World infected() {
    World world;
    world.find(kHash, file("/tmp/x", 10));
    world.find(kProcess, model::ProcessIdentity{500, 1, file("/tmp/x", 10), false, "x", "x"});
    model::PersistenceIdentity line;
    line.kind = model::PersistenceKind::kLdSoPreload;
    line.file = file("/etc/ld.so.preload", 12);
    line.entry = "/etc/libsystem.so";
    world.find(kPreload, line);
    return world;
  }

  model::Plan plan() const {
    return make_plan({policy, findings, dry_run, facts, running, own, own_pids, consent, limits,
                      items_max, scanned, Nonce{}});
  }
};

std::vector<ActionKind> kinds(const model::Plan& plan) {
  std::vector<ActionKind> result;
  for (const auto& step : plan.steps) result.push_back(step.action.kind);
  return result;
}

TEST(Plan, TheEngineOrdersThePhasesNotTheAuthor) {
  const auto plan = World::infected().plan();
  EXPECT_EQ(plan.refused, Reason::kNone) << plan.detail;
  EXPECT_EQ(kinds(plan), (std::vector{ActionKind::kSuspend, ActionKind::kRemove, ActionKind::kKill,
                                      ActionKind::kQuarantine, ActionKind::kReport,
                                      ActionKind::kReport, ActionKind::kReport}));
  for (const auto& step : plan.steps) EXPECT_EQ(step.skipped, Reason::kNone);
}

TEST(Plan, AHostWithoutAVerdictGetsNoStep) {
  World world;
  world.find(kName, file("/tmp/x", 10));
  EXPECT_TRUE(world.plan().steps.empty());
}

TEST(Plan, WhatTheDryRunDidNotSeeIsNotTouched) {
  auto world = World::infected();
  world.find(kName, file("/tmp/new", 20), model::Finding::kNoJoin, false);
  unsigned skipped = 0;
  const auto plan = world.plan();
  for (const auto& step : plan.steps)
    if (step.skipped == Reason::kChanged) {
      ++skipped;
      EXPECT_EQ(std::get<model::FileIdentity>(step.identity).path, "/tmp/new");
    }
  EXPECT_EQ(skipped, 1u);
}

TEST(Plan, AFileThatChangedSinceTheDryRunIsNotTouched) {
  auto world = World::infected();
  ++std::get<model::FileIdentity>(world.dry_run[0].identity).mtime_ns;
  const auto plan = world.plan();
  EXPECT_FALSE(plan.steps.empty());
  for (const auto& step : plan.steps)
    if (step.action.kind == ActionKind::kQuarantine) {
      EXPECT_EQ(step.skipped, Reason::kChanged);
    }
}

TEST(Plan, VerdictsThatAreNotAllTriedRefuseThePlan) {
  World world;
  world.policy.detections[kPreload].for_each = kHash;
  world.policy.verdicts[0].condition = at_least(2, {kLink, kPreload});
  for (std::uint64_t i = 0; i < 317; ++i) {  // 317 x 317 combinations
    world.find(kHash, file("/tmp/a" + std::to_string(i), 1000 + i));
    world.find(kName, file("/tmp/b" + std::to_string(i), 2000 + i));
  }
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kLimit);
  EXPECT_NE(plan.detail.find("more than 100000 combinations"), std::string::npos) << plan.detail;
}

TEST(Plan, EvidenceThatAppearedSinceTheDryRunMakesNoVerdictTrue) {
  World world;
  world.find(kHash, file("/tmp/x", 10));
  world.find(kProcess, model::ProcessIdentity{500, 1, file("/tmp/x", 10), false, "x", "x"},
             model::Finding::kNoJoin, false);
  EXPECT_FALSE(world.plan().steps.empty());
  for (const auto& step : world.plan().steps)
    if (step.action.kind != ActionKind::kReport) {
      EXPECT_EQ(step.skipped, Reason::kChanged);
    }
}

TEST(Plan, EvidenceThatAppearedSinceTheDryRunMakesANotFalse) {
  World world;
  auto& condition = world.policy.verdicts[0].condition;
  condition = {
      model::Condition::Kind::kAnd,
      1,
      {},
      {at_least(1, {kHash}), {model::Condition::Kind::kNot, 1, {}, {at_least(1, {kPreload})}}}};
  world.find(kHash, file("/tmp/x", 10));
  EXPECT_FALSE(world.plan().steps.empty());
  world.find(kPreload, model::PersistenceIdentity{}, model::Finding::kNoJoin, false);
  EXPECT_TRUE(world.plan().steps.empty());
}

TEST(Plan, AnActionTakesOnlyObjectsOfTheBindingThatMadeTheVerdictTrue) {
  World world;
  world.policy.verdicts[0].condition = {
      model::Condition::Kind::kAnd, 1, {}, {at_least(1, {kName}), at_least(1, {kLink})}};
  world.find(kName, file("/tmp/linked", 10));
  world.find(kName, file("/tmp/alone", 11));
  world.find(kLink, model::PersistenceIdentity{}, 0);
  std::vector<std::string> taken;
  const auto plan = world.plan();
  for (const auto& step : plan.steps)
    if (step.action.kind == ActionKind::kQuarantine)
      taken.push_back(std::get<model::FileIdentity>(step.identity).path);
  EXPECT_EQ(plan.refused, Reason::kNone) << plan.detail;
  EXPECT_EQ(taken, std::vector<std::string>{"/tmp/linked"});
}

TEST(Plan, TwoFilesByNameAreNotIndependentAndAHashIs) {
  World world;
  world.policy.verdicts[0].condition = at_least(1, {kName, kHash});
  world.find(kName, file("/tmp/a", 10));
  world.find(kName, file("/tmp/b", 11));
  EXPECT_EQ(world.plan().refused, Reason::kNotIndependent);
  world.find(kHash, file("/tmp/a", 10));
  EXPECT_EQ(world.plan().refused, Reason::kNone);
}

TEST(Plan, AWeakYaraRuleIsNoSecondWitness) {
  auto policy = a_policy();
  policy.rules.resize(1);
  policy.detections[kName].rule = 0;
  EXPECT_EQ(independent(policy, {kName}), 1u);
  policy.detections[kName].score = 90;
  EXPECT_EQ(independent(policy, {kName}), 2u);
  // One alternative without the hash would let a name count as a proof.
  policy.detections[kHash].any_of.push_back({policy.detections[kName].any_of[0][0]});
  EXPECT_EQ(independent(policy, {kHash}), 1u);
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

TEST(Plan, AFileOfAContainerImageIsTakenOrKeepsTheRestFromBeingCleaned) {
  auto world = World::infected();
  world.facts[0].image = "in a layer";
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kNone);
  std::size_t done = 0;
  for (const auto& step : plan.steps) {
    const bool is_process = std::holds_alternative<model::ProcessIdentity>(step.identity);
    if (is_intrusive(step.action.kind) && step.finding == 0 && !is_process) {
      EXPECT_EQ(step.skipped, Reason::kProtected);
      EXPECT_EQ(step.note, "in a layer");
    } else {
      done += is_intrusive(step.action.kind) && step.skipped == Reason::kNone;
    }
  }
  EXPECT_GT(done, 0u);
}

TEST(Plan, ABackupIsTakenForOneFileInIt) {
  const auto quarantines = [](const World& world) {
    std::vector<Reason> result;
    for (const auto& step : world.plan().steps)
      if (step.action.kind == ActionKind::kQuarantine) result.push_back(step.skipped);
    return result;
  };
  auto world = World::infected();
  world.findings[0].member = world.dry_run[0].member = "home/alice/x";
  EXPECT_EQ(world.plan().refused, Reason::kNone) << "the rest is cleaned";
  EXPECT_EQ(quarantines(world), std::vector{Reason::kProtected});
  world.policy.responses[0].actions.push_back(action(ActionKind::kCollect, {kHash}));
  const auto with_evidence = kinds(world.plan());
  EXPECT_TRUE(std::count(with_evidence.begin(), with_evidence.end(), ActionKind::kCollect) == 1)
      << "nobody else keeps its content";
  world.find(kName, file("/tmp/x", 10));  // the archive itself is meant, too
  EXPECT_EQ(quarantines(world), std::vector{Reason::kNone});
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
  by_host.facts[0] = {Package::kUnowned, "", {}, Reason::kProtected, "a mount point"};
  EXPECT_EQ(by_host.plan().refused, Reason::kProtected);
}

TEST(Plan, AProtectedFolderOfAProfileThatWasMovedIsTouched) {
  const auto refusal = [](const char* path) {
    auto world = World::infected();
    world.policy.limits.protect = {"%APPDATA%\\Vendor"};
    for (auto* findings : {&world.findings, &world.dry_run})
      std::get<model::FileIdentity>((*findings)[0].identity).path = path;
    return world.plan().refused;
  };
  EXPECT_EQ(refusal("/Users/Ann/AppData/Roaming/vendor/x"), Reason::kProtected);
  EXPECT_EQ(refusal("/Data/Eve/AppData/Roaming/VENDOR/x"), Reason::kProtected);
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
                    ProcessCase{"our_program", 501, "/var/lib/fleetsweep/x", Reason::kProtected},
                    ProcessCase{"of_the_policy", 501, "/opt/kit/x", Reason::kProtected},
                    ProcessCase{"of_the_owner", 501, "/data/x", Reason::kConsent}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(Plan, TheDescendantsOfATreeAreCountedAndCheckedLikeTheirAncestor) {
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
  world.policy.limits.protect = {"/opt/kit"};
  EXPECT_EQ(world.plan().refused, Reason::kProtected);
  world.policy.limits.protect.clear();
  world.consent.denied = {"/opt"};
  EXPECT_EQ(world.plan().refused, Reason::kConsent);
  world.consent.denied.clear();
  world.policy.limits.processes = 4;
  world.running[2].parent = 602;
  EXPECT_EQ(world.plan().refused, Reason::kProtected);
}

TEST(Plan, AProposalIsMadeForAFileThatNoPackageMisses) {
  auto world = World::infected();
  world.policy.responses[0].actions = {action(ActionKind::kRestoreFromPackage, {kHash, kName})};
  EXPECT_TRUE(world.plan().steps.empty());
  world.facts[0].package = Package::kTampered;
  world.facts[0].proposal = "of package demo 1.0";
  world.policy.limits.items = 1;
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kNone) << plan.detail;
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.steps[0].note, "of package demo 1.0");
  EXPECT_EQ(plan.steps[0].phase, model::Phase::kRepair);
  EXPECT_NE(to_text(plan).find(", of package demo 1.0"), std::string::npos);
}

TEST(Plan, NobodyLearnsWhichServicesStillRunWhatWasRemoved) {
  auto world = World::infected();
  auto restart = action(ActionKind::kRestart, {kHash}, model::Selector::Kind::kServicesMapping);
  restart.allow = {"cron.service"};
  world.policy.responses[0].actions = {restart};
  EXPECT_TRUE(world.plan().steps.empty());
  world.facts[0].mapped_by = {
      {"cron.service", {7}}, {"a.service", {1, 2, 3, 4, 5, 6}}, {"", {9}}, {"$(id).service", {8}}};
  const auto plan = world.plan();
  ASSERT_EQ(plan.refused, Reason::kNone) << plan.detail;
  ASSERT_EQ(plan.steps.size(), 4u);
  EXPECT_EQ(plan.steps[0].phase, model::Phase::kReload);
  const auto ends = [&](std::size_t step, const std::string& text) {
    EXPECT_TRUE(plan.steps[step].note.ends_with(text)) << plan.steps[step].note;
  };
  ends(0,
       " loaded (processes 7); the file stays where it is, and the service would load it again: "
       "systemctl restart cron.service");
  ends(1,
       " loaded (processes 1, 2, 3, 4, 5 and 1 more); the policy does not speak of it, look at "
       "it first: systemctl restart a.service");
  ends(2, " loaded (processes 9)");
  ends(3, " loaded (processes 8)");
  EXPECT_EQ(plan.steps[2].note.find("needs restart: a program of no service, which has"), 0u);
}

TEST(Plan, AnActionThisAgentLacksRefusesBeforeAnythingIsDone) {
  auto world = World::infected();
  world.policy.responses.push_back(
      {{}, 0, {action(ActionKind::kPurge, {kHash})}});  // even of no true verdict
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kCapability);
  EXPECT_TRUE(plan.steps.empty());
  auto windows = World::infected();
  windows.policy.platform = model::Platform::kWindows;
  EXPECT_EQ(windows.plan().refused, Reason::kPlatform);
}

TEST(Plan, AVerdictBelowTheConfidenceOfTheResponseHasNoAnswer) {
  auto world = World::infected();
  world.policy.verdicts[0].confidence = 89;
  EXPECT_TRUE(world.plan().steps.empty());
}

TEST(Plan, ProcessesOfAFileAreFoundByItsInode) {
  auto world = World::infected();
  world.policy.responses[0].actions = {
      action(ActionKind::kKill, {kHash}, model::Selector::Kind::kProcessesOf)};
  world.running = {{{600, 1, file("/proc/600/exe", 10), true, "renamed", ""}, 1},
                   {{601, 1, file("/tmp/x", 11), false, "x", ""}, 1}};
  const auto plan = world.plan();
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(std::get<model::ProcessIdentity>(plan.steps[0].identity).pid, 600);
}

TEST(Plan, AContainerGoesOnRunningWhatItsImageHolds) {
  auto world = World::infected();
  world.policy.responses[0].actions = {
      action(ActionKind::kKill, {kHash}, model::Selector::Kind::kProcessesOf)};
  world.running = {{{600, 1, file("/bin/x", 77), false, "x", ""}, 1, 1, 10},
                   {{601, 1, file("/bin/x", 78), false, "x", ""}, 1, 2, 10},
                   {{602, 1, file("/bin/y", 79), false, "y", ""}, 1}};
  world.facts[0].image = "in a layer";
  const auto plan = world.plan();
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(std::get<model::ProcessIdentity>(plan.steps[0].identity).pid, 600);
  EXPECT_EQ(plan.steps[0].skipped, Reason::kNone);
}

TEST(Plan, OneObjectFoundTwiceIsTouchedOnce) {
  auto world = World::infected();
  world.find(kName, file("/tmp/x", 10));
  unsigned quarantines = 0;
  for (const auto kind : kinds(world.plan())) quarantines += kind == ActionKind::kQuarantine;
  EXPECT_EQ(quarantines, 1u);
}

struct Both {
  World world = World::infected();
  model::PersistenceIdentity entry;

  // The file that goes by its hash, found as an entry, too.
  explicit Both(model::PersistenceKind kind, ActionKind second) {
    entry.kind = kind;
    entry.file = file("/tmp/x", 10);
    world.policy.responses[0].actions = {action(ActionKind::kQuarantine, {kHash}),
                                         action(second, {kPreload})};
    find();
  }
  void find() {
    world.findings.back().identity = entry;
    world.dry_run = world.findings;
  }
  std::vector<ActionKind> planned() const {
    const auto plan = world.plan();
    EXPECT_EQ(plan.refused, Reason::kNone) << plan.detail;
    return kinds(plan);
  }
};

TEST(Plan, AFileIsEditedBeforeItIsTakenAndThenNoLongerTheOneThatWasFound) {
  for (const auto kind :
       {model::PersistenceKind::kXdgAutostart, model::PersistenceKind::kSetuidProgram})
    EXPECT_EQ(Both(kind, ActionKind::kDisable).planned(), std::vector{ActionKind::kQuarantine})
        << name(kind);
  for (const auto kind : {ActionKind::kDisable, ActionKind::kRemove}) {
    Both line(model::PersistenceKind::kCron, kind);
    line.entry.entry = "* * * * * root /x";
    line.find();
    EXPECT_EQ(line.planned(), std::vector{ActionKind::kQuarantine}) << name(kind);
  }
  EXPECT_EQ(Both(model::PersistenceKind::kSystemdUnit, ActionKind::kDisable).planned(),
            (std::vector{ActionKind::kDisable, ActionKind::kQuarantine}))
      << "its links are other files";
}

TEST(Plan, WhatIsNotTakenForANameSomewhereElseStaysOnToo) {
  Both linked(model::PersistenceKind::kSetuidProgram, ActionKind::kDisable);
  linked.entry.file.links = 2;
  std::get<model::FileIdentity>(linked.world.findings[0].identity).links = 2;
  linked.find();
  EXPECT_EQ(linked.planned(), (std::vector{ActionKind::kDisable, ActionKind::kQuarantine}));
  for (auto& facts : linked.world.facts) facts.names = {"/tmp/x", "/tmp/y"};
  EXPECT_EQ(linked.planned(), std::vector{ActionKind::kQuarantine});
}

TEST(Plan, WhatIsRemovedIsDisabledTooAndOneFailsTheOther) {
  for (const char* line : {"", "* * * * * root /x"}) {
    Both both(line[0] ? model::PersistenceKind::kCron : model::PersistenceKind::kSystemdUnit,
              ActionKind::kDisable);
    both.world.policy.responses[0].actions[0] = action(ActionKind::kRemove, {kPreload});
    both.entry.entry = line;
    both.find();
    EXPECT_EQ(both.planned(), std::vector{ActionKind::kRemove});
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

TEST(Plan, AFileWhoseContentWasNotReadIsOnlyReported) {
  auto world = World::infected();
  std::get<model::FileIdentity>(world.findings[0].identity).sha256 = {};
  std::get<model::FileIdentity>(world.dry_run[0].identity).sha256 = {};
  const auto plan = world.plan();
  for (const auto& step : plan.steps)
    if (step.action.kind == ActionKind::kQuarantine) {
      EXPECT_EQ(step.skipped, Reason::kUnscannable);
    }
}

TEST(Plan, TheTextShowsWhatPeopleCannotSeeOtherwise) {
  auto world = World::infected();
  std::get<model::FileIdentity>(world.findings[0].identity).path = "/tmp/\x1b[2Jx";
  world.dry_run = world.findings;
  EXPECT_EQ(to_text(world.plan()).find('\x1b'), std::string::npos);
  EXPECT_EQ(to_text(world.plan()).find("libsystem"), std::string::npos) << "content of a file";
  world.limits.items = 1;
  EXPECT_NE(to_text(world.plan()).find("refused (limit)"), std::string::npos);
}

}  // namespace
}  // namespace fleetsweep::plan
