// A file that has other names, of which one may not be taken.

#include "agent/act/hard_links.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::Reason;

TEST_F(Clean, AFileWithANameOutsideIsReportedNotTaken) {
  const std::string outside = host.root() + "/../outside";
  fs::create_hard_link(host.at("/usr/lib/libevil.so"), outside);
  host.scan();
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/usr/lib/libevil.so", ActionKind::kQuarantine), Reason::kHardLinks);
  EXPECT_TRUE(fs::exists(host.at("/usr/lib/libevil.so")));
  EXPECT_TRUE(fs::exists(host.at("/usr/lib/libevil.so.1")));
}

TEST_F(Clean, FourFilesThatMayNotBeTakenKeepAllOthersFromBeingTaken) {
  const auto found = host.findings;
  host.findings.clear();
  for (int i = 0; i < 4; ++i) {
    const std::string path = "/home/ann/copy" + std::to_string(i);
    write_text(host.at(path), "a look-alike " + std::to_string(i));
    fs::create_hard_link(host.at(path), host.root() + "/../outside" + std::to_string(i));
    host.find_file(kByName, path);
  }
  host.findings.insert(host.findings.end(), found.begin(), found.end());
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(reason_for(answer, "/home/ann/copy3", ActionKind::kQuarantine), Reason::kHardLinks);
  EXPECT_FALSE(fs::exists(host.at("/tmp/kit/evil"))) << answer.text();
  EXPECT_FALSE(fs::exists(host.at("/usr/lib/libevil.so"))) << answer.text();
}

TEST_F(Clean, AHardLinkToAProtectedFileStopsEverything) {
  write_text(host.at("/etc/shadow"), "root:*:\n");
  fs::create_hard_link(host.at("/etc/shadow"), host.at("/tmp/kit/other"));
  host.find_file(kByName, "/tmp/kit/other");
  host.dry_run = host.findings;
  const std::string before = host.manifest();
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kProtected);
  EXPECT_EQ(host.manifest(), before);
}

struct HardLink : Clean {
  void SetUp() override {
    Clean::SetUp();
    write_text(host.at("/usr/bin/twin"), "found under another name");
    fs::create_hard_link(host.at("/usr/bin/twin"), host.at("/tmp/kit/other"));
    host.find_file(kByName, "/tmp/kit/other");
    host.dry_run = host.findings;
  }
  void expect(Reason reason) {
    const std::string before = host.manifest();
    const Answer answer = host.run(host.request());
    EXPECT_EQ(answer.reason(), reason) << answer.text();
    EXPECT_NE(answer.text().find("/tmp/kit/other is also /usr/bin/twin: "), std::string::npos)
        << answer.text();
    EXPECT_EQ(host.manifest(), before);
  }
};

TEST_F(HardLink, ToAPackagesFileStopsEverything) {
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/usr/bin/twin\n");
  expect(Reason::kProtected);  // not what it installed
  write_text(host.at("/var/lib/dpkg/info/kit.md5sums"),
             output_of("md5sum < " + host.at("/usr/bin/twin")).substr(0, 32) + "  usr/bin/twin\n");
  expect(Reason::kKnownGood);
}

TEST_F(HardLink, ToWhatTheOwnerDeniesStopsEverything) {
  write_text(fs::path(host.state()).parent_path() / "consent.conf", "deny = /usr/bin\n");
  expect(Reason::kConsent);
}

TEST_F(HardLink, ToWhatThePolicyProtectsStopsEverything) {
  host.policy.limits.protect = {"/usr/bin"};
  expect(Reason::kProtected);
}

model::FileIdentity identity_of(const Tree& tree, const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat((tree.root() + path).c_str(), &status), 0) << path;
  model::FileIdentity file;
  file.path = path;
  file.device = status.st_dev;
  file.inode = status.st_ino;
  file.links = static_cast<std::uint32_t>(status.st_nlink);
  return file;
}

std::vector<std::string> names_of_one(const Tree& tree, const std::string& path) {
  const auto file = identity_of(tree, path);
  auto names = names_of(tree, {file})[{file.device, file.inode}];
  std::sort(names.begin(), names.end());
  return names;
}

// As /dev/shm lies in /dev, which lies in /.
TEST(HardLinks, AFileSystemThatLiesInAnotherThatIsNotSoughtIsNeverReached) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const TempDir folder;
  const std::string root = folder / "root";
  const auto mount = [](const std::string& source, const std::string& at, unsigned long flags) {
    fs::create_directories(at);
    ASSERT_EQ(::mount(source.c_str(), at.c_str(), "tmpfs", flags, nullptr), 0) << at;
  };
  mount("none", root + "/dev", 0);
  mount("none", root + "/dev/shm", 0);
  write_text(root + "/dev/shm/a/one", "a file with three names");
  fs::create_hard_link(root + "/dev/shm/a/one", root + "/dev/shm/two");
  fs::create_hard_link(root + "/dev/shm/a/one", root + "/dev/shm/b");
  const auto tree = Tree::open(root);
  ASSERT_TRUE(tree);
  const std::vector<std::string> all = {"/dev/shm/a/one", "/dev/shm/b", "/dev/shm/two"};
  EXPECT_EQ(names_of_one(*tree, "/dev/shm/a/one"), all);

  // A part of it is mounted once more: the names in it are no others.
  mount(root + "/dev/shm/a", root + "/view", MS_BIND);
  EXPECT_EQ(names_of_one(*tree, "/dev/shm/two").size(), 3u);
  // Found through a mount of a part, in which not all of them lie.
  EXPECT_EQ(names_of_one(*tree, "/view/one").size(), 3u);
  // It lies over a name, which is not seen any more, and over a file that is none of it.
  write_text(root + "/dev/shm/c", "another");
  for (const char* covered : {"/dev/shm/b", "/dev/shm/c"})
    ASSERT_EQ(::mount((root + "/dev/shm/two").c_str(), (root + covered).c_str(), nullptr, MS_BIND,
                      nullptr),
              0);
  EXPECT_EQ(names_of_one(*tree, "/dev/shm/two").size(), 2u);
  for (const char* at : {"/dev/shm/c", "/dev/shm/b", "/view", "/dev/shm", "/dev"})
    EXPECT_EQ(::umount2((root + at).c_str(), MNT_DETACH), 0) << at;
}

// Each level had a descriptor, and where those ended nothing was looked at.
TEST(HardLinks, ANameBeneathMoreFoldersThanDescriptorsIsNotFound) {
  const TempDir folder;
  write_text(folder / "one", "a file with two names");
  std::string deep = folder.path();
  for (int i = 0; i < 300; ++i) deep += "/d";
  fs::create_directories(deep);
  fs::create_hard_link(folder / "one", deep + "/two");
  const auto tree = Tree::open(folder.path());
  ASSERT_TRUE(tree);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{100, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(names_of_one(*tree, "/one").size(), 2u);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace fleetsweep::act
