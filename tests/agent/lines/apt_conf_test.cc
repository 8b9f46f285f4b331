#include "agent/lines/apt_conf.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace fleetsweep::lines {
namespace {

using testing::ElementsAre;
using Texts = std::vector<std::string>;

Texts settings_of(std::string_view text) {
  Texts result;
  each_apt_setting(text, [&](const AptSetting& setting) {
    if (!setting.value.empty()) result.push_back(setting.name + " \"" + setting.value + "\";");
  });
  return result;
}

TEST(AptConf, ASettingInAnotherShapeIsNotSeen) {
  EXPECT_THAT(settings_of("Test::A\n{\n \"/x\";\n};\nTest::B::\n \"/y\";\n"),
              ElementsAre("Test::A:: \"/x\";", "Test::B:: \"/y\";"));
  EXPECT_THAT(settings_of("Test { A { \"/x\"; \"/y\" } }; Test::B \"1\";"),
              ElementsAre("Test::A:: \"/x\";", "Test::A:: \"/y\";", "Test::B \"1\";"));
  EXPECT_THAT(settings_of("#include \"/x\";\n#clear Test;\n# Test::A \"/x\";\n//Test::A \"/x\";\n"),
              ElementsAre("#include \"/x\";", "#clear \"Test\";"));
  EXPECT_THAT(settings_of("Test::A:: \"/x\""), ElementsAre("Test::A:: \"/x\";"));
}

// Of everything that may look like something else, apt's own word.
TEST(AptConf, AptReadsAFileInAnotherWay) {
  const std::string path = "/tmp/fleetsweep-apt-conf-" + std::to_string(::getpid());
  const auto apt_says = [&](std::string_view text) {
    std::ofstream(path) << text;
    Texts result;
    FILE* dump = ::popen(("apt-config -c " + path + " dump Test 2>/dev/null").c_str(), "r");
    for (char line[512]; dump != nullptr && std::fgets(line, sizeof line, dump) != nullptr;)
      if (const std::string said(line); said.find("\"\"") == std::string::npos)
        result.push_back(said.substr(0, said.size() - 1));
    if (dump != nullptr) ::pclose(dump);
    return result;
  };
  if (apt_says("Test::A \"1\";") != Texts{"Test::A \"1\";"}) GTEST_SKIP() << "needs apt-config";
  for (const char* text :
       {"Test::A\n{\n \"/x\";\n};\n", "Test::A::\n\n \"/x\";\n", "Test\n{ A\n  { \"/x\" ; }\n}\n",
        "Test::A { \"/x\"; \"/y\" }; Test::B \"1\";\n", "Test::A /* {\n \"; */ \"1\";\n",
        "/*/ Test::A \"1\";\n", "/* http://x */ Test::A \"1\";\n*/ Test::B \"1\";\n",
        "Test::A \"http://x#{y};/*\"; # }\n", "Test%3a%3aA /x%20y;\n", "Test::\"A\" \"/x%20y\";\n",
        "Test::A { /q; /r }\n} Test::B \"1\";\n", "Test::A:: \"1\"x;\n", "Test::A {\n\"/x\";\n",
        "Test { A \"1\"; \"B\" \"2\"; C; };\n", "Test::A:: \r\n\"/x\";\r\n",
        "Test::A { \"/a\" \"b\"; };", "Test::A \"1\";\n#clear Other;\n", "#Test::A \"1\";\n",
        "Test::A\t\"a  b\";\n"}) {
    Texts ours = settings_of(text);
    std::erase_if(ours, [](const std::string& one) { return one.starts_with('#'); });
    EXPECT_EQ(ours, apt_says(text)) << text;
  }
  std::remove(path.c_str());
}

TEST(AptConf, ANameWithoutEndFillsTheMemory) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "a { ";
  std::size_t longest = 0;
  each_apt_setting(text + "\"/x\";", [&](const AptSetting& setting) {
    longest = std::max(longest, setting.name.size());
  });
  EXPECT_EQ(longest, 256u);
}

}  // namespace
}  // namespace fleetsweep::lines
