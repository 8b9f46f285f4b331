#include "protocol/runtime/net/connections.h"

#include <algorithm>

namespace fleetsweep::net {

namespace {

// A CURVE MESSAGE around a payload: frame header, command name, nonce, flags, box.
constexpr std::uint64_t kMessageOverhead = 9 + 8 + 8 + 1 + 16;

}  // namespace

std::optional<Connections::Id> Connections::on_accepted(const Id& connection) {
  on_closed(connection.fd);  // its end was not told
  Entry& entry = entries_[connection.fd];
  entry.id = connection;
  entry.waits = unheard_.insert(unheard_.end(), connection.fd);
  if (unheard_.size() <= limits_.unheard_max) return std::nullopt;
  // Named once: it is on its way out and not in the line any more.
  Entry& oldest = entries_.at(unheard_.front());
  unheard_.erase(*std::exchange(oldest.waits, std::nullopt));
  return oldest.id;
}

std::optional<Connections::Id> Connections::on_heard(int fd, const CurveKey& key,
                                                     std::size_t payload_bytes) {
  const auto found = entries_.find(fd);
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  entry.delivered += payload_bytes + kMessageOverhead;
  ++entry.messages;
  if (limits_.visits)
    return entry.messages > limits_.visit_messages_max ? std::optional(entry.id) : std::nullopt;
  if (entry.key) return std::nullopt;
  if (entry.waits) unheard_.erase(*std::exchange(entry.waits, std::nullopt));
  entry.key = key;
  std::deque<int>& same = by_key_[key];
  same.push_back(fd);
  if (same.size() <= limits_.per_key_max) return std::nullopt;
  Entry& oldest = entries_.at(same.front());
  same.pop_front();
  oldest.key.reset();
  return oldest.id;
}

void Connections::on_closed(int fd) {
  const auto found = entries_.find(fd);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  if (entry.waits) unheard_.erase(*entry.waits);
  if (entry.key) {
    const auto same = by_key_.find(*entry.key);
    std::erase(same->second, fd);
    if (same->second.empty()) by_key_.erase(same);
  }
  entries_.erase(found);
}

bool Connections::was_heard(int fd, const CurveKey& key) const {
  const auto found = entries_.find(fd);
  return found != entries_.end() && found->second.key == key;
}

bool Connections::is_hoarding(int fd, std::uint64_t received) const {
  const auto found = entries_.find(fd);
  if (found == entries_.end()) return false;
  const std::uint64_t delivered = found->second.delivered;
  return received >
         delivered + (delivered == 0 ? limits_.unheard_bytes_max : limits_.unread_bytes_max);
}

std::vector<Connections::Id> Connections::of(const CurveKey& key) const {
  std::vector<Id> ids;
  if (const auto same = by_key_.find(key); same != by_key_.end())
    for (const int fd : same->second) ids.push_back(entries_.at(fd).id);
  return ids;
}

std::vector<Connections::Id> Connections::all() const {
  std::vector<Id> ids;
  ids.reserve(entries_.size());
  for (const auto& [fd, entry] : entries_) ids.push_back(entry.id);
  return ids;
}

}  // namespace fleetsweep::net
