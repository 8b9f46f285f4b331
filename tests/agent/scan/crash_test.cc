// A parser that dies or hangs of what it reads: the real program, with the kernel as the one who
// kills it.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <thread>

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

// A client of its own, that waits less long.
class HangTest : public TreeTest {
 protected:
  static constexpr std::chrono::seconds kPatience{3};

  void SetUp() override {
    TreeTest::SetUp();
    policy_.detections.push_back(
        detection("d", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex("x"))}));
    auto matcher = Matcher::compile(policy_);
    ASSERT_TRUE(matcher.has_value());
    matcher_.emplace(std::move(*matcher));
    client_.emplace(
        *matcher_, policy_, ParserOptions{.patience = kPatience},
        [&](const Job& job, Answer answer) { answers_[job.facts.identity.path] = answer; });
    ASSERT_TRUE(client_->start().has_value());
  }
  void submit(const std::string& path, const std::string& content) {
    write(path, content);
    UniqueFd file(::open(at(path).c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    ASSERT_EQ(::fstat(file.get(), &status), 0);
    Job job;
    job.id = ++last_id_;
    job.facts.identity = identity_of(path, status);
    job.hash = true;
    client_->submit(std::move(job), std::move(file));
  }

  model::Policy policy_;
  std::optional<Matcher> matcher_;
  std::map<std::string, Answer> answers_;
  std::optional<ParserClient> client_;
  std::uint64_t last_id_ = 0;
};

// Nobody but we ourselves comes to the end of reading the file.
class EndlessFile {
 public:
  explicit EndlessFile(const std::string& path)
      : watch_(::fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY)),
        end_(::eventfd(0, EFD_CLOEXEC)) {
    if (::fanotify_mark(watch_.get(), FAN_MARK_ADD, FAN_ACCESS_PERM, AT_FDCWD, path.c_str()) == 0)
      thread_ = std::thread([this] { serve(); });
  }
  ~EndlessFile() {
    if (!is_there()) return;
    EXPECT_EQ(::eventfd_write(end_.get(), 1), 0);
    thread_.join();
  }
  EndlessFile(const EndlessFile&) = delete;
  EndlessFile& operator=(const EndlessFile&) = delete;
  bool is_there() const { return thread_.joinable(); }

 private:
  void serve() {
    pollfd both[] = {{watch_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    while (::poll(both, 2, -1) > 0 && (both[1].revents & POLLIN) == 0) {
      fanotify_event_metadata event{};
      if (::read(watch_.get(), &event, sizeof event) != sizeof event) continue;
      const UniqueFd file(event.fd);
      const fanotify_response response{event.fd, FAN_ALLOW};
      if (event.pid == ::getpid() &&
          ::write(watch_.get(), &response, sizeof response) != sizeof response)
        ADD_FAILURE() << "our own reading is not let pass";
    }
  }

  UniqueFd watch_, end_;
  std::thread thread_;
};

TEST_F(HangTest, AParserThatHangsIsReplacedAndNothingIsLost) {
  const int hung = client_->parser_pid();
  ASSERT_EQ(::kill(hung, SIGSTOP), 0);
  for (int i = 1; i <= 10; ++i) submit("/" + std::to_string(i), std::to_string(i));
  client_->finish();
  EXPECT_NE(client_->parser_pid(), hung);
  ASSERT_EQ(answers_.size(), 10u);
  for (const auto& [path, answer] : answers_) EXPECT_EQ(answer.sha256, sha256_hex(path.substr(1)));
}

TEST_F(HangTest, TheFileThatHoldsTheParserEveryTimeHoldsTheScanOrIsClean) {
  const std::string content(100'000, '.');
  write("/endless", content);
  const EndlessFile endless(at("/endless"));
  if (!endless.is_there()) GTEST_SKIP() << "needs fanotify with permissions, as root";
  submit("/before", "before");
  submit("/endless", content);
  submit("/after", "after");
  client_->finish();
  ASSERT_EQ(answers_.size(), 3u);
  EXPECT_EQ(answers_["/before"].sha256, sha256_hex("before"));
  EXPECT_EQ(answers_["/after"].sha256, sha256_hex("after"));
  EXPECT_EQ(answers_["/endless"].status, Answer::Status::kFailed);
  EXPECT_EQ(answers_["/endless"].detail,
            "the parser took too long over it (SHA-256 " + sha256_hex(content) + ")");
}

}  // namespace
}  // namespace fleetsweep::scan
