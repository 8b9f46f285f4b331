// A file that has other names, of which one may not be taken.

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

}  // namespace
}  // namespace fleetsweep::act
