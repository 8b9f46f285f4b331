// The edge against peers that mean harm, byte by byte. In each story an honest host asks during the
// attack and after it, and is answered; what the attack costs in memory is measured and stays below
// a bound that is derived here.

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <zmq.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <thread>

#include "protocol/runtime/net/net.h"
#include "protocol/runtime/net/zap.h"
#include "tests/protocol/runtime/net/raw_peer.h"

namespace fleetsweep::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// What the library may hold for a connection in mid-handshake: session, engine, two buffers of 8
// KiB, CURVE state, and what the sweeps leave it (Limits::unheard_bytes_max, 32 KiB).
constexpr std::size_t kHalfOpenBytes = 64 * 1024;
// Heap that was used by what is gone and not given back, and the test's own.
constexpr std::size_t kSlackBytes = 24 << 20;
constexpr std::size_t kUnheardMax = 512;
constexpr std::size_t kCapBytes = 16 * 1024;
// On an idle machine it takes milliseconds; a busy one accepts the attackers before it more slowly.
constexpr auto kHonestMax = seconds(60);

std::size_t resident() {
  ::malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, pages = 0;
  statm >> total >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// The enrolment's door as the gateway opens it, and the agents' beside it; a thread that does what
// the loop does, and sends each message back.
// Under a sanitizer memory is the sanitizer's.
#if defined(FS_SANITIZED)
constexpr bool kMeasuresMemory = false;
#else
constexpr bool kMeasuresMemory = true;
#endif

class Hostile : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(check_descriptors(15'000));
    context_ = std::move(*Context::create({}));
    zap_ = std::move(*ZapHandler::start(*context_, {{"agent", false}, {"enrol", true}}));
    honest_ = generate_curve_keys();
    zap_->replace("agent", {honest_.pub});
  }
  void open(EdgeSocket::Options options) {
    options.listen = "tcp://127.0.0.1:*";
    options.keys = server_;
    options.receive_bytes_max = kCapBytes;
    options.unheard_max = kUnheardMax;
    auto edge = EdgeSocket::bind(*context_, options);
    ASSERT_TRUE(edge) << edge.error().message;
    edge_ = std::move(*edge);
    serves_ = true;
    thread_ = std::thread([this] { serve(); });
  }
  void open_enrol() {
    open({.domain = "enrol", .receive_queue = 8, .receive_buffer = 64 * 1024, .visits = true});
  }
  void open_agent() { open({.domain = "agent", .receive_queue = 8}); }
  void TearDown() override {
    serves_ = false;
    if (thread_.joinable()) thread_.join();
    edge_.reset();
    zap_.reset();
    context_.reset();
  }
  void serve() {
    auto sweep_at = Clock::now();
    while (serves_) {
      pollfd waits[] = {{edge_->fd(), POLLIN, 0}, {edge_->event_fd(), POLLIN, 0}};
      if (!edge_->readable() && !edge_->event_readable()) ::poll(waits, 2, 10);
      edge_->tend();
      if (Clock::now() >= sweep_at) sweep_at = Clock::now() + edge_->sweep();
      for (int i = 0; i < 64 && reads_; ++i) {
        auto received = edge_->receive();
        if (!received) break;
        largest_ = std::max(largest_.load(), received->payload.view().size());
        static_cast<void>(edge_->send(received->peer, received->payload));
        const std::lock_guard lock(mutex_);
        last_key_ = received->key;
      }
      if (const CurveKey* key = ends_.exchange(nullptr)) edge_->end(*key);
      counters_cut_ = edge_->counters().cut_unheard + edge_->counters().cut_hoarding;
      connections_ = edge_->connections();
    }
  }
  // A host with its own connection: seconds until its word came back, or a failure.
  void expect_honest(const char* when) {
    const auto begun = Clock::now();
    auto socket = AgentSocket::connect(*context_, {.connect = edge_->endpoint(),
                                                   .server = server_.pub,
                                                   .keys = honest_,
                                                   .reconnect_min = milliseconds(20),
                                                   .reconnect_max = milliseconds(100)});
    ASSERT_TRUE(socket);
    const Payload word(to_bytes("an honest word"));
    auto said = begun - seconds(1);
    while (Clock::now() - begun < kHonestMax) {
      if (Clock::now() - said > milliseconds(500) && (*socket)->send(word) == Sent::kOk)
        said = Clock::now();
      if (const auto answer = (*socket)->receive()) {
        EXPECT_EQ(as_text(answer->view()), "an honest word");
        std::printf("  honest host answered %s after %.0f ms\n", when,
                    std::chrono::duration<double, std::milli>(Clock::now() - begun).count());
        return;
      }
      ::poll(nullptr, 0, 2);
    }
    ADD_FAILURE() << "the honest host was not answered " << when;
  }
  void settle() {  // those that were ended are forgotten
    const auto end = Clock::now() + kHonestMax;
    while (connections_ > kUnheardMax && Clock::now() < end) ::poll(nullptr, 0, 10);
    EXPECT_LE(connections_, kUnheardMax);
  }
  static void expect_below(std::size_t before, std::size_t bound, const char* what) {
    const std::size_t now = resident();
    const std::size_t grown = now > before ? now - before : 0;
    std::printf("  %s: RSS grew by %.1f MB, at most %.1f MB\n", what,
                static_cast<double>(grown) / 1e6, static_cast<double>(bound) / 1e6);
    if (kMeasuresMemory) {
      EXPECT_LE(grown, bound) << what;
    }
  }

  CurveKeyPair server_ = generate_curve_keys();
  CurveKeyPair honest_;
  std::unique_ptr<Context> context_;
  std::unique_ptr<ZapHandler> zap_;
  std::unique_ptr<EdgeSocket> edge_;
  std::thread thread_;
  std::atomic<bool> serves_ = false;
  std::atomic<bool> reads_ = true;
  std::atomic<std::size_t> largest_ = 0;
  std::atomic<std::uint64_t> counters_cut_ = 0;
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<const CurveKey*> ends_ = nullptr;
  std::mutex mutex_;
  CurveKey last_key_;
};

TEST_F(Hostile, OldOrOpenGreetingGetsIn) {
  open_enrol();
  const std::pair<const char*, Bytes> greetings[] = {
      {"ZMTP 1", {1, 0, 'x'}},
      {"ZMTP 2", {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 5, 0, 0}},
      {"NULL", RawPeer::greeting("NULL")},
      {"PLAIN", RawPeer::greeting("PLAIN")},
      {"another server", RawPeer::greeting("CURVE", 3, true)},
      {"no mechanism", RawPeer::greeting("")},
      {"noise", Bytes(64, 0xaa)}};
  for (const auto& [name, greeting] : greetings) {
    RawPeer peer(edge_->endpoint());
    ASSERT_TRUE(peer.is_connected());
    ASSERT_TRUE(peer.write(greeting));
    // What would follow: a NULL READY, and a message.
    Bytes ready = to_bytes("\x05READY");
    append(ready, RawPeer::dealer());
    peer.write(RawPeer::frame(RawPeer::kCommand, ready));
    peer.write(RawPeer::frame(0, to_bytes("let me in")));
    EXPECT_TRUE(peer.is_ended()) << name;
    EXPECT_EQ(largest_, 0u) << name << " was heard";
    expect_honest("after it");
    largest_ = 0;
  }
}

TEST_F(Hostile, TenThousandHalfOpenConnectionsFillTheMemory) {
  open_enrol();
  expect_honest("before");
  constexpr int kAttack = 10'000;
  const std::size_t before = resident();
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < kAttack; ++i) {
    peers.push_back(std::make_unique<RawPeer>(edge_->endpoint()));
    if (!peers.back()->is_connected()) continue;
    // Silent; a greeting; a greeting and a HELLO that costs the edge its key exchange.
    if (i % 3 > 0) peers.back()->write(RawPeer::greeting("CURVE"));
    if (i % 3 > 1) peers.back()->write(peers.back()->hello(server_.pub));
    if (i == static_cast<int>(kUnheardMax) - 8) {
      const std::size_t now = resident();
      std::printf("  %d half-open: %.1f KB each\n", i + 1,
                  static_cast<double>(now - std::min(now, before)) / 1e3 / (i + 1));
    }
    if (i == kAttack / 2) expect_honest("among 5,000 half-open");
  }
  expect_honest("among 10,000 half-open");
  settle();
  expect_below(before, kUnheardMax * kHalfOpenBytes + kSlackBytes, "10,000 half-open");
  EXPECT_GT(counters_cut_, kAttack / 2u);
  // Nothing of ours is kept for who is gone.
  peers.clear();
  expect_honest("after");
}

