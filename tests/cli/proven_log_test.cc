#include "cli/proven_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/closed_campaign.h"

namespace fleetsweep::cli {
namespace {

using testing::HasSubstr;

using ProvenLogTest = test::Proving;

TEST_F(ProvenLogTest, AnApprovalIsSwappedOrAProofCut) {
  const std::size_t at = entry(model::kPayloadOrder, 1);
  const std::string place = fmt::format("evidence.log[{}]", at);
  auto envelope = *codec::decode<model::Envelope>(bad_.log[at].entry);
  std::swap(envelope.signatures[0], envelope.signatures[1]);
  bad_.log[at].entry = codec::encode(envelope);
  EXPECT_EQ(complaint(bad_).place, place) << "the same approvals are another entry";
  EXPECT_THAT(complaint(bad_).found, HasSubstr("is not in the tree"));
  envelope.signatures.pop_back();
  bad_.log[at].entry = codec::encode(envelope);
  EXPECT_EQ(complaint(bad_).place, place);
  bad_ = world_.evidence;
  bad_.log[at].proof.pop_back();
  EXPECT_EQ(complaint(bad_).place, place);
  EXPECT_THAT(complaint(bad_).expected, HasSubstr("entry 3 of the log, with a proof"));
  bad_ = world_.evidence;
  bad_.log[at].index = 4;
  EXPECT_EQ(complaint(bad_).place, fmt::format("evidence.log[{}].index", at + 1));
}

TEST_F(ProvenLogTest, TooFewApprovedAnOrderAndTheLogHoldsIt) {
  // A thief of the log key and the witness can log it; nobody lent him their approval.
  fixture::Tenant& tenant = world_.tenant;
  auto order = *codec::decode<model::Order>(
      codec::decode<model::Envelope>(bad_.log[entry(model::kPayloadOrder, 1)].entry)->payload);
  order.nonce.value.fill(3);
  world_.log(tenant.sign(order, {"alice"}));
  world_.prove_log();
  const Complaint one = complaint(world_.evidence);
  EXPECT_EQ(one.place, fmt::format("evidence.log[{}]", world_.evidence.log.size() - 1));
  EXPECT_EQ(one.expected, "a document signed by those who may, when it was logged");
  EXPECT_THAT(one.found, HasSubstr("order: quorum: role clean: org 0 has 1 of 2"));
}

TEST_F(ProvenLogTest, TheControllersOwnKeyClosesACampaign) {
  const std::size_t at = entry(model::kPayloadClose);
  ClosedCampaign stolen("conductor");
  const auto held = prove(stolen.evidence, kCampaign, stolen.trusted());
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().place, fmt::format("evidence.log[{}]", at));
  EXPECT_THAT(held.error().found, HasSubstr("close: quorum: role release"));
}

TEST(ProvenLog, AnApprovalFromSafesLooksLikeAnother) {
  const ClosedCampaign glass("carol", {"dave", "erin"}, [](model::Root& root) {
    for (const char* name : {"dave", "erin"})
      root.keys.push_back({fixture::key_named(name).public_key(), {}, name, 0, ""});
    std::ranges::find(root.roles, model::Role::kClean, &model::RoleRule::role)->sealed = {
        {0, {4, 5}, 2}};
  });
  const auto log = prove_log(glass.evidence, kCampaign, glass.trusted());
  ASSERT_TRUE(log) << Error(log.error()).message;
  EXPECT_FALSE(log->told.orders[0].sealed);
  EXPECT_TRUE(log->told.orders[1].sealed);
  EXPECT_THAT(log->told.orders[1].approved_by, testing::ElementsAre("dave", "erin"));
}

TEST_F(ProvenLogTest, AnOrderUnderstatesWhatItDoes) {
  bad_.policies.clear();
  EXPECT_EQ(complaint(bad_).place, "evidence.policies");
  bad_ = world_.evidence;
  bad_.policies[0].back() ^= 1;
  EXPECT_EQ(complaint(bad_).place, "evidence.policies");
  auto order = *codec::decode<model::Order>(
      codec::decode<model::Envelope>(bad_.log[entry(model::kPayloadOrder, 1)].entry)->payload);
  order.nonce.value.fill(3);
  order.action_class = model::Class::kContain;
  world_.log(world_.tenant.sign(order, {"alice", "bob"}));
  world_.prove_log();
  EXPECT_EQ(complaint(world_.evidence).expected, "class clean, as its policy makes it");
  EXPECT_EQ(complaint(world_.evidence).found, "class contain");
}

TEST_F(ProvenLogTest, ACheckpointIsForged) {
  const auto note = *log::Note::parse(bad_.checkpoint);
  log::Note forged = note;
  forged.signatures.pop_back();  // the witness
  bad_.checkpoint = forged.text();
  EXPECT_EQ(complaint(bad_).place, "evidence.checkpoint");
  EXPECT_THAT(complaint(bad_).found, HasSubstr("0 of 1 witnesses cosigned, 1 are needed"));
  forged = note;
  forged.signatures.back().signature.back() ^= 1;
  bad_.checkpoint = forged.text();
  EXPECT_EQ(complaint(bad_).place, "evidence.checkpoint");
  bad_.checkpoint =
      log::sign_checkpoint(*log::Checkpoint::parse(note.body), fixture::key_named("thief")).text();
  EXPECT_EQ(complaint(bad_).place, "evidence.checkpoint");
  EXPECT_THAT(complaint(bad_).found, HasSubstr("no valid signature by the log"));
}

TEST_F(ProvenLogTest, AReportOfOneTenantHoldsUnderTheRootOfAnother) {
  const fixture::Tenant other([](model::Root& root) { root.expires += fixture::kDay; });
  const auto root = *codec::decode<model::Envelope>(other.root_envelope());
  EXPECT_EQ(complaint(bad_, root), (Complaint{"root", "tenant " + other.id().hex(),
                                              "a report of tenant " + world_.tenant.id().hex()}));
  // A newer root of the tenant that the report's chain does not have.
  const model::Root next = world_.tenant.next(world_.tenant.verified(), nullptr);
  const auto newer =
      *codec::decode<model::Envelope>(world_.tenant.sign(next, {"alice", "bob", "carol"}));
  EXPECT_EQ(complaint(bad_, newer).place, "root");
  EXPECT_EQ(complaint(bad_, newer).found, "versions 1 to 1");
}

TEST_F(ProvenLogTest, ARootThatFollowsIsNotFollowed) {
  const model::Root next = world_.tenant.next(world_.tenant.verified(), nullptr);
  const Bytes newer = world_.tenant.sign(next, {"alice", "bob", "carol"});
  world_.log(newer);
  world_.prove_log();
  const auto out = prove(world_.evidence, kCampaign, *codec::decode<model::Envelope>(newer));
  ASSERT_TRUE(out) << Error(out.error()).message;
  EXPECT_EQ(out->root->version(), 2u);
  EXPECT_TRUE(prove(world_.evidence, kCampaign, world_.trusted()));
}

TEST_F(ProvenLogTest, ACampaignThatIsNotClosedIsReported) {
  const std::size_t at = entry(model::kPayloadClose);
  bad_.log.erase(bad_.log.begin() + static_cast<std::ptrdiff_t>(at));
  EXPECT_EQ(complaint(bad_), (Complaint{"evidence.log", "the Close of campaign web-1", "none"}));
  EXPECT_EQ(prove(world_.evidence, "web-2", world_.trusted()).error(),
            (Complaint{"evidence.log", "an order of campaign web-2", "none"}));
  bad_.log.clear();
  EXPECT_EQ(complaint(bad_).place, "evidence.log[0]");
}

}  // namespace
}  // namespace fleetsweep::cli
