// The real program: its command line, its address, and kill -9 between requests.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "protocol/base/prng.h"
#include "protocol/runtime/witness_client/witness_client.h"
#include "tests/wait.h"
#include "tests/witness/grown_log.h"

namespace fleetsweep::witness {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

// A child whose standard output and error are read together; killed at the end.
class Process {
 public:
  explicit Process(std::vector<std::string> arguments) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
    arguments.insert(arguments.begin(), FS_BINARY_DIR "/fleetsweep-witness");
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], 1);
      dup2(ends[1], 2);
      execv(pointers[0], pointers.data());
      _exit(127);
    }
    close(ends[1]);
    output_ = ends[0];
  }
  ~Process() {
    signal(SIGKILL);
    wait();
    close(output_);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const {
    if (!ended_) kill(pid_, number);
  }
  int wait() {
    if (!ended_) waitpid(pid_, &status_, 0);
    ended_ = true;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
  }
  // Reads until `text` was written, the program ended, or the deadline.
  bool wait_for(std::string_view text) {
    pollfd ready{output_, POLLIN, 0};
    while (seen_.find(text) == std::string::npos) {
      char some[4096];
      if (poll(&ready, 1, std::chrono::milliseconds(kPatience).count()) <= 0) return false;
      const ssize_t size = read(output_, some, sizeof some);
      if (size <= 0) return false;
      seen_.append(some, static_cast<std::size_t>(size));
    }
    return true;
  }
  const std::string& so_far() const { return seen_; }
  // Everything, until the program ends.
  const std::string& rest() {
    wait_for("a text that no program writes \x01");
    return seen_;
  }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  int status_ = 0;
  bool ended_ = false;
  std::string seen_;
};

