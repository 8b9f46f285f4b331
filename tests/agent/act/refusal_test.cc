// Orders that must not touch anything, each with its reason.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/act/anchor.h"
#include "tests/agent/act/clean.h"

namespace fleetsweep::act {
namespace {

namespace fs = std::filesystem;
using model::ActionKind;
using model::HostState;
using model::Reason;

struct Refusal : Clean {
  void expect(const model::ActRequest& request, Reason reason) {
    const std::string before = host.manifest();
    const Answer answer = host.run(request);
    EXPECT_EQ(answer.reason(), reason) << answer.text();
    EXPECT_NE(answer.state(), HostState::kCleaned);
    EXPECT_EQ(host.manifest(), before);
    EXPECT_TRUE(host.is_alive(worker));
    EXPECT_NE(host.process_state(worker), 'T');
  }
};

TEST_F(Refusal, OneSignatureIsNoQuorum) {
  expect(host.request(host.order(), {"alice"}), Reason::kQuorum);
}

TEST_F(Refusal, AFindingThatScanDidNotMakeIsNotBelieved) {
  auto request = host.request();
  request.findings[0].mac.value[0] ^= 1;
  expect(request, Reason::kUntrusted);
  request = host.request();
  request.dry_run[0].finding.back() ^= 1;
  expect(request, Reason::kUntrusted);
}

TEST_F(Refusal, FindingsOfAnotherPolicyAreNotBelieved) {
  const auto sealed = host.request();
  host.policy.title = "another policy";
  auto request = host.request();
  request.findings = sealed.findings;
  expect(request, Reason::kUntrusted);
}

TEST_F(Refusal, WhatTheDryRunDidNotFindIsNotTouched) {
  ++std::get<model::FileIdentity>(host.dry_run[0].identity).mtime_ns;
  host.dry_run.resize(1);
  expect(host.request(), Reason::kChanged);
  host.dry_run.clear();
  expect(host.request(), Reason::kDryRunMissing);
}

TEST_F(Refusal, AStopCountsEvenWhenItIsHeldBackLater) {
  model::Order order = host.order();
  order.title = "another";
  auto request = host.request(order, {"alice", "bob"});
  model::Stop stop;
  stop.issued = order.schedule.not_before;
  stop.orders = {fixture::id_of(request.order)};
  stop.reason = "no";
  // What nobody signed, a taken core cannot fill act's memory with.
  const Bytes good = host.tenant.sign(stop, {"carol"});
  request.stops = {to_bytes("junk"), good, host.tenant.sign(stop, {"dave"})};
  expect(request, Reason::kStopped);
  EXPECT_EQ((*load_anchor(host.state()))->stops, std::vector<Bytes>{good});
  request.stops.clear();
  expect(request, Reason::kStopped);
}

TEST_F(Refusal, AnOrderIsCarriedOutOnce) {
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  ASSERT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  const std::string before = host.manifest();
  EXPECT_EQ(host.run(request).reason(), Reason::kExecuted);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Refusal, AnotherTenantsOrderIsForeign) {
  const fixture::Tenant foreign([](model::Root& root) {
    root.issued -= Seconds(1);
    root.expires += fixture::kDay;
  });
  auto request = host.request();
  request.root_chain = {foreign.root_envelope()};
  expect(request, Reason::kTenant);
}

TEST_F(Refusal, AHostWithoutAnAnchorObeysNobody) {
  fs::remove(host.state() + "/anchor");
  expect(host.request(), Reason::kUntrusted);
  write_text(host.state() + "/anchor", "damaged");
  expect(host.request(), Reason::kIo);
}

TEST_F(Refusal, EnrolledAgainForAnotherTenantWhatWasDoneStays) {
  TenantId other;
  other.value.fill(7);
  ASSERT_TRUE(begin_anchor(host.state(), other, 1)) << "nothing was done yet";
  expect(host.request(), Reason::kTenant);
  ASSERT_TRUE(begin_anchor(host.state(), host.tenant.id(), 1));
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  EXPECT_EQ(begin_anchor(host.state(), other, 1).error().code, Code::kConflict);
  // The same tenant again forgets nothing.
  ASSERT_TRUE(begin_anchor(host.state(), host.tenant.id(), 1));
  EXPECT_EQ(host.run(request).reason(), Reason::kExecuted);
}

TEST(Mounted, OverItsFileByAUserKeepsTheHostFromBeingCleaned) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for a private mount";
  for (const char* over : {"/tmp/kit/evil", "/srv/near-miss"}) {
    ActHost host;
    host.infect();
    write_text(host.at("/srv/near-miss"), "another file");
    host.prefix = "mount --bind " + host.at(over) + " " + host.at("/tmp/kit/evil");
    const Answer answer = host.run(host.request());
    EXPECT_EQ(answer.state(), HostState::kResidual) << answer.text();
    EXPECT_NE(answer.done->detail.find("/tmp/kit/evil: left, for it is a mount point"),
              std::string::npos)
        << answer.text();
    EXPECT_TRUE(fs::exists(host.at("/tmp/kit/evil")));
    EXPECT_FALSE(fs::exists(host.at("/usr/lib/libevil.so"))) << "the rest stayed";
  }
}

TEST_F(Refusal, AFileNamedLikeAUsersHiveKeepsTheHostFromBeingCleaned) {
  write_text(host.at("/tmp/NTUSER.MAN"), "harmless content of a look-alike");
  host.find_file(kByHash, "/tmp/NTUSER.MAN");
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kResidual) << answer.text();
  EXPECT_NE(answer.done->detail.find("/tmp/NTUSER.MAN: left, for it has the name of a user's"),
            std::string::npos)
      << answer.text();
  EXPECT_TRUE(fs::exists(host.at("/tmp/NTUSER.MAN")));
  EXPECT_FALSE(fs::exists(host.at("/usr/lib/libevil.so"))) << "the rest stayed";
}

