#include "protocol/trust/awaited.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/trust/admission.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::start;
using model::Reason;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> holders_of(const std::vector<Approver>& missing) {
  std::vector<std::string> holders;
  for (const Approver& one : missing) holders.push_back(one.holder);
  return holders;
}

class AwaitedQuorum : public testing::Test {
 protected:
  AwaitedQuorum() : fold_(tenant_.id(), Fold::Keep::kForController) {
    fold_.append(tenant_.root_envelope(), start());
    facts_ = *policy_facts(fixture::policy_bytes(policy_));
    fold_.append(tenant_.sign(fixture::dry_run(policy_), {"alice"}), start());
    clean_ = fixture::apply(policy_, fold_.state().orders.begin()->first);
  }
  Checked<Awaited> await(const Bytes& envelope, Timestamp now = start()) const {
    return await_quorum(fold_.state(), envelope, facts_, now);
  }
  Reason reason(const Bytes& envelope, Timestamp now = start()) const {
    const auto awaited = await(envelope, now);
    return awaited ? Reason::kNone : awaited.error().reason;
  }

  fixture::Tenant tenant_;
  Fold fold_;
  model::Policy policy_ = fixture::hash_policy();
  std::optional<PolicyFacts> facts_;
  model::Order clean_;
};

TEST_F(AwaitedQuorum, WhoSignedAndWhoStillCanIsNotSaid) {
  const auto unsigned_yet = await(tenant_.sign(clean_, {}));
  ASSERT_TRUE(unsigned_yet) << unsigned_yet.error().detail;
  EXPECT_FALSE(unsigned_yet->met());
  EXPECT_EQ(unsigned_yet->title, "test");
  EXPECT_EQ(unsigned_yet->action_class, model::Class::kClean);
  EXPECT_EQ(unsigned_yet->ends, start() + kDay);
  ASSERT_EQ(unsigned_yet->approvals.size(), 1u);
  EXPECT_EQ(unsigned_yet->approvals[0].role, model::Role::kClean);
  ASSERT_EQ(unsigned_yet->approvals[0].clauses.size(), 1u);
  EXPECT_THAT(holders_of(unsigned_yet->approvals[0].clauses[0].missing),
              ElementsAre("alice", "bob", "carol"));

  const auto one = await(tenant_.sign(clean_, {"bob"}));
  ASSERT_TRUE(one);
  EXPECT_FALSE(one->met());
  EXPECT_EQ(one->approvals[0].lacking.reason, Reason::kQuorum);
  EXPECT_THAT(one->approvals[0].clauses[0].signed_by, ElementsAre("bob"));
  EXPECT_THAT(holders_of(one->approvals[0].clauses[0].missing), ElementsAre("alice", "carol"));
  EXPECT_TRUE(await(tenant_.sign(clean_, {"bob", "carol"}))->met());
}

TEST_F(AwaitedQuorum, WhatNobodyCouldEverSubmitWaits) {
  EXPECT_EQ(reason({1, 2, 3}), Reason::kMalformed);
  EXPECT_EQ(reason(tenant_.sign(clean_, {"alice"}), start() + kDay), Reason::kExpired);
  model::Order order = clean_;
  order.action_class = model::Class::kContain;
  EXPECT_EQ(reason(tenant_.sign(order, {"alice"})), Reason::kClassMismatch);
  order = clean_;
  order.waves.clear();
  EXPECT_EQ(reason(tenant_.sign(order, {"alice"})), Reason::kMalformed);
  order = clean_;
  order.tenant.value.fill(9);
  EXPECT_EQ(reason(tenant_.sign(order, {"alice"})), Reason::kTenant);
  facts_.reset();
  EXPECT_EQ(reason(tenant_.sign(clean_, {"alice"})), Reason::kPolicyMissing);
  model::Release release;
  release.order.value.fill(7);
  release.expires = start() + kDay;
  EXPECT_EQ(reason(tenant_.sign(release, {"alice"})), Reason::kMalformed);
  model::Receipt receipt;
  EXPECT_NE(reason(tenant_.sign(receipt, {"alice"})), Reason::kNone);
}

