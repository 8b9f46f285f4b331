#include "cli/close_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/closed_campaign.h"

namespace fleetsweep::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class CloseOutTest : public testing::Test {
 protected:
  // What prove() complains of; fails the test when it does not.
  Complaint complaint(const Evidence& evidence) const {
    return complaint(evidence, world_.trusted());
  }
  Complaint complaint(const Evidence& evidence, const model::Envelope& root) const {
    const auto held = prove(evidence, kCampaign, root);
    EXPECT_FALSE(held) << "it holds";
    return held ? Complaint{} : held.error();
  }
  // The entry of the evidence with the n-th document of this type.
  std::size_t entry(std::string_view payload_type, std::size_t nth = 0) const {
    for (std::size_t i = 0; i < world_.evidence.log.size(); ++i)
      if (codec::decode<model::Envelope>(world_.evidence.log[i].entry)->payload_type ==
              payload_type &&
          nth-- == 0)
        return i;
    ADD_FAILURE() << payload_type;
    return 0;
  }

  ClosedCampaign world_;
  Evidence bad_ = world_.evidence;
};

TEST_F(CloseOutTest, TheCountsDoNotAddUp) {
  const auto out = prove(world_.evidence, kCampaign, world_.trusted());
  ASSERT_TRUE(out) << Error(out.error()).message;
  EXPECT_THAT(out->states,
              ElementsAre(Pair("clean", 1), Pair("unreachable", 1), Pair("verified", 1)));
  EXPECT_EQ(out->hosts.size(), 3u);
  EXPECT_EQ(out->results_size, 6u);
  ASSERT_EQ(out->orders.size(), 2u);
  EXPECT_EQ(out->orders[0].index, 2u);
  EXPECT_THAT(out->orders[1].approved_by, ElementsAre("alice", "bob"));
  EXPECT_EQ(out->orders[1].dry_run_report->receipts, 2u) << "those that the signers saw";
  ASSERT_EQ(out->steering.size(), 4u);
  EXPECT_EQ(out->steering[0].type, "stop");
  EXPECT_THAT(out->steering[0].signed_by, ElementsAre("carol"));
  EXPECT_EQ(out->steering[2].type, "release");
  EXPECT_EQ(out->steering[2].evidence->receipts, 1u);
  EXPECT_EQ(out->steering[3].type, "close");
  const auto web_1 = std::ranges::find(out->hosts, "web-1", &HostLine::hostname);
  EXPECT_EQ(web_1->seq, 3u);
  EXPECT_EQ(web_1->matched, 2u) << "what its rescan found must not hide it";
  EXPECT_EQ(web_1->acted, 2u);
  EXPECT_TRUE(web_1->own_word);
  const auto hostile = std::ranges::find_if(
      out->hosts, [](const HostLine& line) { return line.hostname.starts_with("<"); });
  EXPECT_FALSE(hostile->own_word) << "it answered the dry run, and not the clean order";
}

TEST_F(CloseOutTest, AReceiptIsTakenOutOrPutIn) {
  bad_.receipts.pop_back();
  EXPECT_EQ(complaint(bad_).place, "evidence.receipts");
  EXPECT_THAT(complaint(bad_).expected, HasSubstr("6 receipts with root "));
  EXPECT_THAT(complaint(bad_).found, HasSubstr("5 receipts with root "));
  bad_ = world_.evidence;
  bad_.receipts.erase(bad_.receipts.begin() + 3);  // web-1's second: its third names another
  EXPECT_EQ(complaint(bad_).place, "evidence.receipts");
  bad_ = world_.evidence;
  world_.receipt("web-2", world_.apply, model::ReceiptKind::kVerify, model::HostState::kVerified, 0,
                 0);
  EXPECT_EQ(complaint(world_.evidence).place, "evidence.receipts");
  EXPECT_THAT(complaint(world_.evidence).found, HasSubstr("7 receipts"));
  std::swap(bad_.receipts[0], bad_.receipts[1]);
  EXPECT_EQ(complaint(bad_).place, "evidence.receipts");
}

TEST_F(CloseOutTest, AReceiptIsChangedOrComesFromNobody) {
  bad_.receipts[4][bad_.receipts[4].size() - 1] ^= 1;
  EXPECT_EQ(complaint(bad_), (Complaint{"evidence.receipts[4]",
                                        "a signature of agent " + world_.agents.at("web-1").hex(),
                                        "one that does not hold"}));
  bad_ = world_.evidence;
  bad_.enrolments.erase(bad_.enrolments.begin());
  EXPECT_EQ(complaint(bad_).place, "evidence.receipts[0]");
  EXPECT_EQ(complaint(bad_).found, "one of agent " + world_.agents.at("web-1").hex());
  bad_ = world_.evidence;
  bad_.receipts.push_back(bad_.receipts[0]);
  EXPECT_EQ(complaint(bad_).place, "evidence.receipts[6]");
  EXPECT_EQ(complaint(bad_).found, "a second one");
  bad_.receipts.back() = to_bytes("x");
  EXPECT_EQ(complaint(bad_).place, "evidence.receipts[6]");
  bad_ = world_.evidence;
  bad_.late = {to_bytes("x")};
  EXPECT_EQ(complaint(bad_).place, "evidence.late[0]");
}