TEST_F(Refusal, WhatTakesTheNameOfSshdIsItWhereSbinIsNoLink) {
  write_text(host.at("/usr/bin/sshd"), "harmless content of a look-alike");
  host.find_file(kByHash, "/usr/bin/sshd");
  host.dry_run = host.findings;
  fs::remove_all(host.at("/usr/sbin"));
  fs::create_directory_symlink("bin", host.at("/usr/sbin"));
  expect(host.request(), Reason::kProtected);
  fs::remove(host.at("/usr/sbin"));
  fs::create_directory(host.at("/usr/sbin"));
  fs::create_symlink("../bin/ldconfig", host.at("/usr/sbin/ldconfig"));
  expect(host.request(), Reason::kProtected);
  fs::remove(host.at("/usr/sbin/ldconfig"));
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at("/usr/bin/sshd")));
}

TEST_F(Refusal, OtherPolicyBytesThanTheOrderNames) {
  auto request = host.request();
  host.policy.limits.items = 400;
  request.policy = fixture::policy_bytes(host.policy);
  expect(request, Reason::kPolicyMismatch);
}

TEST_F(Refusal, AnActionItLacksOrTooManyObjects) {
  host.policy.limits.items = 3;
  expect(host.request(), Reason::kLimit);
  host.policy.limits.items = 100;
  // Nobody collects services.
  host.policy.responses[0].actions.push_back(
      {ActionKind::kCollect, {{model::Selector::Kind::kServicesMapping, {kByName}, {}}}});
  expect(host.request(), Reason::kCapability);
}

TEST_F(Refusal, TheOwnersConsentCanOnlyNarrow) {
  write_text(fs::path(host.state()).parent_path() / "consent.conf", "deny = /usr/lib\n");
  expect(host.request(), Reason::kConsent);
  write_text(fs::path(host.state()).parent_path() / "consent.conf", "items_max = 2\n");
  expect(host.request(), Reason::kLimit);
}

TEST_F(Refusal, WhatTheOwnerNamesByALinkIsTaken) {
  const fs::path consent = fs::path(host.state()).parent_path() / "consent.conf";
  fs::create_directory_symlink("../tmp", host.at("/srv/ours"));
  for (const char* denied : {"/srv/ours/kit", "/srv/ours/kit/evil", "/srv/ours"}) {
    write_text(consent, std::string("deny = ") + denied + "\n");
    expect(host.request(), Reason::kConsent);
  }
  fs::remove(consent);
  host.policy.limits.protect = {"/srv/ours/kit/*"};
  expect(host.request(), Reason::kProtected);
}

TEST_F(Refusal, AStopIsForgottenByActBeforeTheNextOrder) {
  model::ActRequest shown = host.request();
  shown.order.clear();
  shown.stops = {host.tenant.sign(model::Stop{.halt_all = true}, {"carol"})};
  EXPECT_EQ(host.run(shown).reason(), Reason::kNone);
  expect(host.request(), Reason::kStopped);  // which does not show it
}

TEST_F(Refusal, ATakenCoreTalksAroundTheOwnersClassAndTime) {
  const fs::path consent = fs::path(host.state()).parent_path() / "consent.conf";
  write_text(consent, "max_class = contain\n");
  expect(host.request(), Reason::kConsent);
  write_text(consent, "expires = 2020-01-01T00:00:00Z\n");
  expect(host.request(), Reason::kConsent);
}

TEST_F(Refusal, TheOwnersConsentReachesProcesses) {
  write_text(fs::path(host.state()).parent_path() / "consent.conf", "deny = /opt/kit\n");
  host.policy.responses[0].actions.resize(1);  // only suspend
  expect(host.request(), Reason::kConsent);
}

