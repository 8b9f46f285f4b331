#include "agent/hive/task.h"

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "tests/agent/hive/hive_builder.h"

namespace fleetsweep::hive {
namespace {

using testing::ElementsAre;

std::vector<std::string> actions_of(std::string_view xml) {
  std::vector<std::string> result;
  for (const Autostart& one : read_task(xml)) {
    EXPECT_EQ(one.kind, model::PersistenceKind::kWindowsTask);
    result.push_back(one.command + "|" + one.user);
  }
  return result;
}

TEST(Task, TheSecondActionIsNotSeenOrHasTheArgumentsOfTheFirst) {
  EXPECT_THAT(
      actions_of("<Task><Actions Context=\"Author\"><Exec><Command>a.exe</Command></Exec>"
                 "<Exec id=\"2\">\n<Arguments>/x</Arguments>\n<Command>\n b.exe </Command></Exec>"
                 "<Exec><Command>c.exe</Command><Arguments /></Exec>"
                 "<ComHandler><ClassId>{C}</ClassId><Data>d</Data></ComHandler></Actions></Task>"),
      ElementsAre("a.exe|", "b.exe /x|", "c.exe|", "{C} d|"));
  EXPECT_THAT(actions_of("<Task></Task>"), ElementsAre("|"));
  EXPECT_THAT(actions_of("<Exec><Command>a.exe"), ElementsAre("|"));
}

TEST(Task, ItRunsAsTheUserOfItsTriggerOrOfAnotherPrincipal) {
  const std::string trigger =
                        "<Triggers><LogonTrigger><UserId>ann</UserId></LogonTrigger></Triggers>",
                    principals =
                        "<Principals><Principal id=\"A\"><UserId>bob</UserId></Principal>"
                        "<Principal id='B'><UserId>S-1-5-18</UserId></Principal></Principals>",
                    exec = "<Exec><Command>x</Command></Exec></Actions>";
  EXPECT_THAT(actions_of(trigger + principals + "<Actions Context=\"B\">" + exec),
              ElementsAre("x|S-1-5-18"));
  EXPECT_THAT(actions_of(trigger + principals + "<Actions>" + exec), ElementsAre("x|bob"));
  EXPECT_THAT(actions_of(trigger + "<Actions>" + exec), ElementsAre("x|"));
}

TEST(Task, ACommandHidesBehindACommentAnEntityOrItsEncoding) {
  EXPECT_THAT(actions_of("<!-- <Exec><Command>no</Command></Exec> --><Exec><Command>a &amp;lt; "
                         "b&#x41;&#66;&nope;&</Command></Exec>"),
              ElementsAre("a &lt; bAB&nope;&|"));
  EXPECT_THAT(actions_of("<Exec><Command><![CDATA[<a&b>]]></Command></Exec>"),
              ElementsAre("<a&b>|"));
  EXPECT_THAT(
      actions_of("\xff\xfe" + to_text(utf16("<Exec><Command>a.exe</Command></Exec>", false))),
      ElementsAre("a.exe|"));
}

// Hours, where each of these looks through all that follows.
TEST(Task, AFileThatBeginsSomethingAMillionTimesIsReadForHours) {
  const std::string entities(16 << 20, '&');
  EXPECT_EQ(actions_of("<Exec><Command>" + entities + "</Command></Exec>"),
            std::vector<std::string>{entities.substr(0, limits::kLineBytes) + "|"});
  for (const char* begin : {"<Execs", "<Exec "}) {
    std::string xml;
    while (xml.size() < 16 << 20) xml += begin;
    for (const char* end : {"", ">", "/>"}) EXPECT_EQ(read_task(xml + end).size(), 1u);
  }
}

TEST(Task, AFileOfTenThousandActionsFillsTheAnswer) {
  std::string xml;
  for (int i = 0; i < 10'000; ++i) xml += "<Exec><Command>x</Command></Exec>";
  EXPECT_EQ(read_task(xml).size(), 32u);
  EXPECT_EQ(
      actions_of("<Exec><Command>" + std::string(100'000, 'x') + "</Command></Exec>")[0].size(),
      limits::kLineBytes + 1);
}

}  // namespace
}  // namespace fleetsweep::hive
