#include "agent/report/outbox.h"

#include <algorithm>
#include <set>

#include "protocol/base/limits.h"

namespace fleetsweep::agent {

namespace {
constexpr Duration kResendAfter = std::chrono::seconds(60);
constexpr std::size_t kReserve = 64;       // for what a running order still has to say
constexpr std::size_t kItemOverhead = 64;  // of the message around a receipt
}  // namespace

void Outbox::add(std::uint64_t seq, const DocumentId& id, std::size_t size) {
  items_.push_back({seq, id, size, std::nullopt});
}

std::vector<std::uint64_t> Outbox::on_ack(const std::vector<DocumentId>& ids) {
  const std::set<DocumentId> durable(ids.begin(), ids.end());
  std::vector<std::uint64_t> seqs;
  std::erase_if(items_, [&](const Item& item) {
    if (!durable.contains(item.id)) return false;
    seqs.push_back(item.seq);
    return true;
  });
  return seqs;
}

void Outbox::on_reconnect() {
  for (Item& item : items_) item.sent.reset();
}

std::vector<std::uint64_t> Outbox::take_batch(std::uint32_t in_flight_max, Duration uptime) {
  for (Item& item : items_)
    if (item.sent && uptime - *item.sent >= kResendAfter) item.sent.reset();
  const auto in_flight = static_cast<std::size_t>(
      std::count_if(items_.begin(), items_.end(), [](const Item& item) { return item.sent; }));
  std::vector<std::uint64_t> batch;
  std::size_t bytes = 0;
  for (Item& item : items_) {
    if (item.sent) continue;
    if (in_flight + batch.size() >= in_flight_max) break;
    if (!batch.empty() && bytes + item.size + kItemOverhead > limits::kBatchBytes / 2) break;
    bytes += item.size + kItemOverhead;
    item.sent = uptime;
    batch.push_back(item.seq);
  }
  return batch;
}

std::optional<Duration> Outbox::next_deadline() const {
  std::optional<Duration> next;
  for (const Item& item : items_)
    if (item.sent && (!next || *item.sent + kResendAfter < *next)) next = *item.sent + kResendAfter;
  return next;
}

bool Outbox::is_full() const {
  return items_.size() + kReserve > limits::kOutboxReceipts;
}

}  // namespace fleetsweep::agent
