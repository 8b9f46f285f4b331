#include "agent/plan/restart.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "protocol/model/service_units.h"

namespace fleetsweep::plan {
namespace {

using model::ActionKind;
using model::Reason;

// A library that every program loads, found by two signs.
struct LoadedFile {
  model::Policy policy;
  std::vector<model::Finding> findings;
  std::vector<ObjectFacts> facts = std::vector<ObjectFacts>(1);
  bool is_in_dry_run = true;
  std::string no_restarts;
  std::vector<Running> running;
  trust::Consent consent;

  explicit LoadedFile(std::vector<std::string> allow) {
    policy.platform = model::Platform::kLinux;
    policy.detections.push_back({"library", model::ObjectKind::kFile, {}, {}, {}, -1, -1, 100});
    policy.verdicts.push_back(
        {"confirmed", {model::Condition::Kind::kAtLeast, 1, {0}, {}}, 95, ""});
    model::Action restart{ActionKind::kRestart,
                          {{model::Selector::Kind::kServicesMapping, {0}, {}}}};
    restart.allow = std::move(allow);
    // The author's order is not the engine's.
    policy.responses.push_back(
        {{0},
         0,
         {restart, {ActionKind::kQuarantine, {{model::Selector::Kind::kDetections, {0}, {}}}}}});
    policy.limits.independent_min = 1;
    model::FileIdentity file{"/etc/libsystem.so", 1, 10, 100, 1, 1, 1, {}};
    file.sha256.value[0] = 1;
    findings.push_back({0, 0, model::Finding::kNoJoin, file, {}});
  }

