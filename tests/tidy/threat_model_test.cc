// docs/threat-model.md names the tests that show what it says. Each of them is in the tree, and
// each attacker has some.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "Suite.Name" of every test of the tree, "e2e_name" of every story.
std::set<std::string> tests() {
  std::set<std::string> found;
  const std::regex shape(R"((?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\))");
  const fs::path top = fs::path(FS_SOURCE_DIR) / "tests";
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    if (entry.path().string().find("node_modules") != std::string::npos) continue;
    if (entry.path().extension() == ".cc") {
      const std::string text = read(entry.path());
      for (std::sregex_iterator match(text.begin(), text.end(), shape), end; match != end; ++match)
        found.insert((*match)[1].str() + "." + (*match)[2].str());
    } else if (entry.path().extension() == ".sh" && entry.path().parent_path() == top / "e2e") {
      found.insert("e2e_" + entry.path().stem().string());
    }
  }
  return found;
}

TEST(ThreatModel, ATestThatItNamesIsNowhere) {
  const std::set<std::string> known = tests();
  const std::string page = read(fs::path(FS_SOURCE_DIR) / "docs/threat-model.md");
  const std::regex shape(R"(`([A-Z]\w+\.[A-Z]\w+|e2e_\w+)`)");
  std::set<std::string> named;
  for (std::sregex_iterator match(page.begin(), page.end(), shape), end; match != end; ++match)
    named.insert((*match)[1].str());
  EXPECT_GT(named.size(), 100u) << "the test reads no page";
  for (const std::string& name : named) EXPECT_TRUE(known.contains(name)) << name;
  for (const std::string& name : known) {
    const std::string suite = name.substr(0, name.find('.'));
    const bool is_of_an_attacker = suite.find("Stolen") != std::string::npos ||
                                   suite.starts_with("Cloned") || suite.starts_with("Malicious");
    if (is_of_an_attacker) {
      EXPECT_TRUE(named.contains(name)) << name << " is not on the page";
    }
  }
}

TEST(ThreatModel, AnAttackerWithoutATest) {
  const std::string page = read(fs::path(FS_SOURCE_DIR) / "docs/threat-model.md");
  std::set<std::string> attackers;
  for (std::size_t at = 0; (at = page.find("\n### A", at)) != std::string::npos;) {
    const std::size_t end = std::min(page.find("\n##", at + 1), page.size());
    const std::string text = page.substr(at + 5, end - at - 5);
    const std::string name = text.substr(0, text.find(' '));
    attackers.insert(name);
    for (const char* part : {"Holds:", "Does not hold:"})
      EXPECT_NE(text.find(part), std::string::npos) << name << " lacks " << part;
    const bool is_built = text.find("Not built yet.") == std::string::npos;
    EXPECT_EQ(is_built, text.find("Shown by") != std::string::npos) << name;
    at = end;
  }
  EXPECT_EQ(attackers.size(), 14u) << "A1 to A14";
}

}  // namespace
