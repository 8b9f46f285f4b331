#include "agent/scan/evaluate/disguise.h"

#include <gtest/gtest.h>

namespace fleetsweep::scan {
namespace {

TEST(Disguise, ADotOrNothingButBlanksHidesAName) {
  EXPECT_TRUE(is_hidden_name(".x"));
  EXPECT_TRUE(is_hidden_name("..."));
  EXPECT_TRUE(is_hidden_name("  "));
  EXPECT_FALSE(is_hidden_name("x.y"));
  EXPECT_FALSE(is_hidden_name("a b"));
}

TEST(Disguise, AProgramThatIsCalledAPictureLiesAndAProgramWithoutExtensionDoesNot) {
  for (const char* magic : {"elf", "pe"})
    for (const char* extension : {"jpg", "PNG", "txt", "log", "pdf", "zip"})
      EXPECT_TRUE(is_lie(extension, magic)) << extension << " " << magic;
  EXPECT_FALSE(is_lie("", "elf"));
  EXPECT_FALSE(is_lie("so", "elf"));
  EXPECT_FALSE(is_lie("6", "elf"));
}

TEST(Disguise, AScriptMayBeCalledTextButNoPicture) {
  EXPECT_TRUE(is_lie("gif", "script"));
  EXPECT_TRUE(is_lie("pdf", "script"));
  EXPECT_FALSE(is_lie("txt", "script"));
  EXPECT_FALSE(is_lie("sh", "script"));
  EXPECT_TRUE(is_lie("jpg", "text"));
  EXPECT_FALSE(is_lie("svg", "text"));
  EXPECT_FALSE(is_lie("jpg", "data"));
  EXPECT_FALSE(is_lie("jpg", "")) << "an empty file";
}

TEST(Disguise, WhatCannotLieNeedsNotToBeRead) {
  EXPECT_FALSE(can_lie(""));
  EXPECT_FALSE(can_lie("so"));
  EXPECT_TRUE(can_lie("JPG"));
}

}  // namespace
}  // namespace fleetsweep::scan
