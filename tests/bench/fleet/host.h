#pragma once

// One pretended host: the agent's real core with its own identity key, CURVE key, connection and
// log. It verifies everything an agent verifies and signs what an agent signs. Pretended are the
// scan, which finds nothing at once, and the store, which lives in memory.

#include <map>
#include <memory>
#include <string>

#include "agent/core/core.h"
#include "protocol/runtime/net/net.h"

namespace fleetsweep::bench {

// What all hosts of one process share: nothing that is secret or verified.
struct FleetOptions {
  std::string connect;  // tcp://host:port of the agents' socket
  std::string enrol;    // tcp://host:port of the enrolment socket
  std::string token;    // one line, good for all of them
  std::size_t agents = 0;
  std::size_t first = 0;             // number of the first: hosts have names
  std::size_t source_addresses = 0;  // 127.0.1.1 and on; 0: the system chooses
};

class Host {
 public:
  // `context` outlives it.
  Host(net::Context& context, const FleetOptions& options, std::size_t number);

  // Opens the line to the enrolment socket.
  Status start();

  enum class Phase { kEnrolling, kConnecting, kWelcomed };
  Phase phase() const { return phase_; }
  std::size_t orders_begun() const { return orders_begun_; }
  std::size_t receipts_acked() const { return receipts_acked_; }

  // Reads and answers whatever there is on its line. Afterwards fds() are silent until more comes.
  Status pump();
  // Call when this much time since boot has passed.
  std::optional<agent::Uptime> next_deadline() const;
  Status on_deadline();

  // They change when the line is opened anew: generation() then differs.
  std::pair<int, int> fds() const { return {socket_->fd(), socket_->event_fd()}; }
  unsigned generation() const { return generation_; }

 private:
  agent::Now now() const;
  Status connect(const std::string& address, const CurveKey& edge);
  Status on_event(net::AgentSocket::Event event);
  Status on_message(const model::Message& message);
  Status on_enrolled(const model::EnrolReply& reply);
  void ask_to_enrol();
  Status run(agent::Effects effects);
  void keep(agent::Record& record);
  Status perform(agent::Action& action);
  Status answer_scans();

  net::Context& context_;
  const FleetOptions& options_;
  const std::size_t number_;
  crypto::SecretKey key_;
  net::CurveKeyPair curve_;
  CurveKey edge_;
  Timestamp enrolled_;
  Bytes enrol_request_;
  std::optional<agent::Uptime> ask_again_;
  std::unique_ptr<net::AgentSocket> socket_;
  std::unique_ptr<agent::Core> core_;
  std::map<Digest, Bytes> policies_;
  std::map<std::uint64_t, Bytes> receipts_;
  std::vector<Digest> scans_;  // asked for, not answered yet
  Phase phase_ = Phase::kEnrolling;
  unsigned generation_ = 0;
  std::size_t orders_begun_ = 0;
  std::size_t receipts_acked_ = 0;
};

}  // namespace fleetsweep::bench