TEST_F(Hostile, FloodOfHellosKeepsTheHonestHostWaiting) {
  open_agent();
  const std::size_t before = resident();
  std::atomic<bool> floods = true;
  std::atomic<int> sent = 0;
  std::thread flood([&] {
    while (floods) {
      RawPeer peer(edge_->endpoint());
      if (!peer.is_connected()) continue;
      peer.write(RawPeer::greeting("CURVE"));
      peer.write(peer.hello(server_.pub, sent % 2 == 0));  // every other one is forged
      ++sent;
    }
  });
  while (sent < 500) ::poll(nullptr, 0, 5);
  for (int i = 0; i < 3; ++i) expect_honest("in a flood of HELLOs");
  floods = false;
  flood.join();
  std::printf("  %d HELLOs\n", sent.load());
  settle();
  expect_below(before, kUnheardMax * kHalfOpenBytes + kSlackBytes, "flood of HELLOs");
}

TEST_F(Hostile, HandshakeBringsMetadataWithoutEnd) {
  open_enrol();
  const std::size_t before = resident();
  Bytes large = RawPeer::dealer();
  append(large, RawPeer::property("X-Large", std::string(64 * 1024, 'm')));
  for (int i = 0; i < 200; ++i) {
    RawPeer peer(edge_->endpoint());
    EXPECT_FALSE(peer.shake_hands(server_.pub, generate_curve_keys(), large));
  }
  expect_honest("after 200 INITIATEs of 64 KiB");
  // As much as fits into a frame is only stored as long as the connection is there.
  Bytes fits = RawPeer::dealer();
  append(fits, RawPeer::property("X-Fits", std::string(kCapBytes - 1024, 'm')));
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (std::size_t i = 0; i < kUnheardMax; ++i) {
    peers.push_back(std::make_unique<RawPeer>(edge_->endpoint()));
    peers.back()->shake_hands(server_.pub, generate_curve_keys(), fits);
  }
  expect_below(before, kUnheardMax * (kHalfOpenBytes + 2 * kCapBytes) + kSlackBytes,
               "512 peers with metadata of 15 KiB");
  expect_honest("beside them");
}