TEST_F(Refusal, CoreWhichRunsBesideActIsNeverStopped) {
  // The monitor's other child with the monitor's program; here both are this test.
  const pid_t core = ::fork();
  if (core == 0) {
    ::pause();
    ::_exit(0);
  }
  host.find_process(core);
  host.dry_run = host.findings;
  expect(host.request(), Reason::kProtected);
  EXPECT_TRUE(host.is_alive(core));
  ::kill(core, SIGKILL);
  ::waitpid(core, nullptr, 0);
}

TEST_F(Refusal, AHaltedHostActsForNobodyButItsOwner) {
  const auto halt = fs::path(host.state()).parent_path() / "halt";
  write_text(halt, "");
  expect(host.request(), Reason::kHalted);
  fs::remove(halt);
  const std::string before = host.manifest();
  const auto request = host.request();
  ASSERT_EQ(host.run(request).state(), HostState::kCleaned);
  write_text(halt, "");
  EXPECT_EQ(host.run(host.undo_request(request)).reason(), Reason::kHalted);
  EXPECT_EQ(host.run_locally(fixture::id_of(request.order)).state(), HostState::kUndone);
  EXPECT_EQ(host.manifest(), before);
}

TEST_F(Refusal, AnUndoOfWhatNeverHappened) {
  DocumentId never;
  never.value[0] = 5;
  auto request = host.request(host.undo_order(never), {"alice", "bob"});
  expect(request, Reason::kUndoUnknown);
}

TEST_F(Refusal, ARuleOfUdevThatOthersJumpByGoes) {
  const std::string path = "/etc/udev/rules.d/10-own.rules";
  const auto others = host.findings;
  const auto plan = [&](const std::string& rule) {
    write_text(host.at(path), rule + "\n");
    host.findings = others;
    host.find_line(kByCron, model::PersistenceKind::kUdevRule, path, rule);
    host.dry_run = host.findings;
  };
  for (const char* rule :
       {"KERNEL==\"sd*\", RUN+=\"/x\", GOTO=\"end\"", "LABEL=\"end\", RUN+=\"/x \\\"a\"",
        "RUN+=\"/x\", \\\n# y\nLAB\\\n EL=\"end\""}) {
    plan(rule);
    expect(host.request(), Reason::kProtected);
  }
  plan("RUN+=\"/x \\\", LABEL=\\\"end\", ENV{GOTO}=\"1\"");
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
}

TEST_F(Refusal, AMappingOfInterfacesLosesItsScript) {
  const std::string path = "/etc/network/interfaces", line = "  script /tmp/kit/evil";
  write_text(host.at(path), "mapping eth0\n" + line + "\n");
  host.find_line(kByCron, model::PersistenceKind::kRcLocal, path, line);
  std::get<model::PersistenceIdentity>(host.findings.back().identity).name = "script";
  host.dry_run = host.findings;
  expect(host.request(), Reason::kProtected);
}

// A module of PAM without which nobody logs in, and what only looks like one.
struct Module : Clean {
  void expect_stays(const std::string& path) {
    write_text(host.at(path), "a look-alike of a module");
    host.find_file(kByName, path);
    host.dry_run = host.findings;
    EXPECT_EQ(host.run(host.request()).reason(), Reason::kProtected);
    EXPECT_TRUE(fs::exists(host.at(path)));
  }
};

TEST_F(Module, ThatALinkedConfigurationNamesGoes) {
  write_text(host.at("/etc/authselect/system-auth"), "auth required pam_evil.so\n");
  fs::create_directories(host.at("/etc/pam.d"));
  fs::create_symlink("/etc/authselect/system-auth", host.at("/etc/pam.d/system-auth"));
  expect_stays("/usr/lib64/security/pam_evil.so");
}

TEST_F(Module, ThatLiesInAnyFolderGoes) {
  write_text(host.at("/etc/pam.d/sshd"), "auth required /opt/x/pam_evil.so\n");
  expect_stays("/opt/x/pam_evil.so");
}

TEST_F(Module, InAFolderThatPamChoosesGoes) {
  write_text(host.at("/etc/pam.d/sshd"), "auth required /lib/security/$ISA/pam_evil.so\n");
  expect_stays("/usr/lib64/security/pam_evil.so");
}

TEST_F(Module, NameOfAUsersFileKeepsTheHostFromBeingCleaned) {
  write_text(host.at("/etc/pam.d/login"), "auth required pam_unix.so\nauth include /proc/1/mem\n");
  const std::string path = "/home/ann/security/pam_unix.so";
  write_text(host.at(path), "a look-alike of a module");
  host.find_file(kByName, path);
  host.dry_run = host.findings;
  const Answer answer = host.run(host.request());
  EXPECT_EQ(answer.state(), HostState::kCleaned) << answer.text();
  EXPECT_FALSE(fs::exists(host.at(path)));
}

}  // namespace
}  // namespace fleetsweep::act
