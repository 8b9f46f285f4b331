// The program as the agent starts it: a request on fd 3, the key on fd 4.

#include <dirent.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "agent/scan/parser_client.h"
#include "agent/scan/root.h"
#include "agent/scan/shared_memory.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"
#include "protocol/hash_set/hash_set.h"
#include "protocol/runtime/pipe/pipe.h"
#include "protocol/runtime/sealed/sealed.h"
#include "tests/agent/scan/tree.h"
#include "tests/wait.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;

class ServeTest : public TreeTest {
 protected:
  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    TreeTest::TearDown();
  }

  runtime::Pipe start(void (*before_exec)() = nullptr) {
    auto both = runtime::Pipe::pair();
    EXPECT_TRUE(both.has_value());
    int key[2];
    EXPECT_EQ(::pipe(key), 0);
    EXPECT_EQ(::write(key[1], key_.data(), key_.size()), 32);
    const std::string root = root_.string(), table = (folder_ / "known").string(),
                      baseline = (folder_ / "baseline").string();
    pid_ = ::fork();
    if (pid_ == 0) {
      // Out of the way of 3 and 4 first.
      const int pipe_end = ::fcntl(both->second.fd(), F_DUPFD, 10);
      const int key_end = ::fcntl(key[0], F_DUPFD, 10);
      ::dup2(pipe_end, 3);
      ::dup2(key_end, 4);
      if (before_exec != nullptr) before_exec();
      ::execl(FS_BINARY_DIR "/fleetsweep-scan", "fleetsweep-scan", "--root", root.c_str(),
              "--table", table.c_str(), "--baseline", baseline.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(key[0]);
    ::close(key[1]);
    return std::move(both->first);
  }

  static model::ScanDone finish(runtime::Pipe& pipe) {
    while (true) {
      auto received = pipe.receive(kPatience);
      EXPECT_TRUE(received.has_value()) << received.error().message;
      if (!received) return {};
      if (auto* done = std::get_if<model::ScanDone>(&received->message)) return std::move(*done);
      EXPECT_TRUE(std::holds_alternative<model::ScanProgress>(received->message));
    }
  }

  static model::ScanRequest request(const model::Policy& policy) {
    model::ScanRequest result;
    result.policy = codec::encode(policy);
    result.facts.os = "linux";
    return result;
  }

  static model::Policy by_name(const std::string& name) {
    model::Policy policy;
    policy.detections.push_back(detection("d", ObjectKind::kFile, {is(Field::kFileName, name)}));
    policy.verdicts.push_back({.id = "v", .condition = one_of({0})});
    return policy;
  }

  const crypto::MacKey key_ = {1, 2, 3, 4};
  pid_t pid_ = -1;
};

TEST_F(ServeTest, FindingsComeBackSealedWithTheKey) {
  write("/tmp/evil", "x");
  runtime::Pipe pipe = start();
  const model::ScanRequest asked = request(by_name("evil"));
  ASSERT_TRUE(pipe.send(asked));
  const model::ScanDone done = finish(pipe);
  EXPECT_EQ(done.reason, model::Reason::kNone) << done.detail;
  ASSERT_EQ(done.sealed.size(), 1u);
  const Digest digest = crypto::sha256(asked.policy);
  EXPECT_EQ(done.result.policy, digest);
  EXPECT_TRUE(crypto::mac_equal(done.sealed[0].mac,
                                crypto::mac(key_, {digest.view(), done.sealed[0].finding})));
  EXPECT_EQ(done.result.verdicts, std::vector<std::uint16_t>{0});
  int status = 0;
  ASSERT_EQ(::waitpid(pid_, &status, 0), pid_);
  pid_ = -1;
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST_F(ServeTest, AScanTakesProcessorAndDiskFromThoseWhoWorkThere) {
  const runtime::Pipe pipe = start();  // it waits for its request
  const auto is_idle = [this] {
    return ::sched_getscheduler(pid_) == SCHED_IDLE &&
           IOPRIO_PRIO_CLASS(::syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid_)) ==
               IOPRIO_CLASS_IDLE;
  };
  EXPECT_TRUE(until(is_idle));
}

TEST_F(ServeTest, APolicyBesideABrokenOneIsNotAnswered) {
  write("/tmp/evil", "x");
  write("/tmp/other", "x");
  runtime::Pipe pipe = start();
  model::ScanRequest asked = request(by_name("evil"));
  const Bytes other = codec::encode(by_name("other"));
  asked.others = {Bytes(other.begin(), other.begin() + 8), other};
  ASSERT_TRUE(pipe.send(asked));
  const model::ScanDone first = finish(pipe), broken = finish(pipe), last = finish(pipe);
  EXPECT_EQ(broken.reason, model::Reason::kMalformed);
  using Answer = std::pair<const model::ScanDone*, const Bytes*>;
  for (const auto& [done, policy] : {Answer(&first, &asked.policy), Answer(&last, &other)}) {
    ASSERT_EQ(done->reason, model::Reason::kNone) << done->detail;
    ASSERT_EQ(done->sealed.size(), 1u);
    const Digest digest = crypto::sha256(*policy);
    EXPECT_EQ(done->result.policy, digest);
    EXPECT_TRUE(crypto::mac_equal(done->sealed[0].mac,
                                  crypto::mac(key_, {digest.view(), done->sealed[0].finding})))
        << "sealed for another policy";
  }
  EXPECT_EQ(std::get<model::FileIdentity>(last.result.findings[0].identity).path, "/tmp/other");
}

// A policy whose only detection is a hash set, with the bytes of the set.
std::pair<model::Policy, Bytes> of_set(const std::vector<std::string>& contents) {
  std::vector<hash_set::HashRecord> records;
  for (const std::string& content : contents) {
    records.push_back({content.size(), {}});
    records.back().hash = crypto::sha256(as_bytes(content)).value;
  }
  model::Policy policy;
  Bytes hashes;
  model::Predicate predicate{.field = Field::kFileSha256};
  for (const Bytes& part : hash_set::encode_hash_set(std::move(records), 32)) {
    predicate.parts.push_back({crypto::sha256(part), static_cast<std::uint32_t>(part.size())});
    append(hashes, part);
  }
  policy.detections.push_back(detection("d", ObjectKind::kFile, {predicate}));
  policy.verdicts.push_back({.id = "v", .condition = one_of({0})});
  return {policy, hashes};
}

UniqueFd sealed(const Bytes& bytes) {
  auto writer = runtime::SealedWriter::create();
  EXPECT_TRUE(writer && writer->append(bytes));
  return std::move(*std::move(*writer).seal());
}

TEST_F(ServeTest, HashSetsOfSeveralPoliciesAreMixedUp) {
  std::vector<std::string> many;
  for (int i = 0; i < 20'000; ++i) many.push_back("made " + std::to_string(i));
  many.emplace_back("evil");
  write("/tmp/evil", "evil");
  write("/tmp/worse", "worse");
  write("/tmp/made", "as large as made 1");
  const auto [first, first_hashes] = of_set(many);
  const auto [second, second_hashes] = of_set({"worse", "other"});
  model::ScanRequest asked = request(first);
  asked.others = {codec::encode(by_name("made")), codec::encode(second)};
  Bytes hashes = first_hashes;
  append(hashes, BytesView(second_hashes));
  runtime::Pipe pipe = start();
  ASSERT_TRUE(pipe.send(asked, sealed(hashes).get()));
  const std::string expected[] = {"/tmp/evil", "/tmp/made", "/tmp/worse"};
  for (const std::string& path : expected) {
    const model::ScanDone done = finish(pipe);
    EXPECT_EQ(done.reason, model::Reason::kNone) << done.detail;
    ASSERT_EQ(done.result.findings.size(), 1u) << path;
    EXPECT_EQ(std::get<model::FileIdentity>(done.result.findings[0].identity).path, path);
  }
}

TEST_F(ServeTest, AHostWithoutAllItsHashesIsCalledClean) {
  write("/tmp/evil", "evil");
  auto [policy, hashes] = of_set({"evil", "other"});
  hashes.back() ^= 1;
  model::ScanRequest asked = request(policy);
  asked.others = {codec::encode(by_name("evil"))};
  const UniqueFd given[] = {UniqueFd(), sealed(hashes)};
  for (const UniqueFd& fd : given) {
    runtime::Pipe pipe = start();
    ASSERT_TRUE(pipe.send(asked, fd.get()));
    const model::ScanDone done = finish(pipe), other = finish(pipe);
    EXPECT_EQ(done.reason, model::Reason::kPolicyMissing);
    EXPECT_TRUE(done.result.findings.empty() && done.sealed.empty());
    EXPECT_EQ(other.reason, model::Reason::kNone) << "its neighbour has all that it needs";
    EXPECT_EQ(other.sealed.size(), 1u);
    EXPECT_EQ(::waitpid(std::exchange(pid_, -1), nullptr, 0) > 0, true);
  }
}

// Core could change them after they were checked, and have anything found under a signed policy.
TEST_F(ServeTest, HashesThatCoreCanStillChangeAreSearched) {
  const auto [policy, hashes] = of_set({"evil"});
  const UniqueFd open(::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::write(open.get(), hashes.data(), hashes.size()), static_cast<ssize_t>(hashes.size()));
  runtime::Pipe pipe = start();
  ASSERT_TRUE(pipe.send(request(policy), open.get()));
  EXPECT_FALSE(pipe.receive(kPatience)) << "it ends without an answer";
  int status = 0;
  ASSERT_EQ(::waitpid(std::exchange(pid_, -1), &status, 0) > 0, true);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 70) << status;

  runtime::Pipe again = start();
  ASSERT_TRUE(again.send(request(policy), sealed(hashes).get()));
  EXPECT_EQ(finish(again).reason, model::Reason::kNone) << "the same, sealed";
}

// Twice the same answer from the table would be wrong: the lists are others.
TEST_F(ServeTest, WhatAnotherHashSetSaidIsBelievedOfThisOne) {
  write("/tmp/file", "content");
  const auto findings = [&](const std::vector<std::string>& contents, std::uint64_t& bytes_read) {
    const auto [policy, hashes] = of_set(contents);
    runtime::Pipe pipe = start();
    EXPECT_TRUE(pipe.send(request(policy), sealed(hashes).get()));
    const model::ScanDone done = finish(pipe);
    EXPECT_EQ(done.reason, model::Reason::kNone) << done.detail;
    EXPECT_EQ(::waitpid(std::exchange(pid_, -1), nullptr, 0) > 0, true);
    bytes_read = done.result.scanned_bytes;
    return done.result.findings.size();
  };
  const LateClock clock;
  std::uint64_t bytes_read = 0;
  EXPECT_EQ(findings({"CONTENT"}, bytes_read), 0u);
  EXPECT_EQ(bytes_read, 7u);
  EXPECT_EQ(findings({"CONTENT"}, bytes_read), 0u);
  EXPECT_EQ(bytes_read, 0u) << "it did not learn";
  EXPECT_EQ(findings({"content"}, bytes_read), 1u);
}

TEST_F(ServeTest, ARescanBelievesTheTable) {
  write("/tmp/file", "content");
  model::Policy policy;
  policy.detections.push_back(
      detection("d", ObjectKind::kFile, {is(Field::kFileSha256, sha256_hex("other"))}));
  const auto bytes_read = [&](bool verify) {
    runtime::Pipe pipe = start();
    model::ScanRequest asked = request(policy);
    asked.verify = verify;
    EXPECT_TRUE(pipe.send(asked));
    const model::ScanDone done = finish(pipe);
    EXPECT_EQ(done.reason, model::Reason::kNone) << done.detail;
    EXPECT_EQ(::waitpid(std::exchange(pid_, -1), nullptr, 0) > 0, true);
    return done.result.scanned_bytes;
  };
  const LateClock clock;
  EXPECT_EQ(bytes_read(false), 7u);
  EXPECT_EQ(bytes_read(false), 0u) << "it did not learn";
  EXPECT_EQ(bytes_read(true), 7u);
  EXPECT_EQ(bytes_read(false), 0u) << "it forgot";
}

TEST_F(ServeTest, AHuntWaitsForABaselineThatTheOwnerNeverWrote) {
  write("/etc/cron.d/own", "* * * * * root /opt/own\n");
  model::Policy hunt;
  hunt.detections.push_back(
      detection("d", ObjectKind::kPersistence,
                {is(Field::kPersistenceKind, "cron"), number(Field::kPersistenceInBaseline, 0)}));
  const auto ask = [this](const model::Policy& policy) {
    runtime::Pipe pipe = start();
    EXPECT_TRUE(pipe.send(request(policy)));
    const model::ScanDone done = finish(pipe);
    EXPECT_GT(::waitpid(std::exchange(pid_, -1), nullptr, 0), 0);
    return done;
  };
  EXPECT_EQ(ask(hunt).sealed.size(), 1u);
  std::ofstream(folder_ / "baseline") << "own\n";
  const model::ScanDone refused = ask(hunt);
  EXPECT_EQ(refused.reason, model::Reason::kIo);
  EXPECT_NE(refused.detail.find("(line 1): expected kind"), std::string::npos) << refused.detail;
  EXPECT_EQ(ask(by_name("evil")).reason, model::Reason::kNone) << "it does not ask for it";
}

TEST_F(ServeTest, APolicyOfTheFutureIsRefusedForItsSchema) {
  runtime::Pipe pipe = start();
  model::Policy policy = by_name("x");
  policy.schema = 2;
  ASSERT_TRUE(pipe.send(request(policy)));
  EXPECT_EQ(finish(pipe).reason, model::Reason::kSchema);
}

TEST_F(ServeTest, APolicyThatDoesNotDecodeIsMalformed) {
  runtime::Pipe pipe = start();
  model::ScanRequest bad = request(by_name("x"));
  bad.policy.resize(bad.policy.size() / 2);
  ASSERT_TRUE(pipe.send(bad));
  EXPECT_EQ(finish(pipe).reason, model::Reason::kMalformed);
}

TEST_F(ServeTest, WithoutSystemCallFiltersContentIsRefused) {
  write("/tmp/evil", "x");
  runtime::Pipe pipe = start([] {
    // A kernel without seccomp, as far as the program can see.
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(seccomp), 0);
    seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                     SCMP_A0(SCMP_CMP_EQ, 22));  // PR_SET_SECCOMP
    seccomp_load(filter);
  });
  ASSERT_TRUE(pipe.send(request(by_name("evil"))));
  const model::ScanDone done = finish(pipe);
  EXPECT_EQ(done.reason, model::Reason::kSandbox);
  EXPECT_TRUE(done.result.findings.empty());
}

