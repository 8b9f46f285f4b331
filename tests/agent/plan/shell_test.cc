#include "agent/plan/shell.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace fleetsweep::plan {
namespace {

using Lines = std::set<std::string>;

bool all_go(const std::string& text, const Lines& lines, const std::string& path = "/etc/x.sh") {
  return shell_lines_that_stay(path, text, lines).empty();
}

TEST(Shell, ABlockLosesItsFirstLineOrAllThatIsInIt) {
  const std::string begin = "if ! pgrep -f /tmp/.x/miner >/dev/null; then",
                    miner = "  /tmp/.x/miner &";
  const std::string block = "A=1\n" + begin + "\n" + miner + "\nfi\nowner\n";
  for (const Lines& lines : {Lines{begin, miner}, Lines{begin}, Lines{miner}})
    EXPECT_FALSE(all_go(block, lines));
  EXPECT_TRUE(all_go("A=1\n" + begin + "\n" + miner + "\n  owner\nfi\n", {miner}));
  for (const char* around : {"{\n%\n}", "f() {\n%\n}", "(\n%\n)", "while a; do\n%\ndone",
                             "for x in a b\ndo\n# y\n%\ndone", "if a; then\nb\nelse\n%\nfi",
                             "if a; then\n%\nelif b; then\nc\nfi"}) {
    std::string text = around;
    EXPECT_FALSE(all_go(text.replace(text.find('%'), 1, "/tmp/m"), {"/tmp/m"})) << text;
  }
}

TEST(Shell, ALineIsTornOutOfAStatement) {
  EXPECT_FALSE(all_go("[ -d / ] ||\n/tmp/miner\nowner\n", {"/tmp/miner"}));
  EXPECT_FALSE(all_go("a |\n# b\n\n/tmp/miner\nowner\n", {"/tmp/miner"}));
  EXPECT_FALSE(all_go("/tmp/miner &&\nowner\n", {"/tmp/miner &&"}));
  EXPECT_FALSE(all_go("! \\\n/tmp/miner &&\nowner\n", {"! \\\n/tmp/miner &&"}));
  EXPECT_FALSE(all_go("f()\n{ /tmp/m; }\n", {"{ /tmp/m; }"}));
  EXPECT_FALSE(all_go("if a\n/tmp/m\nthen b; fi\n", {"/tmp/m"}));
  EXPECT_FALSE(all_go("A='b\n/tmp/m\n'\n", {"/tmp/m"}));
  EXPECT_FALSE(all_go("A='/tmp/m\n'\n", {"A='/tmp/m"}));
  EXPECT_FALSE(all_go("A=(b\n/tmp/m\n)\n", {"/tmp/m"}));
  EXPECT_FALSE(all_go("A=\"$(b\n/tmp/m\n)\"\n", {"/tmp/m"}));
  EXPECT_FALSE(all_go("A=\"`b\n/tmp/m\n`\"\n", {"/tmp/m"}));
  EXPECT_FALSE(all_go("/tmp/m <<E\nowner\nE\n", {"/tmp/m <<E"}));
  EXPECT_FALSE(all_go("cat <<-'E' >/x\n\t/tmp/m\n\tE\n", {"\t/tmp/m"}));
  EXPECT_FALSE(all_go("case $- in\n*i*) /tmp/m;;\n*) return;;\nesac\n", {"*i*) /tmp/m;;"}));
  EXPECT_FALSE(all_go("case $- in\n*i*) a\n /tmp/m;;\n*) return\nesac\n", {" /tmp/m;;"}));
  EXPECT_FALSE(all_go("if a; then b\nelse /tmp/m\nfi\n", {"else /tmp/m"}));
}

TEST(Shell, BlocksWithoutEndKeepAPlanFromEnding) {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "{ ";
  text += "\n" + std::string(500'000, ')') + "\n/tmp/m\n";
  EXPECT_FALSE(all_go(text, {"/tmp/m"}));
}

TEST(Shell, ManyLinesOfAnyUsersScriptKeepAPlanFromEnding) {
  std::string text;
  for (int i = 0; i < 900; ++i) text += "{ ";
  Lines lines;
  for (int i = 0; i < 5000; ++i) lines.insert(fmt::format("/tmp/m {}", i));
  for (const std::string& line : lines) text += "\n" + line;
  text += "\n" + std::string(800'000, ')') + std::string(100'000, '`') + "\n";
  EXPECT_TRUE(all_go(text, lines)) << "and the last line is for the shell to complain of";
}

