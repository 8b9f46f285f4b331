// What the compiler believes agents have, against the agent's own code.

#include "policies/compiler/engine.h"

#include <set>

#include "agent/plan/guard.h"
#include "agent/plan/network.h"
#include "agent/scan/evaluate/matcher.h"
#include "tests/policies/sample.h"

namespace fleetsweep::compiler {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Engine, APolicyIsSignedThatEveryHostRefuses) {
  std::set<model::ActionKind> taken;
  for (std::size_t a = 0; a < kCount<model::ActionKind>; ++a)
    for (const char* select : {"content", "started", "talks", "entry", "processes_of(content)",
                               "services_mapping(content)", "'@lists/c2'", "all"}) {
      const auto kind = static_cast<model::ActionKind>(a);
      const std::string option = kind == model::ActionKind::kRestart ? ", allow: [a.service]" : "";
      const Compiled compiled = compile(
          with("- {action: kill, select: started}\n      - {action: quarantine, select: content}",
               fmt::format("- {{action: {}, select: {}{}}}", name(kind), select, option),
               with("  talks:\n",
                    "  entry: {object: persistence, where: {persistence.kind: cron, "
                    "persistence.command|contains: /opt/bad}}\n  talks:\n")));
      if (!compiled.ok()) continue;  // the author is told
      taken.insert(kind);
      const auto refused = plan::check_capability(compiled.policy, model::Platform::kLinux);
      EXPECT_FALSE(bool(refused)) << name(kind) << " of " << select << ": " << refused.detail;
    }
  EXPECT_EQ(taken.size(), kCount<model::ActionKind>) << "one is never taken";
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

TEST(Engine, AllOfSeveralSpellingsIsNeverFound) {
  const auto found = [](const std::string& where, const std::string& command) {
    const Compiled compiled =
        compile(with("talks:\n", "said:\n    object: process\n    where: {process.command_line|" +
                                     where + "}\n  talks:\n"));
    EXPECT_TRUE(compiled.ok()) << lint_text(compiled.diagnostics, "");
    scan::ProcessFacts process;
    process.identity.command_line = command;
    return scan::Matcher::compile(compiled.policy)->match(2, process) == scan::Truth::kYes;
  };
  const std::string dashes = "contains|all|windash: [' -enc', ' -nop']";
  EXPECT_TRUE(found(dashes, "pwsh /nop -enc x"));
  EXPECT_TRUE(found(dashes, "pwsh \u2013enc x /nop"));
  EXPECT_FALSE(found(dashes, "pwsh /enc x -enc y"));
  const std::string encoded = "contains|all|base64offset: ['http://', 'bash -i']";
  const auto base64 = [](std::string_view text) { return to_base64(as_bytes(text)); };
  EXPECT_TRUE(found(encoded, base64("curl http://a/b; bash -i")));
  EXPECT_FALSE(found(encoded, base64("curl http://a/b; bash")));
}

// What is said of a policy that disables the entries `where` finds.
auto disabling(const std::string& where) {
  return mistakes(
      with("- {action: kill, select: started}",
           "- {action: disable, select: entry}\n      - {action: kill, select: started}",
           with("  talks:\n",
                "  entry: {object: persistence, where: {" + where +
                    ", persistence.command|contains: /opt/bad}}\n  talks:\n",
                with("(started, talks)", "(started, talks, entry)"))));
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
