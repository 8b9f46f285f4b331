#pragma once

// ZeroMQ between machines; the only folder that includes zmq.h. CURVE always on, allow-list always
// on and closed when its keeper is missing. A socket belongs to one thread (the loop's); its
// descriptor is edge-like, so give readable() to Loop::watch as `pending`.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/limits.h"
#include "protocol/base/time.h"
#include "protocol/runtime/net/connections.h"
#include "protocol/runtime/net/curve.h"

namespace fleetsweep::net {

// One per process; outlives its sockets and its ZapHandler. Its destructor waits for them.
class Context {
 public:
  struct Options {
    int io_threads = 1;
    int sockets_max = 0;  // 0: the library's 1023
  };
  static Result<std::unique_ptr<Context>> create(const Options& options);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void* raw() const { return raw_; }  // for this folder only

 private:
  explicit Context(void* raw) : raw_(raw) {}
  void* raw_;
};

// An immutable message, reference counted: sending one to many peers copies no bytes.
class Payload {
 public:
  explicit Payload(Bytes bytes);
  Payload(const Payload& other);
  Payload(Payload&& other) noexcept;
  Payload& operator=(Payload other) noexcept;
  ~Payload();
  BytesView view() const;

 private:
  friend class EdgeSocket;
  friend class AgentSocket;
  Payload();
  alignas(8) mutable std::uint8_t message_[64];  // a zmq_msg_t
};

enum class Sent {
  kOk,
  kWouldBlock,  // the peer's queue is full, or there is no connection yet: try again later
  kGone,        // no such peer any more
};

// The return address of one connection. Opaque; says nothing about who it is.
using Peer = std::string;

struct Received {
  Peer peer;
  CurveKey key;  // who it is: proven by the CURVE handshake and admitted by the ZapHandler
  Payload payload;
};

// The listening side (ROUTER).
class EdgeSocket {
 public:
  struct Options {
    std::string listen;  // tcp://0.0.0.0:7600; port 0 or * picks a free one
    CurveKeyPair keys;
    std::string domain;  // of the ZapHandler; must not be empty
    std::size_t receive_bytes_max = limits::kReceiveEdgeBytes;
    int send_queue = 64;     // messages per peer
    int receive_queue = 64;  // messages per peer
    Duration handshake_max = std::chrono::seconds(120);
    int receive_buffer = 256 * 1024;  // of the kernel, which doubles it, for each connection
    // See connections.h. With `visits` a connection is one request and its answer.
    std::size_t unheard_max = 4096;
    bool visits = false;
  };
  struct Counters {
    std::uint64_t received = 0;
    std::uint64_t multipart = 0;  // more than one payload frame: dropped
    std::uint64_t anonymous = 0;  // without a proven key: dropped
    std::uint64_t sent = 0;
    std::uint64_t would_block = 0;
    std::uint64_t gone = 0;
    std::uint64_t cut_unheard = 0;    // connections we ended: silent ones for newer ones,
    std::uint64_t cut_duplicate = 0;  // older ones of the same key, or a visit without end,
    std::uint64_t cut_hoarding = 0;   // and those that sent what never became a message
  };

  // kUnavailable: the address is in use (says which); kInvalid: not an address or not ours.
  static Result<std::unique_ptr<EdgeSocket>> bind(Context& context, const Options& options);
  ~EdgeSocket();
  EdgeSocket(const EdgeSocket&) = delete;
  EdgeSocket& operator=(const EdgeSocket&) = delete;

  const std::string& endpoint() const { return endpoint_; }  // with the real port
  int fd() const { return fd_; }
  bool readable() const;
  // Nothing when there is nothing now. Drops and counts what it does not take.
  std::optional<Received> receive();
  Sent send(const Peer& peer, const Payload& payload);
  // Ends the connections that this key was heard on; what they sent already still arrives. How
  // many.
  std::size_t end(const CurveKey& key);
  const Counters& counters() const { return counters_; }

  // Who came and went: watch event_fd() too and call tend() when it is readable. sweep() looks at
  // what each connection sent and says when to call it again.
  int event_fd() const { return event_fd_; }
  bool event_readable() const;
  void tend();
  Duration sweep();
  std::size_t connections() const { return connections_.size(); }

 private:
  explicit EdgeSocket(const Connections::Limits& limits) : connections_(limits) {}
  static void cut(const Connections::Id& connection);
  void* socket_ = nullptr;
  void* monitor_ = nullptr;
  int fd_ = -1;
  int event_fd_ = -1;
  Connections connections_;
  std::string endpoint_;
  Counters counters_;
};

// The connecting side (DEALER). It reconnects by itself with jitter; when the edge refuses the key
// the library gives up for good, so events() says so and the owner calls rebuild() after its own
// back-off.
class AgentSocket {
 public:
  struct Options {
    std::string connect;  // tcp://host:7600
    CurveKey server;
    CurveKeyPair keys;
    std::size_t receive_bytes_max = limits::kReceiveAgentBytes;
    int send_queue = 64;
    int receive_queue = 64;
    Duration reconnect_min = std::chrono::seconds(1);  // the first wait is a random one above it
    Duration reconnect_max = std::chrono::seconds(300);
    std::string source;  // local address to connect from, "": any (simulators spread their ports)
  };
  enum class Event {
    kConnected,     // the handshake is complete: messages flow
    kDisconnected,  // it reconnects by itself
    kRefused,       // the edge does not know our key: rebuild() later
    kFailed,        // the handshake broke off (wrong server key, silent peer); it retries
  };

  static Result<std::unique_ptr<AgentSocket>> connect(Context& context, const Options& options);
  ~AgentSocket();
  AgentSocket(const AgentSocket&) = delete;
  AgentSocket& operator=(const AgentSocket&) = delete;

  int fd() const { return fd_; }
  bool readable() const;
  std::optional<Payload> receive();  // messages of several parts are dropped
  Sent send(const Payload& payload);

  // Watch event_fd() too; drain events() when it is readable.
  int event_fd() const { return event_fd_; }
  bool event_readable() const;
  std::optional<Event> next_event();

  // Our own keys of the next rebuild().
  void use(const CurveKeyPair& keys) { options_.keys = keys; }
  // A new connection from scratch, with what was queued forgotten. The descriptors change.
  Status rebuild();
  Status rebuild(const std::string& connect, const CurveKey& server);

 private:
  AgentSocket(Context& context, Options options)
      : context_(context), options_(std::move(options)) {}
  Status open();
  void close();

  Context& context_;
  Options options_;
  void* socket_ = nullptr;
  void* monitor_ = nullptr;
  int fd_ = -1;
  int event_fd_ = -1;
};

// kUnavailable, with numbers, unless this process may open so many descriptors for `peers`
// connections (raises the soft limit to the hard one first).
Status check_descriptors(std::size_t peers);

}  // namespace fleetsweep::net
