// A parser that dies or hangs of what it reads: the real program, with the kernel as the one who
// kills it.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "agent/scan/parser_client.h"
#include "agent/scan/root.h"
#include "protocol/codec/codec.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;
using Names = std::set<std::string>;

class CrashTest : public TreeTest {
 protected:
  void SetUp() override {
    TreeTest::SetUp();
    if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  }
  // Only the parser looks at a file in this way, when it has read it: one that
  // comes to it open, not in shared memory.
  static constexpr char kKiller[] =
      "strace -f -o /dev/null -e trace=fstat -e inject=fstat:signal=KILL ";
  std::string killer(const std::string& path) {
    return kKiller + std::string("-P '") + at(path).string() + "'";
  }
  static std::string large(std::string content) { return content.append(100'000, '.'); }
  static model::Policy by_hash(const std::string& content) {
    model::Policy policy;
    policy.detections.push_back(
        detection("d", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex(content))}));
    policy.verdicts.push_back(
        {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
    return policy;
  }
};

TEST_F(CrashTest, TheFileThatKillsTheParserIsUnscannableWithItsDigestAndTheScanGoesOn) {
  for (int i = 0; i < 100; ++i) write("/f" + std::to_string(i), "content");
  write("/poison", large("poison"));
  const auto result = scan(by_hash("content"), killer("/poison"));
  EXPECT_EQ(result["reason"], "none");
  EXPECT_EQ(result["findings"].size(), 100u);
  EXPECT_EQ(result["unscannable"], 1);
  const std::string why = result["unscannable_paths"][0];
  EXPECT_EQ(why, "/poison: the parser died of it (SHA-256 " + sha256_hex(large("poison")) + ")");
}

TEST_F(CrashTest, WhatOnePolicysWalkCannotReadIsSilentlyNothingToAnothersEntries) {
  write("/etc/crontab", large("* * * * * root /evil\n#"));
  model::Policy entries, both = by_hash("x");
  entries.detections.push_back(detection("e", ObjectKind::kPersistence, {}));
  both.detections.push_back(entries.detections[0]);
  std::string others;
  for (const model::Policy* policy : {&entries, &both}) {
    const auto file = folder_ / ("other" + std::to_string(others.size()));
    const Bytes bytes = codec::encode(*policy);
    std::ofstream(file, std::ios::binary) << as_text(bytes);
    others += " --policy '" + file.string() + "'";
  }
  const auto done = scan(by_hash("x"), killer("/etc/crontab"), others);
  ASSERT_EQ(done.size(), 3u);
  for (const auto& result : done) EXPECT_EQ(result["unscannable"], 1) << result.dump(1);
}

TEST_F(CrashTest, AFileThatKillsTheParserIsNoHitEvenIfItsDigestIsTheOneLookedFor) {
  write("/poison", large("content"));
  const auto result = scan(by_hash(large("content")), killer("/poison"));
  EXPECT_TRUE(result["findings"].empty());
  EXPECT_TRUE(result["verdicts"].empty());
  EXPECT_EQ(result["unscannable"], 1);
}

TEST_F(CrashTest, AScanWhoseParserDiesOfEverythingEndsWithoutAResult) {
  for (int i = 0; i < 70; ++i) write("/f" + std::to_string(i), large("content"));
  const auto result = scan(by_hash(large("content")), kKiller);
  EXPECT_EQ(result["reason"], "internal");
  EXPECT_NE(result["detail"].get<std::string>().find("the parser died 50 times"), std::string::npos)
      << result["detail"];
  EXPECT_TRUE(result["findings"].empty());
}

TEST_F(CrashTest, AParserThatHangsIsReplacedAndNothingIsLost) {
  model::Policy policy = by_hash("x");
  const auto matcher = Matcher::compile(policy);
  ASSERT_TRUE(matcher.has_value());
  std::map<std::uint64_t, Answer> answers;
  ParserClient client(*matcher, policy, {.patience = std::chrono::milliseconds(300)},
                      [&](const Job& job, Answer answer) { answers[job.id] = std::move(answer); });
  ASSERT_TRUE(client.start().has_value());
  const int hung = client.parser_pid();
  ASSERT_EQ(::kill(hung, SIGSTOP), 0);
  for (std::uint64_t id = 1; id <= 10; ++id) {
    const std::string path = "/" + std::to_string(id);
    write(path, std::to_string(id));
    UniqueFd file(::open(at(path).c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    ASSERT_EQ(::fstat(file.get(), &status), 0);
    Job job;
    job.id = id;
    job.facts.identity = identity_of(path, status);
    job.hash = true;
    client.submit(std::move(job), std::move(file));
  }
  client.finish();
  EXPECT_NE(client.parser_pid(), hung);
  ASSERT_EQ(answers.size(), 10u);
  for (const auto& [id, answer] : answers) EXPECT_EQ(answer.sha256, sha256_hex(std::to_string(id)));
}

}  // namespace
}  // namespace fleetsweep::scan
