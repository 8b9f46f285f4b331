#include "cli/order_review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/describe.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "tests/cli/campaign_evidence.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Bytes policy_of(model::ActionKind kind) {
  model::Policy policy;
  policy.responses.push_back({.actions = {{.kind = kind}}});
  return codec::encode(policy);
}

// An apply order of it is of class clean.
Bytes killing_policy() {
  return policy_of(model::ActionKind::kKill);
}

model::Order order_of(const Bytes& policy, model::Class claimed) {
  model::Order order;
  order.title = "Clean";
  order.mode = model::Mode::kApply;
  order.action_class = claimed;
  order.policy = crypto::sha256(policy);
  order.policy_size = policy.size();
  order.waves = {{}};
  return order;
}

class OrderReviewed : public testing::Test {
 protected:
  model::Envelope signed_by(std::initializer_list<std::string> people) const {
    return *codec::decode<model::Envelope>(
        tenant.sign(order_of(killing_policy(), model::Class::kClean), people));
  }

  fixture::Tenant tenant;
};

TEST_F(OrderReviewed, ClassIsComputedFromThePolicyAndNotBelieved) {
  const model::Order order = order_of(killing_policy(), model::Class::kRead);
  const OrderReview review =
      review_order({std::string(model::kPayloadOrder), codec::encode(order), {}}, order,
                   {.policy = killing_policy()}, fixture::start());
  EXPECT_EQ(review.computed, model::Class::kClean);
  EXPECT_THAT(review.objections, Contains("it claims class read, its policy makes it clean"));
  EXPECT_THAT(describe(order, {}, review),
              HasSubstr("CLAIMS 1 (read), ITS POLICY MAKES IT 3 (clean)"));
}

TEST_F(OrderReviewed, WhoSignsThatFilesAreGoneForGoodIsNotToldSo) {
  const auto text = [](const Bytes& policy, model::Class claimed) {
    const model::Order order = order_of(policy, claimed);
    return describe(order, {},
                    review_order({std::string(model::kPayloadOrder), codec::encode(order), {}},
                                 order, {.policy = policy}, fixture::start()));
  };
  const auto warns = HasSubstr("FOR GOOD      it purges files");
  const Bytes purging = policy_of(model::ActionKind::kPurge);
  EXPECT_THAT(text(purging, model::Class::kDestroy), warns);
  EXPECT_THAT(text(purging, model::Class::kClean), warns) << "it claims less";
  EXPECT_THAT(text({}, model::Class::kDestroy), warns) << "its policy is not at hand";
  EXPECT_THAT(text(killing_policy(), model::Class::kClean), Not(warns));
}

TEST_F(OrderReviewed, AnotherPolicyBesideTheOrderIsNotTakenForItsOwn) {
  const model::Order order = order_of(killing_policy(), model::Class::kClean);
  const OrderReview review =
      review_order({std::string(model::kPayloadOrder), codec::encode(order), {}}, order,
                   {.policy = codec::encode(model::Policy{})}, fixture::start());
  EXPECT_FALSE(review.computed);
  EXPECT_THAT(review.objections,
              Contains("the policy at hand is not the one that the order names"));
}

TEST_F(OrderReviewed, OneSignatureOfTwoIsNotComplete) {
  const auto quorum = trust::approvals(signed_by({"alice"}), tenant.root(), model::Role::kClean);
  EXPECT_FALSE(quorum.met());
  ASSERT_EQ(quorum.clauses.size(), 1u);
  EXPECT_EQ(quorum.clauses[0].threshold, 2u);
  EXPECT_THAT(quorum.clauses[0].signed_by, ElementsAre("alice"));
}

class Signer : public testing::Test {
 protected:
  test::CampaignEvidence world;
};

TEST_F(Signer, OrderThatIsInOrderIsObjectedTo) {
  const OrderReview review = world.review(world.clean);
  EXPECT_THAT(review.objections, IsEmpty());
  EXPECT_EQ(review.computed, model::Class::kClean);
  ASSERT_TRUE(review.hosts);
  EXPECT_EQ(review.hosts->size(), 2u);
  ASSERT_TRUE(review.dry_run);
  EXPECT_EQ(review.dry_run->found, 1u);
  ASSERT_TRUE(review.precedent);
  EXPECT_EQ(review.precedent->id, world.dry_run);
  const std::string text = describe(world.clean, {}, review);
  for (const char* shown :
       {"first sweep reads 11.0 GB: about 9.5 seconds",
        "2 hosts: 1 found, 1 clean, 0 refused or failed; 4 objects", "1 of them not read in full",
        "each read 750.0 MB on average, the most that one read was 1.2 GB",
        "2 known hosts in scope", "wave 1", "web-1", "against the campaign's last order",
        "mode: apply, was dry-run (WIDENS)", "NOT COMPLETE",
        "2 of alice, bob, carol; signed by nobody"})
    EXPECT_THAT(text, HasSubstr(shown));
  EXPECT_THAT(text, Not(HasSubstr("DO NOT SIGN")));
}

TEST_F(Signer, TheDryRunThatPeopleSignOnDoesNotSayThatItsHitLiesInAnImage) {
  world.enrol("web-3");
  world.report("web-3", 1, model::HostState::kFound, 3, {},
               {{.reason = model::Reason::kProtected}, {}, {.reason = model::Reason::kProtected}});
  world.clean.dry_run_report = report_digest(world.evidence.receipts, world.dry_run);
  EXPECT_THAT(
      describe(world.clean, {}, world.review(world.clean)),
      testing::AllOf(HasSubstr("7 objects"),
                     HasSubstr("at least 2 of them in layers of container images: only reported")));
}

