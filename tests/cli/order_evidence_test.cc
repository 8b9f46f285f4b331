#include "cli/order_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/base/bytes.h"
#include "tests/cli/campaign_evidence.h"

namespace fleetsweep::cli {
namespace {

using testing::HasSubstr;

class DryRunEvidence : public testing::Test {
 protected:
  Result<DryRunNumbers> check() const {
    return checked_dry_run(world.evidence, world.state(), world.clean);
  }
  std::string why() const {
    const auto numbers = check();
    return numbers ? "" : numbers.error().message;
  }
  test::CampaignEvidence world;
};

TEST_F(DryRunEvidence, NumbersAreOfOtherReceiptsThanTheOrderNames) {
  const auto numbers = check();
  ASSERT_TRUE(numbers) << numbers.error().message;
  EXPECT_EQ(numbers->hosts, 2u);
  EXPECT_EQ(numbers->found, 1u);
  EXPECT_EQ(numbers->clean, 1u);
  EXPECT_EQ(numbers->unscannable, 1u);
  EXPECT_EQ(numbers->matched, 4u);
  EXPECT_EQ(numbers->later, 0u);
  EXPECT_EQ(numbers->contradicting, 0u);
}

TEST_F(DryRunEvidence, HostThatAnswersLaterKeepsPeopleFromSigning) {
  world.enrol("web-3");
  world.report("web-3", 1, model::HostState::kFound, 9);
  const auto numbers = check();
  ASSERT_TRUE(numbers) << numbers.error().message;
  EXPECT_EQ(numbers->hosts, 2u);
  EXPECT_EQ(numbers->matched, 4u) << "of the receipts that the order names";
  EXPECT_EQ(numbers->later, 1u);
}

TEST_F(DryRunEvidence, ReceiptThatWasTakenOutOrPutInIsNotNoticed) {
  const OrderEvidence whole = world.evidence;
  world.evidence.receipts.erase(world.evidence.receipts.begin());
  EXPECT_THAT(why(), HasSubstr("do not hold those that the order names"));
  world.evidence = whole;
  world.enrol("web-0");
  world.report("web-0", 1, model::HostState::kClean, 0);
  auto& receipts = world.evidence.receipts;
  std::rotate(receipts.begin(), receipts.end() - 1, receipts.end());
  EXPECT_THAT(why(), HasSubstr("do not hold those that the order names"));
  world.evidence = whole;
  world.clean.dry_run_report = {};
  EXPECT_THAT(why(), HasSubstr("do not hold those that the order names"));
}

TEST_F(DryRunEvidence, ReceiptThatNoHostSignedCounts) {
  SignedReceipt& first = world.evidence.receipts[0];
  first.receipt.matched = 400;
  first.envelope.payload = codec::encode(first.receipt);
  world.clean.dry_run_report = report_digest(world.evidence.receipts, world.dry_run);
  EXPECT_THAT(why(), HasSubstr("its signature does not hold"));
}

TEST_F(DryRunEvidence, ReceiptOfAHostThatNeverEnrolledCounts) {
  world.report("rogue", 1, model::HostState::kFound, 400);
  world.clean.dry_run_report = report_digest(world.evidence.receipts, world.dry_run);
  EXPECT_THAT(why(), HasSubstr("no enrolment for this host is at hand"));
}

TEST_F(DryRunEvidence, HostThatTheControllerInventedCounts) {
  world.enrol("invented", "token of nobody");
  world.report("invented", 1, model::HostState::kFound, 400);
  world.clean.dry_run_report = report_digest(world.evidence.receipts, world.dry_run);
  EXPECT_THAT(why(), HasSubstr("an enrolment"));
}

TEST_F(DryRunEvidence, HostAtOddsWithItselfIsNotNamedOrStopsAllOthers) {
  world.report("web-1", 2, model::HostState::kClean, 0, DocumentId{{9}});
  const auto numbers = check();
  ASSERT_TRUE(numbers) << numbers.error().message;
  EXPECT_EQ(numbers->contradicting, 1u);
}

TEST_F(DryRunEvidence, FileIsNotWhatTheControllerSaid) {
  const auto again = parse_evidence(evidence_text(world.evidence));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->log, world.evidence.log);
  EXPECT_EQ(again->enrolments, world.evidence.enrolments);
  EXPECT_EQ(again->hosts, world.evidence.hosts);
  ASSERT_EQ(again->receipts.size(), world.evidence.receipts.size());
  EXPECT_EQ(report_digest(again->receipts, world.dry_run), world.clean.dry_run_report);
}

TEST_F(DryRunEvidence, AnotherFileIsTakenForEvidence) {
  for (const char* text : {"", "x", "[]", "{}", R"({"log": [1], "enrolments": [], "receipts": []})",
                           R"({"log": [], "enrolments": [], "receipts": ["AAAA"], "agents": []})",
                           R"({"log": [], "enrolments": [], "receipts": [], "agents": [1]})"})
    EXPECT_FALSE(parse_evidence(text)) << text;
}

}  // namespace
}  // namespace fleetsweep::cli
