#include "protocol/trust/schedule.h"

#include <algorithm>

#include "protocol/base/assert.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::trust {

namespace {

constexpr int kDaysAhead = 8;  // every weekday once, and today's windows again

Digest lot(const DocumentId& order, const AgentId& agent) {
  return crypto::sha256({order.view(), agent.view()});
}

std::uint64_t big_endian(BytesView bytes) {
  std::uint64_t value = 0;
  for (std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

// The next moment inside a window, at this host's slot in it; both times are wall-clock.
std::optional<Timestamp> next_in_windows(const std::vector<model::Window>& windows, Timestamp base,
                                         Timestamp wall, Seconds jitter, std::uint64_t number) {
  std::optional<Timestamp> best;
  const auto today = std::chrono::floor<std::chrono::days>(std::max(base, wall));
  for (int ahead = 0; ahead < kDaysAhead; ++ahead) {
    const auto day = today + std::chrono::days(ahead);
    const unsigned weekday = std::chrono::weekday(day).iso_encoding() - 1;  // 0 is Monday
    for (const model::Window& window : windows) {
      if (!(window.days >> weekday & 1)) continue;
      const Timestamp from =
          std::max<Timestamp>(base, day + std::chrono::minutes(window.from_minute));
      const Timestamp to = day + std::chrono::minutes(window.to_minute);
      if (from >= to || wall >= to) continue;
      const Seconds spread = std::min(jitter, to - from);
      const Timestamp slot =
          spread > Seconds{0} ? from + Seconds(number % static_cast<std::uint64_t>(spread.count()))
                              : from;
      const Timestamp at = std::max(slot, wall);
      if (!best || at < *best) best = at;
    }
    if (best) return best;
  }
  return best;
}

}  // namespace

std::uint16_t wave_number(const DocumentId& order, const AgentId& agent) {
  return static_cast<std::uint16_t>(big_endian(BytesView(lot(order, agent).value).first(4)) % 1000);
}

std::uint16_t wave_of(const std::vector<model::Wave>& waves, const DocumentId& order,
                      const AgentId& agent) {
  const std::uint16_t number = wave_number(order, agent);
  for (std::size_t i = 0; i < waves.size(); ++i)
    if (number < waves[i].permille) return static_cast<std::uint16_t>(i);
  FS_ASSERT(!"the last wave holds every host");
}

Seconds slot_offset(const DocumentId& order, const AgentId& agent, Seconds jitter) {
  if (jitter <= Seconds{0}) return Seconds{0};
  // Other bytes than the wave's, so that a small wave is spread over the whole jitter.
  const std::uint64_t number = big_endian(BytesView(lot(order, agent).value).subspan(8, 8));
  return Seconds(number % static_cast<std::uint64_t>(jitter.count()));
}

Due due(const model::Schedule& schedule, const DocumentId& order, const AgentId& agent,
        Timestamp seen, Timestamp now, Seconds utc_offset) {
  const Seconds offset = schedule.clock == model::Clock::kHostLocal ? utc_offset : Seconds{0};
  const Timestamp wall = now + offset;
  Due result;
  Timestamp base = schedule.not_before;
  if (schedule.repeat > Seconds{0} && wall > base) {
    result.slot = static_cast<std::uint64_t>((wall - base) / schedule.repeat);
    base += schedule.repeat * static_cast<std::int64_t>(result.slot);
  }
  // An order that comes late is spread from when it came, not run by everybody at once.
  base = std::max(base, seen + offset);
  std::optional<Timestamp> at;
  if (schedule.windows.empty()) {
    at = base + slot_offset(order, agent, schedule.jitter);
  } else {
    const std::uint64_t number = big_endian(BytesView(lot(order, agent).value).subspan(8, 8));
    at = next_in_windows(schedule.windows, base, wall, schedule.jitter, number);
  }
  if (at && *at <= wall) {
    result.now = true;
  } else if (at) {
    result.at = *at - offset;
  }
  return result;
}

}  // namespace fleetsweep::trust
