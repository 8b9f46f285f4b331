#include "cli/order_terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fleetsweep::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr Seconds kHour{3600}, kDay{86400};

struct Drafted {
  model::Order order;
  Remarks remarks;
};

class OrderTerms : public testing::Test {
 protected:
  OrderTerms() {
    limits.order_life_max = {90 * kDay, 30 * kDay, 7 * kDay, 3 * kDay, kDay};
    limits.offline_grace_max = {kDay, kDay, kHour, kHour, Seconds{0}};
  }

  Drafted draft() const {
    Drafted result;
    result.order.mode = mode_of(options, defaults);
    result.order.action_class =
        result.order.mode == model::Mode::kDryRun ? model::Class::kRead : model::Class::kClean;
    result.remarks = fill_terms(result.order, options, defaults, limits, now);
    return result;
  }

  const Timestamp now = *from_rfc3339("2026-11-24T16:00:00Z");
  DraftOptions options;
  compiler::AuthorDefaults defaults;
  model::RootPolicy limits;
};

TEST_F(OrderTerms, WhatTheAuthorSuggestsStandsInTheOrder) {
  defaults.mode = compiler::SafetyMode::kDetect;
  defaults.not_before = *from_rfc3339("2026-11-25T12:00:00Z");
  defaults.clock = model::Clock::kHostLocal;
  defaults.windows = {{.days = 0x1f, .from_minute = 60, .to_minute = 120}};
  defaults.jitter = kHour;
  defaults.repeat = kDay;
  defaults.deadline = 14 * kDay;
  defaults.fleet_stop.failed_permille = 100;
  const auto [order, remarks] = draft();
  EXPECT_EQ(order.mode, model::Mode::kDryRun);
  EXPECT_EQ(order.schedule.not_before, defaults.not_before);
  EXPECT_EQ(order.schedule.not_after, *defaults.not_before + 14 * kDay);
  EXPECT_EQ(order.schedule.clock, model::Clock::kHostLocal);
  EXPECT_EQ(order.schedule.windows, defaults.windows);
  EXPECT_EQ(order.schedule.jitter, kHour);
  EXPECT_EQ(order.schedule.repeat, kDay);
  EXPECT_EQ(order.breaker.failed_permille, 100);
  EXPECT_THAT(remarks.mistakes, IsEmpty());
}

TEST_F(OrderTerms, AFlagWinsOverTheAuthor) {
  defaults.mode = compiler::SafetyMode::kEnforce;
  defaults.not_before = *from_rfc3339("2026-11-25T12:00:00Z");
  defaults.jitter = kHour;
  defaults.repeat = kDay;
  defaults.deadline = 14 * kDay;
  defaults.scan_ahead = true;
  defaults.fleet_stop.failed_permille = 100;
  options = {.mode = "dry-run",
             .not_before = "2026-11-26T00:00:00Z",
             .life = "2d",
             .jitter = "5m",
             .repeat = "12h",
             .scan_ahead = false,
             .offline_grace = "10m",
             .failures = 9,
             .failed_permille = 50};
  const auto [order, remarks] = draft();
  EXPECT_EQ(order.mode, model::Mode::kDryRun);
  EXPECT_EQ(order.schedule.not_before, *from_rfc3339("2026-11-26T00:00:00Z"));
  EXPECT_EQ(order.schedule.not_after, *from_rfc3339("2026-11-28T00:00:00Z"));
  EXPECT_EQ(order.schedule.jitter, Seconds{300});
  EXPECT_EQ(order.schedule.repeat, 12 * kHour);
  EXPECT_FALSE(order.schedule.scan_ahead);
  EXPECT_EQ(order.schedule.offline_grace, Seconds{600});
  EXPECT_EQ(order.breaker, (model::Breaker{9, 50}));
  EXPECT_THAT(remarks.mistakes, IsEmpty());
}

TEST_F(OrderTerms, AnAuthorWhoEnforcesDraftsAnApplyOrderThatRunsOnce) {
  defaults.mode = compiler::SafetyMode::kEnforce;
  defaults.repeat = kDay;
  defaults.scan_ahead = true;
  const auto [order, remarks] = draft();
  EXPECT_EQ(order.mode, model::Mode::kApply);
  EXPECT_EQ(order.schedule.repeat, Seconds{0});
  EXPECT_TRUE(order.schedule.scan_ahead);
  EXPECT_THAT(remarks.notes, testing::Contains(HasSubstr("repeat of 1d is for dry runs")));
}

TEST_F(OrderTerms, ADryRunLooksAheadOfItself) {
  options.mode = "dry-run";
  options.scan_ahead = true;
  EXPECT_THAT(
      draft().remarks.mistakes,
      ElementsAre("--scan-ahead: a dry run is the look itself; give it with the apply order"));
}

TEST_F(OrderTerms, ADeadlineThatTheRootDoesNotAllowIsCutAndSaid) {
  options.mode = "apply";
  options.waves = {"50", "1000,10m,auto"};
  defaults.deadline = 30 * kDay;
  const auto [order, remarks] = draft();
  EXPECT_EQ(order.schedule.not_after, now + 3 * kDay);
  EXPECT_THAT(remarks.notes, ElementsAre("valid for 3d instead of the policy's 30d: the root "
                                         "allows class clean no more"));
  EXPECT_THAT(remarks.mistakes, IsEmpty());
}

