#include "protocol/runtime/log/event_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "protocol/base/limits.h"

namespace fleetsweep::event_log {
namespace {

constexpr Instant kNow = Instant(std::chrono::milliseconds(1795428000007));

TEST(EventLog, ALineDiffersFromItsDescription) {
  EXPECT_EQ(format_line(kNow, Level::kInfo, "order_accepted",
                        {{"order", "5f1c"}, {"class", 3}, {"apply", true}}),
            "2026-11-23T10:00:00.007Z info order_accepted order=5f1c class=3 apply=true\n");
  EXPECT_EQ(format_line(kNow, Level::kError, "stopped", {}),
            "2026-11-23T10:00:00.007Z error stopped\n");
}

TEST(EventLog, AValueForgesAFieldOrALine) {
  EXPECT_EQ(format_line(kNow, Level::kInfo, "e",
                        {{"a", "x y=1"}, {"b", ""}, {"c", "say \"hi\""}, {"d", "a\nb\x1b[2J"}}),
            "2026-11-23T10:00:00.007Z info e a=\"x y=1\" b=\"\" c=\"say \\\"hi\\\"\" "
            "d=\"a\\x0ab\\x1b[2J\"\n");
}

TEST(EventLog, AValueHasNoEnd) {
  const std::string line = format_line(kNow, Level::kInfo, "e", {{"a", std::string(1 << 20, 'x')}});
  EXPECT_LT(line.size(), limits::kLogValueBytes + 100);
  EXPECT_NE(line.find("xxx...\n"), std::string::npos);
}

TEST(EventLog, QuietLevelsAreWritten) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const EventLog log(Level::kWarning, ends[1]);
  log.debug("too_quiet");
  log.info("too_quiet");
  log.warning("heard", {{"n", 1}});
  log.error("heard_too");
  close(ends[1]);
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(read(ends[0], text.data(), text.size())));
  close(ends[0]);
  EXPECT_EQ(text.find("too_quiet"), std::string::npos);
  EXPECT_NE(text.find("Z warning heard n=1\n"), std::string::npos);
  EXPECT_NE(text.find("Z error heard_too\n"), std::string::npos);
}

}  // namespace
}  // namespace fleetsweep::event_log
