#pragma once

// A cgroup by which processes of a test are a service's, as systemd would have made it.

#include <sys/types.h>

#include <string>

namespace fleetsweep::act {

class ServiceGroup {
 public:
  ServiceGroup();
  ~ServiceGroup();  // after its processes are gone
  ServiceGroup(const ServiceGroup&) = delete;

  // No other test's; empty: this machine lets nobody make cgroups.
  const std::string& unit() const { return unit_; }
  void take(pid_t pid) const;

 private:
  std::string unit_, folder_;
};

}  // namespace fleetsweep::act