std::string status_line(int pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key + ":")) return line.substr(key.size() + 1);
  return {};
}

std::vector<int> children_of(int parent) {
  std::vector<int> result;
  DIR* folder = ::opendir("/proc");
  while (const dirent* entry = ::readdir(folder)) {
    const int pid = std::atoi(entry->d_name);
    if (pid > 0 && std::atoi(status_line(pid, "PPid").c_str()) == parent) result.push_back(pid);
  }
  ::closedir(folder);
  return result;
}

// A rule that takes its ten seconds keeps the parser there to be looked at.
TEST_F(ServeTest, TheRunningProcessesHoldNoMoreThanTheyNeed) {
  write("/tmp/evil", "xxxx");
  model::Policy policy;
  policy.rules.push_back(
      {.id = "r",
       .source =
           "rule A { condition: for all i in (0..2147483647) : (uint8(0) >= 0 and i >= 0) }"});
  policy.detections.push_back({.id = "d", .object = ObjectKind::kFile, .rule = 0});
  runtime::Pipe pipe = start();
  ASSERT_TRUE(pipe.send(request(policy)));

  std::vector<int> children;
  ASSERT_TRUE(until([&] {
    children = children_of(pid_);
    return children.size() == 1 && status_line(children[0], "Seccomp") == "\t2" &&
           status_line(pid_, "Seccomp") == "\t2";
  }));
  const int parser = children[0];
  EXPECT_EQ(status_line(parser, "NoNewPrivs"), "\t1");
  EXPECT_EQ(status_line(parser, "CapEff"), "\t0000000000000000");
  EXPECT_EQ(status_line(pid_, "NoNewPrivs"), "\t1");
  if (::geteuid() == 0) {
    EXPECT_EQ(status_line(parser, "Uid"), "\t65534\t65534\t65534\t65534");
    // CAP_DAC_READ_SEARCH, CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_PTRACE
    EXPECT_EQ(status_line(pid_, "CapEff"), "\t00000000000800e4");
  }
  std::ifstream maps("/proc/" + std::to_string(pid_) + "/maps");
  const std::string all{std::istreambuf_iterator<char>(maps), std::istreambuf_iterator<char>()};
  EXPECT_EQ(all.find("libzmq"), std::string::npos);

  // What is open in the parser, if it can be seen: sockets to its walker, files of the tree,
  // stderr.
  const model::ScanDone done = finish(pipe);
  EXPECT_EQ(done.reason, model::Reason::kNone) << done.detail;
  EXPECT_TRUE(done.result.findings.empty());
  // The rule did not end, so the file is neither a hit nor clean.
  EXPECT_EQ(done.result.unscannable, 1u);
}

