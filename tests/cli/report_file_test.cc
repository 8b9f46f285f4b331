#include "cli/report_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <set>

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

// "/close_out/hosts/0/state" as a complaint names it.
std::string place_of(const json::json_pointer& pointer) {
  std::string place;
  for (json::json_pointer at = pointer; !at.empty(); at = at.parent_pointer()) {
    const std::string& name = at.back();
    const bool is_index = name.find_first_not_of("0123456789") == std::string::npos;
    place = is_index ? "[" + name + "]" + place : "." + name + place;
  }
  return place.substr(1);
}

json altered(const json& value) {
  if (value.is_number()) return value.get<int>() + 1;
  if (!value.is_string()) return "something";  // null
  std::string text = value.get<std::string>();
  if (text.empty()) return "x";
  char& one = text[text.size() / 2];
  one = one == 'A' ? 'B' : one == '1' ? '2' : one >= '0' && one <= '9' ? '1' : 'A';
  return text;
}

// Whatever is changed in a report, and signed again by one who may: it is named. What it says in
// words is named by its place, and of its evidence at least the part.
TEST_F(ReportFile, OneOfItsMembersIsChangedAndNobodyNotices) {
  const Bytes late = world_.receipt("web-2", world_.apply, model::ReceiptKind::kVerify,
                                    model::HostState::kVerified, 0, 0);
  world_.evidence.receipts.pop_back();
  world_.evidence.late = {late};
  const auto out = prove(world_.evidence, kCampaign, world_.trusted());
  ASSERT_TRUE(out) << Error(out.error()).message;
  body_ = json::parse(make_report(*out, world_.evidence, fixture::start())->payload);
  ASSERT_TRUE(verify_report(file(body_), world_.trusted()));

  std::size_t changes = 0;
  const auto try_with = [&](const json::json_pointer& at, const std::string& how, json value) {
    json bad = body_;
    if (bad[at] == value) return;
    bad[at] = std::move(value);
    const Complaint one = complaint(file(bad));
    const std::string place = place_of(at);
    ++changes;
    EXPECT_FALSE(one.expected.empty() || one.found.empty()) << how << " " << place;
    if (place == "close_out.campaign") {
      EXPECT_EQ(one.place, "evidence.log") << "which has no order of that campaign";
    } else if (place.starts_with("close_out.")) {
      EXPECT_TRUE(one.place.starts_with(place)) << how << " " << place << ": " << one.place;
    } else {
      EXPECT_TRUE(one.place.starts_with("evidence") || one.place.starts_with("close_out.") ||
                  one.place == place || one.place == "root")
          << how << " " << place << ": " << one.place;
    }
  };
  // A list's order that says nothing, and a policy that is given twice.
  const std::set<std::string> harmless = {
      "swap evidence.enrolments[0]", "swap evidence.enrolments[1]", "repeat evidence.policies[0]"};
  const std::function<void(const json&, const json::json_pointer&)> walk =
      [&](const json& value, const json::json_pointer& at) {
        if (value.is_object()) {
          for (const auto& [name, inner] : value.items()) walk(inner, at / name);
          json more = value;
          more["more"] = 1;
          if (!at.empty()) try_with(at, "add to", more);
        } else if (value.is_array()) {
          for (std::size_t i = 0; i < value.size(); ++i) {
            walk(value[i], at / i);
            json less = value, again = value, turned = value;
            less.erase(i);
            again.push_back(value[i]);
            if (i + 1 < value.size()) std::swap(turned[i], turned[i + 1]);
            try_with(at, "drop", less);
            const std::string place = place_of(at / i);
            if (!harmless.contains("repeat " + place)) try_with(at, "repeat", again);
            if (!harmless.contains("swap " + place)) try_with(at, "swap", turned);
          }
        } else if (at != json::json_pointer("/created")) {  // whoever signs says when
          try_with(at, "change", altered(value));
        }
      };
  walk(body_, json::json_pointer());
  RecordProperty("changes", static_cast<int>(changes));
  EXPECT_GT(changes, 300u) << "the test changes nothing";
}

TEST_F(ReportFile, ACharacterOfItsCheckpointIsChanged) {
  const std::string note = body_["evidence"]["checkpoint"];
  for (std::size_t i = 0; i < note.size(); ++i) {
    json bad = body_;
    std::string text = note;
    if ((text[i] & 0x80) != 0) continue;  // a byte of a dash: no JSON has half of it
    text[i] = text[i] == 'A' ? 'B' : 'A';
    bad["evidence"]["checkpoint"] = text;
    EXPECT_EQ(complaint(file(bad)).place, "evidence.checkpoint") << i << " of " << note;
  }
}

TEST_F(ReportFile, ItIsLargerThanItsFileMayBe) {
  const auto out = prove(world_.evidence, kCampaign, world_.trusted());
  const std::size_t size = make_report(*out, world_.evidence, fixture::start())->payload.size();
  const std::size_t room = (size + 2) / 3 * 4 + 128 * 1024;
  EXPECT_TRUE(make_report(*out, world_.evidence, fixture::start(), room));
  const auto none = make_report(*out, world_.evidence, fixture::start(), room - 4);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kOverloaded);
  EXPECT_THAT(none.error().message, HasSubstr("fit into its file\nnext:  "));
}

TEST_F(ReportFile, NobodySignedIt) {
  const Bytes payload = to_bytes(body_.dump());
  const model::Envelope none{std::string(kPayloadReport), payload, {}};
  EXPECT_EQ(complaint(codec_text(none)).place, "signatures");
  EXPECT_EQ(complaint(file(body_, "erin")).place, "signatures") << "whom no root knows";
  EXPECT_EQ(complaint(file(body_, "conductor")).place, "signatures") << "which is no person";
  world_.log(world_.tenant.sign(
      model::Stop{.keys = {world_.tenant.key("carol").public_key()}, .reason = "stolen"}, {"bob"}));
  world_.prove_log();
  const auto stopped = prove(world_.evidence, kCampaign, world_.trusted());
  const json of_thief = json::parse(make_report(*stopped, world_.evidence, {})->payload);
  EXPECT_EQ(complaint(file(of_thief, "carol")).place, "signatures") << "whose key was stolen";
  EXPECT_TRUE(verify_report(file(of_thief, "bob"), world_.trusted()));
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
