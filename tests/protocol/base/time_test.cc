#include "protocol/base/time.h"

#include <gtest/gtest.h>

namespace fleetsweep {
namespace {

TEST(Time, Rfc3339ReturnsWhatWentIn) {
  EXPECT_EQ(to_rfc3339(timestamp(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(unix_seconds(*from_rfc3339("2021-04-25T12:00:00Z")), 1619352000);
  EXPECT_EQ(to_rfc3339(timestamp(1619352000)), "2021-04-25T12:00:00Z");
}

TEST(Time, ATimeThatIsNotUtcOrDoesNotExistIsRefused) {
  for (const char* text : {"2021-04-25 12:00:00", "2021-04-25T12:00:00+02:00",
                           "2021-02-30T00:00:00Z", "", "2021-04-25T24:00:00Z"})
    EXPECT_FALSE(from_rfc3339(text)) << text;
}

TEST(Time, DurationsNeedAUnit) {
  EXPECT_EQ(*parse_seconds("90s"), Seconds(90));
  EXPECT_EQ(*parse_seconds("30d"), Seconds(30 * 86400));
  for (const char* text : {"", "5", "s", "-5s", "5 s", "1w"})
    EXPECT_FALSE(parse_seconds(text)) << text;
  EXPECT_EQ(to_human(Seconds(3)), "3s");
  EXPECT_EQ(to_human(Seconds(3900)), "1h 5m");
}

}  // namespace
}  // namespace fleetsweep
