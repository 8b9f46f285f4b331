#include "cli/action_terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace fleetsweep::cli {
namespace {

using model::ActionKind;
using model::HostState;
using model::ObjectKind;
using model::Outcome;
using model::Reason;

nlohmann::json terms(ActionKind action, ObjectKind object, Outcome outcome,
                     Reason reason = Reason::kNone) {
  model::ReceiptItem item;
  item.action = action;
  item.object = object;
  item.outcome = outcome;
  item.reason = reason;
  return terms_of(item);
}

std::string row(ActionKind action, ObjectKind object, Outcome outcome) {
  const auto all = terms(action, object, outcome);
  const std::string undo = outcome == Outcome::kUndone ? "undo of " : "";
  std::ostringstream text;
  text << "| " << undo << "`" << name(action) << "` of `" << name(object) << "` | `"
       << all["openc2"].get<std::string>() << "` | "
       << (all.contains("react") ? "`" + all["react"].get<std::string>() + "`" : "") << " | "
       << all.value("d3fend", "") << " | ";
  if (all.contains("ocsf")) text << all["ocsf"]["class_uid"] << ", " << all["ocsf"]["activity_id"];
  return text.str() + " |";
}

TEST(ActionTerms, TheTableInTheDocumentationIsWhatReportsSay) {
  std::ifstream file(std::string(FS_SOURCE_DIR) + "/docs/operating.md");
  std::stringstream operating;
  operating << file.rdbuf();
  const std::pair<ActionKind, ObjectKind> all[] = {
      {ActionKind::kCollect, ObjectKind::kProcess},
      {ActionKind::kSuspend, ObjectKind::kProcess},
      {ActionKind::kDisable, ObjectKind::kPersistence},
      {ActionKind::kBlock, ObjectKind::kNetworkTraffic},
      {ActionKind::kRemove, ObjectKind::kPersistence},
      {ActionKind::kRemove, ObjectKind::kWindowsRegistryKey},
      {ActionKind::kKill, ObjectKind::kProcess},
      {ActionKind::kQuarantine, ObjectKind::kFile},
      {ActionKind::kRestart, ObjectKind::kProcess},
      {ActionKind::kPurge, ObjectKind::kFile},
      {ActionKind::kIsolate, ObjectKind::kFile}};
  for (const auto& [action, object] : all)
    EXPECT_THAT(operating.str(), testing::HasSubstr(row(action, object, Outcome::kDone)));
  for (const auto& [action, object] : {all[1], all[2], all[7]})
    EXPECT_THAT(operating.str(), testing::HasSubstr(row(action, object, Outcome::kUndone)));
}

TEST(ActionTerms, WhatWasOnlyFoundIsNoRemediation) {
  EXPECT_EQ(terms(ActionKind::kQuarantine, ObjectKind::kFile, Outcome::kFound),
            nlohmann::json({{"openc2", "scan"}}));
  EXPECT_FALSE(terms(ActionKind::kReport, ObjectKind::kFile, Outcome::kDone).contains("ocsf"));
}

TEST(ActionTerms, AStepThatWasNotDoneIsNoSuccess) {
  const auto status = [](Outcome outcome, Reason reason) {
    return terms(ActionKind::kKill, ObjectKind::kProcess, outcome, reason)["ocsf"]["status_id"];
  };
  EXPECT_EQ(status(Outcome::kDone, Reason::kNone), 1);
  EXPECT_EQ(status(Outcome::kFailed, Reason::kIo), 2);
  EXPECT_EQ(status(Outcome::kSkipped, Reason::kGone), 3);
  EXPECT_EQ(status(Outcome::kSkipped, Reason::kConsent), 99);
}

TEST(ActionTerms, AHostWhereItIsStillThereReadsAsDone) {
  for (const HostState state : {HostState::kResidual, HostState::kRespawned, HostState::kUntrusted,
                                HostState::kExpired, HostState::kFailed})
    EXPECT_EQ(openc2_status(state, Reason::kNone), 500) << name(state);
}

TEST(ActionTerms, AHostThatHasNotEndedHasNoFinalStatus) {
  EXPECT_EQ(openc2_status(HostState::kUnreachable, Reason::kNone), 102);
  EXPECT_EQ(openc2_status(HostState::kNeedsReboot, Reason::kNone), 102);
  EXPECT_EQ(openc2_status(HostState::kVerified, Reason::kNone), 200);
  EXPECT_EQ(openc2_status(HostState::kFailed, Reason::kHealth), 500);
  EXPECT_EQ(openc2_status(HostState::kRefused, Reason::kMalformed), 400);
  EXPECT_EQ(openc2_status(HostState::kRefused, Reason::kQuorum), 401);
  EXPECT_EQ(openc2_status(HostState::kRefused, Reason::kConsent), 403);
  EXPECT_EQ(openc2_status(HostState::kRefused, Reason::kPlatform), 501);
}

}  // namespace
}  // namespace fleetsweep::cli