  model::Plan plan() const {
    const std::vector<model::Finding> none;
    const std::vector<std::string> own = {"/opt/fleetsweep"};
    const std::vector<std::int32_t> own_pids = {77};
    Input input{policy,   findings, is_in_dry_run ? findings : none,
                facts,    running,  own,
                own_pids, consent,  {},
                0,        100,      Nonce{}};
    input.no_restarts = no_restarts;
    return make_plan(input);
  }
  void run(std::int32_t pid, const std::string& program, const std::string& unit) {
    Running one;
    one.process.pid = pid;
    one.process.exe.path = program;
    one.unit = unit;
    running.push_back(one);
  }
  // Those to be restarted, and what is said of the others.
  std::vector<std::string> restarted() const {
    std::vector<std::string> units;
    for (const auto& step : plan().steps)
      if (step.action.kind == ActionKind::kRestart)
        units.insert(units.end(), step.action.allow.begin(), step.action.allow.end());
    return units;
  }
  std::string named() const {
    std::string text;
    for (const auto& step : plan().steps)
      if (step.action.kind == ActionKind::kRestart && step.action.allow.empty())
        text += step.note + "\n";
    return text;
  }
};

using Units = std::vector<std::string>;

TEST(Restart, AServiceThatThePolicyAllowsIsOnlyNamed) {
  LoadedFile world({"cron.service"});
  world.facts[0].mapped_by = {{"a.service", {8}}, {"cron.service", {7}}};
  const auto plan = world.plan();
  ASSERT_EQ(plan.refused, Reason::kNone) << plan.detail;
  ASSERT_EQ(plan.steps.size(), 3u);
  EXPECT_EQ(plan.steps[0].action.kind, ActionKind::kQuarantine);
  EXPECT_EQ(plan.steps[2].phase, model::Phase::kReload);
  EXPECT_EQ(plan.steps[2].note,
            "restart of cron.service, which has /etc/libsystem.so loaded (processes 7)");
  EXPECT_EQ(world.restarted(), Units{"cron.service"});
  EXPECT_NE(world.named().find("a.service, which has /etc/libsystem.so loaded (processes 8); the "
                               "policy does not speak of it, look at it first: systemctl restart "
                               "a.service"),
            std::string::npos);
}

TEST(Restart, AServiceIsRestartedForEachFileItHasLoaded) {
  LoadedFile world({"cron.service"});
  world.findings.push_back(world.findings[0]);
  auto& other = std::get<model::FileIdentity>(world.findings[1].identity);
  other.path = "/etc/data/libsystem.so";
  other.inode = 11;
  world.findings[1].number = 1;
  world.facts.resize(2);
  world.facts[0].mapped_by = world.facts[1].mapped_by = {{"cron.service", {7}}};
  EXPECT_EQ(world.restarted(), Units{"cron.service"});
}

TEST(Restart, APolicyRestartsWhatOthersRestOn) {
  for (const char* unit :
       {"dbus.service", "systemd-logind.service", "user@1000.service", "getty@tty1.service",
        "gdm.service", "fleetsweep-agent.service", "docker.service", "containerd.service",
        "crio.service", "podman.service", "kubelet.service", "k3s.service", "k3s-agent.service",
        "NetworkManager.service"}) {
    LoadedFile world({unit});
    world.facts[0].mapped_by = {{unit, {7}}};
    EXPECT_EQ(world.restarted(), Units{}) << unit;
    EXPECT_NE(world.named().find("no agent restarts it: "), std::string::npos) << world.named();
  }
  for (const char* unit : {"ssh.service", "dbus-x.service", "gdm3x.service"})
    EXPECT_EQ(model::why_kept_running(unit), "") << unit;
}

TEST(Restart, TheAgentRestartsItselfUnderAnotherName) {
  LoadedFile world({"edr.service"});
  world.facts[0].mapped_by = {{"edr.service", {76, 77}}};
  EXPECT_EQ(world.restarted(), Units{});
  EXPECT_NE(world.named().find("it is the agent that cleans"), std::string::npos);
}

TEST(Restart, AServiceIsRestartedAlthoughTheFileStays) {
  LoadedFile world({"cron.service"});
  world.facts[0].mapped_by = {{"cron.service", {7}}};
  world.facts[0].left_alone = "a file of a container image";  // quarantine is skipped
  EXPECT_EQ(world.restarted(), Units{});
  EXPECT_NE(world.named().find("the file stays where it is"), std::string::npos);

  LoadedFile unbound({"cron.service"});
  unbound.facts = world.facts;
  unbound.facts[0].left_alone.clear();
  unbound.is_in_dry_run = false;
  EXPECT_EQ(unbound.restarted(), Units{}) << "nobody signed for it";

  LoadedFile only_restart({"cron.service"});
  only_restart.facts = unbound.facts;
  only_restart.policy.responses[0].actions.pop_back();
  EXPECT_EQ(only_restart.restarted(), Units{});
}

TEST(Restart, NobodyLearnsWhyNothingIsRestartedHere) {
  LoadedFile world({"cron.service"});
  world.facts[0].mapped_by = {{"cron.service", {7}}};
  world.no_restarts = "no systemd runs this host";
  EXPECT_EQ(world.restarted(), Units{});
  EXPECT_NE(world.named().find("the policy means it to be restarted, but no systemd runs this "
                               "host: systemctl restart cron.service"),
            std::string::npos)
      << world.named();
}

TEST(Restart, ARestartEndsAProcessThatNobodyMayEnd) {
  struct Case {
    const char *program, *why;
  };
  for (const auto& [program, why] : {
           Case{"/srv/db/server", "/srv/db/server: the host's owner does not allow it"},
           Case{"/opt/erp/server", "/opt/erp/server: protected by the policy"},
           Case{"/opt/fleetsweep/agent", "/opt/fleetsweep/agent: belongs to this agent"},
           Case{"/usr/bin/dockerd", "/usr/bin/dockerd: a program that is never stopped"},
           Case{"/usr/bin/conmon", "/usr/bin/conmon: a program that is never stopped"},
       })
    // Also one of its processes that has nothing of it loaded: a restart ends all.
    for (const std::int32_t pid : {7, 8}) {
      LoadedFile world({"a.service", "b.service"});
      world.facts[0].mapped_by = {{"a.service", {7}}, {"b.service", {9}}};
      world.consent.denied = {"/srv/db"};
      world.policy.limits.protect = {"/opt/erp"};
      world.run(7, pid == 7 ? program : "/usr/bin/a", "a.service");
      world.run(8, pid == 8 ? program : "/usr/bin/a", "a.service");
      world.run(9, "/usr/bin/b", "b.service");
      EXPECT_EQ(world.plan().refused, Reason::kNone) << "the rest is cleaned";
      EXPECT_EQ(world.restarted(), Units{"b.service"}) << program;
      EXPECT_NE(world.named().find(fmt::format("a process of it is not to be ended: {}: systemctl "
                                               "restart a.service",
                                               why)),
                std::string::npos)
          << world.named();
    }
}

TEST(Restart, TheOwnersRootsDoNotHoldForARestart) {
  LoadedFile world({"a.service"});
  world.facts[0].mapped_by = {{"a.service", {7}}};
  world.run(7, "/usr/bin/a", "");
  world.consent.roots = {"/etc"};
  EXPECT_EQ(world.restarted(), Units{}) << "its group could not be read: the number suffices";
  world.consent.roots = {"/etc", "/usr"};
  EXPECT_EQ(world.restarted(), Units{"a.service"});
}

TEST(Restart, SshdIsNeverRestartedOrAlways) {
  LoadedFile world({"ssh.service"});
  world.facts[0].mapped_by = {{"ssh.service", {7}}};
  world.run(7, "/usr/sbin/sshd", "ssh.service");
  EXPECT_EQ(world.restarted(), Units{"ssh.service"});
  world.consent.denied = {"/usr/sbin"};
  EXPECT_EQ(world.restarted(), Units{}) << "its owner decides";
  world.consent.denied.clear();
  world.running[0].process.pid = 77;
  EXPECT_EQ(world.restarted(), Units{}) << "whom the agent itself was started by";
}

TEST(Restart, OneServiceTooManyRefusesTheCleaning) {
  Units many;
  for (std::size_t i = 0; i <= limits::kServicesRestarted; ++i)
    many.push_back(fmt::format("s{}.service", i));
  LoadedFile world(many);
  for (const auto& unit : many) world.facts[0].mapped_by.push_back({unit, {7}});
  // What is restarted already takes no more room for another file.
  world.facts[0].mapped_by.push_back({many.front(), {7}});
  EXPECT_EQ(world.plan().refused, Reason::kNone) << world.plan().detail;
  EXPECT_EQ(world.restarted(), Units(many.begin(), many.end() - 1));
  EXPECT_EQ(world.named(),
            fmt::format("needs restart: {0}, which has /etc/libsystem.so loaded (processes 7); one "
                        "order restarts 32 services at most: systemctl restart {0}\n",
                        many.back()));
}

TEST(Restart, AnythingIsTakenForTheNameOfAService) {
  for (const char* good : {"cron.service", "postgresql@15-main.service", "a_b:c.service"})
    EXPECT_TRUE(model::is_service_name(good)) << good;
  for (const char* bad : {"", ".service", "cron", "cron.socket", "-x.service", "$(id).service",
                          "a b.service", "../a.service", "a.service\n"})
    EXPECT_FALSE(model::is_service_name(bad)) << bad;
  EXPECT_FALSE(model::is_service_name(std::string(255, 'a') + ".service"));
}

}  // namespace
}  // namespace fleetsweep::plan
