#pragma once

// The hosts' side of the controller: two CURVE sockets. `agent` admits enrolled keys only, `enrol`
// admits any key to tiny, rate-limited requests. Who a host is comes from its CURVE key, looked up
// for every message; a routing id is only a return address. Loop thread only.

#include <memory>
#include <string>
#include <unordered_map>

#include "controller/driver/driver.h"
#include "controller/fleet/admission.h"
#include "controller/fleet/allowance.h"
#include "protocol/runtime/loop/loop.h"
#include "protocol/runtime/metrics/metrics.h"
#include "protocol/runtime/net/net.h"
#include "protocol/runtime/net/zap.h"

namespace fleetsweep::controller {

class Gateway final : public Outlet {
 public:
  struct Options {
    std::string agent_listen;
    std::string enrol_listen;
    net::CurveKeyPair keys;
    int io_threads = 1;
    std::size_t agents_max = 5000;
  };
  // That both sockets hold at most, if each agent has one.
  static std::size_t connections_max(std::size_t agents_max);
  // kUnavailable: an address is in use. The keeper of the door runs before the first socket is
  // bound; until attach() enrolled hosts are told to try again.
  static Result<std::unique_ptr<Gateway>> open(const Options& options, metrics::Metrics& metrics);
  ~Gateway() override;

  // From here on messages reach the driver. Both outlive the gateway's last turn.
  void attach(Driver& driver, loop::Loop& loop);
  void detach(loop::Loop& loop);
  // What the socket dropped since the last call goes to the counters.
  void tick();

  const std::string& agent_endpoint() const { return agent_->endpoint(); }
  const std::string& enrol_endpoint() const { return enrol_->endpoint(); }

  Taken send(const HostRef& host, const Frame& frame) override;
  void admit(const HostRef& host, const CurveKey& key) override;
  void retire(const CurveKey& key) override;
  void replace(const std::vector<std::pair<CurveKey, HostRef>>& admitted) override;

 private:
  explicit Gateway(metrics::Metrics& metrics);
  struct Door {
    HostRef host;
    bool used = false;  // a message came under this key
    fleet::Allowance allowance;
    std::optional<Instant> flood_said;  // in the log
  };
  void read_agents(Instant now);
  void read_enrolments(Instant now);
  template <class Ask>
  bool may(Door& door, const net::Received& received, Instant now, Ask ask);
  void sweep(net::EdgeSocket& socket, loop::Loop& loop);

  struct HostHash {
    std::size_t operator()(const HostRef& host) const {
      return std::hash<std::uint64_t>{}((std::uint64_t{host.tenant} << 32) | host.host);
    }
  };

  metrics::Metrics& metrics_;
  std::unique_ptr<net::Context> context_;
  std::unique_ptr<net::ZapHandler> zap_;
  std::unique_ptr<net::EdgeSocket> agent_;
  std::unique_ptr<net::EdgeSocket> enrol_;
  std::unordered_map<CurveKey, Door> doors_;
  std::unordered_map<HostRef, net::Peer, HostHash> peers_;
  fleet::Admission enrolments_;
  fleet::Admission strangers_;
  Driver* driver_ = nullptr;
  loop::Loop::WatchId agent_watch_ = 0;
  loop::Loop::WatchId enrol_watch_ = 0;
  std::vector<loop::Loop::WatchId> event_watches_;
  Frame last_frame_;  // a push sends one frame to many
  std::unique_ptr<net::Payload> last_payload_;
  net::EdgeSocket::Counters agent_counted_;
  net::EdgeSocket::Counters enrol_counted_;
};

}  // namespace fleetsweep::controller
