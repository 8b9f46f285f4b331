// The real controller process under attack at both of its ports, seen from outside: what it holds,
// that it serves honest hosts and operators meanwhile, and that it lives.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>

#include "controller/service/keys.h"
#include "protocol/codec/codec.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/http/http.h"
#include "protocol/runtime/net/net.h"
#include "tests/protocol/runtime/net/raw_peer.h"
#include "tests/wait.h"

extern char** environ;

namespace fleetsweep::controller {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr auto kHonestMax = seconds(60);  // milliseconds on an idle machine
// Half-open connections that both ports hold at most, each at most some 64 KiB (hostile_test.cc),
// and the heap of what is gone.
constexpr std::size_t kAgentsMax = 100;
constexpr std::size_t kHeldMax = (kAgentsMax + 512) * 64 * 1024;
constexpr std::size_t kSlack = 48 << 20;

class EdgeProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/fs-edge-XXXXXX";
    folder_ = mkdtemp(pattern);
    ASSERT_TRUE(net::check_descriptors(12'000));
    ASSERT_TRUE(init_keys(folder_ + "/state", "edge.example/log"));
    edge_ = read_keys(folder_ + "/state")->edge.pub;
    start();
  }
  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      int status = 0;
      EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
          << "it ended otherwise: " << status;
    }
    if (HasFailure()) std::fputs(log().c_str(), stderr);
    std::filesystem::remove_all(folder_);
  }
  void start() {
    std::vector<std::string> words = {FS_BINARY_DIR "/fleetsweep-controller",
                                      "run",
                                      "--state",
                                      folder_ + "/state",
                                      "--agent_listen",
                                      "tcp://127.0.0.1:0",
                                      "--enrol_listen",
                                      "tcp://127.0.0.1:0",
                                      "--api_listen",
                                      "127.0.0.1:0",
                                      "--metrics_listen",
                                      "127.0.0.1:0",
                                      "--agents_max",
                                      std::to_string(kAgentsMax)};
    std::vector<char*> raw;
    for (std::string& word : words) raw.push_back(word.data());
    raw.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    for (const int fd : {1, 2})
      posix_spawn_file_actions_addopen(&actions, fd, (folder_ + "/log").c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0600);
    ASSERT_EQ(::posix_spawn(&pid_, raw[0], &actions, nullptr, raw.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    const auto end = Clock::now() + kHonestMax;
    while (log().find("started") == std::string::npos && Clock::now() < end) ::poll(nullptr, 0, 10);
    agents_at_ = said("agents=(tcp://[0-9.:]+)");
    enrol_at_ = said("enrolment=(tcp://[0-9.:]+)");
    metrics_at_ = said("metrics=([0-9.:]+)");
    ASSERT_FALSE(enrol_at_.empty() || metrics_at_.empty() || agents_at_.empty()) << log();
  }
  std::string log() const {
    std::ifstream file(folder_ + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string said(const char* shape) const {
    const std::string text = log();
    std::smatch match;
    return std::regex_search(text, match, std::regex(shape)) ? match[1].str() : "";
  }
  std::size_t resident() const {
    std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
    std::size_t total = 0, pages = 0;
    statm >> total >> pages;
    return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }
  // A host asks to enrol and is told, if only that it is not known; an operator sees it well.
  void expect_honest(const char* when) {
    const auto begun = Clock::now();
    net::RawPeer host(enrol_at_);
    ASSERT_TRUE(host.shake_hands(edge_, net::generate_curve_keys(), net::RawPeer::dealer()))
        << when;
    ASSERT_TRUE(host.write(
        host.message(codec::encode(model::Message(model::EnrolRequest{to_bytes("who am I?")})))));
    EXPECT_TRUE(host.read(2)) << "no answer " << when;
    const auto health = http::request("GET", "http://" + metrics_at_ + "/readyz", {}, "");
    EXPECT_TRUE(health && health->status == 200) << when;
    const auto taken = Clock::now() - begun;
    EXPECT_LT(taken, kHonestMax) << when;
    std::printf("  honest host and operator answered %s after %.0f ms\n", when,
                std::chrono::duration<double, std::milli>(taken).count());
  }

  std::string folder_, agents_at_, enrol_at_, metrics_at_;
  CurveKey edge_;
  pid_t pid_ = 0;
};

TEST_F(EdgeProcess, StrangersFillItsMemoryOrKeepItFromItsWork) {
#if defined(FS_SANITIZED)
  GTEST_SKIP() << "memory and time of a program are those of its sanitizer";
#endif
  expect_honest("before");
  const std::size_t before = resident();
  std::size_t peak = before;
  std::vector<std::unique_ptr<net::RawPeer>> peers;
  for (int i = 0; i < 8000; ++i) {
    peers.push_back(std::make_unique<net::RawPeer>(i % 2 ? agents_at_ : enrol_at_));
    if (!peers.back()->is_connected()) continue;
    if (i % 3 > 0) peers.back()->write(net::RawPeer::greeting("CURVE"));
    if (i % 3 > 1) peers.back()->write(peers.back()->hello(edge_, i % 2));
    if (i % 500 == 0) peak = std::max(peak, resident());
    if (i == 4000) expect_honest("among 4,000 half-open");
  }
  expect_honest("among 8,000 half-open");
  peak = std::max(peak, resident());
  std::printf("  8,000 half-open: RSS grew by %.1f MB, at most %.1f MB\n",
              static_cast<double>(peak - before) / 1e6,
              static_cast<double>(kHeldMax + kSlack) / 1e6);
  EXPECT_LE(peak - before, kHeldMax + kSlack);
  peers.clear();

  // Messages of parts that never end.
  for (int i = 0; i < 5; ++i) {
    net::RawPeer peer(enrol_at_);
    ASSERT_TRUE(peer.shake_hands(edge_, net::generate_curve_keys(), net::RawPeer::dealer()));
    const Bytes part(16'000, 'p');
    bool is_cut = false;
    for (int k = 0; k < 20'000 && !is_cut; ++k) {
      is_cut = !peer.write(peer.message(part, true));
      if (k % 100 == 0) peak = std::max(peak, resident());
    }
    EXPECT_TRUE(is_cut);
  }
  std::printf("  and messages without end: %.1f MB\n", static_cast<double>(peak - before) / 1e6);
  EXPECT_LE(peak - before, kHeldMax + kSlack + (50u << 20));
  expect_honest("after");
  // The counters follow at the gateway's next turn.
  for (const char* reason : {"silent", "hoarding"}) {
    const std::string wanted =
        fmt::format("fleetsweep_connections_cut_total{{reason=\"{}\",socket=\"enrol\"}}", reason);
    const auto is_counted = [&] {
      const auto metrics = http::request("GET", "http://" + metrics_at_ + "/metrics", {}, "");
      return metrics && metrics->body.find(wanted) != std::string::npos;
    };
    EXPECT_TRUE(until(is_counted)) << reason;
  }
}

}  // namespace
}  // namespace fleetsweep::controller
