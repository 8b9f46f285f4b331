// What the compiler believes agents have, against the agent's own code.

#include "policies/compiler/engine.h"

#include "agent/plan/guard.h"
#include "agent/plan/network.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

model::Policy policy_with(model::ActionKind kind, model::Selector::Kind selector) {
  model::Policy policy;
  policy.platform = model::Platform::kLinux;
  policy.responses.emplace_back().actions.push_back({.kind = kind, .select = {{.kind = selector}}});
  return policy;
}

TEST(Engine, AnAgentRefusesWhatTheCompilerSaysItDoes) {
  using Kind = model::Selector::Kind;
  for (std::size_t a = 0; a < kCount<model::ActionKind>; ++a) {
    const auto action = static_cast<model::ActionKind>(a);
    EXPECT_EQ(agents_do(action), plan::is_available(action)) << name(action);
    for (const auto selector :
         {Kind::kDetections, Kind::kProcessesOf, Kind::kServicesMapping, Kind::kAll, Kind::kList})
      EXPECT_EQ(agents_do(action) && agents_take(action, selector),
                !plan::check_capability(policy_with(action, selector), model::Platform::kLinux))
          << name(action) << " of selector " << static_cast<int>(selector);
  }
}

TEST(Engine, APolicyIsSignedThatEveryHostRefuses) {
  const auto found = [](const std::string& action) {
    return mistakes(
        with("- {action: quarantine, select: content}",
             "- {action: quarantine, select: content}\n      - {action: " + action + "}"));
  };
  EXPECT_THAT(mistakes(with("{action: quarantine, select: content}",
                            "{action: purge, select: content, clear_inode_flags: [immutable]}")),
              IsEmpty());
  EXPECT_THAT(found("restart, select: services_mapping(content), allow: [a.service]"), IsEmpty());
  EXPECT_THAT(found("suspend, select: started"), IsEmpty());
  EXPECT_THAT(found("restore-from-package, select: content"), IsEmpty());
}

TEST(Engine, TheCompilerBlocksWiderOrLongerThanAgents) {
  EXPECT_EQ(kNetworkTtlMax, plan::kNetworkTtlMax);
  EXPECT_EQ(kBlockPrefixMinV4, plan::kBlockPrefixMinV4);
  EXPECT_EQ(kBlockPrefixMinV6, plan::kBlockPrefixMinV6);
}

TEST(Engine, AHostIsCutOffForEverOrFromEverything) {
  const auto found = [](const std::string& action, const std::string& address = "198.51.100.7") {
    return mistakes(
        with("[198.51.100.7, 198.51.100.8]", "[" + address + "]",
             with("- {action: quarantine, select: content}",
                  "- {action: quarantine, select: content}\n      - {action: " + action + "}")));
  };
  EXPECT_THAT(found("isolate, select: content, ttl: 0s"),
              Contains(HasSubstr("error: 'ttl' of 'isolate' is longer than 90d or nothing")));
  EXPECT_THAT(found("block, select: '@lists/c2', ttl: 91d"),
              Contains(HasSubstr("error: 'ttl' of 'block' is longer than 90d or nothing")));
  EXPECT_THAT(found("block, select: '@lists/c2'", "0.0.0.0/0"),
              Contains(HasSubstr("error: '0.0.0.0/0' is too wide to be blocked")));
  EXPECT_THAT(found("isolate, select: content, ttl: 12h"), IsEmpty());
  EXPECT_THAT(found("isolate, select: all"), IsEmpty());
  EXPECT_THAT(found("block, select: '@lists/c2'"), IsEmpty());
}

// What is said of a policy that disables the entries `where` finds.
auto disabling(const std::string& where) {
  return mistakes(
      with("- {action: kill, select: started}",
           "- {action: disable, select: entry}\n      - {action: kill, select: started}",
           with("  talks:\n", "  entry: {object: persistence, where: {" + where +
                                  ", persistence.command|contains: /opt/bad}}\n  talks:\n")));
}

TEST(Engine, ALineIsToBeDisabled) {
  for (const char* where : {"persistence.kind: polkit_rule", "persistence.kind: [cron, account]",
                            "persistence.path: /etc/bad"})
    EXPECT_THAT(disabling(where),
                Contains(HasSubstr("warning: 'entry' may be something that only removing turns "
                                   "off: agents refuse to disable that")))
        << where;
  EXPECT_THAT(disabling("persistence.kind: [init_script, cron, xdg_autostart]"), IsEmpty());
}

TEST(Engine, ADropInOfAUnitIsToBeDisabled) {
  for (const char* where :
       {"persistence.kind: systemd_unit", "persistence.kind: [cron, systemd_timer]",
        "persistence.kind: systemd_unit, persistence.path|endswith: [.service, d/X.CONF]",
        "persistence.kind: systemd_unit, persistence.path|endswith: nf",
        "persistence.kind: systemd_unit, persistence.path|startswith: /etc"})
    EXPECT_THAT(disabling(where), Contains(HasSubstr("only removing turns off"))) << where;
  for (const char* where :
       {"persistence.kind: systemd_unit, persistence.path|endswith: [.service, .timer]",
        "persistence.kind: systemd_unit, persistence.path: /etc/systemd/system/bad.service"})
    EXPECT_THAT(disabling(where), IsEmpty()) << where;
}

TEST(Engine, WindowsServicesAreLookedForOnLinux) {
  EXPECT_THAT(mistakes(with("  talks:\n",
                            "  service: {object: persistence, where: {persistence.kind: "
                            "win_service}}\n  talks:\n")),
              Contains(HasSubstr("error: 'service' looks for entries of Windows on linux")));
}

}  // namespace fleetsweep::compiler
