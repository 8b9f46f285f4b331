#pragma once

// Messages between the controller and its hosts: late, out of order, twice or never, as one seed
// has it.

#include <set>

#include "protocol/base/prng.h"
#include "tests/sim/timeline.h"

namespace fleetsweep::sim {

struct Link {
  double loss = 0;
  double duplication = 0;
  Duration delay_min{1};
  Duration delay_max{20};
};

class Network {
 public:
  Network(Timeline& timeline, std::uint64_t seed) : timeline_(timeline), prng_(seed) {}

  Link link;

  void cut(std::size_t host) { cut_.insert(host); }
  void heal(std::size_t host) { cut_.erase(host); }
  void heal() { cut_.clear(); }
  bool is_cut(std::size_t host) const { return cut_.contains(host); }

  void carry(std::size_t host, const std::function<void()>& deliver) {
    if (is_cut(host) || prng_.chance(link.loss)) return;
    const int copies = prng_.chance(link.duplication) ? 2 : 1;
    for (int i = 0; i < copies; ++i)
      timeline_.after(delay(), [this, host, deliver] {
        if (!is_cut(host)) deliver();
      });
  }
  Duration delay() {
    const auto spread = static_cast<std::uint64_t>((link.delay_max - link.delay_min).count());
    return link.delay_min + Duration(static_cast<std::int64_t>(prng_.below(spread + 1)));
  }

 private:
  Timeline& timeline_;
  Prng prng_;
  std::set<std::size_t> cut_;
};

}  // namespace fleetsweep::sim
