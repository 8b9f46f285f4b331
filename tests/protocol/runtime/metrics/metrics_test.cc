#include "protocol/runtime/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fleetsweep::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kBuckets[] = {0.1, 1};
constexpr Family kFamilies[] = {{Kind::kCounter, "fs_done_total", "Done."},
                                {Kind::kGauge, "fs_hosts", "Hosts."},
                                {Kind::kHistogram, "fs_lag_seconds", "Lag.", kBuckets}};

TEST(Metrics, SeriesOfOneFamilyAreKeptApart) {
  Metrics metrics(kFamilies);
  metrics.add("fs_done_total", {{"tenant", "a"}}, 2);
  metrics.add("fs_done_total", {{"tenant", "a"}});
  metrics.add("fs_done_total", {{"tenant", "b"}});
  EXPECT_EQ(metrics.value("fs_done_total", {{"tenant", "a"}}), 3);
  EXPECT_THAT(metrics.text(), HasSubstr("fs_done_total{tenant=\"a\"} 3"));
  EXPECT_THAT(metrics.text(), HasSubstr("fs_done_total{tenant=\"b\"} 1"));
}

TEST(Metrics, QuotesAndNewlinesInALabelAreEscaped) {
  Metrics metrics(kFamilies);
  metrics.set("fs_hosts", {{"tenant", "a\"b\nc\\"}}, 1);
  EXPECT_THAT(metrics.text(), HasSubstr("fs_hosts{tenant=\"a\\\"b\\nc\\\\\"} 1"));
}

TEST(Metrics, ForgottenSeriesIsGone) {
  Metrics metrics(kFamilies);
  metrics.set("fs_hosts", {{"state", "found"}}, 4);
  metrics.set("fs_hosts", {{"state", "clean"}}, 5);
  metrics.forget("fs_hosts", {{"state", "found"}});
  EXPECT_THAT(metrics.text(), Not(HasSubstr("found")));
  EXPECT_THAT(metrics.text(), HasSubstr("fs_hosts{state=\"clean\"} 5"));
  metrics.forget_all("fs_hosts");
  EXPECT_THAT(metrics.text(), Not(HasSubstr("clean")));
}

TEST(Metrics, HistogramCountsIntoItsBuckets) {
  Metrics metrics(kFamilies);
  metrics.observe("fs_lag_seconds", {}, 0.5);
  metrics.observe("fs_lag_seconds", {}, 5);
  EXPECT_THAT(metrics.text(), HasSubstr("fs_lag_seconds_bucket{le=\"1\"} 1"));
  EXPECT_EQ(metrics.value("fs_lag_seconds", {}), 2);
}

}  // namespace
}  // namespace fleetsweep::metrics
