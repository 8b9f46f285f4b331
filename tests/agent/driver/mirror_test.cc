#include "agent/driver/mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "protocol/base/limits.h"

namespace fleetsweep::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class MirrorTest : public testing::Test {
 protected:
  ~MirrorTest() override { std::filesystem::remove_all(folder_); }
  void put(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name) << content;
  }
  std::vector<std::string> look(std::uint64_t epoch = 1) {
    std::vector<std::string> contents;
    for (const Mirror::File& file : mirror_.look(epoch)) contents.push_back(to_text(file.content));
    return contents;
  }

  std::string folder_ = make();
  Mirror mirror_{{folder_, "/no/such/folder"}};

 private:
  static std::string make() {
    char name[] = "/tmp/fleetsweep-mirror-XXXXXX";
    return ::mkdtemp(name);
  }
};

TEST_F(MirrorTest, AFileIsOfferedAgainAndAgain) {
  put("b.dsse", "second");
  put("a.dsse", "first");
  put("readme.txt", "not a document");
  EXPECT_THAT(look(), ElementsAre("first", "second"));
  EXPECT_THAT(look(), IsEmpty());
  put("b.dsse", "another");
  put("c.dsse", "third");
  EXPECT_THAT(look(), ElementsAre("another", "third"));
  EXPECT_THAT(look(2), ElementsAre("first", "another", "third")) << "with a new root all again";
  std::filesystem::remove(folder_ + "/a.dsse");
  EXPECT_THAT(look(2), IsEmpty());
  put("a.dsse", "first");
  EXPECT_THAT(look(2), ElementsAre("first")) << "the stick came back";
}

TEST_F(MirrorTest, AFileThatCannotBeReadOnceIsNeverReadAgain) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs two users";
  put("stop.dsse", "stop");
  ASSERT_EQ(::chmod((folder_ + "/stop.dsse").c_str(), 0600), 0);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  EXPECT_THAT(look(), IsEmpty());
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_THAT(look(), ElementsAre("stop"));
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(MirrorTest, WhatIsNoPlainFileIsOpened) {
  put("target", "elsewhere");
  ASSERT_EQ(::symlink((folder_ + "/target").c_str(), (folder_ + "/link.dsse").c_str()), 0);
  ASSERT_EQ(::mkfifo((folder_ + "/pipe.dsse").c_str(), 0600), 0);
  std::filesystem::create_directory(folder_ + "/folder.dsse");
  put("big.dsse", std::string(limits::kDsseJsonBytes + 1, 'x'));
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(MirrorTest, AFolderFullOfFilesHoldsTheAgent) {
  for (std::size_t i = 0; i < limits::kMirrorFiles + 5; ++i)
    put(fmt::format("{:04}.dsse", i), std::to_string(i));
  const auto found = look();
  ASSERT_EQ(found.size(), limits::kMirrorFiles);
  EXPECT_EQ(found.front(), "0");
}

}  // namespace
}  // namespace fleetsweep::agent
