// Health before and after a cleaning.

#include "agent/core/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core.h"
#include "protocol/crypto/digest.h"
#include "protocol/model/health_check.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::Health;
using model::HealthCheck;
using model::HealthMark;
using model::HostState;
using model::Reason;
using testing::HasSubstr;

TEST(HealthCheckText, AFormThatPeopleWriteIsNotRead) {
  using Kind = HealthCheck::Kind;
  using model::parse_health_check;
  EXPECT_EQ(parse_health_check("service cron running"),
            (HealthCheck{.kind = Kind::kService, .subject = "cron.service"}));
  EXPECT_EQ(parse_health_check("service a.service running")->subject, "a.service");
  EXPECT_EQ(parse_health_check("port 22/tcp unchanged"),
            (HealthCheck{.kind = Kind::kPort, .port = 22}));
  EXPECT_TRUE(parse_health_check("port 53/udp unchanged")->is_udp);
  EXPECT_EQ(parse_health_check("file /etc/passwd present")->subject, "/etc/passwd");
  EXPECT_EQ(parse_health_check("default-route unchanged")->kind, Kind::kDefaultRoute);
  EXPECT_EQ(parse_health_check("agent heartbeat")->kind, Kind::kAgent);
  for (const char* bad :
       {"", "port 22 unchanged", "port 0/tcp unchanged", "port 70000/tcp unchanged", "port 22/tcp",
        "port  unchanged", "service  running", "service a b running", "service ../x running",
        "file x present", "file / present", "file /a\nb present", "agent",
        "port 22/tcp unchanged "})
    EXPECT_FALSE(parse_health_check(bad)) << bad;
}

TEST(Health, WhatWasBadBeforeOrCannotBeToldIsBlamedOnTheCleaning) {
  const std::vector<HealthMark> before = {{"port 22/tcp unchanged", Health::kGood, "listening"},
                                          {"port 80/tcp unchanged", Health::kBad, ""},
                                          {"service a running", Health::kUnknown, ""},
                                          {"file /x present", Health::kGood, "present"}};
  const std::vector<HealthMark> now = {{"port 22/tcp unchanged", Health::kBad, "nothing listens"},
                                       {"port 80/tcp unchanged", Health::kBad, ""},
                                       {"service a running", Health::kBad, ""},
                                       {"file /x present", Health::kUnknown, ""}};
  const auto bad = turned_bad(good_ones(before), now);
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(health_text(bad[0]), "port 22/tcp unchanged: nothing listens");
}

TEST(Health, AnotherRouteIsUnchanged) {
  const std::vector<HealthMark> before = {
      {"default-route unchanged", Health::kGood, "eth0 via 10.0.0.1"}};
  EXPECT_TRUE(turned_bad(before, before).empty());
  const auto bad =
      turned_bad(before, {{"default-route unchanged", Health::kGood, "eth0 via 10.0.0.66"}});
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].seen, "eth0 via 10.0.0.66, and was eth0 via 10.0.0.1");
}

class HealthAfter : public AgentCore {
 protected:
  void cleaned(Health before, std::vector<std::string> checks = {"port 22/tcp unchanged"}) {
    host.policy.verify.health = std::move(checks);
    host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
    host.connect();
    order = host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
    cool_off();
    host.scan_answers(with(host.found(), before));
    host.act_answers(HostState::kCleaned);
  }
  // The agent starts anew, and is not connected before its rescan ends.
  void restart_unheard() {
    host.crash();
    host.scan_answers(with(host.clean(), Health::kUnknown));
  }
  model::ScanDone with(model::ScanDone done, Health health) const {
    for (const std::string& check : host.policy.verify.health)
      done.health.push_back({check, health, health == Health::kGood ? "listening" : "closed"});
    return done;
  }
  DocumentId order;
};

