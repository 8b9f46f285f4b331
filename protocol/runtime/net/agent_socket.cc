#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "protocol/base/assert.h"
#include "protocol/runtime/net/net.h"
#include "protocol/runtime/net/raw.h"

namespace fleetsweep::net {

namespace {

constexpr int kEvents = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                        ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                        ZMQ_EVENT_DISCONNECTED;

// The library waits IVL plus a random part of IVL, doubling up to the maximum. A random IVL on top
// spreads a fleet that lost its controller at one moment.
int reconnect_interval(Duration min) {
  std::uint32_t random = 0;
  FS_ASSERT(::getrandom(&random, sizeof random, 0) == sizeof random);
  const auto base = static_cast<std::uint32_t>(std::max<std::int64_t>(min.count(), 1));
  return static_cast<int>(base + random % base);
}

bool set_profile(void* socket, const AgentSocket::Options& options) {
  const int first = reconnect_interval(options.reconnect_min);
  const int longest = std::max(first + 1, static_cast<int>(options.reconnect_max.count()));
  return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, options.server.value.data(), 32) == 0 &&
         zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, options.keys.pub.value.data(), 32) == 0 &&
         zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, options.keys.secret.data(), 32) == 0 &&
         set_int64(socket, ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(options.receive_bytes_max)) &&
         set_int(socket, ZMQ_LINGER, 0) &&
         // Nothing is queued for a connection that is not there: what is lost is known.
         set_int(socket, ZMQ_IMMEDIATE, 1) && set_int(socket, ZMQ_RECONNECT_IVL, first) &&
         set_int(socket, ZMQ_RECONNECT_IVL_MAX, longest) &&
         set_int(socket, ZMQ_SNDHWM, options.send_queue) &&
         set_int(socket, ZMQ_RCVHWM, options.receive_queue) &&
         set_int(socket, ZMQ_TCP_KEEPALIVE, 1) && set_int(socket, ZMQ_IPV6, 1);
}

// tcp://SOURCE:0;HOST:PORT is how the library takes a local address.
std::string address_of(const AgentSocket::Options& options) {
  constexpr std::string_view kScheme = "tcp://";
  if (options.source.empty() || !options.connect.starts_with(kScheme)) return options.connect;
  return std::string(kScheme) + options.source + ":0;" + options.connect.substr(kScheme.size());
}

}  // namespace

Result<std::unique_ptr<AgentSocket>> AgentSocket::connect(Context& context,
                                                          const Options& options) {
  std::unique_ptr<AgentSocket> agent(new AgentSocket(context, options));
  FS_CHECK(agent->open());
  return agent;
}

AgentSocket::~AgentSocket() {
  close();
}

void AgentSocket::close() {
  close_watched(socket_, monitor_);
  monitor_ = socket_ = nullptr;
  fd_ = event_fd_ = -1;
}

Status AgentSocket::open() {
  static std::atomic<std::uint64_t> number = 0;  // monitor endpoints share one name space
  const std::string watched = fmt::format("inproc://fleetsweep-monitor-{}", ++number);
  socket_ = zmq_socket(context_.raw(), ZMQ_DEALER);
  monitor_ = zmq_socket(context_.raw(), ZMQ_PAIR);
  if (!socket_ || !monitor_)
    return fail(Code::kUnavailable, "connect to {}: {}", options_.connect, zmq_strerror(errno));
  if (!set_profile(socket_, options_) || !set_int(monitor_, ZMQ_LINGER, 0) ||
      zmq_socket_monitor(socket_, watched.c_str(), kEvents) != 0 ||
      zmq_connect(monitor_, watched.c_str()) != 0)
    return fail(Code::kInternal, "connect to {}: options: {}", options_.connect,
                zmq_strerror(errno));
  if (zmq_connect(socket_, address_of(options_).c_str()) != 0)
    return fail(Code::kInvalid, "connect to {}: {} (expected tcp://HOST:PORT)", options_.connect,
                zmq_strerror(errno));
  fd_ = get_int(socket_, ZMQ_FD);
  event_fd_ = get_int(monitor_, ZMQ_FD);
  return {};
}

Status AgentSocket::rebuild() {
  close();
  return open();
}

Status AgentSocket::rebuild(const std::string& connect, const CurveKey& server) {
  options_.connect = connect;
  options_.server = server;
  return rebuild();
}

bool AgentSocket::readable() const {
  return has_input(socket_);
}

bool AgentSocket::event_readable() const {
  return has_input(monitor_);
}

std::optional<Payload> AgentSocket::receive() {
  while (socket_) {
    Payload payload;
    zmq_msg_t* raw = raw_message(payload.message_);
    if (zmq_msg_recv(raw, socket_, ZMQ_DONTWAIT) < 0) return std::nullopt;
    if (!zmq_msg_more(raw)) return payload;
    drop_rest(socket_);
  }
  return std::nullopt;
}

Sent AgentSocket::send(const Payload& payload) {
  if (!socket_) return Sent::kWouldBlock;
  Payload copy(payload);
  return zmq_msg_send(raw_message(copy.message_), socket_, ZMQ_DONTWAIT) < 0 ? Sent::kWouldBlock
                                                                             : Sent::kOk;
}

std::optional<AgentSocket::Event> AgentSocket::next_event() {
  if (!monitor_) return std::nullopt;
  Payload event;
  zmq_msg_t* raw = raw_message(event.message_);
  if (zmq_msg_recv(raw, monitor_, ZMQ_DONTWAIT) < 0) return std::nullopt;
  std::uint16_t kind = 0;
  if (zmq_msg_size(raw) >= sizeof kind) std::memcpy(&kind, zmq_msg_data(raw), sizeof kind);
  drop_rest(monitor_);
  switch (kind) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return Event::kConnected;
    case ZMQ_EVENT_DISCONNECTED:
      return Event::kDisconnected;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return Event::kRefused;
    default:
      return Event::kFailed;
  }
}

}  // namespace fleetsweep::net
