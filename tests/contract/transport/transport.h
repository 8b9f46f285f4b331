#pragma once

// What the cores may rely on, whether messages go through the simulated network or through ZeroMQ.
// A message is a number here.

#include <cstdint>
#include <functional>
#include <memory>
#include <set>

namespace fleetsweep::contract {

class Transport {
 public:
  enum class Told { kOk, kFull, kGone };
  static constexpr std::size_t kHosts = 3;

  virtual ~Transport() = default;

  // A host's end. A connection begins with a word of the host: until then nobody knows it.
  virtual void open(std::size_t host) = 0;
  virtual void close(std::size_t host) = 0;
  virtual bool say(std::size_t host, std::uint64_t number) = 0;  // false: it cannot now
  virtual void set_reading(std::size_t host, bool reads) = 0;  // a host that is busy, or again not
  virtual std::multiset<std::uint64_t> host_heard(std::size_t host) = 0;

  // The controller's end.
  virtual Told tell(std::size_t host, std::uint64_t number) = 0;
  virtual std::multiset<std::uint64_t> controller_heard(std::size_t host) = 0;

  // Lets messages travel until it holds; false when it does not within the transport's patience.
  virtual bool until(const std::function<bool()>& holds) = 0;
};

std::unique_ptr<Transport> simulated_transport();
std::unique_ptr<Transport> zeromq_transport();

}  // namespace fleetsweep::contract