// A parser that is killed in the middle of its work costs the file at hand and nothing else.
TEST(ParserClient, AParserThatDiesIsReplacedAndNothingIsLost) {
  char folder[] = "/tmp/fleetsweep-parser-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {}));
  const auto matcher = Matcher::compile(policy);
  ASSERT_TRUE(matcher.has_value());
  std::map<std::uint64_t, Answer> answers;
  ParserClient client(*matcher, policy, {},
                      [&](const Job& job, Answer answer) { answers[job.id] = std::move(answer); });
  ASSERT_TRUE(client.start().has_value());
  for (std::uint64_t id = 1; id <= 100; ++id) {
    const std::string path = std::string(folder) + "/" + std::to_string(id);
    std::ofstream(path) << id;
    if (id == 50) ::kill(client.parser_pid(), SIGKILL);
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    ASSERT_EQ(::fstat(file.get(), &status), 0);
    Job job;
    job.id = id;
    job.facts.identity = identity_of(path, status);
    job.wanted = {0};
    client.submit(std::move(job), std::move(file));
  }
  client.finish();
  ASSERT_EQ(answers.size(), 100u);
  for (const auto& [id, answer] : answers) {
    EXPECT_EQ(answer.status, Answer::Status::kRead) << answer.detail;
    EXPECT_EQ(answer.sha256, sha256_hex(std::to_string(id)));
  }
  std::filesystem::remove_all(folder);
}

