#include <array>

#include "tests/contract/transport/transport.h"
#include "tests/sim/network.h"

namespace fleetsweep::contract {
namespace {

constexpr Duration kPatience = Seconds(10);

class Simulated final : public Transport {
 public:
  void open(std::size_t host) override { ends_[host].connection.open(); }
  void close(std::size_t host) override { ends_[host].connection.close(); }
  bool say(std::size_t host, std::uint64_t number) override {
    End& end = ends_[host];
    return end.connection.to_controller([&end, number] { end.said.insert(number); });
  }
  void set_reading(std::size_t host, bool reads) override {
    ends_[host].connection.set_reading(reads);
  }
  std::multiset<std::uint64_t> host_heard(std::size_t host) override { return ends_[host].heard; }

  Told tell(std::size_t host, std::uint64_t number) override {
    End& end = ends_[host];
    switch (end.connection.to_host([&end, number] { end.heard.insert(number); })) {
      case sim::Told::kOk:
        return Told::kOk;
      case sim::Told::kFull:
        return Told::kFull;
      case sim::Told::kGone:
        return Told::kGone;
    }
    return Told::kGone;
  }
  std::multiset<std::uint64_t> controller_heard(std::size_t host) override {
    return ends_[host].said;
  }

  bool until(const std::function<bool()>& holds) override {
    const Instant end = timeline_.now() + kPatience;
    while (!holds())
      if (!timeline_.step(end)) return holds();
    return true;
  }

 private:
  struct End {
    sim::Connection connection;
    std::multiset<std::uint64_t> heard, said;
  };

  sim::Timeline timeline_{Instant(Seconds(0))};
  sim::Network network_{timeline_, 1};
  std::array<End, kHosts> ends_{End{{network_, 0}, {}, {}}, End{{network_, 1}, {}, {}},
                                End{{network_, 2}, {}, {}}};
};

}  // namespace

std::unique_ptr<Transport> simulated_transport() {
  return std::make_unique<Simulated>();
}

}  // namespace fleetsweep::contract
