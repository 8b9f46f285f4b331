#pragma once

// A scan rests while others wait for the machine, and beside other tests somebody always does: a
// test would then wait for the others. To be kept by a test's program, once.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

namespace fleetsweep {

// As on a kernel without /proc/pressure, for this program and what it starts; needs root.
class NoPressure : public testing::Environment {
 public:
  void SetUp() override {
    (void)(::unshare(CLONE_NEWNS) == 0 &&
           ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           ::mount("none", "/proc/pressure", "tmpfs", MS_RDONLY, nullptr) == 0);
  }
};

}  // namespace fleetsweep
