#include "agent/monitor/permits.h"

#include <gtest/gtest.h>

namespace fleetsweep::monitor {
namespace {

// act looks for the halt file itself (act_clean_test, act_crash_test).
TEST(Permits, HaltedHostMayScanUndoAndEndWhatActBegan) {
  const Phase halted{.halted = true};
  for (const Wish wish : {Wish::kScan, Wish::kAct, Wish::kLocalUndo})
    EXPECT_EQ(refusal(wish, halted), "");
}

TEST(Permits, OneScanAndOneActAtATimeAndTheUndoIsAnAct) {
  const Phase busy{.scan_runs = true, .act_runs = true};
  EXPECT_NE(refusal(Wish::kScan, busy), "");
  EXPECT_NE(refusal(Wish::kAct, busy), "");
  EXPECT_NE(refusal(Wish::kLocalUndo, busy), "");
}

TEST(Permits, NothingIsStartedWhileStopping) {
  const Phase stopping{.stopping = true};
  for (const Wish wish : {Wish::kScan, Wish::kAct, Wish::kLocalUndo})
    EXPECT_NE(refusal(wish, stopping), "");
}

}  // namespace
}  // namespace fleetsweep::monitor
