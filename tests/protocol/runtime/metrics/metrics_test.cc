#include "protocol/runtime/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <thread>

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
  metrics.replace("fs_hosts", {{"fs_hosts", {{"state", "verified"}}, 2}});
  EXPECT_THAT(metrics.text(), Not(HasSubstr("clean")));
  EXPECT_THAT(metrics.text(), HasSubstr("fs_hosts{state=\"verified\"} 2"));
}

TEST(Metrics, SeriesOfAllFamiliesThatCarryALabelAreGone) {
  Metrics metrics(kFamilies);
  metrics.add("fs_done_total", {{"tenant", "a"}, {"campaign", "x"}, {"reason", "r"}});
  metrics.add("fs_done_total", {{"tenant", "b"}, {"campaign", "x"}, {"reason", "r"}});
  metrics.set("fs_hosts", {{"tenant", "a"}, {"campaign", "x"}}, 1);
  metrics.set("fs_hosts", {{"tenant", "a"}, {"campaign", "xx"}}, 2);
  metrics.observe("fs_lag_seconds", {{"campaign", "x"}, {"tenant", "a"}}, 3);
  metrics.forget({{"tenant", "a"}, {"campaign", "x"}});
  EXPECT_THAT(metrics.text(), Not(HasSubstr("campaign=\"x\",tenant=\"a\"")));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("fs_lag_seconds_count{")));
  EXPECT_THAT(metrics.text(), HasSubstr("campaign=\"x\",reason=\"r\",tenant=\"b\""));
  EXPECT_THAT(metrics.text(), HasSubstr("campaign=\"xx\",tenant=\"a\""));
}

TEST(Metrics, SeriesUnderANewNameBeginAgainOrStayUnderTheOldOne) {
  Metrics metrics(kFamilies);
  metrics.add("fs_done_total", {{"tenant", "a"}, {"reason", "r"}}, 3);
  metrics.add("fs_done_total", {{"reason", "r"}, {"tenant", "ab"}}, 7);
  metrics.add("fs_done_total", {{"tenant", "z"}, {"reason", "r"}}, 1);  // said before we heard
  metrics.set("fs_hosts", {{"tenant", "a"}, {"campaign", "a"}}, 5);
  metrics.set("fs_hosts", {{"tenant", "y"}, {"os", "of a host\x1ftenant=a\x1f\x1f"}}, 2);
  metrics.relabel({"tenant", "a"}, {"tenant", "z"});
  EXPECT_EQ(metrics.value("fs_done_total", {{"tenant", "z"}, {"reason", "r"}}), 4);
  EXPECT_EQ(metrics.value("fs_hosts", {{"tenant", "z"}, {"campaign", "a"}}), 5);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("tenant=\"a\"")));
  EXPECT_THAT(metrics.text(), HasSubstr("tenant=\"y\"} 2")) << "whatever a host calls itself";
  EXPECT_THAT(metrics.text(), HasSubstr("fs_done_total{reason=\"r\",tenant=\"ab\"} 7"));
  EXPECT_THAT(metrics.text(), HasSubstr("fs_hosts{campaign=\"a\",tenant=\"z\"} 5"));
  metrics.add("fs_done_total", {{"tenant", "z"}, {"reason", "r"}});
  EXPECT_EQ(metrics.value("fs_done_total", {{"tenant", "z"}, {"reason", "r"}}), 5) << "and goes on";
}

// 1 + 9, 2 + 8, ...: whoever reads meanwhile sees ten hosts or none.
TEST(Metrics, AScrapeSeesHalfOfAChange) {
  Metrics metrics(kFamilies);
  std::jthread writer([&](std::stop_token stop) {
    for (int i = 0; !stop.stop_requested(); i = (i + 1) % 10) {
      const std::vector<Sample> samples{{"fs_hosts", {{"state", "found"}}, 1.0 * i},
                                        {"fs_hosts", {{"state", "clean"}}, 10.0 - i}};
      i % 2 ? metrics.set(samples) : metrics.replace("fs_hosts", samples);
    }
  });
  for (int look = 0; look < 2000; ++look) {
    int sum = 0;
    std::istringstream text(metrics.text());
    for (std::string line; std::getline(text, line);)
      if (line.starts_with("fs_hosts{")) sum += std::stoi(line.substr(line.find("} ") + 2));
    ASSERT_THAT(sum, testing::AnyOf(0, 10));
  }
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
