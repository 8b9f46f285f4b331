// A next step that does not exist helps nobody: every command in the operators' tables is asked of
// the programs themselves, with its flags.

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Command {
  std::string place;  // file:line
  std::string text;   // as written
  std::string program;
  std::string verbs;  // "campaign hosts"
  std::vector<std::string> flags;
};

Command parsed(std::string place, const std::string& text) {
  Command command{std::move(place), text, {}, {}, {}};
  std::istringstream words(text);
  words >> command.program;
  bool in_verbs = true;
  const std::regex verb("[a-z][a-z-]*"), flag("--[a-z-]+");
  for (std::string word; words >> word;) {
    in_verbs = in_verbs && std::regex_match(word, verb);
    if (in_verbs) command.verbs += (command.verbs.empty() ? "" : " ") + word;
    if (std::regex_match(word, flag)) command.flags.push_back(word);
  }
  return command;
}

std::vector<Command> commands() {
  std::vector<Command> found;
  const std::regex shape(R"(`(fleetsweep(?:-[a-z]+)? [^`]+)`)");
  for (const char* page : {"docs/operators/signing.md", "docs/reasons.md", "docs/runbooks.md"}) {
    std::ifstream file(fs::path(FS_SOURCE_DIR) / page);
    std::string line;
    for (int number = 1; std::getline(file, line); ++number)
      for (std::sregex_iterator match(line.begin(), line.end(), shape), end; match != end; ++match)
        found.push_back(parsed(std::string(page) + ":" + std::to_string(number), (*match)[1]));
  }
  return found;
}

std::string help_of(const Command& command) {
  const std::string line =
      std::string(FS_BINARY_DIR) + "/" + command.program + " " + command.verbs + " --help 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(line.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 4096> buffer{};
  while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
    text.append(buffer.data(), got);
  return text;
}

TEST(Commands, ANextStepNamesACommandThatDoesNotExist) {
  const auto all = commands();
  EXPECT_GT(all.size(), 15u) << "the test reads no commands";
  for (const Command& command : all) {
    ASSERT_FALSE(command.verbs.empty()) << command.place << ": " << command.text;
    const std::string help = help_of(command);
    // An unknown verb gets the help of what stands before it.
    const auto usage = help.find("Usage: ");
    ASSERT_NE(usage, std::string::npos) << command.place << ": " << command.text << "\n" << help;
    const std::string first = help.substr(usage, help.find('\n', usage) - usage);
    EXPECT_NE(first.find(command.program + " " + command.verbs + " "), std::string::npos)
        << command.place << ": `" << command.text << "`: " << first;
    for (const std::string& flag : command.flags)
      EXPECT_NE(help.find(flag), std::string::npos)
          << command.place << ": `" << command.text << "` has no " << flag;
  }
}

}  // namespace
