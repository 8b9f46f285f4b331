#include "protocol/trust/act_check.h"

#include <gmock/gmock.h>

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
  World world;
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
