#include "protocol/trust/admission.h"

#include <gtest/gtest.h>

#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::start;
using model::Reason;

class Admission : public ::testing::Test {
 protected:
  Admission() : fold_(tenant_.id(), Fold::Keep::kForController) {
    fold_.append(tenant_.root_envelope(), start());
    facts_ = *policy_facts(fixture::policy_bytes(policy_));
  }
  Reason reason(const Bytes& bytes, Timestamp now = start()) const {
    auto admitted = admit(fold_.state(), bytes, facts_, now);
    return admitted ? Reason::kNone : admitted.error().reason;
  }

  fixture::Tenant tenant_;
  Fold fold_;
  model::Policy policy_ = fixture::hash_policy();
  std::optional<PolicyFacts> facts_;
};

TEST_F(Admission, WhatTheFoldWouldSkipIsRefused) {
  const model::Order order = fixture::dry_run(policy_);
  EXPECT_EQ(reason(tenant_.sign(order, {"alice"})), Reason::kNone);
  EXPECT_EQ(reason(tenant_.sign(order, {"dave"})), Reason::kUntrusted);
  EXPECT_EQ(reason({1, 2, 3}), Reason::kMalformed);
  DocumentId dry;
  dry.value.fill(1);
  EXPECT_EQ(reason(tenant_.sign(fixture::apply(policy_, dry), {"alice"})), Reason::kQuorum);
  EXPECT_EQ(fold_.state().size, 1u);
}

TEST_F(Admission, WhatIsInTheLogAlreadyIsKnown) {
  const Bytes entry = tenant_.sign(fixture::dry_run(policy_), {"alice"});
  const auto fresh = admit(fold_.state(), entry, facts_, start());
  ASSERT_TRUE(fresh);
  EXPECT_FALSE(fresh->known);
  const Notice notice = fold_.append(entry, start());
  EXPECT_EQ(notice.id, fresh->id);
  EXPECT_TRUE(admit(fold_.state(), entry, facts_, start())->known);
}

TEST_F(Admission, AnOrderThatNoHostCouldRunIsNotLogged) {
  const Bytes entry = tenant_.sign(fixture::dry_run(policy_), {"alice"});
  EXPECT_EQ(reason(entry, start() + kDay), Reason::kExpired);
  model::Order order = fixture::dry_run(policy_);
  order.action_class = model::Class::kRead;
  EXPECT_EQ(reason(tenant_.sign(order, {"alice", "bob"})), Reason::kClassMismatch);
  order = fixture::dry_run(policy_);
  order.policy_size += 1;
  EXPECT_EQ(reason(tenant_.sign(order, {"alice"})), Reason::kPolicyMismatch);
  facts_.reset();
  EXPECT_EQ(reason(entry), Reason::kPolicyMissing);
  EXPECT_EQ(policy_named(entry), fixture::dry_run(policy_).policy);
}

TEST_F(Admission, AnUndoAndAStopNeedNoPolicy) {
  facts_.reset();
  DocumentId applied;
  applied.value.fill(1);
  const Bytes undo = tenant_.sign(fixture::undo(applied), {"alice", "bob"});
  EXPECT_EQ(reason(undo), Reason::kNone);
  EXPECT_FALSE(policy_named(undo));
  model::Stop stop;
  stop.halt_all = true;
  EXPECT_EQ(reason(tenant_.sign(stop, {"carol"})), Reason::kNone);
}

TEST_F(Admission, ABatchThatEndedIsNotLogged) {
  model::EnrolBatch batch;
  batch.not_after = start();
  batch.jurisdiction = "DE";
  EXPECT_EQ(reason(tenant_.sign(batch, {"carol"})), Reason::kExpired);
}

}  // namespace
}  // namespace fleetsweep::trust
