#include "cli/inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace fleetsweep::cli {
namespace {

using nlohmann::json;
using testing::ElementsAre;

json approver(const std::string& holder) {
  return {{"holder", holder}, {"key", holder + "-key"}};
}

json clause(unsigned threshold, std::vector<std::string> signed_by,
            std::vector<std::string> missing) {
  json list = json::array();
  for (const std::string& holder : missing) list.push_back(approver(holder));
  return {{"threshold", threshold}, {"sealed", false}, {"signed_by", signed_by}, {"missing", list}};
}

json document(bool met, std::vector<json> clauses) {
  return {{"id", "ab"},
          {"met", met},
          {"approvals", {{{"role", "clean"}, {"met", met}, {"clauses", clauses}}}},
          {"possession", json::array()}};
}

TEST(Standing, OneOrganisationsApprovalIsTakenForAnothers) {
  const json waiting =
      document(false, {clause(1, {"alice"}, {"bob"}), clause(2, {"dave"}, {"carol", "erin"})});
  const Standing standing = standing_of(waiting);
  EXPECT_FALSE(standing.is_met);
  EXPECT_THAT(standing.signed_by, ElementsAre("alice", "dave"));
  EXPECT_EQ(standing.waits_for, "1 of carol, erin");
  EXPECT_FALSE(waits_for_holder(waiting, "bob")) << "his organisation has given what it must";
  EXPECT_TRUE(waits_for_holder(waiting, "carol"));
  EXPECT_TRUE(waits_for_key(waiting, "erin-key"));
  EXPECT_FALSE(waits_for_key(waiting, "carol"));
}

TEST(Standing, CompleteDocumentStillWaitsForSomebody) {
  const json complete = document(true, {clause(1, {"alice"}, {"bob"})});
  EXPECT_TRUE(standing_of(complete).is_met);
  EXPECT_EQ(standing_of(complete).waits_for, "");
  EXPECT_FALSE(waits_for_holder(complete, "bob"));
}

TEST(Standing, NewKeyOfARootIsNotAskedFor) {
  json root = document(true, {clause(1, {"alice"}, {})});
  root["met"] = false;
  root["possession"] = json::array({approver("dave")});
  EXPECT_EQ(standing_of(root).waits_for, "1 of dave");
  EXPECT_TRUE(waits_for_holder(root, "dave"));
}

TEST(Standing, KeysInSafesAreAskedForEveryDay) {
  json sealed = clause(1, {}, {"notary"});
  sealed["sealed"] = true;
  const json waiting = document(false, {clause(1, {}, {"bob"}), sealed});
  EXPECT_EQ(standing_of(waiting).waits_for, "1 of bob");
  EXPECT_FALSE(waits_for_holder(waiting, "notary"));
}

TEST(Standing, AnswerOfAnotherShapeBreaksTheProgram) {
  for (const json& answer : {json::object(), json{{"approvals", 7}},
                             json{{"approvals", {{{"clauses", {{{"threshold", "x"}}}}}}}}})
    EXPECT_FALSE(standing_of(answer).is_met);
  const json hostile = document(false, {clause(2, {"a\x1b[2J"}, {"b\u202e"})});
  EXPECT_EQ(standing_of(hostile).signed_by[0], "a\\x1b[2J");
  EXPECT_EQ(standing_of(hostile).waits_for, "1 of b\\xe2\\x80\\xae");
}

TEST(PendingId, FileIsTakenForADocumentOfTheInbox) {
  EXPECT_TRUE(is_pending_id("0123456789ab"));
  EXPECT_FALSE(is_pending_id("0123456"));
  EXPECT_FALSE(is_pending_id("clean.dsse"));
  EXPECT_FALSE(is_pending_id(std::string(65, 'a')));
  const std::string file = "deadbeefdeadbeef";
  std::ofstream(file) << "x";
  EXPECT_FALSE(is_pending_id(file));
  std::remove(file.c_str());
}

}  // namespace
}  // namespace fleetsweep::cli
