#pragma once

// The conversation with the edge: a hello until welcomed, a beat while idle, a new connection when
// the edge falls silent. Pure.

#include <optional>

#include "agent/core/effect.h"
#include "agent/core/now.h"
#include "protocol/base/prng.h"

namespace fleetsweep::agent {

struct SessionTimes {
  Duration retry_min = std::chrono::seconds(1);  // of a hello, and of rebuilding a refused socket
  Duration retry_max = std::chrono::seconds(300);
  Duration beat = std::chrono::seconds(60);  // until the edge says another
  unsigned beats_missed_max = 3;
};

class Session {
 public:
  Session(const SessionTimes& times, std::uint64_t seed) : times_(times), prng_(seed) {}

  // What is due now: at most one hello or beat, or a reconnect. Asked after every event.
  enum class Due { kNothing, kHello, kBeat, kReconnect };
  Due take_due(Uptime now);
  std::optional<Uptime> next_deadline() const;

  void on_connected(Uptime now);
  void on_disconnected();
  void on_refused(Uptime now);  // the edge does not know our key (yet)
  void on_heard(Uptime now);    // any message
  void on_welcome(const model::Welcome& welcome, Uptime now);
  void on_retry_after(const model::RetryAfter& answer, Uptime now);

  bool is_connected() const { return state_ == State::kGreeting || is_welcomed(); }
  bool is_welcomed() const { return state_ == State::kWelcomed; }
  std::uint32_t in_flight_max() const { return in_flight_max_; }
  std::optional<Uptime> last_heard() const { return last_heard_; }  // by this process

 private:
  enum class State { kDown, kRefused, kGreeting, kWelcomed };
  Duration backed_off();

  SessionTimes times_;
  Prng prng_;
  State state_ = State::kDown;
  unsigned attempts_ = 0;      // since the last welcome
  std::optional<Uptime> due_;  // the next hello, beat or rebuild
  std::optional<Uptime> last_heard_;
  std::uint32_t in_flight_max_ = 16;
};

}  // namespace fleetsweep::agent