TEST_F(Hostile, PeerNamesItselfSomebodyElseInItsHandshake) {
  open_agent();
  const auto liar = generate_curve_keys();
  zap_->allow("agent", liar.pub);
  Bytes metadata = RawPeer::dealer();
  append(metadata, RawPeer::property("User-Id", honest_.pub.hex()));
  append(metadata, RawPeer::property("Identity", honest_.pub.hex()));
  append(metadata, RawPeer::property("Peer-Address", "127.0.0.99"));
  append(metadata, RawPeer::property("__fd", "0"));
  RawPeer peer(edge_->endpoint());
  ASSERT_TRUE(peer.shake_hands(server_.pub, liar, metadata));
  ASSERT_TRUE(peer.write(peer.message(to_bytes("I am the honest one"))));
  const auto end = Clock::now() + kHonestMax;
  while (largest_ == 0 && Clock::now() < end) ::poll(nullptr, 0, 5);
  {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(last_key_, liar.pub);
  }
  expect_honest("beside the liar");
}

TEST_F(Hostile, FrameClaimsALengthThatNobodyHas) {
  open_enrol();
  const std::size_t before = resident();
  const std::uint64_t sizes[] = {0,
                                 1,
                                 kCapBytes,
                                 kCapBytes + 1,
                                 std::uint64_t{1} << 31,
                                 std::uint64_t{1} << 63,
                                 ~std::uint64_t{0}};
  for (const std::uint64_t size : sizes) {
    for (const std::uint8_t flags : {0, 1, 4, 5, 0x80}) {
      // Before anybody is known, and by one who is.
      RawPeer stranger(edge_->endpoint());
      ASSERT_TRUE(stranger.write(RawPeer::greeting("CURVE")) && stranger.read(64));
      stranger.write(RawPeer::head(flags, size, true));
      stranger.write(Bytes(1000, 0));
      EXPECT_TRUE(size == kCapBytes || stranger.is_ended()) << size;
      RawPeer known(edge_->endpoint());
      ASSERT_TRUE(known.shake_hands(server_.pub, generate_curve_keys(), RawPeer::dealer()));
      known.write(RawPeer::head(flags, size, true));
      known.write(Bytes(1000, 0));
      EXPECT_TRUE(size == kCapBytes || known.is_ended()) << size;
    }
  }
  EXPECT_LE(largest_, kCapBytes);
  expect_honest("after frames of 0 bytes to 2^64");
  expect_below(before, kSlackBytes, "frames of 0 bytes to 2^64");
}

