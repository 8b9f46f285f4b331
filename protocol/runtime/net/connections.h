#pragma once

// Who is connected to an edge, and who has to go. The library accepts whoever comes, keeps some
// 30 KB for each of them from that moment on, has no bound on them and no call that ends one, and
// its limits hold for one frame, not for a message of many frames. So the edge counts: connections
// that nothing was heard of yet (half-open ones, silent ones), those under one key, and what one of
// them sent that never became a message. Pure: the edge tells it what happened and ends what it
// names.

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/base/ids.h"

namespace fleetsweep::net {

class Connections {
 public:
  struct Limits {
    // Accepted and not heard yet. The oldest goes for a new one: under a flood each has the time of
    // so many arrivals for its handshake.
    std::size_t unheard_max = 4096;
    std::size_t per_key_max = 2;         // one, and the dead one it replaces
    bool visits = false;                 // to be heard is no reason to stay: all count as unheard
    std::size_t visit_messages_max = 8;  // one request, and some patience
    // Received, and not in a message that we took: before the first one, and later.
    std::uint64_t unheard_bytes_max = 32u << 10;
    std::uint64_t unread_bytes_max = 16u << 20;
  };
  explicit Connections(const Limits& limits) : limits_(limits) {}

  // Descriptors are used again, so each connection has a number of its own (SO_COOKIE).
  struct Id {
    int fd = -1;
    std::uint64_t cookie = 0;
    bool operator==(const Id&) const = default;
  };
  // Each returns the connection that has to end now, if one has to. It counts until on_closed().
  std::optional<Id> on_accepted(const Id& connection);
  std::optional<Id> on_heard(int fd, const CurveKey& key, std::size_t payload_bytes);
  void on_closed(int fd);

  bool was_heard(int fd, const CurveKey& key) const;
  // Of those that are there; `received` by the kernel since the beginning.
  bool is_hoarding(int fd, std::uint64_t received) const;
  std::vector<Id> all() const;
  std::vector<Id> of(const CurveKey& key) const;  // heard ones
  std::size_t size() const { return entries_.size(); }
  std::size_t unheard() const { return unheard_.size(); }

 private:
  struct Entry {
    Id id;
    std::optional<std::list<int>::iterator> waits;  // in unheard_
    std::optional<CurveKey> key;
    std::uint64_t delivered = 0;  // bytes on the wire of the messages that we took
    std::size_t messages = 0;
  };
  Limits limits_;
  std::unordered_map<int, Entry> entries_;
  std::list<int> unheard_;  // oldest first
  std::unordered_map<CurveKey, std::deque<int>> by_key_;
};

}  // namespace fleetsweep::net
