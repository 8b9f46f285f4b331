// An order with scan_ahead is looked for before its time: once, in the host's own place, and
// nothing that was seen then is acted on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/core/core.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::HostState;
using model::Reason;
using model::ReceiptKind;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class LookAhead : public AgentCore {
 protected:
  LookAhead() { host.connect(); }
  // To be carried out in twelve hours.
  model::Order later() {
    model::Order order = fixture::apply(host.policy, dry_run_found());
    order.schedule.not_before = host.clock.local + hours(12);
    order.schedule.scan_ahead = true;
    return order;
  }
  DocumentId signed_by_two(const model::Order& order) {
    return host.order(order, {"alice", "bob"});
  }
  void pass_with_contact(Duration time) {
    host.connect();
    for (; time > Duration(0); time -= minutes(10)) {
      host.pass(std::min<Duration>(time, minutes(10)));
      host.connect();
      host.deliver();
    }
  }
};

TEST_F(LookAhead, WhatIsThereIsNotCountedBeforeTheDay) {
  const DocumentId id = signed_by_two(later());
  ASSERT_EQ(host.scans(), 2u) << host.core->why(id);
  EXPECT_FALSE(host.scans_.back().verify) << "as a dry run";
  EXPECT_THAT(host.core->why(id), HasSubstr("looking ahead"));
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().kind, ReceiptKind::kScan);
  EXPECT_EQ(host.last().state, HostState::kFound);
  EXPECT_EQ(host.last().matched, 1u);
  EXPECT_THAT(host.last().verdicts, testing::ElementsAre("confirmed"));
  EXPECT_EQ(host.last().items.size(), 1u);
  EXPECT_EQ(host.acts(), 0u);
  EXPECT_THAT(host.core->why(id), HasSubstr("waiting for time: due "));
  EXPECT_THAT(host.core->why(id), HasSubstr("; looked ahead: found, 1 objects"));
}

TEST_F(LookAhead, WhatNoOrderTouchesIsCountedWithTheRest) {
  const DocumentId id = signed_by_two(later());
  model::ScanDone done = host.found();
  done.result.findings[0].left_alone = "in a layer of a container image, as /bin/x";
  host.scan_answers(done);
  EXPECT_EQ(host.last().items[0].reason, Reason::kProtected);
  EXPECT_THAT(host.core->why(id), HasSubstr("found, 1 objects; /tmp/.x/lookalike: only reported: "
                                            "in a layer of a container image, as /bin/x"));
}

TEST_F(LookAhead, TheDayActsOnWhatWasSeenBefore) {
  const DocumentId id = signed_by_two(later());
  host.scan_answers(host.found());
  pass_with_contact(hours(11));
  EXPECT_EQ(host.scans(), 2u);
  EXPECT_EQ(host.acts(), 0u) << "before its time";
  pass_with_contact(hours(1));
  ASSERT_EQ(host.scans(), 3u) << host.core->why(id);
  EXPECT_TRUE(host.scans_.back().verify) << "anew, and nothing is remembered";
  EXPECT_EQ(host.acts(), 0u);
  model::ScanDone other = host.found();
  std::get<model::FileIdentity>(other.result.findings[0].identity).inode = 42;
  other.sealed[0].mac.value.fill(7);
  host.scan_answers(other);
  ASSERT_EQ(host.acts(), 1u);
  EXPECT_EQ(host.acts_[0].request.findings, other.sealed);
}

TEST_F(LookAhead, ThatNothingWasFoundAheadEndsTheOrder) {
  const DocumentId id = signed_by_two(later());
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().kind, ReceiptKind::kScan);
  EXPECT_EQ(host.last().state, HostState::kWaiting);
  EXPECT_THAT(host.core->why(id), HasSubstr("looked ahead: nothing found"));
  pass_with_contact(hours(12));
  ASSERT_EQ(host.scans(), 3u);
  host.scan_answers(host.found());
  EXPECT_EQ(host.acts(), 1u) << "it came meanwhile";
}

TEST_F(LookAhead, ARestartLooksAgain) {
  const DocumentId id = signed_by_two(later());
  host.scan_answers(host.found());
  const std::size_t receipts = host.receipts().size();
  host.crash();
  host.connect();
  host.deliver();
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_EQ(host.receipts().size(), receipts);
  EXPECT_THAT(host.core->why(id), HasSubstr("looked ahead: found, 1 objects")) << "forgotten";
}