TEST_F(Hostile, MessageOfAnyNumberOfPartsIsTakenForOne) {
  open_agent();
  expect_honest("before");
  largest_ = 0;
  for (const int parts : {1, 3, 1000}) {
    const auto keys = generate_curve_keys();
    zap_->allow("agent", keys.pub);
    RawPeer peer(edge_->endpoint());
    ASSERT_TRUE(peer.shake_hands(server_.pub, keys, RawPeer::dealer()));
    ASSERT_TRUE(peer.write(peer.message(to_bytes("hello"))) && peer.read(2));
    largest_ = 0;
    for (int i = 0; i < parts; ++i)
      ASSERT_TRUE(peer.write(peer.message(to_bytes("part"), i + 1 < parts)));
    ASSERT_TRUE(peer.write(peer.message(Bytes())));  // 0 bytes is a message, too
    ASSERT_TRUE(peer.write(peer.message(to_bytes("whole!"))));
    const auto end = Clock::now() + kHonestMax;
    while (largest_ < 6 && Clock::now() < end) ::poll(nullptr, 0, 5);
    EXPECT_EQ(largest_, 6u) << parts << " parts";
    largest_ = 0;
  }
  expect_honest("after");
  EXPECT_EQ(edge_->counters().multipart, 2u);
}

// The library's limits hold for one frame; a message of parts that never ends has none, and on the
// enrolment's port anybody may send one. The bound: what one I/O thread can decrypt, some 500 MB a
// second at most, in the time between two sweeps, 100 ms; and what two connections may hold.
TEST_F(Hostile, MessageThatNeverEndsFillsTheMemory) {
  open_enrol();
  expect_honest("before");
  const std::size_t before = resident();
  std::atomic<bool> measures = true;
  std::atomic<std::size_t> peak = before;
  std::thread meter([&] {
    while (measures) {
      peak = std::max(peak.load(), resident());
      ::poll(nullptr, 0, 5);
    }
  });
  std::uint64_t sent = 0;
  for (int i = 0; i < 20; ++i) {
    RawPeer peer(edge_->endpoint(), 2);
    ASSERT_TRUE(peer.shake_hands(server_.pub, generate_curve_keys(), RawPeer::dealer()));
    const Bytes part(kCapBytes - 64, 'p');
    bool is_cut = false;
    for (int k = 0; k < 20'000 && !is_cut; ++k, sent += part.size())
      is_cut = !peer.write(peer.message(part, true));
    EXPECT_TRUE(is_cut) << "320 MB in one message";
    EXPECT_NE(errno, EAGAIN) << "he is told by a reset, and does not wait for room";
    if (i == 10) expect_honest("in the flood");
  }
  measures = false;
  meter.join();
  std::printf("  %.1f MB sent in parts; RSS grew by %.1f MB at most\n",
              static_cast<double>(sent) / 1e6, static_cast<double>(peak - before) / 1e6);
  if (kMeasuresMemory) {
    EXPECT_LE(peak - before, (50u << 20) + kSlackBytes);
  }
  EXPECT_GE(counters_cut_, 20u);
  expect_honest("after");
}

// Whole messages, more than the loop reads: the queue of the connection fills, and the library
// reads no more from it. A key holds two connections, each its queue, the message that is being
// read and the library's buffers.
TEST_F(Hostile, AdmittedHostSendsFasterThanAnybodyReads) {
  constexpr int kQueue = 8;
  constexpr std::size_t kBound = 2 * ((kQueue + 2) * kCapBytes + kHalfOpenBytes) + (4 << 20);
  open({.domain = "agent", .receive_queue = kQueue});
  expect_honest("before");
  const auto keys = generate_curve_keys();
  zap_->allow("agent", keys.pub);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 2; ++i) {
    peers.push_back(std::make_unique<RawPeer>(edge_->endpoint(), 1));
    ASSERT_TRUE(peers.back()->shake_hands(server_.pub, keys, RawPeer::dealer()));
  }
  const std::size_t before = resident();
  reads_ = false;
  const Bytes large(kCapBytes - 64, 'l');
  std::size_t sent = 0;
  for (const auto& peer : peers)
    for (int i = 0; i < 20'000 && peer->write(peer->message(large)); ++i) sent += large.size();
  EXPECT_LT(sent, 100u << 20) << "nobody holds him back";
  std::printf("  %.1f MB taken from two connections\n", static_cast<double>(sent) / 1e6);
  expect_below(before, kBound, "two full queues");
  reads_ = true;
  expect_honest("when it is read again");
}

// The key of a host that was taken or has another: what is connected with it goes, too.
TEST_F(Hostile, KeyThatIsEndedStaysConnected) {
  open_agent();
  const auto keys = generate_curve_keys();
  zap_->allow("agent", keys.pub);
  RawPeer peer(edge_->endpoint());
  ASSERT_TRUE(peer.shake_hands(server_.pub, keys, RawPeer::dealer()));
  ASSERT_TRUE(peer.write(peer.message(to_bytes("hello"))) && peer.read(2));
  ends_ = &keys.pub;
  EXPECT_TRUE(peer.is_ended());
  const auto end = Clock::now() + kHonestMax;
  while (connections_ > 0 && Clock::now() < end) ::poll(nullptr, 0, 5);
  EXPECT_EQ(connections_, 0u);
}

TEST_F(Hostile, OneKeyTakesEveryDescriptor) {
  open_agent();
  const auto keys = generate_curve_keys();
  zap_->allow("agent", keys.pub);
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 50; ++i) {
    peers.push_back(std::make_unique<RawPeer>(edge_->endpoint()));
    ASSERT_TRUE(peers.back()->shake_hands(server_.pub, keys, RawPeer::dealer()));
    ASSERT_TRUE(peers.back()->write(peers.back()->message(to_bytes("me again"))));
  }
  const auto end = Clock::now() + kHonestMax;
  while (connections_ > 2 && Clock::now() < end) ::poll(nullptr, 0, 5);
  EXPECT_LE(connections_, 2u);
  EXPECT_FALSE(peers.back()->is_ended(200)) << "the newest stays";
  expect_honest("beside it");
}

using HostileDeathTest = Hostile;

// Without its keeper the door would be shut for ever, and nobody would notice.
TEST_F(HostileDeathTest, KeeperOfTheDoorThatDiesLeavesTheProcessRunning) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        zmq_ctx_shutdown(context_->raw());  // its poll fails
        ::poll(nullptr, 0, 10'000);
      },
      "ready >= 0");
}

}  // namespace
}  // namespace fleetsweep::net
