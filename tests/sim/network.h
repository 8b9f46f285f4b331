#pragma once

// Messages between the controller and its hosts: late, out of order, twice or never, as one seed
// has it. What the cores may rely on is in tests/contract/transport, which the real sockets keep
// too.

#include <deque>
#include <functional>
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

enum class Told { kOk, kFull, kGone };

// One host's connection: what is on its way to the host when it ends is lost. What is on its way to
// the controller may still arrive. A host that does not read has room for a few messages, and hears
// them when it does.
class Connection {
 public:
  Connection(Network& network, std::size_t host) : network_(network), host_(host) {}

  bool is_open() const { return open_; }
  void open() {
    open_ = true;
    ++number_;
    unread_.clear();
  }
  void close() { open_ = false; }

  Told to_host(std::function<void()> deliver) {
    if (!open_) return Told::kGone;
    if (unread_.size() >= kRoom) return Told::kFull;
    network_.carry(host_, [this, number = number_, deliver = std::move(deliver)] {
      if (!open_ || number != number_) return;
      if (reads_)
        deliver();
      else
        unread_.push_back(deliver);
    });
    return Told::kOk;
  }
  void set_reading(bool reads) {
    reads_ = reads;
    // Each of them may end the connection, and what was unread with it.
    for (const std::uint64_t number = number_; reads_ && open_ && number == number_;) {
      if (unread_.empty()) break;
      const auto deliver = std::move(unread_.front());
      unread_.pop_front();
      deliver();
    }
  }
  bool to_controller(const std::function<void()>& deliver) {
    if (open_) network_.carry(host_, deliver);
    return open_;
  }

 private:
  Network& network_;
  std::size_t host_;
  static constexpr std::size_t kRoom = 16;

  bool open_ = false;
  bool reads_ = true;
  std::deque<std::function<void()>> unread_;
  std::uint64_t number_ = 0;
};

}  // namespace fleetsweep::sim
