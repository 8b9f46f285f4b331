#include "agent/core/session.h"

#include <algorithm>

namespace fleetsweep::agent {

// Full jitter: anywhere between the minimum and a bound that doubles.
Duration Session::backed_off() {
  const auto doubled = times_.retry_min.count() << std::min(attempts_++, 20u);
  const auto bound = std::min<std::int64_t>(doubled, times_.retry_max.count());
  const auto spread = std::max<std::int64_t>(bound - times_.retry_min.count(), 0);
  return times_.retry_min +
         Duration(static_cast<std::int64_t>(prng_.below(static_cast<std::uint64_t>(spread) + 1)));
}

Session::Due Session::take_due(Uptime now) {
  if (!due_ || now < *due_) return Due::kNothing;
  switch (state_) {
    case State::kDown:
      due_.reset();
      return Due::kNothing;
    case State::kRefused:
      state_ = State::kDown;
      due_.reset();
      return Due::kReconnect;
    case State::kGreeting:
      // A hello can be lost with its connection, so it is said again until it is answered; and
      // half-open connections look just like that.
      if (now - *last_heard_ > times_.beat * times_.beats_missed_max) break;
      due_ = now + backed_off();
      return Due::kHello;
    case State::kWelcomed:
      if (now - *last_heard_ > times_.beat * times_.beats_missed_max) break;
      due_ = now + times_.beat * 9 / 10 +
             Duration(static_cast<std::int64_t>(
                 prng_.below(static_cast<std::uint64_t>(times_.beat.count() / 5) + 1)));
      return Due::kBeat;
  }
  state_ = State::kDown;
  due_.reset();
  return Due::kReconnect;
}

std::optional<Uptime> Session::next_deadline() const {
  return due_;
}

void Session::on_connected(Uptime now) {
  state_ = State::kGreeting;
  last_heard_ = now;
  due_ = now;
}

void Session::on_disconnected() {
  if (state_ == State::kRefused) return;
  state_ = State::kDown;
  due_.reset();
}

void Session::on_refused(Uptime now) {
  state_ = State::kRefused;
  due_ = now + backed_off();
}

void Session::on_heard(Uptime now) {
  last_heard_ = now;
}

void Session::on_welcome(const model::Welcome& welcome, Uptime now) {
  if (state_ == State::kDown || state_ == State::kRefused) return;
  state_ = State::kWelcomed;
  attempts_ = 0;
  if (welcome.heartbeat > Duration::zero()) times_.beat = welcome.heartbeat;
  if (welcome.in_flight_max > 0) in_flight_max_ = welcome.in_flight_max;
  due_ = now + Duration(static_cast<std::int64_t>(
                   prng_.below(static_cast<std::uint64_t>(times_.beat.count()) + 1)));
}

void Session::on_retry_after(const model::RetryAfter& answer, Uptime now) {
  if (!is_connected()) return;
  state_ = State::kGreeting;
  const Duration wait = std::clamp(answer.wait, times_.retry_min, times_.retry_max);
  due_ = now + wait +
         Duration(static_cast<std::int64_t>(
             prng_.below(static_cast<std::uint64_t>(wait.count()) / 2 + 1)));
  last_heard_ = std::max(last_heard_, due_);  // silence until then is what it asked for
}

}  // namespace fleetsweep::agent
