// Enrolment through the real door: a controller with its sockets and its store, and hosts that
// knock one after the other, a few at a time. The floor is what each of them has to cost: two
// signatures to check, one key exchange with a stranger, and one write that is on the disk. Then
// what a stranger costs who says nothing.

#include <fcntl.h>
#include <malloc.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <thread>

#include "controller/service/keys.h"
#include "controller/service/service.h"
#include "controller/service/tokens.h"
#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/note.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/http/http.h"
#include "protocol/runtime/loop/loop.h"
#include "protocol/runtime/net/net.h"
#include "tests/protocol/runtime/net/raw_peer.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::bench {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kHosts = 400;
constexpr std::size_t kAtOnce = 8;
// Half of it is the host's own part, which runs on the same machine here.
constexpr double kRatioMax = 6;
constexpr std::size_t kSilent = 400;
constexpr double kSilentBytesMax = 64 * 1024;

Timestamp now() {
  return to_timestamp(loop::wall_now());
}

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

std::size_t resident() {
  ::malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, pages = 0;
  statm >> total >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

class World {
 public:
  World() {
    char pattern[] = "/tmp/fs-enrol-bench-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    options_.state = folder_ + "/state";
    options_.agent_listen = options_.enrol_listen = "tcp://127.0.0.1:0";
    options_.api_listen = options_.metrics_listen = "127.0.0.1:0";
    options_.log = event_log::EventLog(event_log::Level::kWarning);  // not a line for each host
    FS_ASSERT(controller::init_keys(options_.state, "bench.example/log"));
    const auto keys = *controller::read_keys(options_.state);
    edge = keys.edge.pub;
    const log::VerifierKey vkey{"bench.example/log", log::KeyType::kEd25519, keys.log.public_key()};
    tenant = std::make_unique<fixture::Tenant>([&](model::Root& root) {
      root.logs = {{vkey.text(), 0, {}, {}}};
      root.witnesses.clear();
      root.witness_quorum = 0;
      root.issued = now() - Seconds(60);
      root.expires = now() + Seconds(86400);
    });
    FS_ASSERT(controller::create_token(options_.state, "admin", "", "", folder_ + "/token"));
    auto started = controller::Service::start(options_);
    FS_ASSERT(started);
    service = std::move(*started);
    thread_ = std::thread([this] { FS_ASSERT(service->run()); });
    post("/v1/tenants", tenant->root_envelope());
    model::EnrolBatch batch;
    batch.not_after = now() + Seconds(3600);
    batch.tokens = {{token.public_key(), 60'000}};
    batch.jurisdiction = "DE";
    post("/v1/tenants/" + tenant->id().hex() + "/documents", tenant->sign(batch, {"alice"}));
  }
  ~World() {
    service->stop();
    thread_.join();
    service.reset();
    std::filesystem::remove_all(folder_);
  }
  Bytes request(int number, const net::CurveKeyPair& curve) const {
    const auto identity = crypto::SecretKey::generate();
    model::AgentKey key;
    key.tenant = tenant->id();
    key.identity = identity.public_key();
    key.curve = curve.pub;
    key.host.value[0] = static_cast<std::uint8_t>(number >> 8);
    key.host.value[1] = static_cast<std::uint8_t>(number);
    key.token = token.public_key();
    key.hostname = fmt::format("host-{}", number);
    key.issued = now();
    auto envelope = crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), identity);
    FS_ASSERT(crypto::add_signature(envelope, token));
    return codec::encode(envelope);
  }
  const std::string& folder() const { return folder_; }

  CurveKey edge;
  std::unique_ptr<fixture::Tenant> tenant;
  crypto::SecretKey token = crypto::SecretKey::generate();
  std::unique_ptr<controller::Service> service;

 private:
  void post(const std::string& path, const Bytes& envelope) {
    std::string bearer = to_text(*files::read_file(folder_ + "/token", 1000));
    bearer.pop_back();
    const auto answer = http::request(
        "POST", "http://" + service->api_address() + path, {{"Authorization", "Bearer " + bearer}},
        codec::to_dsse_json(*codec::decode<model::Envelope>(envelope)));
    FS_ASSERT(answer && answer->status == 201);
  }
  std::string folder_;
  controller::ServiceOptions options_;
  std::thread thread_;
};

// Seconds for one enrolment at its least, with bare calls.
double floor_seconds(const std::string& folder) {
  unsigned char pub[32], secret[64], signature[64], shared[32];
  const Bytes message(400, 5);
  FS_ASSERT(crypto_sign_keypair(pub, secret) == 0);
  crypto_sign_detached(signature, nullptr, message.data(), message.size(), secret);
  unsigned char box_pub[32], box_secret[32];
  const UniqueFd file(::open((folder + "/floor").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  const auto begun = Clock::now();
  constexpr int kTurns = 100;
  for (int i = 0; i < kTurns; ++i) {
    FS_ASSERT(crypto_box_keypair(box_pub, box_secret) == 0);
    for (int k = 0; k < 3; ++k) FS_ASSERT(crypto_box_beforenm(shared, box_pub, box_secret) == 0);
    for (int k = 0; k < 2; ++k)
      FS_ASSERT(crypto_sign_verify_detached(signature, message.data(), message.size(), pub) == 0);
    FS_ASSERT(::write(file.get(), message.data(), message.size()) ==
              static_cast<ssize_t>(message.size()));
    FS_ASSERT(::fdatasync(file.get()) == 0);
  }
  return seconds_since(begun) / kTurns;
}

struct Knock {
  std::unique_ptr<net::AgentSocket> socket;
  Bytes request;
  bool said = false;
};

double enrol_all(const World& world, int first) {
  const auto context = *net::Context::create({});
  std::vector<std::pair<net::CurveKeyPair, Bytes>> hosts;  // made before the clock runs
  for (int i = 0; i < kHosts; ++i) {
    const auto curve = net::generate_curve_keys();
    hosts.emplace_back(curve, world.request(first + i, curve));
  }
  const auto begun = Clock::now();
  std::deque<Knock> knocks;
  std::size_t next = 0;
  int enrolled = 0;
  while (enrolled < kHosts) {
    FS_ASSERT(seconds_since(begun) < 120);
    while (knocks.size() < kAtOnce && next < hosts.size()) {
      knocks.push_back({std::move(*net::AgentSocket::connect(
                            *context, {.connect = world.service->enrol_endpoint(),
                                       .server = world.edge,
                                       .keys = hosts[next].first,
                                       .receive_bytes_max = limits::kEnrolReplyBytes})),
                        hosts[next].second});
      ++next;
    }
    for (Knock& knock : knocks) {
      if (!knock.said)
        knock.said = knock.socket->send(net::Payload(codec::encode(
                         model::Message(model::EnrolRequest{knock.request})))) == net::Sent::kOk;
      if (const auto answer = knock.socket->receive()) {
        const auto reply = *codec::decode<model::Message>(answer->view());
        const auto* done = std::get_if<model::EnrolReply>(&reply);
        if (const auto* busy = std::get_if<model::RetryAfter>(&reply)) {
          std::this_thread::sleep_for(busy->wait);
          knock.said = false;
          continue;
        }
        FS_ASSERT(done && done->error.empty());
        knock.socket.reset();
        ++enrolled;
      }
    }
    std::erase_if(knocks, [](const Knock& knock) { return !knock.socket; });
  }
  return seconds_since(begun) / kHosts;
}

int run() {
  World world;
  double best_floor = 1e9, best_ours = 1e9;
  for (int turn = 0; turn < 3; ++turn) {
    best_floor = std::min(best_floor, floor_seconds(world.folder()));
    best_ours = std::min(best_ours, enrol_all(world, turn * kHosts));
  }
  const double ratio = best_ours / best_floor;
  const bool met = ratio <= kRatioMax;
  std::printf("%-34s %14s %14s %7s\n", "", "floor", "ours", "ratio");
  std::printf("%-34s %12.0f/s %12.0f/s %6.2fx  (at most %.2fx)%s\n", "enrol a host", 1 / best_floor,
              1 / best_ours, ratio, kRatioMax, met ? "" : "  MISSED");

  const std::size_t before = resident();
  std::vector<std::unique_ptr<net::RawPeer>> strangers;
  for (std::size_t i = 0; i < kSilent; ++i) {
    strangers.push_back(std::make_unique<net::RawPeer>(world.service->enrol_endpoint()));
    FS_ASSERT(strangers.back()->is_connected());
    strangers.back()->write(net::RawPeer::greeting("CURVE"));
    FS_ASSERT(strangers.back()->read(64));
    strangers.back()->write(strangers.back()->hello(world.edge));
    FS_ASSERT(strangers.back()->read(2 + 168));
  }
  const double each = static_cast<double>(resident() - before) / kSilent;
  const bool is_small = each <= kSilentBytesMax;
  std::printf("%-34s %12s   %10.1f KB          (at most %.0f KB)%s\n",
              "a stranger in mid-handshake", "", each / 1024, kSilentBytesMax / 1024,
              is_small ? "" : "  MISSED");
  return met && is_small ? 0 : 1;
}

}  // namespace
}  // namespace fleetsweep::bench

int main() {
  return fleetsweep::bench::run();
}