TEST_F(CloseOutTest, AHostIsInvented) {
  const crypto::SecretKey ghost = fixture::key_named("ghost");
  auto key =
      *codec::decode<model::AgentKey>(codec::decode<model::Envelope>(bad_.enrolments[0])->payload);
  key.identity = ghost.public_key();
  auto envelope = crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), ghost);
  bad_.enrolments.push_back(codec::encode(envelope));
  EXPECT_EQ(complaint(bad_).place, "evidence.enrolments[3]");
  EXPECT_THAT(complaint(bad_).found, HasSubstr("the token's key did not sign"));
  ASSERT_TRUE(crypto::add_signature(envelope, fixture::key_named("token")));
  bad_.enrolments.back() = codec::encode(envelope);
  EXPECT_THAT(complaint(bad_).found, HasSubstr("used 3 time(s)")) << "more than its batch allows";
  bad_.enrolments.back() = bad_.enrolments[0];
  EXPECT_EQ(complaint(bad_).place, "evidence.enrolments[3]");
  bad_ = world_.evidence;
  bad_.silent.push_back({AgentId{}, model::HostState::kUnreachable});
  EXPECT_EQ(complaint(bad_).place, "evidence.silent[1]");
}

TEST_F(CloseOutTest, TheControllersWordStandsForAHosts) {
  bad_.silent[0].state = model::HostState::kVerified;
  EXPECT_EQ(complaint(bad_),
            (Complaint{"evidence.silent[0]", "a state that a controller knows without a receipt",
                       "verified"}));
  bad_.silent.clear();
  EXPECT_THAT(complaint(bad_).found, HasSubstr("none, and it did not answer"));
  bad_ = world_.evidence;
  bad_.silent.push_back({world_.agents.at("web-1"), model::HostState::kExpired});
  EXPECT_EQ(complaint(bad_).place, "evidence.silent");
  EXPECT_THAT(complaint(bad_).expected, HasSubstr(world_.agents.at("web-1").hex()));
}

TEST_F(CloseOutTest, AnApprovalIsSwappedOrAProofCut) {
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

TEST_F(CloseOutTest, TooFewApprovedAnOrderAndTheLogHoldsIt) {
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

TEST_F(CloseOutTest, TheControllersOwnKeyClosesACampaign) {
  const std::size_t at = entry(model::kPayloadClose);
  ClosedCampaign stolen("conductor");
  const auto held = prove(stolen.evidence, kCampaign, stolen.trusted());
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().place, fmt::format("evidence.log[{}]", at));
  EXPECT_THAT(held.error().found, HasSubstr("close: quorum: role release"));
}

TEST_F(CloseOutTest, AnOrderUnderstatesWhatItDoes) {
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

TEST_F(CloseOutTest, ACheckpointIsForged) {
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

TEST_F(CloseOutTest, AReportOfOneTenantHoldsUnderTheRootOfAnother) {
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

TEST_F(CloseOutTest, ARootThatFollowsIsNotFollowed) {
  const model::Root next = world_.tenant.next(world_.tenant.verified(), nullptr);
  const Bytes newer = world_.tenant.sign(next, {"alice", "bob", "carol"});
  world_.log(newer);
  world_.prove_log();
  const auto out = prove(world_.evidence, kCampaign, *codec::decode<model::Envelope>(newer));
  ASSERT_TRUE(out) << Error(out.error()).message;
  EXPECT_EQ(out->root->version(), 2u);
  EXPECT_TRUE(prove(world_.evidence, kCampaign, world_.trusted()));
}

TEST_F(CloseOutTest, ACampaignThatIsNotClosedIsReported) {
  const std::size_t at = entry(model::kPayloadClose);
  bad_.log.erase(bad_.log.begin() + static_cast<std::ptrdiff_t>(at));
  EXPECT_EQ(complaint(bad_), (Complaint{"evidence.log", "the Close of campaign web-1", "none"}));
  EXPECT_EQ(prove(world_.evidence, "web-2", world_.trusted()).error(),
            (Complaint{"evidence.log", "an order of campaign web-2", "none"}));
  bad_.log.clear();
  EXPECT_EQ(complaint(bad_).place, "evidence.log[0]");
}

TEST(FirstDifference, ADifferenceIsNotNamed) {
  using nlohmann::json;
  const json one = {{"a", {1, {{"b", "x"}}}}, {"c", 2}};
  EXPECT_EQ(first_difference(one, one, "at"), std::nullopt);
  json two = one;
  two["a"][1]["b"] = "y\x1b";
  EXPECT_EQ(first_difference(one, two, "at"), (Complaint{"at.a[1].b", R"("x")", R"("y\u001b")"}));
  two = one;
  two["a"].push_back(3);
  EXPECT_EQ(first_difference(one, two, "at"), (Complaint{"at.a", "a list of 2", "a list of 3"}));
  two = one;
  two.erase("c");
  EXPECT_EQ(first_difference(one, two, "at"), (Complaint{"at.c", "2", "null"}));
  two = one;
  two["d"] = 4;
  EXPECT_EQ(first_difference(one, two, "at"), (Complaint{"at.d", "null", "4"}));
}

}  // namespace
}  // namespace fleetsweep::cli
