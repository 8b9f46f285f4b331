// Files that belong to packages, and where nobody can say whether they do.

#include "protocol/base/limits.h"
#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Outcome;
using model::Reason;

TEST_F(Clean, APackagesChangedFileIsReplacedOrNobodyLearnsHow) {
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/tmp/kit/evil\n/usr/lib/libevil.so\n");
  write_text(host.at("/var/lib/dpkg/info/kit.md5sums"), std::string(32, 'a') + "  tmp/kit/evil\n");
  write_text(host.at("/var/lib/dpkg/status"), "Package: kit\nVersion: 1.2-3\n");
  host.policy.responses[0].actions = {
      {ActionKind::kRestoreFromPackage,
       {{model::Selector::Kind::kDetections, {kByHash, kByName}, {}}}}};
  const std::string before = host.manifest();
  const Answer answer = host.run(host.request());
  ASSERT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_EQ(answer.done->acted, 0u);
  ASSERT_EQ(answer.done->items.size(), 2u) << "not of the program that no package owns";
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(answer.done->items[i].outcome, Outcome::kFound);
    EXPECT_TRUE(answer.done->paths[i].ends_with(
        "; a person may run: apt-get install --reinstall kit=1.2-3"))
        << answer.done->paths[i];
  }
  EXPECT_TRUE(answer.done->paths[0].starts_with(
      "/tmp/kit/evil: of package kit 1.2-3, which installed MD5 " + std::string(32, 'a')))
      << answer.done->paths[0];
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Clean, AHoleBehindAPackagesFileIsReadForHours) {
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/tmp/kit/evil\n");
  write_text(host.at("/var/lib/dpkg/info/kit.md5sums"), std::string(32, 'a') + "  tmp/kit/evil\n");
  write_text(host.at("/var/lib/dpkg/status"), "Package: kit\nVersion: 1.2-3\n");
  host.policy.responses[0].actions = {
      {ActionKind::kRestoreFromPackage, {{model::Selector::Kind::kDetections, {kByHash}, {}}}}};
  const auto request = host.request();
  fs::resize_file(host.at("/tmp/kit/evil"), limits::kHashedHoleBytes + (1 << 20));
  const Answer answer = host.run(request);
  ASSERT_EQ(answer.done->items.size(), 1u) << answer.text();
  EXPECT_EQ(answer.done->items[0].outcome, Outcome::kFound);
  EXPECT_EQ(answer.done->paths[0],
            "/tmp/kit/evil: of package kit 1.2-3, which installed MD5 " + std::string(32, 'a') +
                "; here is what is too large to be hashed; a person may run: apt-get install "
                "--reinstall kit=1.2-3");
}

TEST_F(Clean, APackagesOwnFileStopsEverything) {
  const std::string content = read_text(host.at("/tmp/kit/evil"));
  write_text(host.at("/var/lib/dpkg/info/kit.list"), "/tmp\n/tmp/kit\n/tmp/kit/evil\n");
  write_text(host.at("/var/lib/dpkg/info/kit.md5sums"),
             output_of("md5sum < " + host.at("/tmp/kit/evil")).substr(0, 32) + "  tmp/kit/evil\n");
  const std::string before = host.manifest();
  EXPECT_EQ(host.run(host.request()).reason(), Reason::kKnownGood);
  EXPECT_EQ(host.manifest(), before);
}

// As a name server of Red Hat has it, whose root is a folder.
TEST_F(Clean, AMountHidesThatAFileIsAPackages) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for mounts of its own";
  write_text(host.at("/usr/lib/named/own"), "a package's own");
  write_text(host.at("/var/lib/dpkg/info/named.list"), "/usr/lib/named/own\n");
  write_text(host.at("/var/lib/dpkg/info/named.md5sums"),
             output_of("md5sum < " + host.at("/usr/lib/named/own")).substr(0, 32) +
                 "  usr/lib/named/own\n");
  fs::create_directories(host.at("/var/named/root"));
  host.prefix = "mount --bind " + host.at("/usr/lib/named") + " " + host.at("/var/named/root");
  host.find_file(kByName, "/usr/lib/named/own");
  std::get<model::FileIdentity>(host.findings.back().identity).path = "/var/named/root/own";
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.reason(), Reason::kKnownGood) << answer.text();
  EXPECT_NE(answer.done->detail.find("/var/named/root/own is also /usr/lib/named/own"),
            std::string::npos)
      << answer.done->detail;
  EXPECT_TRUE(fs::exists(host.at("/usr/lib/named/own")));
}

// Dropped among the kernel's own modules, whose package may be known.
struct DroppedModule : Clean {
  static constexpr const char* kModule = "/usr/lib/modules/6.1.0/kernel/net/evil.ko.xz";

  std::optional<model::ActRequest> request;
  Answer clean(const char* owned, const char* path = kModule) {
    write_text(host.at(path), "module");
    if (*owned != '\0') write_text(host.at("/var/lib/dpkg/info/linux.list"), owned);
    host.find_file(kByName, path);
    host.dry_run = host.findings;
    request = host.request();
    return host.run(*request);
  }
  void expect_refused(const char* owned, const char* path = kModule) {
    EXPECT_EQ(clean(owned, path).reason(), Reason::kProtected);
    EXPECT_TRUE(fs::exists(host.at(path)));
    EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil"))) << "nothing at all is touched";
  }
};

TEST_F(DroppedModule, StaysForGood) {
  write_text(host.at("/usr/lib/modules/6.1.0/kernel/net/own.ko.xz"), "own");
  const Answer answer = clean(
      "/lib/modules/6.1.0/modules.order\n"
      "/lib/modules/6.1.0/kernel/net/own.ko.xz\n");
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at(kModule)));
  EXPECT_TRUE(fs::exists(host.at("/usr/lib/modules/6.1.0/kernel/net/own.ko.xz")));
  EXPECT_EQ(host.run(host.undo_request(*request)).state(), HostState::kUndone);
  EXPECT_EQ(read_text(host.at(kModule)), "module");
}

TEST_F(DroppedModule, IsOneOfAKernelThatNoPackageBrought) {
  expect_refused("/lib/modules/5.10.0/modules.order\n");
}

TEST_F(DroppedModule, IsOneWhereNoPackageIsKnown) {
  expect_refused("");
}

TEST_F(DroppedModule, IsAPackagesThatWasCompressedSince) {
  expect_refused("/lib/modules/6.1.0/modules.order\n/lib/modules/6.1.0/kernel/net/evil.ko\n");
}

TEST_F(DroppedModule, IsOneThatDkmsBuilt) {
  expect_refused("/lib/modules/6.1.0/modules.order\n",
                 "/usr/lib/modules/6.1.0/updates/dkms/zfs.ko");
}

TEST_F(DroppedModule, IsAlsoAFileSomewhereElse) {
  write_text(host.at("/usr/lib/modules/6.1.0/extra/evil.ko"), "module");
  fs::create_directories(host.at("/usr/lib/modules/6.1.0/kernel/net"));
  fs::create_hard_link(host.at("/usr/lib/modules/6.1.0/extra/evil.ko"), host.at(kModule));
  expect_refused("/lib/modules/6.1.0/modules.order\n");
}

TEST_F(Clean, WhereNobodyCanSayWhatBelongsToAPackageNothingIsTouched) {
  fs::create_directories(host.at("/var/lib/rpm"));
  const std::string before = host.manifest();
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kRefused) << answer.text();
  EXPECT_NE(answer.text().find("var/lib/rpm"), std::string::npos) << answer.text();
  EXPECT_EQ(host.manifest(), before);
}

}  // namespace
}  // namespace fleetsweep::act