TEST_F(AwaitedQuorum, SignatureThatDoesNotHoldIsKept) {
  EXPECT_EQ(reason(tenant_.sign_bytes(model::kPayloadStop, codec::encode(model::Stop{}), {})),
            Reason::kTenant);
  model::Envelope envelope = *codec::decode<model::Envelope>(tenant_.sign(clean_, {"alice"}));
  envelope.signatures[0].signature[5] ^= 1;
  EXPECT_EQ(reason(codec::encode(envelope)), Reason::kUntrusted);
  envelope = *codec::decode<model::Envelope>(tenant_.sign(clean_, {"alice"}));
  envelope.signatures[0].key = KeyId{};
  EXPECT_EQ(reason(codec::encode(envelope)), Reason::kUntrusted);
  envelope = *codec::decode<model::Envelope>(tenant_.sign(clean_, {"alice"}));
  ASSERT_TRUE(crypto::add_signature(envelope, fixture::key_named("stranger")));
  EXPECT_EQ(reason(codec::encode(envelope)), Reason::kUntrusted);
}

TEST_F(AwaitedQuorum, KeyThatAStopNamesIsAskedToSign) {
  model::Stop stop;
  stop.issued = start();
  stop.keys = {tenant_.key("carol").public_key()};
  fold_.append(tenant_.sign(stop, {"alice"}), start());
  const auto order = await(tenant_.sign(clean_, {"carol"}));
  ASSERT_TRUE(order);
  EXPECT_THAT(order->approvals[0].clauses[0].signed_by, IsEmpty());
  EXPECT_THAT(holders_of(order->approvals[0].clauses[0].missing), ElementsAre("alice", "bob"));
  model::Resume resume;
  resume.stops = {fold_.state().stops.begin()->first};
  EXPECT_TRUE(await(tenant_.sign(resume, {"carol", "bob"}))->met())
      << "a stop never takes a key the power to lift it";
}

TEST_F(AwaitedQuorum, RootWaitsForBothQuorumsAndForItsNewKeys) {
  const model::Root next = tenant_.next(tenant_.verified(), [](model::Root& root) {
    root.keys.push_back({.pub = fixture::key_named("dave").public_key(), .holder = "dave"});
  });
  const auto waiting = await(tenant_.sign(next, {"alice", "bob"}));
  ASSERT_TRUE(waiting) << waiting.error().detail;
  EXPECT_EQ(waiting->title, "root version 2");
  ASSERT_EQ(waiting->approvals.size(), 2u);
  EXPECT_TRUE(waiting->approvals[0].met());
  EXPECT_TRUE(waiting->approvals[1].met());
  EXPECT_THAT(holders_of(waiting->possession), ElementsAre("dave"));
  EXPECT_FALSE(waiting->met());
  model::Envelope envelope = *codec::decode<model::Envelope>(tenant_.sign(next, {"alice", "bob"}));
  ASSERT_TRUE(crypto::add_signature(envelope, fixture::key_named("dave")));
  EXPECT_TRUE(await(codec::encode(envelope))->met());
  fold_.append(codec::encode(envelope), start());
  EXPECT_EQ(reason(codec::encode(envelope)), Reason::kRootVersion) << "the log has overtaken it";
}

// What is met here is admitted there, and the other way round.
TEST_F(AwaitedQuorum, InboxAndLogDisagreeOnWhoIsEnough) {
  for (const std::initializer_list<std::string>& people :
       {std::initializer_list<std::string>{"alice"}, {"alice", "bob"}, {"bob", "carol"}}) {
    const Bytes order = tenant_.sign(clean_, people);
    EXPECT_EQ(await(order)->met(), admit(fold_.state(), order, facts_, start()).has_value());
    model::Resume resume;
    resume.stops = {DocumentId{}};
    const Bytes lifted = tenant_.sign(resume, people);
    EXPECT_EQ(await(lifted)->met(), admit(fold_.state(), lifted, facts_, start()).has_value());
  }
}

}  // namespace
}  // namespace fleetsweep::trust
