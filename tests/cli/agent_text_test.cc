#include "cli/agent_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace fleetsweep::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

TEST(AgentText, AHostIsShownInWordsAndNotAsJson) {
  const std::string text = agent_text(json::parse(R"({"agent": "ab81", "hostname": "web-1",
    "state": "online", "activity": "idle", "last_heard": "2026-11-24T16:12:52Z", "group": "demo",
    "jurisdiction": "DE", "version": "0.1.0", "sandbox": "full", "log_size": 13, "root_version": 1,
    "facts": {"os": "linux", "os_id": "debian", "os_version": "12", "arch": "x86_64",
    "labels": ["edge", "blue"]}, "forked": false, "campaigns": {"emotet-1": {"state": "refused",
    "reason": "platform", "wave": 1, "matched": 0, "acted": 0, "finished": null},
    "web": {"state": "failed", "reason": "conflict", "kind": "undo", "matched": 11, "acted": 4}}})"));
  EXPECT_THAT(text, HasSubstr("web-1  ab81\n"));
  EXPECT_THAT(text, HasSubstr("  state         online, idle; last heard 2026-11-24T16:12:52Z\n"));
  EXPECT_THAT(text, HasSubstr("  system        linux debian 12 x86_64\n"));
  EXPECT_THAT(text, HasSubstr("  labels        edge blue\n"));
  EXPECT_THAT(text, HasSubstr("    emotet-1      refused     wave 1, 0 matched, 0 acted, last "
                              "receipt none; because platform"));
  EXPECT_THAT(text, HasSubstr("11 matched, 4 put back, last receipt none; because conflict"));
  EXPECT_THAT(text, Not(HasSubstr("FORKED")));
  EXPECT_THAT(text, Not(HasSubstr("{")));
}

TEST(AgentText, WhatAHostSaysOfItselfIsEscaped) {
  const std::string text =
      agent_text({{"hostname", "web\x1b[2J"}, {"facts", {{"labels", {"a\nFORKED"}}}}});
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\nFORKED")));
}

TEST(AgentText, AnAnswerOfAnotherShapeIsShownAsFarAsItGoes) {
  EXPECT_THAT(agent_text({{"facts", 5}, {"campaigns", "x"}, {"forked", true}}),
              HasSubstr("  FORKED"));
}

}  // namespace
}  // namespace fleetsweep::cli
