// What the compiler believes agents have, against the agent's own code.

#include "policies/compiler/engine.h"

#include "agent/plan/guard.h"
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
      EXPECT_EQ(agents_do(action) && agents_take(selector),
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
  for (const char* action : {"block, select: '@lists/c2'",
                             "restart, select: services_mapping(content), allow: [a.service]",
                             "restore-from-package, select: content", "purge, select: content"}) {
    const std::string verb(action, std::string_view(action).find(','));
    EXPECT_THAT(found(action),
                Contains(HasSubstr("warning: agents of this version have no '" + verb +
                                   "': they refuse an apply order of this policy | ")))
        << action;
  }
  EXPECT_THAT(found("suspend, select: started"), IsEmpty());
}

TEST(Engine, ALineIsToBeDisabled) {
  const auto found = [](const std::string& where) {
    return mistakes(
        with("- {action: kill, select: started}",
             "- {action: disable, select: entry}\n      - {action: kill, select: started}",
             with("  talks:\n", "  entry: {object: persistence, where: {" + where +
                                    ", persistence.command|contains: /opt/bad}}\n  talks:\n")));
  };
  for (const char* where : {"persistence.kind: cron", "persistence.kind: [cron, systemd_unit]",
                            "persistence.path: /etc/bad"})
    EXPECT_THAT(found(where),
                Contains(HasSubstr("warning: 'entry' may be something else than a unit or an init "
                                   "script: agents of this version refuse to disable it")))
        << where;
  EXPECT_THAT(found("persistence.kind: [systemd_unit, init_script]"), IsEmpty());
}

TEST(Engine, WindowsServicesAreLookedForOnLinux) {
  EXPECT_THAT(mistakes(with("  talks:\n",
                            "  service: {object: persistence, where: {persistence.kind: "
                            "win_service}}\n  talks:\n")),
              Contains(HasSubstr("error: 'service' looks for entries of Windows on linux")));
}

}  // namespace fleetsweep::compiler
