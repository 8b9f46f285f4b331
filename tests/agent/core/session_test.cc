#include "agent/core/session.h"

#include <gtest/gtest.h>

namespace fleetsweep::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Due = Session::Due;

class SessionTest : public ::testing::Test {
 protected:
  // Runs to `end`; counts what became due.
  void run_until(Uptime end) {
    while (session.next_deadline() && *session.next_deadline() <= end) {
      now = std::max(now, *session.next_deadline());
      const Due due = session.take_due(now);
      hellos += due == Due::kHello;
      beats += due == Due::kBeat;
      reconnects += due == Due::kReconnect;
      if (due == Due::kNothing) break;
    }
    now = end;
  }

  Session session{{.retry_min = seconds(1), .retry_max = seconds(60), .beat = seconds(60)}, 3};
  Uptime now = seconds(100);
  int hellos = 0, beats = 0, reconnects = 0;
};

TEST_F(SessionTest, HelloIsSaidAgainWithBackOffUntilItIsAnswered) {
  session.on_connected(now);
  run_until(now + seconds(30));
  EXPECT_GT(hellos, 2);
  EXPECT_LT(hellos, 31);
  const int before = hellos;
  session.on_heard(now);
  session.on_welcome({}, now);
  run_until(now + seconds(50));
  EXPECT_EQ(hellos, before);
}

TEST_F(SessionTest, SilentEdgeIsLeftAfterThreeBeats) {
  session.on_connected(now);
  session.on_welcome({}, now);
  const Uptime start = now;
  run_until(start + seconds(150));
  EXPECT_EQ(reconnects, 0);
  EXPECT_GE(beats, 1);
  run_until(start + seconds(300));
  EXPECT_EQ(reconnects, 1);
  EXPECT_FALSE(session.is_connected());
}

TEST_F(SessionTest, EdgeThatSpeaksIsKept) {
  session.on_connected(now);
  session.on_welcome({}, now);
  for (int i = 0; i < 20; ++i) {
    run_until(now + seconds(60));
    session.on_heard(now);
  }
  EXPECT_EQ(reconnects, 0);
  EXPECT_GE(beats, 15);
  EXPECT_LE(beats, 25);
}

TEST_F(SessionTest, RetryAfterIsHonoured) {
  session.on_connected(now);
  run_until(now);
  session.on_retry_after({.wait = seconds(30), .reason = "full"}, now);
  const int before = hellos;
  run_until(now + milliseconds(29'999));
  EXPECT_EQ(hellos, before);
  run_until(now + seconds(20));
  EXPECT_GT(hellos, before);
  EXPECT_EQ(reconnects, 0);
}

TEST_F(SessionTest, RefusedKeyIsTriedAgainMoreAndMoreRarely) {
  for (int i = 0; i < 10; ++i) {
    session.on_refused(now);
    const Uptime wait = *session.next_deadline() - now;
    EXPECT_GE(wait, seconds(1));
    EXPECT_LE(wait, seconds(60));
    run_until(now + seconds(60));
  }
  EXPECT_EQ(reconnects, 10);
}

TEST_F(SessionTest, LostConnectionNeedsNoTimerAtAll) {
  session.on_connected(now);
  session.on_welcome({}, now);
  session.on_disconnected();
  EXPECT_FALSE(session.next_deadline()) << "the library reconnects; an idle agent sleeps";
}

}  // namespace
}  // namespace fleetsweep::agent