TEST(Shell, ALoopOverTheArgumentsMakesAllThatFollowsStay) {
  for (const char* loop :
       {"for i do\n  echo $i\ndone", "for i; do a; done", "for i\ndo a; done", "for f in a b; c",
        "for i in a; {\n b\n}", "for i\nin a b\ndo c; done", "a &!\nb &|"})
    EXPECT_TRUE(all_go(std::string(loop) + "\n/tmp/m\n", {"/tmp/m"})) << loop;
  EXPECT_FALSE(all_go("for i do\n/tmp/m\ndone\n", {"/tmp/m"}));
  EXPECT_TRUE(all_go("/tmp/m &!\n", {"/tmp/m &!"}));
}

TEST(Shell, ABlockThatIsTimedLosesAllThatIsInIt) {
  for (const char* block : {"time {\n/tmp/m\n}\n", "time if x; then\n/tmp/m\nfi\n",
                            "time while x; do\n/tmp/m\ndone\n", "coproc {\n/tmp/m\n}\n"})
    EXPECT_FALSE(all_go(block, {"/tmp/m"})) << block;
  EXPECT_FALSE(all_go("time {\na\n}\n", {"time {"}));
}

TEST(Shell, ADocumentWithABackslashEndsTooEarly) {
  EXPECT_FALSE(all_go("cat <<E\nfoo \\\nE\n/tmp/m\nE\n", {"/tmp/m"}));
  EXPECT_TRUE(all_go("cat <<'E'\nfoo \\\nE\n/tmp/m\n", {"/tmp/m"}));
  EXPECT_TRUE(all_go("cat <<E\nfoo \\\\\nE\n/tmp/m\n", {"/tmp/m"}));
}

TEST(Shell, AnApostropheInACommentOfAListMakesAllThatFollowsStay) {
  EXPECT_TRUE(all_go("plugins=(\n  git   # don't (\n)\n/tmp/m\n", {"/tmp/m"}));
  EXPECT_TRUE(all_go("a=(# b)\n c)\n/tmp/m\n", {"/tmp/m"}));
  EXPECT_FALSE(all_go("a=(b#'\n/tmp/m\n')\n", {"/tmp/m"}));
  EXPECT_TRUE(all_go("set a 'it\\'s'\n/tmp/m\n", {"/tmp/m"}, "/root/.config/fish/config.fish"));
  EXPECT_FALSE(all_go("a='it\\'s'\n/tmp/m\n'\n", {"/tmp/m"}));
}

TEST(Shell, ALineThatStandsForItselfStays) {
  const std::string miner = "( nohup /tmp/m -o '$((' >/dev/null 2>&1 & ) # it's";
  for (const char* around :
       {"a\n%\nb\n", "%", "if a; then\n%\nb # fi\nfi\n", "f () {\n  if a; then b; fi\n%\n}\n",
        "case \"$-\" in\n(*i*|*j*) ;;\n*) return;;\nesac\n%\n", "case $1 in a)\n%\n;; esac\n",
        "A=\"$(b \"c )\" `d`)\" E=${F:-'}'} G=$((1<<2))\n%\n", "A=(b c)\n(( A < 1 )) && a\n%\n",
        "cat <<E && cat <<'F'\nit's $(\nE\nif (\nF\n%\n", "for ((i=0;;i++)); do a; done >x\n%\n",
        "a=$'it\\'s' b=it\\'s\n%\n", "function g { a; }\n%\n", "[[ a =~ ^(b|c)$ ]] && a &>x\n%\n",
        "select x in a; do b; done <<<'c'\n%\n", "until a; do b; done | c\n%\n",
        "echo if then {\n%\n"}) {
    std::string text = around;
    EXPECT_TRUE(all_go(text.replace(text.find('%'), 1, miner), {miner})) << text;
  }
  for (const char* line :
       {"if ! pgrep m; then /tmp/m & fi", "for x in a; do /tmp/m; done", "f() { /tmp/m; }",
        "function f { /tmp/m; }", "case $- in *i*) /tmp/m;; esac", "nohup \\\n /tmp/m &"})
    EXPECT_TRUE(all_go("a\n" + std::string(line) + "\nb\n", {line})) << line;
}

TEST(Shell, CshAndFishAreReadAsIfTheyWereOthers) {
  for (const char* path : {"/home/a/.config/fish/config.fish", "/root/.cshrc"}) {
    EXPECT_TRUE(all_go("if a\n/tmp/m\nend\n/tmp/n\n", {"/tmp/m", "/tmp/n"}, path));
    for (const char* line :
         {"if a", "end", "else", "switch (a)", "endif", "and /tmp/m", "/tmp/m |"})
      EXPECT_FALSE(all_go("b\n" + std::string(line) + "\nc\n", {line}, path)) << line;
  }
}

}  // namespace
}  // namespace fleetsweep::plan
