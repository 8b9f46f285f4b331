#include <poll.h>

#include <array>
#include <chrono>
#include <unordered_map>

#include "protocol/base/assert.h"
#include "protocol/base/bytes.h"
#include "protocol/runtime/net/net.h"
#include "protocol/runtime/net/zap.h"
#include "tests/contract/transport/transport.h"
#include "tests/wait.h"

namespace fleetsweep::contract {
namespace {

constexpr std::size_t kMessageBytes = 32 * 1024;

// The sockets of the product: CURVE, an allow-list, loopback.
class ZeroMq final : public Transport {
 public:
  ZeroMq() {
    context_ = take(net::Context::create({}));
    zap_ = take(net::ZapHandler::start(*context_, {{"agent", false}}));
    const net::CurveKeyPair server = net::generate_curve_keys();
    edge_ = take(net::EdgeSocket::bind(
        *context_, {.listen = "tcp://127.0.0.1:*", .keys = server, .domain = "agent"}));
    server_ = server.pub;
    std::vector<CurveKey> keys;
    for (std::size_t host = 0; host < kHosts; ++host) {
      ends_[host].keys = net::generate_curve_keys();
      numbers_.emplace(ends_[host].keys.pub, host);
      keys.push_back(ends_[host].keys.pub);
    }
    zap_->replace("agent", keys);
  }

  void open(std::size_t host) override {
    ends_[host].socket = take(
        net::AgentSocket::connect(*context_, {.connect = edge_->endpoint(),
                                              .server = server_,
                                              .keys = ends_[host].keys,
                                              .reconnect_min = std::chrono::milliseconds(20),
                                              .reconnect_max = std::chrono::milliseconds(100)}));
  }
  void close(std::size_t host) override { ends_[host].socket.reset(); }
  bool say(std::size_t host, std::uint64_t number) override {
    End& end = ends_[host];
    return end.socket && end.socket->send(payload(number)) == net::Sent::kOk;
  }
  void set_reading(std::size_t host, bool reads) override { ends_[host].reads = reads; }
  std::multiset<std::uint64_t> host_heard(std::size_t host) override {
    travel();
    return ends_[host].heard;
  }

  Told tell(std::size_t host, std::uint64_t number) override {
    travel();
    if (ends_[host].peer.empty()) return Told::kGone;
    switch (edge_->send(ends_[host].peer, payload(number))) {
      case net::Sent::kOk:
        return Told::kOk;
      case net::Sent::kWouldBlock:
        return Told::kFull;
      case net::Sent::kGone:
        return Told::kGone;
    }
    return Told::kGone;
  }
  std::multiset<std::uint64_t> controller_heard(std::size_t host) override {
    travel();
    return ends_[host].said;
  }

  bool until(const std::function<bool()>& holds) override { return fleetsweep::until(holds); }

 private:
  struct End {
    net::CurveKeyPair keys;
    std::unique_ptr<net::AgentSocket> socket;
    net::Peer peer;
    bool reads = true;
    std::multiset<std::uint64_t> heard, said;
  };

  template <class T>
  static T take(Result<T> result) {
    FS_ASSERT(result);
    return std::move(*result);
  }
  // As large as a message of ours may be usual: small ones would take long to fill the kernel's
  // room.
  static net::Payload payload(std::uint64_t number) {
    std::string text = std::to_string(number);
    text.resize(kMessageBytes, ' ');
    return net::Payload(to_bytes(text));
  }
  static std::uint64_t number_of(const net::Payload& payload) {
    return std::stoull(to_text(payload.view()));
  }
  void travel() {
    while (const auto received = edge_->receive()) {
      End& end = ends_[numbers_.at(received->key)];
      end.peer = received->peer;
      end.said.insert(number_of(received->payload));
    }
    for (End& end : ends_) {
      if (!end.socket || !end.reads) continue;
      while (const auto payload = end.socket->receive()) end.heard.insert(number_of(*payload));
    }
  }

  std::unique_ptr<net::Context> context_;
  std::unique_ptr<net::ZapHandler> zap_;
  std::unique_ptr<net::EdgeSocket> edge_;
  CurveKey server_;
  std::unordered_map<CurveKey, std::size_t> numbers_;
  std::array<End, kHosts> ends_;
};

}  // namespace

std::unique_ptr<Transport> zeromq_transport() {
  return std::make_unique<ZeroMq>();
}

}  // namespace fleetsweep::contract
