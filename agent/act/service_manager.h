#pragma once

// systemd of this host, over the socket that it keeps for root, opened while this process still
// could: it goes on to answer when the process has given up all networks. Nothing but what an order
// needs of it.

#include <memory>
#include <string>

#include "agent/act/outcome.h"
#include "protocol/base/limits.h"

struct sd_bus;

namespace fleetsweep::act {

class ServiceManager {
 public:
  // Greets it, so that it does not hang up on one who only speaks at the end. kCapability: there is
  // none here, with the reason in words that end a sentence ("no systemd runs this host").
  static Checked<ServiceManager> open(
      const std::string& socket = "/run/systemd/private",
      std::chrono::milliseconds greeting = limits::kServicesGreetingWait);

  // Unit files as they are now (systemctl daemon-reload).
  Checked<void> reload();
  // A service of this name, stopped and started (systemctl try-restart: one that does not run stays
  // so); well when systemd says that it is done. kTimeout: it goes on without us.
  Checked<void> restart(const std::string& unit,
                        std::chrono::milliseconds wait = limits::kServiceRestartWait);
  // This process has no use for it any more; what is asked later is refused.
  void close() { bus_.reset(); }

 private:
  struct Close {
    void operator()(sd_bus* bus) const;
  };
  explicit ServiceManager(std::unique_ptr<sd_bus, Close> bus) : bus_(std::move(bus)) {}
  std::unique_ptr<sd_bus, Close> bus_;
};

}  // namespace fleetsweep::act