// Each content takes another way to the parser: in shared memory, by its descriptor, in parts.
TEST(ParserClient, ASmallAndALargeFileHaveTheSameAnswersInAnyOrder) {
  char folder[] = "/tmp/fleetsweep-parser-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  model::Policy policy;
  policy.rules.push_back(
      {.id = "r", .source = "rule R { strings: $a = \"needle\" condition: $a }", .license = "x"});
  policy.detections.push_back(detection("d", ObjectKind::kFile, {}));
  policy.detections.push_back(detection("rule", ObjectKind::kFile, {}));
  policy.detections.back().rule = 0;
  const auto matcher = Matcher::compile(policy);
  ASSERT_TRUE(matcher.has_value());
  std::map<std::uint64_t, Answer> answers;
  ParserClient client(*matcher, policy, {},
                      [&](const Job& job, Answer answer) { answers[job.id] = std::move(answer); });
  ASSERT_TRUE(client.start().has_value());
  std::map<std::uint64_t, std::string> contents;
  constexpr std::size_t kSizes[] = {0, 1, 4096, 65536, 65537, 524288, 524289, 3000000};
  for (std::uint64_t id = 1; id <= 400; ++id) {
    std::string content(kSizes[id * 7 % std::size(kSizes)], static_cast<char>('a' + id % 26));
    const std::string needle = "needle";
    // Where one part of a large file ends and the next begins, too.
    if (id % 3 == 0 && content.size() > needle.size())
      content.replace(std::min(content.size() - needle.size(), 256u * 1024 - 256 - id % 7), 6,
                      needle);
    const std::string path = std::string(folder) + "/" + std::to_string(id);
    std::ofstream(path, std::ios::binary) << content;
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    ASSERT_EQ(::fstat(file.get(), &status), 0);
    Job job;
    job.id = id;
    job.facts.identity = identity_of(path, status);
    job.wanted = {0, 1};
    contents[id] = std::move(content);
    client.submit(std::move(job), std::move(file));
  }
  client.finish();
  ASSERT_EQ(answers.size(), contents.size());
  for (const auto& [id, answer] : answers) {
    EXPECT_EQ(answer.status, Answer::Status::kRead) << answer.detail;
    EXPECT_EQ(answer.sha256, sha256_hex(contents[id])) << contents[id].size();
    EXPECT_EQ(answer.rules.size(), contents[id].find("needle") != std::string::npos) << id;
  }
  std::filesystem::remove_all(folder);
}

