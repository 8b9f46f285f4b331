#include <cerrno>

#include "protocol/base/assert.h"
#include "protocol/runtime/net/net.h"
#include "protocol/runtime/net/raw.h"

namespace fleetsweep::net {

namespace {

// ZMQ_ZAP_ENFORCE_DOMAIN: libzmq 4.3.4 has it, its public header does not name it. bind() checks
// that the library took it, and a test that it does what we need.
constexpr int kZapEnforceDomain = 93;
constexpr int kBacklog = 4096;  // a storm of CURVE agents overflows the default of 100

// trust.md 4.6. No heartbeats: with thousands of peers the library's timers cost a whole core.
bool set_profile(void* socket, const EdgeSocket::Options& options) {
  const std::string& domain = options.domain;
  return set_int(socket, ZMQ_CURVE_SERVER, 1) &&
         zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, options.keys.secret.data(), 32) == 0 &&
         zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain.data(), domain.size()) == 0 &&
         // Without it a missing handler admits everybody.
         set_int(socket, kZapEnforceDomain, 1) &&
         set_int64(socket, ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(options.receive_bytes_max)) &&
         set_int(socket, ZMQ_HANDSHAKE_IVL, static_cast<int>(options.handshake_max.count())) &&
         set_int(socket, ZMQ_BACKLOG, kBacklog) && set_int(socket, ZMQ_LINGER, 0) &&
         // Without it a message for a full or unknown peer is dropped in silence.
         set_int(socket, ZMQ_ROUTER_MANDATORY, 1) && set_int(socket, ZMQ_ROUTER_HANDOVER, 0) &&
         set_int(socket, ZMQ_SNDHWM, options.send_queue) &&
         set_int(socket, ZMQ_RCVHWM, options.receive_queue) &&
         set_int(socket, ZMQ_TCP_KEEPALIVE, 1) &&
         // Only where it was asked for, tcp://[::]:7600: an IPv4 endpoint is then shown as such.
         set_int(socket, ZMQ_IPV6, options.listen.find('[') != std::string::npos);
}

}  // namespace

Result<std::unique_ptr<EdgeSocket>> EdgeSocket::bind(Context& context, const Options& options) {
  FS_ASSERT(!options.domain.empty());  // an empty domain is not enforced
  std::unique_ptr<EdgeSocket> edge(new EdgeSocket());
  edge->socket_ = zmq_socket(context.raw(), ZMQ_ROUTER);
  if (!edge->socket_)
    return fail(Code::kUnavailable, "listen on {}: {}", options.listen, zmq_strerror(errno));
  if (!set_profile(edge->socket_, options))
    return fail(Code::kInternal, "listen on {}: options: {}", options.listen, zmq_strerror(errno));
  if (zmq_bind(edge->socket_, options.listen.c_str()) != 0) {
    if (errno == EADDRINUSE)
      return fail(
          Code::kUnavailable,
          "listen on {}: the port is in use by another program: end that, or name another port",
          options.listen);
    if (errno == EACCES)
      return fail(Code::kUnavailable, "listen on {}: not permitted for this user", options.listen);
    return fail(Code::kInvalid, "listen on {}: {} (expected tcp://ADDRESS:PORT)", options.listen,
                zmq_strerror(errno));
  }
  char endpoint[256] = {};
  std::size_t size = sizeof endpoint;
  zmq_getsockopt(edge->socket_, ZMQ_LAST_ENDPOINT, endpoint, &size);
  edge->endpoint_ = endpoint;
  edge->fd_ = get_int(edge->socket_, ZMQ_FD);
  return edge;
}

EdgeSocket::~EdgeSocket() {
  if (socket_) zmq_close(socket_);
}

bool EdgeSocket::readable() const {
  return has_input(socket_);
}

std::optional<Received> EdgeSocket::receive() {
  while (true) {
    Payload address;
    if (zmq_msg_recv(raw_message(address.message_), socket_, ZMQ_DONTWAIT) < 0) return std::nullopt;
    if (!has_more(socket_)) continue;
    Payload payload;
    zmq_msg_t* raw = raw_message(payload.message_);
    if (zmq_msg_recv(raw, socket_, ZMQ_DONTWAIT) < 0) return std::nullopt;
    // The size limit holds for one frame only, so a message of many frames has no limit: refused.
    if (zmq_msg_more(raw)) {
      drop_rest(socket_);
      ++counters_.multipart;
      continue;
    }
    // Read from the last frame (4.3.4 loses it on the first after a poll), by the C call (the C++
    // wrapper throws when it is absent). The ZapHandler put the proven key there; what a peer says
    // about itself in its own metadata cannot replace it.
    const char* user = zmq_msg_gets(raw, "User-Id");
    const auto key = CurveKey::parse_hex(user ? user : "");
    if (!key) {
      ++counters_.anonymous;
      continue;
    }
    ++counters_.received;
    return Received{to_text(address.view()), *key, std::move(payload)};
  }
}

Sent EdgeSocket::send(const Peer& peer, const Payload& payload) {
  const auto refused = [&] {
    if (errno == EHOSTUNREACH) {
      ++counters_.gone;
      return Sent::kGone;
    }
    ++counters_.would_block;
    return Sent::kWouldBlock;
  };
  // MANDATORY tells at the first frame whether the peer is there and has room.
  if (zmq_send(socket_, peer.data(), peer.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) return refused();
  Payload copy(payload);
  if (zmq_msg_send(raw_message(copy.message_), socket_, ZMQ_DONTWAIT) < 0) return refused();
  ++counters_.sent;
  return Sent::kOk;
}

}  // namespace fleetsweep::net
