#include "protocol/trust/act_check.h"

#include <gmock/gmock.h>

#include "protocol/trust/time_proof.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::kHour;
using fixture::start;
using fixture::World;
using model::Reason;

// What a core hands to act for an order that may run.
struct Request {
  World world{
      [](model::Root& root) { root.time_keys = {fixture::key_named("time").public_key()}; }};
  ActAnchor anchor;
  model::ActRequest request;

  Request() {
    anchor.tenant = world.tenant.id();
    const DocumentId id = world.ready_apply();
    request.order = world.view.state().orders.at(id).envelope;
    request.root_chain = world.view.state().root_chain;
    request.policy = fixture::policy_bytes(world.policy);
    request.dry_run.push_back({});
    request.checkpoint = world.view.note();
  }
  Checked<VerifiedOrder> verify() const { return verify_for_act(anchor, request, world.clock); }
  Reason reason() const {
    auto verified = verify();
    return verified ? Reason::kNone : verified.error().reason;
  }
};

TEST(ActCheck, AnOrderThatMayRunBecomesAVerifiedOne) {
  const Request r;
  const auto verified = r.verify();
  ASSERT_TRUE(verified) << verified.error().detail;
  EXPECT_EQ(verified->id(), fixture::id_of(r.request.order));
  EXPECT_EQ(verified->policy(), r.world.policy);
  EXPECT_EQ(verified->action_class(), model::Class::kClean);
  EXPECT_EQ(verified->anchor().executed, std::set<Execution>{verified->execution()});
  EXPECT_EQ(verified->anchor().newest, start() + kHour);
}

TEST(ActCheck, TheSecondTimeIsRefusedUnlessItResumes) {
  Request r;
  r.anchor = r.verify()->anchor();
  EXPECT_EQ(r.reason(), Reason::kExecuted);
  r.request.resume = true;
  EXPECT_EQ(r.reason(), Reason::kNone);
}

// Act's journal knows how many there were; an undo has none.
TEST(ActCheck, AnUndoIsRepeatedAsARoundOrARoundIsRefused) {
  Request r;
  r.anchor = r.verify()->anchor();
  r.request.round = 1;
  EXPECT_EQ(r.reason(), Reason::kNone);
  const DocumentId applied = fixture::id_of(r.request.order);
  r.request.order = r.world.tenant.sign(fixture::undo(applied), {"alice", "bob"});
  r.request.round = 0;
  ASSERT_EQ(r.reason(), Reason::kNone);
  r.anchor = r.verify()->anchor();
  r.request.round = 1;
  EXPECT_EQ(r.reason(), Reason::kExecuted);
}

TEST(ActCheck, ATakenCoreCannotChangeAnything) {
  {
    Request r;
    r.request.policy[40] ^= 1;
    EXPECT_NE(r.reason(), Reason::kNone);
  }
  {
    Request r;
    model::Policy other = r.world.policy;
    other.title = "another";
    r.request.policy = fixture::policy_bytes(other);
    EXPECT_EQ(r.reason(), Reason::kPolicyMismatch);
  }
  {
    Request r;
    r.anchor.tenant.value[0] ^= 1;
    EXPECT_EQ(r.reason(), Reason::kTenant);
  }
  {
    Request r;
    r.anchor.root_version = 2;  // a newer root was seen
    EXPECT_EQ(r.reason(), Reason::kRootVersion);
  }
  {
    Request r;
    r.request.root_chain.clear();
    EXPECT_EQ(r.reason(), Reason::kMalformed);
  }
  {
    Request r;
    r.request.dry_run.clear();
    EXPECT_EQ(r.reason(), Reason::kDryRunMissing);
  }
  {
    Request r;
    r.request.checkpoint = "";
    EXPECT_EQ(r.reason(), Reason::kUntrusted);
  }
}