TEST_F(HealthAfter, ACleaningThatClosedAPortIsVerified) {
  cleaned(Health::kGood);
  host.scan_answers(with(host.clean(), Health::kBad));
  EXPECT_EQ(host.last().kind, model::ReceiptKind::kVerify);
  EXPECT_EQ(host.last().state, HostState::kFailed);
  EXPECT_EQ(host.last().reason, Reason::kHealth);
  ASSERT_EQ(host.last().items.size(), 1u);
  EXPECT_EQ(fleetsweep::to_text(host.last().items[0].sealed_path),
            "sealed:port 22/tcp unchanged: closed");
  EXPECT_EQ(host.core->why(order),
            "failed: health: port 22/tcp unchanged: closed; objects acted on: 1");
  host.crash();
  EXPECT_EQ(host.core->why(order),
            "failed: health: port 22/tcp unchanged: closed; objects acted on: 1");
}

TEST_F(HealthAfter, ACrashForgetsHowItWasBefore) {
  cleaned(Health::kGood);
  host.crash();
  host.scan_answers(with(host.clean(), Health::kBad));
  EXPECT_EQ(host.last().reason, Reason::kHealth);
}

TEST_F(HealthAfter, WhatCannotBeToldIsCalledGood) {
  cleaned(Health::kUnknown);
  host.scan_answers(with(host.clean(), Health::kUnknown));
  host.pass(std::chrono::seconds(91));
  host.scan_answers(with(host.clean(), Health::kUnknown));
  EXPECT_EQ(host.last().state, HostState::kVerified);
  EXPECT_EQ(host.core->why(order),
            "done: verified, but nobody can tell: port 22/tcp unchanged: closed; objects acted on: "
            "1");
}

TEST_F(HealthAfter, AHostThatWasSickBeforeIsBlamedOnTheCleaning) {
  cleaned(Health::kBad);
  host.scan_answers(with(host.clean(), Health::kBad));
  host.pass(std::chrono::seconds(91));
  host.scan_answers(with(host.clean(), Health::kBad));
  EXPECT_EQ(host.last().state, HostState::kVerified);
}

TEST_F(HealthAfter, ACleaningThatCutTheHostOffIsVerified) {
  cleaned(Health::kUnknown, {"agent heartbeat"});
  host.scan_answers(with(host.clean(), Health::kUnknown));
  host.disconnect();
  host.pass(std::chrono::minutes(10));
  host.scan_answers(with(host.clean(), Health::kUnknown));
  EXPECT_EQ(host.last().reason, Reason::kHealth) << host.core->why(order);
}

TEST_F(HealthAfter, ARestartOfTheAgentIsBlamedOnTheCleaning) {
  cleaned(Health::kUnknown, {"agent heartbeat"});
  restart_unheard();
  host.pass(std::chrono::seconds(91));
  host.scan_answers(with(host.clean(), Health::kUnknown));
  EXPECT_EQ(host.last().state, HostState::kVerified);
  EXPECT_THAT(host.core->why(order), HasSubstr("but nobody can tell: agent heartbeat"));
}

TEST_F(HealthAfter, ShortlyAfterABootTheControllerIsHeardUnheard) {
  cleaned(Health::kUnknown, {"agent heartbeat"});
  host.clock.boot.value.fill(2);
  host.uptime = std::chrono::minutes(1);
  restart_unheard();
  host.pass(std::chrono::seconds(91));
  host.scan_answers(with(host.clean(), Health::kUnknown));
  EXPECT_EQ(host.last().state, HostState::kVerified);
  EXPECT_THAT(host.core->why(order), HasSubstr("but nobody can tell: agent heartbeat"));
}

TEST_F(HealthAfter, AHostThatIsCutOffSinceARestartIsWell) {
  cleaned(Health::kUnknown, {"agent heartbeat"});
  host.crash();
  host.pass(std::chrono::minutes(5));
  host.scan_answers(with(host.clean(), Health::kUnknown));
  EXPECT_EQ(host.last().reason, Reason::kHealth) << host.core->why(order);
}

}  // namespace
}  // namespace fleetsweep::agent
