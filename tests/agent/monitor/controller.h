#pragma once

// A controller of a few lines for tests of the real agent: one tenant, its log, two sockets with
// CURVE and the allow-list. It serves from the test's own thread, in poll().

#include <functional>
#include <memory>
#include <set>

#include "protocol/runtime/net/zap.h"
#include "tests/protocol/trust/fixture.h"
#include "tests/wait.h"

namespace fleetsweep::agent {

class Controller {
 public:
  explicit Controller(const Timestamp& now);

  // Serves until `holds` or the time is over.
  bool serve_until(const std::function<bool()>& holds, Duration limit = kPatience);

  // The tenant signs its root anew until the chain has so many.
  void grow_root_chain(std::size_t size);
  std::string token() const;
  std::string enrol_address() const { return enrol_->endpoint(); }
  std::string agent_address() const { return agents_->endpoint(); }
  DocumentId submit(Bytes envelope);
  void add_policy(const Bytes& policy);
  // The newest verified receipt on this order; waits for one in this state.
  bool await(const DocumentId& order, model::HostState state);
  std::string last_words() const;  // for failures

  fixture::Tenant tenant;
  std::vector<model::Receipt> receipts;
  unsigned hellos = 0;
  CurveKey last_key;        // of the last hello; those before it open nothing
  std::string enrol_error;  // what the next enrolment is told
  Bytes enrol_noise;        // what it is sent instead of a message, unless empty

 private:
  void serve_once();
  void on(net::EdgeSocket& socket, const net::Received& received);
  void send(const net::Peer& peer, const model::Message& message);
  void push(const net::Peer& peer, std::uint64_t from);
  void take(const Bytes& envelope, model::ReceiptAck& ack);

  fixture::Log log_;
  std::vector<Bytes> root_chain_;
  crypto::SecretKey token_key_;
  Bytes batch_;
  net::CurveKeyPair keys_ = net::generate_curve_keys();
  std::unique_ptr<net::Context> context_;
  std::unique_ptr<net::ZapHandler> zap_;
  std::unique_ptr<net::EdgeSocket> agents_;
  std::unique_ptr<net::EdgeSocket> enrol_;
  std::map<Digest, Bytes> policies_;
  std::map<net::Peer, std::uint64_t> sessions_;  // entries it has
  std::set<DocumentId> seen_;
  PublicKey agent_;
  std::vector<CurveKey> admitted_;
};

}  // namespace fleetsweep::agent