// What a parser leaves behind it may have changed.
TEST(SharedMemory, OnlyTheChildThatItIsForkedWithHasIt) {
  auto memory = SharedMemory::create(4096);
  ASSERT_TRUE(memory.has_value());
  memory->bytes()[0] = 7;
  const auto fork_and_look = [&](auto fork) {
    const int pid = fork();
    if (pid == 0) {
      std::uint8_t byte = 0;
      const iovec target{&byte, 1}, source{memory->bytes().data(), 1};
      ::_exit(::process_vm_readv(::getpid(), &target, 1, &source, 1, 0) == 1 ? byte : 99);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WEXITSTATUS(status);
  };
  EXPECT_EQ(fork_and_look([&] { return memory->fork(); }), 7);
  EXPECT_EQ(fork_and_look([] { return ::fork(); }), 99);
}

TEST(ParserClient, AFileThatChangesWhileItIsReadIsNoFinding) {
  char name[] = "/tmp/fleetsweep-changing-XXXXXX";
  UniqueFd file(::mkstemp(name));
  ASSERT_TRUE(file);
  ASSERT_EQ(::write(file.get(), "before", 6), 6);
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {}));
  const auto matcher = Matcher::compile(policy);
  Answer got;
  ParserClient client(*matcher, policy, {},
                      [&](const Job&, Answer answer) { got = std::move(answer); });
  ASSERT_TRUE(client.start().has_value());
  struct stat status {};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  Job job;
  job.id = 1;
  job.facts.identity = identity_of(name, status);
  job.wanted = {0};
  // Between the walker's look and the parser's read.
  ASSERT_EQ(::pwrite(file.get(), "after, and longer", 17, 0), 17);
  client.submit(std::move(job), std::move(file));
  client.finish();
  EXPECT_EQ(got.status, Answer::Status::kChanged);
  EXPECT_TRUE(got.sha256.empty());
  ::unlink(name);
}

}  // namespace
}  // namespace fleetsweep::scan