class WitnessProcess : public testing::Test {
 protected:
  WitnessProcess() {
    std::string pattern = (fs::temp_directory_path() / "witness.XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  ~WitnessProcess() override { fs::remove_all(folder_); }

  std::string state() const { return folder_ + "/state"; }
  log::VerifierKey init() const {
    Process process({"init", "--state", state(), "--name", "witness.example"});
    const std::string output = process.rest();
    EXPECT_EQ(process.wait(), 0) << output;
    constexpr std::string_view kBefore = "\"vkey\":\"";
    const auto at = output.find(kBefore);
    EXPECT_NE(at, std::string::npos) << output;
    const auto begin = at + kBefore.size();
    return log::VerifierKey::parse(output.substr(begin, output.find('"', begin) - begin)).value();
  }
  std::unique_ptr<Process> run() {
    auto process = std::make_unique<Process>(std::vector<std::string>{
        "run", "--state", state(), "--listen", "127.0.0.1:0", "--log", log_.verifier().text()});
    EXPECT_TRUE(process->wait_for("listening address=")) << process->rest();
    EXPECT_TRUE(process->wait_for("witness=")) << process->rest();
    const std::string& text = process->so_far();
    const auto at = text.find("address=") + 8;
    url_ = "http://" + text.substr(at, text.find(' ', at) - at);
    return process;
  }

  std::string folder_, url_;
  GrownLog log_;
};

TEST_F(WitnessProcess, AControllerCannotHaveItsTreeCosigned) {
  const log::VerifierKey witness = init();
  const auto process = run();
  EXPECT_EQ(http::request("GET", url_ + "/healthz", {}, "")->body, "ok\n");
  log_.grow(3);
  const auto first = witness_client::add_checkpoint(url_, log_.request(0));
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_EQ(first->cosignatures.size(), 1u);
  log_.grow(4);
  // A controller that lost its memory asks where the witness is, and goes on from there.
  const auto lost = witness_client::add_checkpoint(url_, log_.request(0));
  ASSERT_TRUE(lost) << lost.error().message;
  ASSERT_EQ(lost->known_size, 3u);
  const auto second = witness_client::add_checkpoint(url_, log_.request(3));
  ASSERT_TRUE(second) << second.error().message;
  ASSERT_TRUE(process->wait_for(" info size_told origin=log.example/tenant")) << process->rest();
  EXPECT_THAT(process->so_far(), Not(HasSubstr(" warning "))) << "every restart would raise it";
  log::Note note = log::Note::parse(log_.note()).value();
  note.signatures.push_back(second->cosignatures[0]);
  const auto verified = log::verify_checkpoint(note.text(), log_.verifier(), {witness}, 1);
  ASSERT_TRUE(verified) << verified.error().message;
  const auto now = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
  EXPECT_LE(verified->time, now);
  EXPECT_GE(verified->time, now - Seconds(60));
}

TEST_F(WitnessProcess, AForkedLogIsCosigned) {
  init();
  const auto process = run();
  log_.grow(5);
  ASSERT_TRUE(witness_client::add_checkpoint(url_, log_.request(0)));
  log_.shrink(4);
  log_.grow(1, "fork");
  const auto same_size = witness_client::add_checkpoint(url_, log_.request(5));
  ASSERT_FALSE(same_size);
  EXPECT_EQ(same_size.error().code, Code::kUntrusted);
  EXPECT_THAT(same_size.error().message, HasSubstr("the log has forked"));
  log_.grow(3, "fork");
  const auto grown = witness_client::add_checkpoint(url_, log_.request(5));
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().code, Code::kUntrusted);
  EXPECT_TRUE(process->wait_for(" error fork origin=log.example/tenant size=8"))
      << "an operator must hear of it";
}

TEST_F(WitnessProcess, AStrangerOrNonsenseIsCosigned) {
  init();
  const auto process = run();
  GrownLog stranger("log.example/other", 2);
  EXPECT_EQ(witness_client::add_checkpoint(url_, stranger.request(0)).error().code,
            Code::kNotFound);
  GrownLog thief("log.example/tenant", 2);
  EXPECT_EQ(witness_client::add_checkpoint(url_, thief.request(0)).error().code, Code::kUntrusted);
  EXPECT_EQ(http::request("POST", url_ + "/add-checkpoint", {}, "nonsense")->status, 400);
  EXPECT_EQ(http::request("POST", url_ + "/add-checkpoint", {}, std::string(100'000, 'x'))->status,
            413);
  EXPECT_EQ(http::request("GET", url_ + "/add-checkpoint", {}, "")->status, 405);
}

// 30 kills, each at another moment around a request; one tree grows all the time, and its forks are
// offered after each restart.
TEST_F(WitnessProcess, AKilledWitnessSignsTwoRootsForOneSize) {
  init();
  Prng random(7);
  std::map<std::uint64_t, Digest> cosigned;  // what the witness answered for, by size
  const auto offer = [&](const GrownLog& log, std::uint64_t old_size) {
    const auto answer =
        witness_client::add_checkpoint(url_, log.request(old_size), {.timeout = kPatience});
    if (!answer) return answer.error().code;
    if (answer->known_size) return Code::kConflict;
    const log::Checkpoint checkpoint = log.checkpoint();
    const auto [entry, is_new] = cosigned.emplace(checkpoint.size, checkpoint.root);
    EXPECT_EQ(entry->second, checkpoint.root) << "two roots for size " << checkpoint.size;
    return Code::kInternal;  // stands for a cosignature
  };
  std::uint64_t size = 0;
  for (int round = 0; round < 30; ++round) {
    const auto process = run();
    log_.grow(1 + random.below(3));
    std::thread killer([&, delay = random.below(3000)] {
      std::this_thread::yield();
      for (std::uint64_t spin = 0; spin < delay; ++spin) std::this_thread::yield();
      process->signal(SIGKILL);
    });
    offer(log_, size);
    killer.join();
    process->wait();
    const auto again = run();
    // Where is it? Either at the old or at the new size, and it must go on from there with our
    // tree.
    const Code first = offer(log_, size);
    if (first == Code::kConflict) {
      EXPECT_EQ(offer(log_, log_.checkpoint().size), Code::kInternal);
    } else {
      EXPECT_EQ(first, Code::kInternal);
    }
    size = log_.checkpoint().size;
    GrownLog fork;
    fork.grow(size, "fork");
    EXPECT_EQ(offer(fork, size), Code::kUntrusted);
    EXPECT_EQ(offer(fork, 0), Code::kConflict);
  }
}

TEST_F(WitnessProcess, ItCannotBeStoppedCleanly) {
  init();
  for (const int number : {SIGTERM, SIGINT}) {
    const auto process = run();
    process->signal(number);
    EXPECT_THAT(process->rest(), HasSubstr(" info stopped"));
    EXPECT_EQ(process->wait(), 0);
  }
}

TEST_F(WitnessProcess, ASecondOneRunsOnTheSameStateOrPort) {
  init();
  const auto process = run();
  Process second(
      {"run", "--state", state(), "--listen", "127.0.0.1:0", "--log", log_.verifier().text()});
  EXPECT_THAT(second.rest(), HasSubstr("another fleetsweep-witness is running with this state"));
  EXPECT_EQ(second.wait(), 1);
  Process other_init({"init", "--state", folder_ + "/other", "--name", "other.example"});
  EXPECT_EQ(other_init.wait(), 0);
  Process third({"run", "--state", folder_ + "/other", "--listen", url_.substr(7), "--log",
                 log_.verifier().text()});
  EXPECT_THAT(third.rest(), HasSubstr("the port is in use by another program"));
  EXPECT_EQ(third.wait(), 1);
}

TEST_F(WitnessProcess, TheConfigurationFileIsNotRead) {
  init();
  const std::string file = folder_ + "/witness.conf";
  std::ofstream(file) << fmt::format("# a witness\nstate = {}\nlisten = 127.0.0.1:0\nlog = {}\n",
                                     state(), log_.verifier().text());
  Process process({"run", "--config", file});
  EXPECT_TRUE(process.wait_for("listening address=127.0.0.1:")) << process.so_far();
}

TEST_F(WitnessProcess, MistakesAreToldOneAtATime) {
  const std::string file = folder_ + "/witness.conf";
  std::ofstream(file) << "stat = /x\nlog = nonsense\nlog = "
                      << log::VerifierKey{"w", log::KeyType::kCosignatureV1,
                                          GrownLog::key_from(1).public_key()}
                             .text()
                      << "\nallow_remote = 1\n";
  Process process({"run", "--config", file});
  const std::string output = process.rest();
  EXPECT_EQ(process.wait(), 2);
  for (const char* part : {":1: 'stat' is not a key here; did you mean 'state'?", "'nonsense'",
                           "w is a witness, not a log", ":4: 'allow_remote' is '1'"})
    EXPECT_THAT(output, HasSubstr(part));
}

TEST_F(WitnessProcess, WrongUseIsNotExplained) {
  const std::pair<std::vector<std::string>, const char*> uses[] = {
      {{}, "subcommand"},
      {{"init", "--state", state()}, "--name"},
      {{"run", "--state", state()}, "give the verifier key of each log"},
      {{"run", "--nonsense"}, "--nonsense"},
      {{"run", "--config", folder_ + "/absent"}, "does not exist"},
      {{"run", "--state", state(), "--log", log_.verifier().text()}, "run fleetsweep-witness init"},
      {{"init", "--state", state(), "--name", "a b"}, "cannot be the name"},
  };
  for (const auto& [arguments, expected] : uses) {
    Process process(arguments);
    EXPECT_THAT(process.rest(), HasSubstr(expected));
    EXPECT_NE(process.wait(), 0);
  }
  Process help({"run", "--help"});
  EXPECT_THAT(help.rest(), HasSubstr("Examples:"));
  EXPECT_EQ(help.wait(), 0);
}

TEST_F(WitnessProcess, ItListensBeyondLoopbackWithoutAWord) {
  init();
  Process process(
      {"run", "--state", state(), "--listen", "0.0.0.0:0", "--log", log_.verifier().text()});
  EXPECT_THAT(process.rest(), HasSubstr("without TLS is for loopback"));
  EXPECT_EQ(process.wait(), 1);
  Process allowed({"run", "--state", state(), "--listen", "0.0.0.0:0", "--allow_remote", "yes",
                   "--log", log_.verifier().text()});
  EXPECT_TRUE(allowed.wait_for("listening address=0.0.0.0:"));
}

}  // namespace
}  // namespace fleetsweep::witness
