#include "agent/plan/plan.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "agent/plan/guard.h"
#include "tests/agent/plan/world.h"

namespace fleetsweep::plan {
namespace {

using model::ActionKind;
using model::Reason;

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

TEST(Plan, AFileOfAContainerImageIsTakenOrKeepsTheRestFromBeingCleaned) {
  auto world = World::infected();
  world.facts[0].left_alone = "in a layer";
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

TEST(Plan, WhoWasFrozenWithItsParentIsLeftFrozenWhenThatIsKilled) {
  auto world = World::infected();
  world.find(kProcess, model::ProcessIdentity{601, 1, file("/tmp/y", 30), false, "y", "y"});
  world.find(kProcess, model::ProcessIdentity{800, 1, file("/tmp/z", 31), false, "z", "z"});
  world.running = {{{601, 1, file("/tmp/y", 30), false, "y", ""}, 500},
                   {{602, 1, file("/bin/sh", 32), false, "sh", ""}, 601}};
  const auto kills_tree = [&](std::int32_t pid) {
    for (const auto& step : world.plan().steps)
      if (const auto* process = std::get_if<model::ProcessIdentity>(&step.identity);
          process && process->pid == pid && step.action.kind == ActionKind::kKill)
        return step.action.tree;
    ADD_FAILURE() << pid << " is not killed";
    return false;
  };
  EXPECT_FALSE(kills_tree(500)) << "nothing of it is frozen";
  // Only the first is suspended, and 601 is of its family.
  auto& suspend = world.policy.responses[0].actions.back();
  ASSERT_EQ(suspend.kind, ActionKind::kSuspend);
  suspend.tree = true;
  world.policy.detections.push_back(world.policy.detections[kProcess]);
  world.findings[1].detection = world.dry_run[1].detection = kLink + 1;
  suspend.select[0].detections = {kLink + 1};
  for (auto& action : world.policy.responses[0].actions)
    if (action.kind == ActionKind::kKill) action.select[0].detections.push_back(kLink + 1);
  world.policy.verdicts[0].condition.detections.push_back(kLink + 1);
  EXPECT_TRUE(kills_tree(500));
  EXPECT_TRUE(kills_tree(601));
  EXPECT_FALSE(kills_tree(800));
}

TEST(Plan, WhatADaemonStartedEndsWithItsAncestorOrCountsAgainstTheLimit) {
  auto world = World::infected();
  world.running = {{{601, 1, file("/usr/bin/dockerd", 30), false, "dockerd", ""}, 500},
                   {{602, 1, file("/usr/bin/postgres", 31), false, "postgres", ""}, 601},
                   {{77, 1, file("/opt/agent", 32), false, "agent", ""}, 500},
                   {{603, 1, file("/tmp/y", 33), false, "y", ""}, 500}};
  std::vector<model::ProcessIdentity> left;
  const Stays stays = [](const auto& process) { return process.pid == 601 || process.pid == 77; };
  const auto reached = descendants(world.running, 500, stays, &left);
  ASSERT_EQ(reached.size(), 1u);
  EXPECT_EQ(reached[0].pid, 603);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].pid, 601);
  for (auto& action : world.policy.responses[0].actions)
    action.tree = action.kind == ActionKind::kKill;
  world.policy.limits.processes = 2;
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kNone) << plan.detail;
  EXPECT_NE(to_text(plan).find("and its descendants, left running with its own: process 601: "
                               "/usr/bin/dockerd: a program that is never stopped, and 1 more"),
            std::string::npos)
      << to_text(plan);
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
  world.facts[0].left_alone = "in a layer";
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

// What happens to /tmp/x when one response keeps it by `other` and another destroys it.
std::vector<ActionKind> with_purge(World world, const model::Action& other, bool purge_first) {
  auto& responses = world.policy.responses;
  responses[0].actions = {other};
  responses.push_back(responses[0]);
  responses[purge_first ? 0 : 1].actions = {action(ActionKind::kPurge, {kHash, kName})};
  const auto plan = world.plan();
  EXPECT_EQ(plan.refused, Reason::kNone) << plan.detail;
  return kinds(plan);
}

TEST(Plan, OfTwoActionsOnOneObjectOnlyTheLastOnesOptionsCount) {
  model::Action much, little;
  much.kind = little.kind = ActionKind::kCollect;
  much.select = little.select = {{model::Selector::Kind::kDetections, {kProcess}, {}}};
  much.what = {"exe", "environ"};
  much.bytes_max = 1000;
  little.what = {"command_line", "exe"};
  little.bytes_max = 10;
  model::Action tree = much, alone = little;
  tree.kind = alone.kind = ActionKind::kKill;
  tree.tree = true;
  for (const auto& actions :
       {std::vector{much, little, tree, alone}, {alone, tree, little, much}}) {
    auto world = World::infected();
    world.policy.responses[0].actions = actions;
    const auto plan = world.plan();
    EXPECT_EQ(kinds(plan), (std::vector{ActionKind::kCollect, ActionKind::kKill})) << plan.detail;
    const auto& collect = plan.steps.front().action;
    EXPECT_EQ(std::set<std::string>(collect.what.begin(), collect.what.end()),
              (std::set<std::string>{"exe", "environ", "command_line"}));
    EXPECT_EQ(collect.bytes_max, 1000u);
    EXPECT_TRUE(plan.steps.back().action.tree);
  }
}

TEST(Plan, AFileThatSomebodyWantsKeptIsGoneForGood) {
  for (const bool purge_first : {false, true}) {
    EXPECT_EQ(with_purge(World::infected(), action(ActionKind::kQuarantine, {kHash}), purge_first),
              std::vector{ActionKind::kQuarantine});
    auto linked = World::infected();
    linked.find(kName, file("/tmp/another-name", 10));
    EXPECT_EQ(with_purge(linked, action(ActionKind::kQuarantine, {kHash}), purge_first),
              std::vector{ActionKind::kQuarantine})
        << "one file of two names";
    linked.find(kName, file("/tmp/another-file", 11));
    EXPECT_EQ(with_purge(linked, action(ActionKind::kQuarantine, {kHash}), purge_first).size(), 2u);
    auto member = World::infected();
    member.findings[0].member = member.dry_run[0].member = "home/alice/x";
    member.find(kName, file("/tmp/x", 10));
    EXPECT_EQ(with_purge(member, action(ActionKind::kQuarantine, {kHash}), purge_first),
              (purge_first ? std::vector{ActionKind::kPurge, ActionKind::kQuarantine}
                           : std::vector{ActionKind::kQuarantine, ActionKind::kPurge}))
        << "what is not quarantined keeps nothing";
  }
  auto entry = World::infected();
  std::get<model::PersistenceIdentity>(entry.findings[2].identity) = {
      .kind = model::PersistenceKind::kSystemdUnit, .file = file("/tmp/x", 10)};
  entry.dry_run = entry.findings;
  EXPECT_EQ(with_purge(entry, action(ActionKind::kRemove, {kPreload}), true),
            std::vector{ActionKind::kRemove});
}

TEST(Plan, EvidenceOfWhatIsPurgedIsThoughtToBeKeptAnyway) {
  EXPECT_EQ(with_purge(World::infected(), action(ActionKind::kCollect, {kHash}), false),
            (std::vector{ActionKind::kCollect, ActionKind::kPurge}));
}

TEST(Plan, AGuardrailOfQuarantineDoesNotHoldForPurge) {
  const auto purged = [](const std::function<void(World&)>& change) {
    auto world = World::infected();
    world.policy.responses[0].actions = {action(ActionKind::kPurge, {kHash, kName})};
    change(world);
    return world.plan();
  };
  const auto refused = [&](const std::function<void(World&)>& change) {
    return purged(change).refused;
  };
  EXPECT_EQ(refused([](World&) {}), Reason::kNone);
  EXPECT_EQ(refused([](World& w) { w.find(kName, file("/usr/sbin/sshd", 30)); }),
            Reason::kProtected);
  EXPECT_EQ(refused([](World& w) { w.facts[0].package = Package::kIntact; }), Reason::kKnownGood);
  EXPECT_EQ(refused([](World& w) { w.facts[0].package = Package::kTampered; }), Reason::kProtected);
  EXPECT_EQ(refused([](World& w) { w.limits.bytes = 99; }), Reason::kLimit);
  EXPECT_EQ(refused([](World& w) { w.consent.denied = {"/tmp"}; }), Reason::kConsent);
  EXPECT_EQ(refused([](World& w) { w.find(kName, w.findings[1].identity); }), Reason::kCapability)
      << "a process";
  const auto skipped = [&](const std::function<void(World&)>& change) {
    const auto plan = purged(change);
    EXPECT_EQ(kinds(plan), std::vector{ActionKind::kPurge});
    EXPECT_EQ(to_text(plan).find("gone for good"), std::string::npos) << to_text(plan);
    return plan.steps[0].skipped;
  };
  EXPECT_EQ(skipped([](World& w) { w.facts[0].left_alone = "in a layer"; }), Reason::kProtected);
  EXPECT_EQ(
      skipped([](World& w) { ++std::get<model::FileIdentity>(w.dry_run[0].identity).mtime_ns; }),
      Reason::kChanged);
  EXPECT_EQ(skipped([](World& w) {
              std::get<model::FileIdentity>(w.findings[0].identity).links = 0;
              w.dry_run = w.findings;
            }),
            Reason::kGone)
      << "only a process has it";
}

TEST(Plan, AFileIsPurgedAndItsOwnerReadsThatItIsTaken) {
  auto world = World::infected();
  for (auto& action : world.policy.responses[0].actions)
    if (action.kind == ActionKind::kQuarantine) action.kind = ActionKind::kPurge;
  const auto plan = world.plan();
  EXPECT_EQ(kinds(plan)[3], ActionKind::kPurge) << "after the kill";
  EXPECT_NE(to_text(plan).find(
                "quarantine purge      file /tmp/x (100 bytes)  [confirmed, hash]  gone for "
                "good, no undo\n"),
            std::string::npos)
      << to_text(plan);
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

TEST(Plan, AnAddressOfAListThatHasEndedIsBlocked) {
  World world = World::infected();
  model::Action block;
  block.kind = ActionKind::kBlock;
  block.select = {{model::Selector::Kind::kList, {}, {"192.0.2.66"}, timestamp(1'000)}};
  world.policy.responses[0].actions = {block};
  world.now = timestamp(999);
  ASSERT_EQ(world.plan().steps.size(), 1u);
  EXPECT_EQ(world.plan().steps[0].skipped, Reason::kNone);
  world.now = timestamp(1'000);
  ASSERT_EQ(world.plan().steps.size(), 1u);
  EXPECT_EQ(world.plan().steps[0].skipped, Reason::kExpired);
}

}  // namespace
}  // namespace fleetsweep::plan