TEST(ActCheck, AnySingleBitChangeOfTheOrderIsRefused) {
  Request r;
  const Bytes order = r.request.order;
  for (std::size_t bit = 0; bit < order.size() * 8; bit += 13) {
    r.request.order = order;
    r.request.order[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_NE(r.reason(), Reason::kNone) << "bit " << bit;
  }
}

TEST(ActCheck, OneSignatureTooFewIsRefused) {
  Request r;
  const model::Order order = r.verify()->order();
  r.request.order = r.world.tenant.sign(order, {"alice"});
  EXPECT_EQ(r.reason(), Reason::kQuorum);
  r.request.order = r.world.tenant.sign(order, {"dave", "erin"});
  EXPECT_EQ(r.reason(), Reason::kUntrusted);
}

TEST(ActCheck, AStopHoldsFromTheRequestAndFromMemory) {
  Request r;
  model::Stop stop;
  stop.halt_all = true;
  const Bytes bytes = r.world.tenant.sign(stop, {"bob"});
  r.request.stops = {bytes};
  EXPECT_EQ(r.reason(), Reason::kStopped);
  r.request.stops.clear();
  r.anchor.stops = {bytes};
  EXPECT_EQ(r.reason(), Reason::kStopped);
  model::Resume resume;
  resume.stops = {fixture::id_of(bytes)};
  r.request.stops = {r.world.tenant.sign(resume, {"alice"})};
  EXPECT_EQ(r.reason(), Reason::kStopped);
  r.request.stops = {r.world.tenant.sign(resume, {"alice", "bob"})};
  EXPECT_EQ(r.reason(), Reason::kNone);
  EXPECT_EQ(r.verify()->anchor().stops.size(), 1u);  // the Resume is remembered
}

TEST(ActCheck, AStopOutlivesItsSignersPlaceInTheRoot) {
  Request r;
  model::Stop stop;
  stop.halt_all = true;
  const Bytes bytes = r.world.tenant.sign(stop, {"bob"});
  const model::Order order = r.verify()->order();
  r.request.order = r.world.tenant.sign(order, {"alice", "carol"});
  r.world.submit(r.world.tenant.next(
                     r.world.view.root(),
                     [&](model::Root& root) {
                       root.keys[1] = {r.world.tenant.key("dave").public_key(), {}, "dave", 0, ""};
                     }),
                 {"alice", "carol", "dave"});
  r.request.root_chain = r.world.view.state().root_chain;
  EXPECT_EQ(r.reason(), Reason::kNone);
  r.anchor.stops = {bytes};
  EXPECT_EQ(r.reason(), Reason::kStopped);
  // To lift it takes those who may lift one today.
  model::Resume resume;
  resume.stops = {fixture::id_of(bytes)};
  r.request.stops = {r.world.tenant.sign(resume, {"alice", "bob"})};
  EXPECT_EQ(r.reason(), Reason::kStopped);
  r.request.stops = {r.world.tenant.sign(resume, {"alice", "dave"})};
  EXPECT_EQ(r.reason(), Reason::kNone);
}

// Shown before there is an order, it cannot be held back when there is one.
TEST(ActCheck, AStopIsRememberedWithoutAnOrderAndWithoutACheckpoint) {
  Request r;
  model::ActRequest shown;
  shown.root_chain = r.request.root_chain;
  const Bytes stop = r.world.tenant.sign(model::Stop{.halt_all = true}, {"bob"});
  shown.stops = {stop, r.world.tenant.sign(model::Stop{.halt_all = true}, {"dave"}),
                 to_bytes("nonsense")};
  const auto learned = learn_stops(r.anchor, shown);
  ASSERT_TRUE(learned) << learned.error().detail;
  EXPECT_EQ(learned->stops, std::vector<Bytes>{stop});
  EXPECT_TRUE(learned->executed.empty());
  r.anchor = *learned;
  EXPECT_EQ(r.reason(), Reason::kStopped);
  shown.root_chain.clear();
  EXPECT_FALSE(learn_stops(r.anchor, shown));
}

TEST(ActCheck, AgeAndClockAreJudgedAgain) {
  {
    Request r;
    r.world.pass(kHour);
    EXPECT_EQ(r.reason(), Reason::kStale);
  }
  {
    Request r;
    r.world.pass(2 * kDay);
    EXPECT_EQ(r.reason(), Reason::kExpired);
  }
  {
    Request r;
    r.world.clock.local -= kHour;
    EXPECT_EQ(r.reason(), Reason::kClock);
  }
  {
    Request r;  // an old checkpoint from a time before the one that act has seen
    r.anchor.newest = start() + 2 * kDay;
    EXPECT_EQ(r.reason(), Reason::kExpired);
  }
}

// Core asks; act believes only what a time key of the root signed for this boot.
struct DoubtfulRequest : Request {
  DoubtfulRequest() {
    request.time.asked = world.clock.boottime - Seconds(1);
    request.time.salt.value.fill(3);
    tell(world.clock.local);
  }
  void tell(Timestamp time) {
    model::TimeStatement statement;
    statement.tenant = world.tenant.id();
    statement.nonce = time_nonce(world.clock.boot, request.time.asked, request.time.salt);
    statement.time = time;
    request.time.statement = codec::encode(crypto::sign_envelope(
        model::kPayloadTime, codec::encode(statement), fixture::key_named("time")));
  }
};

TEST(ActCheck, AClockInDoubtIsOverruledByAWitnessHostAndByNobodyElse) {
  {
    DoubtfulRequest r;
    r.world.clock.local -= 365 * kDay;
    EXPECT_EQ(r.reason(), Reason::kNone) << r.verify().error().detail;
    r.request.time = {};
    EXPECT_EQ(r.reason(), Reason::kClock);
  }
  {
    DoubtfulRequest r;
    r.world.clock.local += 100 * kDay;
    r.world.clock.synchronised = false;
    EXPECT_EQ(r.reason(), Reason::kNone) << r.verify().error().detail;
    r.request.time = {};
    EXPECT_EQ(r.reason(), Reason::kExpired);
  }
  {
    DoubtfulRequest r;  // a taken core with an answer of another boot
    r.world.clock.local -= 365 * kDay;
    r.world.clock.boot.value[3] ^= 1;
    EXPECT_EQ(r.reason(), Reason::kClock);
  }
  {
    DoubtfulRequest r;  // a right clock is not set back by what was told
    r.world.pass(2 * kDay);
    r.request.time.asked = r.world.clock.boottime;
    r.tell(start() + kHour);
    EXPECT_EQ(r.reason(), Reason::kExpired);
  }
  {
    DoubtfulRequest r;  // the answer says that the order is over
    r.world.clock.local -= 365 * kDay;
    r.tell(start() + 3 * kDay);
    EXPECT_EQ(r.reason(), Reason::kExpired);
  }
}

// Its newest checkpoint is old because the order carries a grace, not because the clock is ahead.
TEST(ActCheck, AHostWithoutContactForMoreThanADayIsTakenForOneWhoseClockIsAhead) {
  World world([](model::Root& root) {
    root.policy.offline_grace_max[static_cast<std::size_t>(model::Class::kClean)] = 3 * kDay;
  });
  const DocumentId id = world.ready_apply([](model::Order& order) {
    order.schedule.not_after = start() + 3 * kDay;
    order.schedule.offline_grace = 2 * kDay;
  });
  ActAnchor anchor;
  anchor.tenant = world.tenant.id();
  model::ActRequest request;
  request.order = world.view.state().orders.at(id).envelope;
  request.root_chain = world.view.state().root_chain;
  request.policy = fixture::policy_bytes(world.policy);
  request.dry_run.push_back({});
  request.checkpoint = world.view.note();
  world.pass(30 * kHour);
  ASSERT_EQ(world.reason(id), Reason::kNone);
  const auto verified = verify_for_act(anchor, request, world.clock);
  EXPECT_TRUE(verified) << verified.error().detail;
}

// One year after its making the root is over: who holds no newer one may look, and stop.
TEST(ActCheck, AnExpiredRootLeavesNothingToActOn) {
  Request r;
  r.world.clock.local = start() + 366 * kDay;
  r.world.clock.boottime += 366 * kDay;
  r.world.witness();
  r.request.checkpoint = r.world.view.note();
  model::Order order = fixture::apply(r.world.policy, r.world.dry_runs.at(0).order);
  order.schedule.not_before = r.world.clock.local - kHour;
  order.schedule.not_after = r.world.clock.local + kHour;
  r.request.order = r.world.tenant.sign(order, {"alice", "bob"});
  EXPECT_EQ(r.reason(), Reason::kRootExpired);
  r.anchor.stops = {r.world.tenant.sign(model::Stop{.halt_all = true}, {"bob"})};
  EXPECT_EQ(r.reason(), Reason::kStopped);
}

TEST(ActCheck, ADryRunIsNothingToActOn) {
  Request r;
  r.request.order = r.world.tenant.sign(fixture::dry_run(r.world.policy), {"alice"});
  EXPECT_EQ(r.reason(), Reason::kClassMismatch);
  r.request.order = r.world.tenant.root_envelope();
  EXPECT_NE(r.reason(), Reason::kNone);
}

TEST(ActCheck, AnUndoNeedsTheOrderItUndoesInActsOwnMemory) {
  Request r;
  const auto applied = r.verify();
  r.request.order = r.world.tenant.sign(fixture::undo(applied->id()), {"alice", "bob"});
  r.request.policy.clear();
  r.request.dry_run.clear();
  EXPECT_EQ(r.reason(), Reason::kUndoUnknown);
  r.anchor = applied->anchor();
  EXPECT_EQ(r.reason(), Reason::kNone);
}

}  // namespace
}  // namespace fleetsweep::trust