TEST_F(Signer, OrderThatLastsLongerThanTheRootAllowsIsSigned) {
  world.clean.schedule.not_after +=
      world.tenant.root().policy.order_life_max[static_cast<std::size_t>(model::Class::kClean)];
  EXPECT_THAT(world.review(world.clean).objections, Contains(HasSubstr("the root allows class")));
}

TEST_F(Signer, OrderThatIsOverIsSigned) {
  world.clean.schedule.not_after = fixture::start();
  world.clean.schedule.not_before = fixture::start() - Seconds{60};
  EXPECT_THAT(world.review(world.clean).objections, Contains(HasSubstr("it ended")));
}

TEST_F(Signer, DryRunThatTheReceiptsDoNotBearOutIsSigned) {
  world.clean.dry_run_report.value[0] ^= 1;
  const OrderReview review = world.review(world.clean);
  EXPECT_FALSE(review.dry_run);
  EXPECT_THAT(review.objections, Contains(HasSubstr("do not hold those that the order names")));
  EXPECT_THAT(describe(world.clean, {}, review), HasSubstr("DO NOT SIGN"));
}

TEST_F(Signer, DryRunOfAnotherPolicyIsTakenForThisOnes) {
  model::Policy other = world.policy;
  other.title += " again";
  model::Order order = world.clean;
  order.policy = crypto::sha256(fixture::policy_bytes(other));
  world.policy = other;
  EXPECT_THAT(world.review(order).objections, Contains("its dry run was made with another policy"));
}

TEST_F(Signer, OrderOfAnotherTenantIsJudgedByThisLog) {
  world.clean.tenant.value[0] ^= 1;
  EXPECT_THAT(world.review(world.clean).objections,
              Contains(HasSubstr("not of the order's tenant")));
}

TEST_F(Signer, CleaningAnUnknownNumberOfHostsIsSigned) {
  const OrderReview review =
      review_order(world.envelope(world.clean), world.clean,
                   {.policy = fixture::policy_bytes(world.policy), .root = world.tenant.root()},
                   fixture::start());
  EXPECT_THAT(review.objections, ElementsAre(HasSubstr("how many hosts it reaches is not known")));
  EXPECT_THAT(describe(world.clean, {}, review), HasSubstr("hosts         NOT KNOWN HERE"));
  EXPECT_FALSE(needs_host_count(fixture::dry_run(world.policy)));
}

TEST_F(Signer, DryRunNeedsAListOfHosts) {
  model::Order order = fixture::dry_run(world.policy);
  order.tenant = world.tenant.id();
  const OrderReview review =
      review_order(world.envelope(order), order,
                   {.policy = fixture::policy_bytes(world.policy), .root = world.tenant.root()},
                   fixture::start());
  EXPECT_THAT(review.objections, IsEmpty());
}

TEST_F(Signer, ClassThatNobodyCanComputeIsSigned) {
  const OrderReview review = review_order(world.envelope(world.clean), world.clean,
                                          {.evidence = &world.evidence}, fixture::start());
  EXPECT_THAT(review.objections, ElementsAre(HasSubstr("its policy is not at hand")));
}

TEST_F(Signer, OrderOfTheLogIsComparedWithItself) {
  const DocumentId id = world.log(world.clean, {"alice", "bob"});
  const OrderReview review = world.review(world.clean);
  ASSERT_TRUE(review.precedent);
  EXPECT_EQ(review.precedent->id, world.dry_run) << id.hex();
}

TEST_F(Signer, NameOfAHostReachesTheTerminalRaw) {
  model::Order order = world.clean;
  order.title = order.authority.reference = "x\x1b[2J\xe2\x80\xae\nx";
  for (const std::string& text :
       {describe(order, {}, world.review(order)), *describe(world.envelope(order), true)}) {
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xae\nx")));
  }
}

TEST_F(OrderReviewed, CopiesSignedApartAreOneOrderTogether) {
  const auto all =
      combine({signed_by({"alice"}), signed_by({"carol"}), signed_by({"alice"})}, {"a", "c", "a"});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->signatures.size(), 2u);
  EXPECT_TRUE(trust::approvals(*all, tenant.root(), model::Role::kClean).met());
}

TEST_F(OrderReviewed, OnePersonTwiceIsNotTwoPeople) {
  const auto all = combine({signed_by({"alice"}), signed_by({"alice"})}, {"a", "b"});
  ASSERT_TRUE(all);
  EXPECT_FALSE(trust::approvals(*all, tenant.root(), model::Role::kClean).met());
}

TEST_F(OrderReviewed, CopiesOfTwoOrdersAreNotCombined) {
  const Bytes policy = killing_policy();
  model::Order other = order_of(policy, model::Class::kClean);
  other.title = "Clean more";
  const auto all =
      combine({signed_by({"alice"}), *codec::decode<model::Envelope>(tenant.sign(other, {"bob"}))},
              {"clean.alice.dsse", "clean.bob.dsse"});
  ASSERT_FALSE(all);
  EXPECT_THAT(all.error().message, HasSubstr("clean.bob.dsse is another document"));
}

TEST_F(OrderReviewed, SignatureOverChangedBytesDoesNotCount) {
  model::Envelope envelope = signed_by({"alice", "bob"});
  model::Order order = order_of(killing_policy(), model::Class::kClean);
  order.tenant = tenant.id();
  order.title = "Clean everything";
  envelope.payload = codec::encode(order);
  const auto quorum = trust::approvals(envelope, tenant.root(), model::Role::kClean);
  EXPECT_FALSE(quorum.met());
  EXPECT_THAT(quorum.clauses[0].signed_by, IsEmpty());
}

}  // namespace
}  // namespace fleetsweep::cli
