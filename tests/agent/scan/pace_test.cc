#include "agent/scan/pace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "protocol/codec/codec.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A scan that computes for `step` whenever it may, for a minute on a clock of its own.
double processor_share(unsigned percent, Microseconds step) {
  Pace pace(percent, 0);
  Microseconds now{}, used{};
  while (now < seconds(60)) {
    now += step;
    used += step;
    now += pace.pause(now, {used, 0});
  }
  return 100 * duration<double>(used).count() / duration<double>(now).count();
}

TEST(Pace, AShareOfACoreIsKeptWithinTwoPointsWhateverTheStep) {
  for (const unsigned percent : {1u, 10u, 20u, 50u, 99u})
    for (const auto step : {Microseconds(50), Microseconds(5'000), Microseconds(1'500'000)})
      EXPECT_NEAR(processor_share(percent, step), percent, 2) << percent << " " << step.count();
}

TEST(Pace, WithoutABoundNothingRests) {
  Pace pace(0, 0);
  EXPECT_EQ(pace.pause(seconds(1), {seconds(100), 1'000'000}), Microseconds(0));
}

TEST(Pace, WhatWasNotUsedForAnHourIsNoStoreForTheNext) {
  Pace pace(10, 0);
  EXPECT_EQ(pace.pause(seconds(3600), {}), Microseconds(0));
  EXPECT_GE(pace.pause(seconds(3601), {seconds(1), 0}), seconds(6));
}

TEST(Pace, DiskOperationsAreCountedASecond) {
  Pace pace(0, 100);
  EXPECT_EQ(pace.pause(seconds(0), {Microseconds(0), 100}), Microseconds(0))
      << "one second's worth";
  EXPECT_EQ(pace.pause(seconds(0), {Microseconds(0), 300}), seconds(2));
}

TEST(Pressure, TheKernelsLineIsRead) {
  const auto pressure = parse_pressure(
      "some avg10=99.32 avg60=98.99 avg300=94.12 total=25027897795\n"
      "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  ASSERT_TRUE(pressure);
  EXPECT_DOUBLE_EQ(pressure->average, 99.32);
  EXPECT_EQ(pressure->total.count(), 25027897795);
  EXPECT_FALSE(parse_pressure(""));
  EXPECT_FALSE(parse_pressure("some avg10=x total=1\n"));
  EXPECT_FALSE(parse_pressure("full avg10=1.00 total=1\n"));
}

TEST(Brake, AFreeMachineIsNotWaitedFor) {
  Brake brake;
  EXPECT_FALSE(brake.rest(seconds(1), {20, {}}));
}

TEST(Brake, WhatOnlyTheScanItselfWaitedForDoesNotStopIt) {
  Brake brake;
  ASSERT_TRUE(brake.rest(seconds(1), {100, seconds(9)}));
  // Nobody waited while we slept.
  EXPECT_FALSE(brake.rest(seconds(2), {90, seconds(9)}));
  EXPECT_FALSE(brake.rest(seconds(5), {90, seconds(12)}))
      << "and it is not suspected again at once";
  EXPECT_TRUE(brake.rest(seconds(20), {90, seconds(30)}));
}

TEST(Brake, OthersThatWaitAreLetPassAndABusyHostIsScannedAllTheSame) {
  Brake brake;
  Microseconds now = seconds(1), total{}, rested{}, worked{};
  for (int i = 0; i < 1000; ++i) {
    const auto rest = brake.rest(now, {95, total});
    const Microseconds step = rest.value_or(milliseconds(100));
    (rest ? rested : worked) += step;
    now += step;
    total += step;  // somebody always waits
  }
  EXPECT_GT(rested, 5 * worked);
  EXPECT_GT(worked * 20, rested);
}

TEST(Brake, ItEndsWithThePressure) {
  Brake brake;
  ASSERT_TRUE(brake.rest(seconds(1), {95, {}}));
  ASSERT_TRUE(brake.rest(milliseconds(1500), {95, milliseconds(400)}));
  EXPECT_FALSE(brake.rest(milliseconds(2000), {85, milliseconds(450)}));
}

// Its first page.
bool is_cached(int fd) {
  constexpr std::size_t kPage = 4096;
  void* const map = ::mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0);
  unsigned char page = 0;
  EXPECT_EQ(::mincore(map, kPage, &page), 0);
  ::munmap(map, kPage);
  return (page & 1) != 0;
}

// The real thing, on however busy a machine.
class PaceScanTest : public TreeTest {
 protected:
  struct Use {
    double wall = 0, processor = 0;  // seconds
  };
  Use scan_with(const model::Policy& policy) {
    const auto file = folder_ / "policy.bin";
    const Bytes bytes = codec::encode(policy);
    std::ofstream(file, std::ios::binary) << as_text(bytes);
    const auto began = std::chrono::steady_clock::now();
    const pid_t pid = ::fork();
    if (pid == 0) {
      std::freopen("/dev/null", "w", stdout);
      ::execl(FS_BINARY_DIR "/fleetsweep-scan", "fleetsweep-scan", "--root", root_.c_str(),
              "--policy", file.c_str(), "--json", nullptr);
      ::_exit(127);
    }
    int status = 0;
    rusage usage{};
    EXPECT_EQ(::wait4(pid, &status, 0, &usage), pid);
    EXPECT_EQ(status, 0);
    const auto seconds_of = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return {duration<double>(std::chrono::steady_clock::now() - began).count(),
            seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)};
  }
};

// Never more than its share.
TEST_F(PaceScanTest, AScanTakesNoMoreOfACoreThanItsPolicySays) {
  constexpr int kPercent = 20;
  write("/x", std::string(1000, 'x'));
  for (int i = 0; i < 24; ++i) std::filesystem::copy(at("/x"), at("/x" + std::to_string(i)));
  model::Policy policy;
  // Some tens of ms of one core for each file.
  policy.rules.push_back(
      {.id = "r",
       .source = "rule R { condition: for all i in (0..1000000) : (uint8(0) == 0x78) and false }"});
  policy.detections.push_back({.id = "d", .object = model::ObjectKind::kFile, .rule = 0});
  policy.limits.cpu_percent = kPercent;
  const Use use = scan_with(policy);
  ASSERT_GT(use.processor, 0.5) << "too little work to say anything";
  // What it may use at once, and what is under way when it rests.
  EXPECT_LE(use.processor, use.wall * kPercent / 100 + 0.25 + 0.25) << use.wall;
}

TEST_F(PaceScanTest, AScanReadsFromTheDiskMoreOftenThanItsPolicySays) {
  constexpr int kFiles = 64, kOperations = 20;
  for (int i = 0; i < kFiles; ++i) {
    const std::string path = "/x" + std::to_string(i);
    write(path, std::string(4096, 'x'));
    const UniqueFd file(::open(at(path).c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::fsync(file.get()), 0);
    ASSERT_EQ(::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED), 0);
    if (is_cached(file.get())) GTEST_SKIP() << "this file system keeps its pages";
  }
  model::Policy policy;
  policy.detections.push_back(
      detection("d", model::ObjectKind::kFile, {is(model::Field::kFileSha256, sha256_hex("y"))}));
  policy.limits.iops = kOperations;
  // But for the first second's, and what is under way when it rests.
  EXPECT_GE(scan_with(policy).wall, 1.0 * kFiles / kOperations - 1 - 0.5);
}

}  // namespace
}  // namespace fleetsweep::scan