TEST_F(LookAhead, ALookThatACrashCutShortIsTheLast) {
  signed_by_two(later());
  host.crash();
  host.connect();
  host.deliver();
  ASSERT_EQ(host.scans(), 1u);
  host.scan_answers(host.found());
  EXPECT_EQ(host.last().kind, ReceiptKind::kScan);
}

TEST_F(LookAhead, AStopBeforeTheDayLetsItLookOrAct) {
  const DocumentId id = signed_by_two(later());
  host.document(stop_all());
  EXPECT_EQ(host.scans_ended, 1u);
  const std::size_t before = host.receipts().size();
  pass_with_contact(hours(13));
  EXPECT_EQ(host.scans(), 2u);
  EXPECT_EQ(host.acts(), 0u);
  EXPECT_EQ(host.receipts().size(), before);
  EXPECT_EQ(host.last().order, id);
  EXPECT_EQ(host.last().reason, Reason::kStopped);
}

TEST_F(LookAhead, AllHostsLookAtTheSameMoment) {
  model::Order order = later();
  order.schedule.jitter = hours(8);
  const DocumentId id = signed_by_two(order);
  const Seconds place = trust::slot_offset(id, host.host.agent, hours(8));
  ASSERT_GT(place, minutes(1));
  pass_with_contact(place - minutes(1));
  EXPECT_EQ(host.scans(), 1u) << host.core->why(id);
  pass_with_contact(minutes(2));
  EXPECT_EQ(host.scans(), 2u) << host.core->why(id);
}

TEST_F(LookAhead, AHostLooksOutsideItsWindow) {
  model::Order order = later();
  const auto day = std::chrono::floor<std::chrono::days>(host.clock.local);
  const auto minute = std::chrono::floor<minutes>(host.clock.local - day).count();
  order.schedule.windows = {{.from_minute = static_cast<std::uint16_t>((minute + 120) % 1440),
                             .to_minute = static_cast<std::uint16_t>((minute + 180) % 1440)}};
  ASSERT_LT(order.schedule.windows[0].from_minute, order.schedule.windows[0].to_minute);
  const DocumentId id = signed_by_two(order);
  pass_with_contact(minutes(118));
  EXPECT_EQ(host.scans(), 1u) << host.core->why(id);
  pass_with_contact(minutes(3));
  EXPECT_EQ(host.scans(), 2u) << host.core->why(id);
}

TEST_F(LookAhead, WhoDidNotAskForItIsLookedAt) {
  model::Order order = later();
  order.schedule.scan_ahead = false;
  signed_by_two(order);
  EXPECT_EQ(host.scans(), 1u);
}

TEST_F(LookAhead, AScannerThatDiesEndsTheOrderBeforeItsTime) {
  const DocumentId id = signed_by_two(later());
  for (int i = 0; i < 3; ++i)
    host.run(host.core->on_child_lost(model::Child::kScan, "signal 11", host.now()));
  EXPECT_EQ(host.last().kind, ReceiptKind::kScan);
  EXPECT_EQ(host.last().state, HostState::kWaiting);
  EXPECT_EQ(host.last().reason, Reason::kInternal);
  EXPECT_EQ(host.scans(), 4u);
  EXPECT_THAT(host.core->why(id), HasSubstr("looked ahead: no result: internal: signal 11"));
  pass_with_contact(hours(12));
  EXPECT_EQ(host.scans(), 5u) << "when it is due it is tried again";
}

// It reads a whole host, slowly: what is due would wait for hours.
TEST_F(LookAhead, ALookIsBegunBeforeWhatIsDue) {
  const model::Order early = later();
  host.run(host.core->on_halt(true, host.now()));
  const DocumentId first = signed_by_two(early);
  model::Order order = fixture::apply(host.policy, early.dry_run_order);
  order.title = "now";
  const DocumentId due = signed_by_two(order);
  cool_off();
  ASSERT_EQ(host.scans(), 1u);
  host.connect();
  host.run(host.core->on_halt(false, host.now()));
  ASSERT_EQ(host.scans(), 2u) << host.core->why(due);
  EXPECT_TRUE(host.scans_.back().verify) << "a look: " << host.core->why(first);
  host.scan_answers(host.found());
  EXPECT_EQ(host.acts_.back().request.order, host.log.entries().back());
  host.act_answers(HostState::kCleaned);
  EXPECT_TRUE(host.scans_.back().verify);
  host.scan_answers(host.clean());
  ASSERT_EQ(host.scans(), 4u) << host.core->why(first);
  EXPECT_FALSE(host.scans_.back().verify) << "now there is time for it";
}

