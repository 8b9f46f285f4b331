#include "cli/order_review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/describe.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A policy that kills: an apply order of it is of class clean.
Bytes killing_policy() {
  model::Policy policy;
  policy.responses.push_back({.actions = {{.kind = model::ActionKind::kKill}}});
  return codec::encode(policy);
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
  const auto computed = computed_class(order, killing_policy());
  ASSERT_TRUE(computed) << computed.error().message;
  EXPECT_EQ(*computed, model::Class::kClean);
  EXPECT_THAT(describe(order, {}, {.computed = *computed}),
              HasSubstr("CLAIMS 1 (read), ITS POLICY MAKES IT 3 (clean)"));
}

TEST_F(OrderReviewed, AnotherPolicyBesideTheOrderIsNotTakenForItsOwn) {
  const auto computed = computed_class(order_of(killing_policy(), model::Class::kClean),
                                       codec::encode(model::Policy{}));
  ASSERT_FALSE(computed);
  EXPECT_EQ(computed.error().code, Code::kUntrusted);
}

TEST_F(OrderReviewed, OneSignatureOfTwoIsNotComplete) {
  const auto quorum = quorum_status(signed_by({"alice"}), tenant.root(), model::Class::kClean);
  EXPECT_FALSE(quorum.met);
  ASSERT_EQ(quorum.clauses.size(), 1u);
  EXPECT_EQ(quorum.clauses[0].threshold, 2u);
  EXPECT_THAT(quorum.clauses[0].holders, ElementsAre("alice", "bob", "carol"));
  EXPECT_THAT(quorum.clauses[0].signed_by, ElementsAre("alice"));
}

TEST_F(OrderReviewed, CopiesSignedApartAreOneOrderTogether) {
  const auto all =
      combine({signed_by({"alice"}), signed_by({"carol"}), signed_by({"alice"})}, {"a", "c", "a"});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->signatures.size(), 2u);
  EXPECT_TRUE(quorum_status(*all, tenant.root(), model::Class::kClean).met);
}

TEST_F(OrderReviewed, OnePersonTwiceIsNotTwoPeople) {
  const auto all = combine({signed_by({"alice"}), signed_by({"alice"})}, {"a", "b"});
  ASSERT_TRUE(all);
  EXPECT_FALSE(quorum_status(*all, tenant.root(), model::Class::kClean).met);
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
  const auto quorum = quorum_status(envelope, tenant.root(), model::Class::kClean);
  EXPECT_FALSE(quorum.met);
  EXPECT_THAT(quorum.clauses[0].signed_by, IsEmpty());
}

SignedReceipt receipt(std::uint8_t agent, std::uint64_t seq, model::HostState state,
                      const DocumentId& order) {
  model::Receipt receipt;
  receipt.agent.value[0] = agent;
  receipt.seq = seq;
  receipt.order = order;
  receipt.state = state;
  receipt.matched = 4;
  return {{std::string(model::kPayloadReceipt), codec::encode(receipt), {}}, receipt};
}

TEST_F(OrderReviewed, DryRunNumbersAreOfTheReceiptsThatTheOrderNames) {
  model::Order order;
  order.dry_run_order.value[0] = 7;
  std::vector<SignedReceipt> receipts = {
      receipt(1, 1, model::HostState::kRefused, order.dry_run_order),
      receipt(1, 2, model::HostState::kFound, order.dry_run_order),
      receipt(2, 1, model::HostState::kClean, order.dry_run_order),
      receipt(3, 1, model::HostState::kFound, DocumentId{}),
  };
  order.dry_run_report = report_digest(receipts, order.dry_run_order);
  const DryRunNumbers numbers = dry_run_numbers(receipts, order);
  EXPECT_EQ(numbers.hosts, 2u);
  EXPECT_EQ(numbers.found, 1u);
  EXPECT_EQ(numbers.clean, 1u);
  EXPECT_EQ(numbers.refused, 0u);
  EXPECT_EQ(numbers.matched, 8u);
  EXPECT_TRUE(numbers.is_reported);
  receipts.erase(receipts.begin() + 2);
  EXPECT_FALSE(dry_run_numbers(receipts, order).is_reported);
}

}  // namespace
}  // namespace fleetsweep::cli
