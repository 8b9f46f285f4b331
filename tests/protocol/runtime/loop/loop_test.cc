#include "protocol/runtime/loop/loop.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "protocol/runtime/loop/mailbox.h"
#include "protocol/runtime/loop/signals.h"
#include "protocol/runtime/loop/worker.h"

namespace fleetsweep::loop {
namespace {

using std::chrono::milliseconds;

TEST(TimerQueue, RunsOldestFirstAndOnlyWhatIsDue) {
  TimerQueue timers;
  std::string ran;
  timers.at(milliseconds(30), [&] { ran += 'c'; });
  timers.at(milliseconds(10), [&] { ran += 'a'; });
  timers.at(milliseconds(20), [&] { ran += 'b'; });
  EXPECT_EQ(timers.run_due(milliseconds(20), 100), 2u);
  EXPECT_EQ(ran, "ab");
  EXPECT_EQ(timers.next(), milliseconds(30));
}

TEST(TimerQueue, CancelledTimerDoesNotRunAndMayBeCancelledByAnother) {
  TimerQueue timers;
  bool ran = false;
  const auto second = timers.at(milliseconds(2), [&] { ran = true; });
  timers.at(milliseconds(1), [&] { EXPECT_TRUE(timers.cancel(second)); });
  timers.run_due(milliseconds(5), 100);
  EXPECT_FALSE(ran);
  EXPECT_FALSE(timers.cancel(second));
}

TEST(TimerQueue, TimerThatRearmsItselfAtOnceDoesNotHoldTheTurn) {
  TimerQueue timers;
  int runs = 0;
  std::function<void()> again = [&] {
    ++runs;
    timers.at(milliseconds(0), again);
  };
  timers.at(milliseconds(0), again);
  EXPECT_EQ(timers.run_due(milliseconds(1), 10), 10u);
  EXPECT_EQ(timers.size(), 1u);
}

TEST(Loop, TurnEndRunsOnceForAllThatATurnBrought) {
  Loop loop;
  Mailbox<int> mailbox(10);
  int sum = 0, commits = 0;
  loop.watch(mailbox.fd(), [&](Instant) {
    for (const int value : mailbox.take()) sum += value;
  });
  loop.on_turn_end([&](Instant) {
    ++commits;
    loop.stop();
  });
  EXPECT_TRUE(mailbox.push(1));
  EXPECT_TRUE(mailbox.push(2));
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(commits, 1);
}

TEST(Loop, StopFromAnotherThreadEndsAnIdleLoop) {
  Loop loop;
  std::thread other([&] { loop.stop(); });
  EXPECT_TRUE(loop.run());
  other.join();
}

TEST(Loop, HandlerMayRemoveItselfAndTheNextSource) {
  Loop loop;
  EventFd one, two;
  Loop::WatchId first = 0, second = 0;
  int runs = 0;
  first = loop.watch(one.fd(), [&](Instant) {
    ++runs;
    loop.unwatch(first);
    loop.unwatch(second);
  });
  second = loop.watch(two.fd(), [&](Instant) { runs += 100; });
  one.signal();
  two.signal();
  ASSERT_TRUE(loop.turn(milliseconds(1000)));
  ASSERT_TRUE(loop.turn(milliseconds(0)));
  EXPECT_EQ(runs, 1);
}

TEST(Loop, PendingSourceRunsAlthoughItsDescriptorIsSilent) {
  Loop loop;
  EventFd silent;
  int left = 3;
  loop.watch(
      silent.fd(), [&](Instant) { --left; }, [&] { return left > 0; });
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(loop.turn(std::chrono::hours(1)));
  EXPECT_EQ(left, 0);
}

TEST(Mailbox, FullMailboxRefusesAndKeepsItsValues) {
  Mailbox<std::unique_ptr<int>> mailbox(1);
  EXPECT_TRUE(mailbox.push(std::make_unique<int>(1)));
  auto refused = std::make_unique<int>(2);
  EXPECT_FALSE(mailbox.push(std::move(refused)));
  ASSERT_TRUE(refused) << "the value stays with the caller";
  EXPECT_EQ(mailbox.take().size(), 1u);
}

TEST(Mailbox, WhatATakeLeftKeepsTheLoopAwake) {
  Loop loop;
  Mailbox<int> mailbox(10);
  std::size_t got = 0;
  loop.watch(mailbox.fd(), [&](Instant) { got += mailbox.take(1).size(); });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(mailbox.push(int(i)));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(loop.turn(std::chrono::hours(1)));
  EXPECT_EQ(got, 3u);
}

TEST(WorkerPool, FullQueueRefusesAndStopFinishesWhatWasTaken) {
  std::atomic<int> done = 0;
  std::mutex gate;
  gate.lock();
  WorkerPool pool("test-worker", 1, 2);
  ASSERT_TRUE(pool.submit([&] {
    const std::lock_guard wait(gate);
    ++done;
  }));
  while (pool.queued() > 0) std::this_thread::yield();
  EXPECT_TRUE(pool.submit([&] { ++done; }));
  EXPECT_TRUE(pool.submit([&] { ++done; }));
  EXPECT_FALSE(pool.submit([&] { ++done; }));
  gate.unlock();
  pool.stop();
  EXPECT_EQ(done, 3);
  EXPECT_FALSE(pool.submit([&] { ++done; }));
}

TEST(Signals, TerminationIsReadNotSuffered) {
  auto signals = Signals::block();
  ASSERT_TRUE(signals);
  Loop loop;
  int seen = 0;
  loop.watch(signals->fd(), [&](Instant) {
    while (const auto number = signals->next()) seen = *number;
    loop.stop();
  });
  ::kill(::getpid(), SIGTERM);
  ASSERT_TRUE(loop.run());
  EXPECT_EQ(seen, SIGTERM);
}

}  // namespace
}  // namespace fleetsweep::loop
