#include "protocol/runtime/config/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "protocol/base/limits.h"

namespace fleetsweep::config {
namespace {

TEST(Config, AValueIsNotWhatTheFileSays) {
  Reader reader = Reader::parse(
      "# a controller\n"
      "state = /var/lib/x   # where\n"
      "\n"
      "  agents_max=5000\r\n"
      "heartbeat = 10m\n"
      "witness = http://a#1\n"
      "witness = http://b\n"
      "remote = yes\n"
      "name = a = b\n",
      "c.conf");
  EXPECT_EQ(reader.text("state", ""), "/var/lib/x");
  EXPECT_EQ(reader.number("agents_max", 1, 1, 10000), 5000u);
  EXPECT_EQ(reader.duration("heartbeat", Seconds(1)), Seconds(600));
  EXPECT_EQ(reader.list("witness"), (std::vector<std::string>{"http://a#1", "http://b"}));
  EXPECT_TRUE(reader.flag("remote", false));
  EXPECT_EQ(reader.text("name", ""), "a = b");
  EXPECT_FALSE(reader.has("absent"));
  EXPECT_EQ(reader.text("absent", "fallback"), "fallback");
  EXPECT_EQ(reader.required("state"), "/var/lib/x");
  EXPECT_TRUE(reader.finish());
}

TEST(Config, OnlyTheFirstMistakeIsTold) {
  Reader reader = Reader::parse(
      "just words\n"
      "agents_max = many\n"
      "agents_max2 = 0\n"
      "heartbeat = 10 minutes\n"
      "remote = perhaps\n"
      "state = a\n"
      "state = b\n"
      "agent_lisen = tcp://0.0.0.0:7600\n"
      "Upper = x\n"
      "zzzzzzzz = 1\n"
      "witness =\n",
      "c.conf");
  reader.text("state", "");
  reader.text("agent_listen", "");
  reader.number("agents_max", 1, 1, 9);
  reader.number("agents_max2", 1, 1, 9);
  reader.duration("heartbeat", Seconds(1));
  reader.flag("remote", true);
  reader.list("witness");
  reader.required("origin");
  reader.reject("state", "is not on this disk");
  const Status status = reader.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalid);
  EXPECT_EQ(status.error().message,
            "c.conf:1: expected 'key = value', found 'just words'\n"
            "c.conf:9: expected 'key = value', found 'Upper = x'\n"
            "c.conf:7: 'state' is set a second time (first at c.conf:6)\n"
            "c.conf:2: 'agents_max' is 'many'; expected a whole number from 1 to 9\n"
            "c.conf:3: 'agents_max2' is '0'; expected a whole number from 1 to 9\n"
            "c.conf:4: 'heartbeat' is wrong: '10 minutes' is not a duration; expected a whole "
            "number and one "
            "of s, m, h, d, like 90s\n"
            "c.conf:5: 'remote' is 'perhaps'; expected yes or no\n"
            "c.conf:11: 'witness' has no value\n"
            "'origin' is missing\n"
            "c.conf:6: 'state' is not on this disk\n"
            "c.conf:8: 'agent_lisen' is not a key here; did you mean 'agent_listen'?\n"
            "c.conf:10: 'zzzzzzzz' is not a key here");
}

TEST(Config, TheFileWinsOverTheCommandLine) {
  const std::vector<std::string> arguments = {"--state=/elsewhere", "--api-listen", "127.0.0.1:0",
                                              "--witness", "http://c"};
  Reader reader = Reader::parse("state = /var\nwitness = http://a\nwitness = http://b\n", "c.conf",
                                parse_arguments(arguments).value());
  EXPECT_EQ(reader.text("state", ""), "/elsewhere");
  EXPECT_EQ(reader.text("api_listen", ""), "127.0.0.1:0");
  EXPECT_EQ(reader.list("witness"), std::vector<std::string>{"http://c"});
  EXPECT_TRUE(reader.finish());
}

TEST(Config, AMistakeOnTheCommandLineHasNoPlace) {
  const std::vector<std::string> arguments = {"--agents_max", "x", "--stat", "/s"};
  Reader reader = Reader::parse("", "", parse_arguments(arguments).value());
  reader.number("agents_max", 1, 1, 2);
  reader.text("state", "");
  EXPECT_EQ(reader.finish().error().message,
            "--agents_max: 'agents_max' is 'x'; expected a whole number from 1 to 2\n"
            "--stat: 'stat' is not a key here; did you mean 'state'?");
}

TEST(Config, BadArgumentsAreTaken) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"state"}, {"-s", "x"}, {"--state"}, {"--", "x"}, {"--St", "x"}}) {
    const auto settings = parse_arguments(arguments);
    ASSERT_FALSE(settings) << arguments[0];
    EXPECT_EQ(settings.error().code, Code::kInvalid);
  }
}

TEST(Config, AFileThatCannotBeReadIsEmpty) {
  EXPECT_EQ(Reader::open("/no/such/file").error().code, Code::kNotFound);
  EXPECT_EQ(Reader::open("/").error().code, Code::kInvalid);
  std::string name = (std::filesystem::temp_directory_path() / "config.XXXXXX").string();
  close(mkstemp(name.data()));
  std::ofstream(name) << std::string(limits::kConfigBytes + 1, '#');
  EXPECT_EQ(Reader::open(name).error().code, Code::kInvalid);
  std::ofstream(name, std::ios::trunc) << "state = x";
  EXPECT_EQ(Reader::open(name)->text("state", ""), "x");
  std::filesystem::remove(name);
  EXPECT_TRUE(Reader::open("")->finish());
}

TEST(Config, ATerminalIsDrivenByAValue) {
  Reader reader = Reader::parse("\x1b[2Jx\nn = \x1b]0;t\x07\n", "c.conf");
  reader.number("n", 0, 0, 1);
  const std::string message = reader.finish().error().message;
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace fleetsweep::config
