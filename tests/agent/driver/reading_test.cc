#include "agent/driver/reading.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

namespace fleetsweep::agent {
namespace {

class ReadingTest : public testing::Test {
 protected:
  ReadingTest() {
    char name[] = "/tmp/fleetsweep-reading-XXXXXX";
    folder_ = ::mkdtemp(name);
    store_ = std::move(*open_store(folder_ + "/core.db"));
    bad_.value.fill(1);
    good_.value.fill(2);
  }
  ~ReadingTest() override { std::filesystem::remove_all(folder_); }
  std::unique_ptr<Reading> open() {
    auto reading = Reading::open(folder_ + "/reading", *store_);
    EXPECT_TRUE(reading) << reading.error().message;
    return std::move(*reading);
  }
  void die_of(const Digest& document) { EXPECT_TRUE(open()->begin(document)); }  // and no end()

  std::string folder_;
  std::unique_ptr<Store> store_;
  Digest bad_, good_;
};

TEST_F(ReadingTest, ADocumentThatKilledTheProcessTwiceIsReadAThirdTime) {
  die_of(bad_);
  die_of(bad_);
  const auto reading = open();
  EXPECT_FALSE(reading->begin(bad_));
  EXPECT_TRUE(reading->begin(good_));
  reading->end();
  EXPECT_FALSE(open()->begin(bad_)) << "it stays so";
}

TEST_F(ReadingTest, AnAccidentIsHeldAgainstADocumentForEver) {
  die_of(good_);
  {
    const auto reading = open();
    ASSERT_TRUE(reading->begin(good_));
    reading->end();
  }
  EXPECT_TRUE(store_->deaths()->empty());
  die_of(good_);
  EXPECT_TRUE(open()->begin(good_)) << "one death since it was read well";
}

TEST_F(ReadingTest, WhatWasReadWellIsCountedAsADeath) {
  {
    const auto reading = open();
    ASSERT_TRUE(reading->begin(good_));
    reading->end();
  }
  open();
  EXPECT_TRUE(store_->deaths()->empty());
}

}  // namespace
}  // namespace fleetsweep::agent
