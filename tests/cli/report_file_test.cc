#include "cli/report_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/closed_campaign.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class ReportFile : public testing::Test {
 protected:
  ReportFile() {
    const auto out = prove(world_.evidence, kCampaign, world_.trusted());
    EXPECT_TRUE(out) << Error(out.error()).message;
    body_ = json::parse(make_report(*out, world_.evidence, fixture::start())->payload);
  }
  // As people would sign it.
  std::string file(const json& body, const std::string& person = "carol") const {
    return codec_text(
        crypto::sign_envelope(kPayloadReport, to_bytes(body.dump()), world_.tenant.key(person)));
  }
  static std::string codec_text(const model::Envelope& envelope) {
    return codec::to_dsse_json(envelope);
  }
  Complaint complaint(const std::string& text) const {
    const auto held = verify_report(text, world_.trusted());
    EXPECT_FALSE(held) << "it holds";
    return held ? Complaint{} : held.error();
  }

  ClosedCampaign world_;
  json body_;
};

TEST_F(ReportFile, AGoodReportDoesNotHold) {
  const auto held = verify_report(file(body_), world_.trusted());
  ASSERT_TRUE(held) << Error(held.error()).message;
  EXPECT_THAT(held->signed_by, ElementsAre("carol"));
  EXPECT_EQ(held->created, fixture::start());
  EXPECT_EQ(held->close_out.held.size(), 9u);
  EXPECT_TRUE(verify_report(file(body_, "alice"), world_.trusted()));
}

TEST_F(ReportFile, ACountOrANameIsChangedAndSignedAgain) {
  const auto changed = [&](const char* pointer, const json& value) {
    json body = body_;
    body[json::json_pointer(pointer)] = value;
    return complaint(file(body));
  };
  EXPECT_EQ(changed("/close_out/states/verified", 2),
            (Complaint{"close_out.states.verified", "1", "2"}));
  EXPECT_EQ(changed("/close_out/states/residual", 0),
            (Complaint{"close_out.states.residual", "null", "0"}));
  EXPECT_EQ(changed("/close_out/targeted", 4), (Complaint{"close_out.targeted", "3", "4"}));
  EXPECT_EQ(changed("/close_out/orders/1/approved_by/1", "carol"),
            (Complaint{"close_out.orders[1].approved_by[1]", R"("bob")", R"("carol")"}));
  EXPECT_EQ(changed("/close_out/orders/0/legal_basis", "none").place,
            "close_out.orders[0].legal_basis");
  EXPECT_EQ(changed("/close_out/hosts/0/hostname", "web-9").place, "close_out.hosts[0].hostname");
  EXPECT_EQ(changed("/close_out/orders/1/dry_run_report/receipts", 3).place,
            "close_out.orders[1].dry_run_report.receipts");
  EXPECT_EQ(changed("/close_out/tenant", "00").place, "close_out.tenant");
  EXPECT_EQ(changed("/close_out/campaign", "web-2").place, "evidence.log");
  EXPECT_EQ(changed("/evidence/silent/0/state", "verified").place, "evidence.silent[0]");
  EXPECT_EQ(changed("/evidence/receipts/2", "!").place, "evidence");
  EXPECT_THAT(changed("/evidence/receipts/2", "!").found, HasSubstr("evidence.receipts[2]"));
  EXPECT_THAT(changed("/evidence/log/0/proof", 7).found, HasSubstr("evidence.log[0].proof"));
  EXPECT_EQ(changed("/evidence/checkpoint", "x").place, "evidence.checkpoint");
  EXPECT_EQ(changed("/created", "yesterday").place, "created");
  EXPECT_EQ(changed("/format", "2").place, "format");
  EXPECT_EQ(changed("/more", 1).place, "payload");
}

TEST_F(ReportFile, NobodySignedIt) {
  const Bytes payload = to_bytes(body_.dump());
  const model::Envelope none{std::string(kPayloadReport), payload, {}};
  EXPECT_EQ(complaint(codec_text(none)).place, "signatures");
  EXPECT_EQ(complaint(file(body_, "erin")).place, "signatures") << "whom no root knows";
  EXPECT_EQ(complaint(file(body_, "conductor")).place, "signatures") << "which is no person";
  json other = body_;
  other["created"] = "2026-11-24T10:00:00Z";
  model::Envelope moved = crypto::sign_envelope(kPayloadReport, payload, world_.tenant.key("bob"));
  moved.payload = to_bytes(other.dump());
  EXPECT_EQ(complaint(codec_text(moved)).place, "signatures") << "of other bytes";
  moved = crypto::sign_envelope(model::kPayloadOrder, payload, world_.tenant.key("bob"));
  EXPECT_EQ(complaint(codec_text(moved)).place, "payloadType");
}

TEST_F(ReportFile, SomethingElseIsTakenForAReport) {
  EXPECT_EQ(complaint("").place, "report");
  EXPECT_EQ(complaint("{}").place, "report");
  for (const std::string& payload :
       {std::string(), std::string("[]"), std::string("{}"), std::string("\xff"),
        R"({"format":"fleetsweep report 1","created":"","close_out":1,"evidence":{}})" +
            std::string(),
        R"({"a":1,"a":2})" + std::string(), std::string(100'000, '[')})
    EXPECT_FALSE(verify_report(codec_text(crypto::sign_envelope(kPayloadReport, to_bytes(payload),
                                                                world_.tenant.key("bob"))),
                               world_.trusted()))
        << payload.substr(0, 80);
}

TEST_F(ReportFile, EvidenceComesBackAsAnother) {
  EXPECT_EQ(evidence_of(to_json(world_.evidence)).value(), world_.evidence);
  world_.evidence.late = {to_bytes("late")};
  EXPECT_EQ(evidence_of(to_json(world_.evidence)).value(), world_.evidence);
}

}  // namespace
}  // namespace fleetsweep::cli
