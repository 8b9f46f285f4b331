#pragma once

// A scan rests while others wait for the machine, and beside other tests somebody always does: a
// test would then wait for the others. Whoever includes this has a program that does not.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

namespace fleetsweep {

// As on a kernel without /proc/pressure, for this program and what it starts; needs root. And in a
// session of its own: sessions share the processors alike, and what is idle waits within its own.
class NoPressure : public testing::Environment {
 public:
  void SetUp() override {
    (void)::setsid();
    (void)(::unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("none", "/proc/pressure", "tmpfs", MS_RDONLY, nullptr) == 0);
  }
};

[[maybe_unused]] inline const auto* const kNoPressure =
    testing::AddGlobalTestEnvironment(new NoPressure);

}  // namespace fleetsweep
