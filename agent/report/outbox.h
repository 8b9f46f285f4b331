#pragma once

// Receipts on their way: kept until the controller says they are durable, sent again after a
// reconnect or when no ack comes. At least once here, counted once there (by id). Pure; the bytes
// stay in the store.

#include <deque>
#include <optional>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/time.h"

namespace fleetsweep::agent {

class Outbox {
 public:
  struct Item {
    std::uint64_t seq = 0;
    DocumentId id;
    std::size_t size = 0;
    std::optional<Duration> sent;  // uptime; empty: not yet on this connection
  };

  void add(std::uint64_t seq, const DocumentId& id, std::size_t size);
  // The seqs that are durable now; unknown ids are ignored.
  std::vector<std::uint64_t> on_ack(const std::vector<DocumentId>& ids);
  void on_reconnect();  // whatever was in flight may be lost

  // The next batch for one message, oldest first: at most `in_flight_max` unacked at a time and
  // limits::kBatchBytes together. Marks them as sent.
  std::vector<std::uint64_t> take_batch(std::uint32_t in_flight_max, Duration uptime);
  // When the oldest unacked one is sent again; empty when nothing is in flight.
  std::optional<Duration> next_deadline() const;

  std::size_t size() const { return items_.size(); }
  // No room for the receipts of one more order: then none is begun.
  bool is_full() const;

 private:
  std::deque<Item> items_;
};

}  // namespace fleetsweep::agent
