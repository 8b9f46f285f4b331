#include "cli/order_difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "protocol/base/bytes.h"

namespace fleetsweep::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

model::Order an_order() {
  model::Order order;
  order.title = "Clean";
  order.mode = model::Mode::kApply;
  order.action_class = model::Class::kClean;
  order.scope.jurisdictions = {"DE", "FR"};
  order.scope.groups = {"db", "web"};
  order.scope.exclude = {AgentId{{9}}};
  order.schedule.not_before = timestamp(1'800'000'000);
  order.schedule.not_after = timestamp(1'800'003'600);
  order.waves = {{.permille = 100}, {.delay_min = Seconds{600}, .gate = model::Gate::kAuto}};
  order.limits.items = 10;
  order.breaker = {.failures = 3, .failed_permille = 20};
  return order;
}

struct Case {
  std::string field;
  std::function<void(model::Order&)> change;
  Effect effect;
};

class OneChange : public testing::TestWithParam<Case> {};

TEST_P(OneChange, IsNotSaidOrCalledTheOtherWay) {
  const model::Order before = an_order();
  model::Order after = before;
  GetParam().change(after);
  const std::vector<Difference> there = differences(before, after);
  const auto of_field = [&](const std::vector<Difference>& all) -> const Difference& {
    const auto found = std::ranges::find(all, GetParam().field, &Difference::field);
    EXPECT_NE(found, all.end()) << GetParam().field;
    return *found;
  };
  ASSERT_FALSE(there.empty());
  EXPECT_EQ(of_field(there).effect, GetParam().effect) << of_field(there).after;
  const std::vector<Difference> back = differences(after, before);
  EXPECT_EQ(of_field(back).before, of_field(there).after);
  const Effect opposite = GetParam().effect == Effect::kWidens    ? Effect::kNarrows
                          : GetParam().effect == Effect::kNarrows ? Effect::kWidens
                                                                  : Effect::kOther;
  EXPECT_EQ(of_field(back).effect, opposite);
}

using O = model::Order;
INSTANTIATE_TEST_SUITE_P(
    Order, OneChange,
    testing::Values(
        Case{"countries",
             [](O& o) {
               o.scope.jurisdictions = {"AT", "DE", "FR"};
             },
             Effect::kWidens},
        Case{"countries", [](O& o) { o.scope.jurisdictions = {"AT"}; }, Effect::kOther},
        Case{"countries", [](O& o) { o.scope.jurisdictions = {}; }, Effect::kNarrows},
        Case{"groups", [](O& o) { o.scope.groups = {}; }, Effect::kWidens},
        Case{"groups", [](O& o) { o.scope.groups = {"web"}; }, Effect::kNarrows},
        Case{"only hosts", [](O& o) { o.scope.include = {AgentId{{1}}}; }, Effect::kNarrows},
        Case{"except hosts", [](O& o) { o.scope.exclude = {}; }, Effect::kWidens},
        Case{"except hosts", [](O& o) { o.scope.exclude.push_back(AgentId{{8}}); },
             Effect::kNarrows},
        Case{"class", [](O& o) { o.action_class = model::Class::kDestroy; }, Effect::kWidens},
        Case{"mode", [](O& o) { o.mode = model::Mode::kDryRun; }, Effect::kNarrows},
        Case{"policy", [](O& o) { o.policy.value[0] = 1; }, Effect::kOther},
        Case{"standing", [](O& o) { o.standing = true; }, Effect::kOther},
        Case{"valid for", [](O& o) { o.schedule.not_after += Seconds{1}; }, Effect::kWidens},
        Case{"windows", [](O& o) { o.schedule.windows = {{}}; }, Effect::kOther},
        Case{"windows", [](O& o) { o.schedule.windows = {{.days = 0x60}}; }, Effect::kNarrows},
        Case{"again every", [](O& o) { o.schedule.repeat = Seconds{60}; }, Effect::kWidens},
        Case{"offline grace", [](O& o) { o.schedule.offline_grace = Seconds{60}; },
             Effect::kWidens},
        Case{"waves", [](O& o) { o.waves[0].permille = 200; }, Effect::kWidens},
        Case{"waves", [](O& o) { o.waves[1].gate = model::Gate::kManual; }, Effect::kNarrows},
        Case{"waves",
             [](O& o) {
               o.waves[0].permille = 200;
               o.waves[1].gate = model::Gate::kManual;
             },
             Effect::kOther},
        Case{"waves", [](O& o) { o.waves.pop_back(); }, Effect::kOther},
        Case{"objects a host", [](O& o) { o.limits.items = 0; }, Effect::kWidens},
        Case{"objects a host", [](O& o) { o.limits.items = 9; }, Effect::kNarrows},
        Case{"CPU on a host", [](O& o) { o.limits.cpu_percent = 5; }, Effect::kNarrows},
        Case{"breaker", [](O& o) { o.breaker.failures = 9; }, Effect::kWidens},
        Case{"breaker", [](O& o) { o.breaker = {.failures = 9, .failed_permille = 10}; },
             Effect::kOther},
        Case{"authority", [](O& o) { o.authority.issuer = "somebody"; }, Effect::kOther}));

TEST(Difference, SameOrderAgainIsCalledChanged) {
  model::Order again = an_order();
  again.nonce.value[0] = 7;
  EXPECT_THAT(differences(an_order(), again), IsEmpty());
}

TEST(Difference, WindowsOfTheSameMinutesAreCalledNarrower) {
  model::Order before = an_order(), after = an_order();
  before.schedule.windows = {{.from_minute = 0, .to_minute = 600},
                             {.from_minute = 600, .to_minute = 1440}};
  after.schedule.windows = {{.from_minute = 0, .to_minute = 1440}};
  const auto found = differences(before, after);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].effect, Effect::kOther);
}

TEST(Difference, HostileTextReachesTheTerminalRaw) {
  model::Order after = an_order();
  after.title = "harmless\x1b[2J\xe2\x80\xae";
  after.authority.reference = "line\nbreak";
  after.scope.groups = {"g\x1b"};
  for (const Difference& one : differences(an_order(), after))
    for (const char* raw : {"\x1b", "\n", "\xe2\x80\xae"})
      EXPECT_THAT(one.after, Not(HasSubstr(raw)));
}

}  // namespace
}  // namespace fleetsweep::cli