TEST_F(OrderTerms, AShortRootCutsTheDefaultLifeToo) {
  limits.order_life_max[1] = kHour;
  EXPECT_EQ(draft().order.schedule.not_after, now + kHour);
}

TEST_F(OrderTerms, AnOrderOfLongAgoRunsAtOnce) {
  defaults.not_before = *from_rfc3339("2021-04-25T12:00:00Z");
  defaults.deadline = 2 * kDay;
  const auto [order, remarks] = draft();
  EXPECT_EQ(order.schedule.not_before, now);
  EXPECT_EQ(order.schedule.not_after, now + 2 * kDay);
  EXPECT_THAT(remarks.notes, ElementsAre(HasSubstr("2021-04-25T12:00:00Z is past")));
}

TEST_F(OrderTerms, ATimeThatPassedWhileTheOrderLivesIsKept) {
  options.not_before = "2026-11-24T15:00:00Z";
  const auto [order, remarks] = draft();
  EXPECT_EQ(order.schedule.not_before, now - kHour);
  EXPECT_EQ(order.schedule.not_after, now + 23 * kHour);
}

// A host whose wall clock is behind UTC would otherwise sit an order out that is meant for now.
TEST_F(OrderTerms, AtOnceOnTheHostsClockIsAtOnceInTheFarWestToo) {
  defaults.clock = model::Clock::kHostLocal;
  const auto [order, remarks] = draft();
  EXPECT_LE(order.schedule.not_before, now - 12 * kHour);
  EXPECT_THAT(remarks.mistakes, IsEmpty());
}

TEST_F(OrderTerms, ATimeWithoutZIsReadOnEachHostsClock) {
  options.not_before = "2026-11-25T12:00:00";
  const auto [order, remarks] = draft();
  EXPECT_EQ(order.schedule.clock, model::Clock::kHostLocal);
  EXPECT_EQ(order.schedule.not_before, *from_rfc3339("2026-11-25T12:00:00Z"));
}

TEST_F(OrderTerms, EveryMistakeOfTheCommandLineIsReportedAtOnce) {
  limits.wave1_permille_max = 100;
  options = {.mode = "apply",
             .not_before = "tomorrow",
             .life = "99d",
             .jitter = "x",
             .offline_grace = "2h",
             .waves = {"65736", "200,soon", "1000,1m,maybe"}};
  const std::string text = testing::PrintToString(draft().remarks.mistakes);
  for (const char* mistake :
       {"--not-before: 'tomorrow", "the root allows class clean 3d", "--jitter: 'x'",
        "--offline-grace: 2h, the root allows class clean 1h", "--wave 65736: expected PERMILLE",
        "--wave 200,soon: 'soon'", "--wave 1000,1m,maybe: the gate is",
        "the root allows the first wave 100"})
    EXPECT_THAT(text, HasSubstr(mistake));
}

TEST_F(OrderTerms, AnEndThatIsPastIsAMistake) {
  options.not_after = "2026-11-24T15:00:00Z";
  EXPECT_THAT(draft().remarks.mistakes, ElementsAre(HasSubstr("--not-after")));
  options.not_after = "2026-11-26T15:00:00Z";
  EXPECT_EQ(draft().order.schedule.not_after, *from_rfc3339(options.not_after));
}

TEST_F(OrderTerms, WavesAreReadAsTyped) {
  options.waves = {"200", "500,10m", "1000,1h,auto"};
  const auto [order, remarks] = draft();
  EXPECT_THAT(remarks.mistakes, IsEmpty());
  EXPECT_THAT(order.waves,
              ElementsAre(model::Wave{.permille = 200},
                          model::Wave{.permille = 500, .delay_min = Seconds{600}},
                          model::Wave{.delay_min = kHour, .gate = model::Gate::kAuto}));
}

TEST_F(OrderTerms, ACleanOrderThatNoBreakerCanHoldSaysSo) {
  options.mode = "apply";
  EXPECT_THAT(draft().remarks.notes, ElementsAre(HasSubstr("cannot hold anything: one wave")));
  options.waves = {"50", "1000,10m"};
  EXPECT_THAT(draft().remarks.notes, ElementsAre(HasSubstr("every gate is none")));
  options.waves = {"50", "1000,10m,auto"};
  EXPECT_THAT(draft().remarks.notes, IsEmpty());
  options = {.mode = "dry-run"};
  EXPECT_THAT(draft().remarks.notes, IsEmpty()) << "it changes nothing that could go wrong";
}

TEST_F(OrderTerms, ACanaryWithoutASecondWaveIsAMistake) {
  options.canary = {"web-1"};
  EXPECT_THAT(draft().remarks.mistakes, ElementsAre(HasSubstr("needs a second wave")));
}

TEST_F(OrderTerms, WhatAnOrderCannotSayIsSaid) {
  defaults.fleet_stop.hosts_hit_permille = 100;
  defaults.labels_all_of = {"corp"};
  EXPECT_THAT(draft().remarks.notes,
              ElementsAre(HasSubstr("only failed_pct is in an order"), HasSubstr("labels")));
}

}  // namespace
}  // namespace fleetsweep::cli