TEST_F(LookAhead, WhatBecomesDueWaitsForALook) {
  const model::Order early = later();
  model::Order order = fixture::apply(host.policy, early.dry_run_order);
  order.title = "soon";
  const DocumentId due = signed_by_two(order);
  const DocumentId ahead = signed_by_two(early);
  ASSERT_EQ(host.scans(), 2u);
  EXPECT_FALSE(host.scans_.back().verify);
  cool_off();
  host.connect();
  EXPECT_EQ(host.scans_ended, 1u) << host.core->why(due);
  ASSERT_EQ(host.scans(), 3u) << host.core->why(due);
  EXPECT_TRUE(host.scans_.back().verify);
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().order, due);
  ASSERT_EQ(host.scans(), 4u) << host.core->why(ahead);
  EXPECT_FALSE(host.scans_.back().verify) << "anew";
  host.scan_answers(host.found());
  EXPECT_THAT(host.core->why(ahead), HasSubstr("looked ahead: found, 1 objects"));
}

TEST_F(LookAhead, AnUndoWaitsForALook) {
  const DocumentId applied = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());
  host.pass(seconds(90));
  host.scan_answers(host.clean());
  ASSERT_EQ(host.last().state, HostState::kVerified);
  host.connect();
  model::Order order = later();
  signed_by_two(order);
  ASSERT_FALSE(host.scans_.back().verify);
  signed_by_two(fixture::undo(applied));
  EXPECT_EQ(host.scans_ended, 1u);
  ASSERT_EQ(host.acts(), 2u);
  host.act_answers(HostState::kUndone);
  EXPECT_EQ(host.last().state, HostState::kUndone);
}

TEST_F(LookAhead, ARescanWaitsForALook) {
  const DocumentId applied = acting();
  host.act_answers(HostState::kCleaned);
  host.scan_answers(host.clean());  // another is due in 90 s
  host.connect();
  model::Order order = fixture::apply(host.policy, host.receipts().front().order);
  order.schedule.not_before = host.clock.local + hours(12);
  order.schedule.scan_ahead = true;
  signed_by_two(order);
  ASSERT_FALSE(host.scans_.back().verify);
  host.pass(seconds(91));
  EXPECT_EQ(host.scans_ended, 1u) << host.core->why(applied);
  ASSERT_TRUE(host.scans_.back().verify);
  host.scan_answers(host.clean());
  EXPECT_EQ(host.last().order, applied);
  EXPECT_EQ(host.last().state, HostState::kVerified);
}

TEST_F(LookAhead, AnOrderThatIsDueSoonWaitsForItsOwnLook) {
  host.policy.limits.timeout = hours(1);
  host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
  model::Order order = later();
  order.schedule.not_before = host.clock.local + minutes(59);
  const DocumentId id = signed_by_two(order);
  EXPECT_EQ(host.scans(), 1u) << host.core->why(id);
  order.schedule.not_before = host.clock.local + minutes(61);
  signed_by_two(order);
  EXPECT_EQ(host.scans(), 2u);
}

TEST_F(LookAhead, UnderAWeakenedRootItLooksSoonerThanADryRunMay) {
  model::Order order = later();
  host.pass(minutes(1));
  host.document(host.tenant.sign(
      host.tenant.next(host.tenant.verified(),
                       [](model::Root& root) { root.policy.checkpoint_age_max[0] += Seconds(1); }),
      {"alice", "bob"}));
  ASSERT_EQ(host.core->status().root_version, 2u);
  const DocumentId id = signed_by_two(order);
  pass_with_contact(hours(11));
  EXPECT_EQ(host.scans(), 1u) << host.core->why(id);
}

TEST_F(LookAhead, ADryRunIsRunTwice) {
  model::Order order = fixture::dry_run(host.policy);
  order.schedule.not_before = host.clock.local + hours(12);
  order.schedule.scan_ahead = true;
  host.order(order, {"alice"});
  EXPECT_EQ(host.scans(), 0u);
}

}  // namespace
}  // namespace fleetsweep::agent
