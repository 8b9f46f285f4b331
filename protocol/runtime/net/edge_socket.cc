#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
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

// No heartbeats: with thousands of peers the library's timers cost a whole core.
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
         set_int(socket, ZMQ_RCVBUF, options.receive_buffer) &&
         set_int(socket, ZMQ_TCP_KEEPALIVE, 1) &&
         // Only where it was asked for, tcp://[::]:7600: an IPv4 endpoint is then shown as such.
         set_int(socket, ZMQ_IPV6, options.listen.find('[') != std::string::npos);
}

// What may lie between the peer and us: a full queue, the frame after it and the kernel's buffers.
// A visit brings a request or two.
Connections::Limits limits_of(const EdgeSocket::Options& options) {
  const std::uint64_t frames = options.visits ? 4 : options.receive_queue + 1;
  const std::uint64_t buffers = options.visits ? 0 : 2 * options.receive_buffer;
  return {.unheard_max = options.unheard_max,
          .visits = options.visits,
          .unread_bytes_max = frames * options.receive_bytes_max + buffers};
}

constexpr int kEvents = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED;

// A look at one connection takes about two microseconds: sweeps cost at most a hundredth of a core.
constexpr Duration kSweepMin = std::chrono::milliseconds(100);
constexpr std::size_t kSweptPerMillisecond = 5;

std::optional<std::uint64_t> cookie_of(int fd) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return std::nullopt;
  return cookie;
}

std::uint64_t received_by(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return 0;
  return info.tcpi_bytes_received;
}

}  // namespace

Result<std::unique_ptr<EdgeSocket>> EdgeSocket::bind(Context& context, const Options& options) {
  FS_ASSERT(!options.domain.empty());            // an empty domain is not enforced
  static std::atomic<std::uint64_t> number = 0;  // monitor endpoints share one name space
  const std::string watched = fmt::format("inproc://fleetsweep-edge-{}", ++number);
  std::unique_ptr<EdgeSocket> edge(new EdgeSocket(limits_of(options)));
  edge->socket_ = zmq_socket(context.raw(), ZMQ_ROUTER);
  if (!edge->socket_)
    return fail(Code::kUnavailable, "listen on {}: {}", options.listen, zmq_strerror(errno));
  if (!set_profile(edge->socket_, options))
    return fail(Code::kInternal, "listen on {}: options: {}", options.listen, zmq_strerror(errno));
  // Without a bound on its queue: the library waits for room in it, with all its connections. What
  // is in it is bounded by what can be accepted between two turns of the loop.
  edge->monitor_ = zmq_socket(context.raw(), ZMQ_PAIR);
  if (!edge->monitor_ || !set_int(edge->monitor_, ZMQ_LINGER, 0) ||
      !set_int(edge->monitor_, ZMQ_RCVHWM, 0) ||
      zmq_socket_monitor(edge->socket_, watched.c_str(), kEvents) != 0 ||
      zmq_connect(edge->monitor_, watched.c_str()) != 0)
    return fail(Code::kInternal, "listen on {}: watch: {}", options.listen, zmq_strerror(errno));
  edge->event_fd_ = get_int(edge->monitor_, ZMQ_FD);
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
  close_watched(socket_, monitor_);
}

bool EdgeSocket::event_readable() const {
  return has_input(monitor_);
}

// The library sees the end of the stream and forgets the peer; the peer is told by a reset, and the
// kernel keeps nothing of it. Without the reset a sender that fills our buffers waits for room.
void EdgeSocket::cut(const Connections::Id& connection) {
  if (cookie_of(connection.fd) != connection.cookie) return;  // the number is another file's by now
  const linger reset{1, 0};
  ::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ::shutdown(connection.fd, SHUT_RDWR);
}

std::size_t EdgeSocket::end(const CurveKey& key) {
  const auto ids = connections_.of(key);
  std::ranges::for_each(ids, cut);
  return ids.size();
}

void EdgeSocket::tend() {
  while (true) {
    Payload event;
    zmq_msg_t* raw = raw_message(event.message_);
    if (zmq_msg_recv(raw, monitor_, ZMQ_DONTWAIT) < 0) return;
    // 16 bits of event, 32 bits of value: the descriptor.
    std::uint16_t what = 0;
    std::int32_t fd = -1;
    const BytesView view = event.view();
    if (view.size() >= sizeof what + sizeof fd) {
      std::memcpy(&what, view.data(), sizeof what);
      std::memcpy(&fd, view.data() + sizeof what, sizeof fd);
    }
    drop_rest(monitor_);
    if (what != ZMQ_EVENT_ACCEPTED) {
      connections_.on_closed(fd);
    } else if (const auto cookie = cookie_of(fd)) {
      if (const auto oldest = connections_.on_accepted({fd, *cookie})) {
        ++counters_.cut_unheard;
        cut(*oldest);
      }
    }
  }
}

Duration EdgeSocket::sweep() {
  tend();
  for (const Connections::Id& one : connections_.all())
    if (connections_.is_hoarding(one.fd, received_by(one.fd)) && cookie_of(one.fd) == one.cookie) {
      ++counters_.cut_hoarding;
      cut(one);
    }
  return std::max(kSweepMin,
                  Duration(static_cast<std::int64_t>(connections_.size() / kSweptPerMillisecond)));
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
    const int fd = zmq_msg_get(raw, ZMQ_SRCFD);
    // It may have been accepted in this very turn.
    if (!connections_.was_heard(fd, *key)) tend();
    if (const auto older = connections_.on_heard(fd, *key, payload.view().size())) {
      ++counters_.cut_duplicate;
      cut(*older);
    }
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
