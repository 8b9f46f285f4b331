#include "cli/close_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/closed_campaign.h"

namespace fleetsweep::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

using CloseOutTest = test::Proving;

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
  bad_.late = {bad_.receipts[2]};
  EXPECT_EQ(complaint(bad_), (Complaint{"evidence.late[0]", "a receipt that came after the close",
                                        "one that is there already"}));
  const Bytes late = world_.receipt("web-2", world_.apply, model::ReceiptKind::kVerify,
                                    model::HostState::kVerified, 0, 0);
  bad_.late = {late, late};
  EXPECT_EQ(complaint(bad_).place, "evidence.late[1]");
  bad_.late = {late};
  EXPECT_EQ(prove(bad_, kCampaign, world_.trusted())->late, 1u);
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
  bad_.silent = {world_.evidence.silent[0], world_.evidence.silent[0]};
  bad_.silent[1].state = model::HostState::kExpired;
  EXPECT_EQ(complaint(bad_).place, "evidence.silent[1]") << "two words on one host";
  bad_.silent.clear();
  EXPECT_THAT(complaint(bad_).found, HasSubstr("none, and it did not answer"));
  bad_ = world_.evidence;
  bad_.silent.push_back({world_.agents.at("web-1"), model::HostState::kExpired});
  EXPECT_EQ(complaint(bad_).place, "evidence.silent");
  EXPECT_THAT(complaint(bad_).expected, HasSubstr(world_.agents.at("web-1").hex()));
}

}  // namespace
}  // namespace fleetsweep::cli
