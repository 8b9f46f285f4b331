#pragma once

// A whole controller in one process: store, core, sockets, HTTP, threads. main() and the
// integration tests start the same thing.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/core/quota.h"
#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "protocol/runtime/http/http.h"
#include "protocol/runtime/log/event_log.h"

namespace fleetsweep::controller {

struct ServiceOptions {
  std::string state = "/var/lib/fleetsweep/controller";
  std::string agent_listen = "tcp://0.0.0.0:7600";
  std::string enrol_listen = "tcp://0.0.0.0:7601";
  std::string api_listen = "127.0.0.1:7680";
  std::string metrics_listen = "127.0.0.1:7690";
  std::vector<std::string> witnesses;
  Seconds checkpoint_interval{60};
  Seconds heartbeat{60};
  std::size_t agents_max = 5000;
  Quotas tenant_quotas = kQuotasDefault;  // of tenants for which no admin set others
  std::optional<http::Tls> api_tls;
  bool allow_remote = false;  // API and metrics on other than loopback without client certificates
  int io_threads = 1;
  event_log::EventLog log = event_log::EventLog();
};

class Service {
 public:
  // Binds everything. Errors name the option: address in use, state locked by another process, too
  // few file descriptors, keys missing.
  static Result<std::unique_ptr<Service>> start(const ServiceOptions& options);
  ~Service();

  // Until stop(), or SIGTERM or SIGINT if `signals` is their descriptor.
  Status run(int signals = -1);
  void stop();  // any thread

  std::string agent_endpoint() const;
  std::string enrol_endpoint() const;
  std::string api_address() const;
  std::string metrics_address() const;

 private:
  struct Parts;
  explicit Service(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// Makes the derived rows anew from the receipts; the controller must not run.
Result<std::size_t> rebuild(const std::string& state);

}  // namespace fleetsweep::controller
