#include "protocol/runtime/net/curve.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace fleetsweep::net {
namespace {

class CurveKeyFile : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fleetsweep-curve-XXXXXX";
    ASSERT_TRUE(::mkdtemp(name));
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ + "/curve.key"; }
  std::string folder_;
};

TEST_F(CurveKeyFile, ComesBackAsWrittenAndIsPrivate) {
  const auto keys = generate_curve_keys();
  ASSERT_TRUE(write_curve_key(path(), keys));
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  const auto read = read_curve_key(path());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, keys);
}

TEST_F(CurveKeyFile, IsNeverOverwritten) {
  ASSERT_TRUE(write_curve_key(path(), generate_curve_keys()));
  const auto again = write_curve_key(path(), generate_curve_keys());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
}

TEST_F(CurveKeyFile, ThatOthersMayReadIsNotUsed) {
  ASSERT_TRUE(write_curve_key(path(), generate_curve_keys()));
  ::chmod(path().c_str(), 0644);
  const auto read = read_curve_key(path());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kUntrusted);
}

TEST_F(CurveKeyFile, ThatIsShortOrAbsentIsAClearError) {
  EXPECT_EQ(read_curve_key(path()).error().code, Code::kNotFound);
  std::ofstream(path()) << "12ab\n";
  ::chmod(path().c_str(), 0600);
  EXPECT_EQ(read_curve_key(path()).error().code, Code::kInvalid);
}

}  // namespace
}  // namespace fleetsweep::net
