#include "controller/campaign/rollout.h"

#include <algorithm>

#include "protocol/base/assert.h"

namespace fleetsweep::campaign {
namespace {

using model::HostState;
using model::Mode;

// The host is at work: it will say more about this order.
bool in_progress(HostState state) {
  return state == HostState::kScanning || state == HostState::kWaiting ||
         state == HostState::kCleaning || state == HostState::kCleaned;
}

bool is_settled(HostState state, Mode mode) {
  if (state == HostState::kPending || state == HostState::kOffered || in_progress(state))
    return false;
  // A clean order's own scan found something: it is about to act.
  return !(state == HostState::kFound && mode == Mode::kApply);
}

bool is_good(HostState state) {
  return state == HostState::kClean || state == HostState::kFound ||
         state == HostState::kVerified || state == HostState::kNeedsReboot ||
         state == HostState::kUndone;
}

}  // namespace

int Rollout::find(const DocumentId& id) const {
  for (std::size_t i = 0; i < orders_.size(); ++i)
    if (orders_[i].id == id) return static_cast<int>(i);
  return -1;
}

void Rollout::on_order(const DocumentId& id, std::uint64_t index, model::Order order,
                       const std::vector<Member>& members, Instant now) {
  FS_ASSERT(orders_.empty() || orders_.back().index < index);
  Order entry{.id = id, .index = index, .order = std::move(order)};
  entry.waves.resize(std::max<std::size_t>(entry.order.waves.size(), 1));
  entry.expired = to_timestamp(now) > entry.order.schedule.not_after;
  orders_.push_back(std::move(entry));
  for (const Member& member : members) on_member(id, member, now);
  changed_ = true;
}

void Rollout::on_member(const DocumentId& id, const Member& member, Instant now) {
  const int order = find(id);
  FS_ASSERT(order >= 0 && member.wave < orders_[static_cast<std::size_t>(order)].waves.size());
  Host& host = hosts_[member.host];
  const std::pair entry{static_cast<std::uint16_t>(order), member.wave};
  const auto at = std::lower_bound(host.orders.begin(), host.orders.end(), entry);
  if (at == host.orders.end() || *at != entry) host.orders.insert(at, entry);
  refresh(host, now);
}

bool Rollout::on_report(const Report& report, Instant now) {
  const auto found = hosts_.find(report.host);
  const int order = find(report.order);
  if (found == hosts_.end() || order < 0) return false;
  Host& host = found->second;
  // A host also refuses orders that are not for it; that says nothing about where it stands.
  const bool is_for_it = std::any_of(host.orders.begin(), host.orders.end(),
                                     [&](const auto& one) { return one.first == order; });
  if (!is_for_it) return false;
  const bool newest = (!host.report || report.seq > host.report->seq) &&
                      (!host.look || report.seq > host.look->seq);
  const Mode mode = orders_[static_cast<std::size_t>(order)].order.mode;
  const bool is_apply = mode == Mode::kApply;
  if (is_apply && report.kind == model::ReceiptKind::kScan) {
    if (!host.look ||
        std::pair(find(host.look->order), host.look->seq) < std::pair(order, report.seq))
      host.look = report;
  } else {
    host.answered = std::max<std::uint16_t>(host.answered, static_cast<std::uint16_t>(order + 1));
    Report shown = host.report && host.report->seq > report.seq ? *host.report : report;
    // A rescan finds nothing and does nothing; that must not look as if nothing had been done. An
    // undo finds nothing either, and says how much it put back.
    const bool goes_on = is_apply && host.report && host.report->order == report.order;
    if (host.report && (goes_on || mode == Mode::kUndo))
      shown.matched = std::max(host.report->matched, report.matched);
    if (goes_on && shown.kind != model::ReceiptKind::kUndo)
      shown.acted = std::max(host.report->acted, report.acted);
    host.report = shown;
  }
  host.scanning = false;
  refresh(host, now);
  changed_ = true;
  return newest;
}

void Rollout::on_sent(HostNo number, std::uint64_t log_size, Instant now) {
  const auto found = hosts_.find(number);
  if (found == hosts_.end() || found->second.sent >= log_size) return;
  found->second.sent = log_size;
  refresh(found->second, now);
}

void Rollout::on_activity(HostNo number, bool scanning, Instant now) {
  const auto found = hosts_.find(number);
  if (found == hosts_.end() || found->second.scanning == scanning) return;
  found->second.scanning = scanning;
  refresh(found->second, now);
}

void Rollout::on_silent(HostNo number, bool silent, Instant now) {
  const auto found = hosts_.find(number);
  if (found == hosts_.end() || found->second.silent == silent) return;
  found->second.silent = silent;
  refresh(found->second, now);
}

void Rollout::on_stopped(const DocumentId& id, bool stopped) {
  const int order = find(id);
  if (order < 0) return;
  orders_[static_cast<std::size_t>(order)].stopped = stopped;
  changed_ = true;
}

void Rollout::on_cosigned(std::uint64_t log_size, Timestamp time) {
  for (Order& order : orders_)
    if (order.index < log_size && !order.cosigned) order.cosigned = time;
}

void Rollout::on_released(const DocumentId& id, std::uint16_t wave, Timestamp time) {
  const int order = find(id);
  if (order < 0) return;
  auto& waves = orders_[static_cast<std::size_t>(order)].waves;
  if (wave >= waves.size() || waves[wave].released) return;
  waves[wave].released = time;
  changed_ = true;
}

void Rollout::on_release_refused(const DocumentId& id, std::uint16_t wave, const std::string& why) {
  const int order = find(id);
  if (order < 0) return;
  Wave& held = orders_[static_cast<std::size_t>(order)].waves[wave];
  held.asked = true;
  held.refused = why;
  changed_ = true;
}

void Rollout::on_root() {
  for (Order& order : orders_)
    for (Wave& wave : order.waves) {
      if (wave.refused.empty()) continue;
      wave.refused.clear();
      wave.asked = false;
      changed_ = true;
    }
}

void Rollout::on_closed(Timestamp time) {
  if (closed_) return;
  closed_ = time;
  changed_ = true;
}

void Rollout::on_trip(const Trip& trip) {
  const int order = find(trip.order);
  if (order < 0) return;
  orders_[static_cast<std::size_t>(order)].trip = trip;
  changed_ = true;
}

void Rollout::on_time(Instant now) {
  const Timestamp time = to_timestamp(now);
  for (std::size_t i = 0; i < orders_.size(); ++i) {
    Order& order = orders_[i];
    if (!order.expired && time > order.order.schedule.not_after) {
      order.expired = true;
      changed_ = true;
      for (auto& [number, host] : hosts_)
        if (host.orders.back().first == i) refresh(host, now);
    }
    if (order.expired || order.stopped || order.trip) continue;
    for (std::size_t wave = 0; wave < order.order.waves.size(); ++wave) {
      const Seconds deadline = order.order.waves[wave].deadline;
      const auto from = opened(order, wave);
      if (deadline == Seconds(0) || !from || time <= *from + deadline) continue;
      if (order.waves[wave].settled < order.waves[wave].targeted)
        trip(order, static_cast<std::uint16_t>(wave), TripReason::kDeadline, time);
    }
  }
}

bool Rollout::has_looked(const Host& host) const {
  const std::uint16_t number = host.orders.back().first;
  return host.answered <= number && host.look && host.look->order == orders_[number].id;
}

const std::optional<Report>& Rollout::newest(const Host& host) const {
  return has_looked(host) ? host.look : host.report;
}

// It belongs to the receipt that says this state, not to a later word of the controller.
model::Reason Rollout::reason_of(const Host& host, HostState state) const {
  const std::optional<Report>& report = newest(host);
  return report && report->state == state ? report->reason : model::Reason::kNone;
}

Rollout::Place Rollout::place_of(const Host& host) const {
  const auto [number, wave] = host.orders.back();
  const Order& order = orders_[number];
  const Mode mode = order.order.mode;
  Place place{.order = number, .wave = wave};
  const bool spoke = host.answered > number;
  if (spoke) {
    place.state = host.report->state;
  } else if (mode == Mode::kUndo && host.report) {
    place.state = host.report->state;  // stays what it is until it says that it was undone
    place.settled = order.expired;
    return place;
  } else if (order.expired) {
    place.state = HostState::kExpired;
  } else if (has_looked(host)) {
    // Whatever it saw before its time, what it is to do is to come.
    place.state = host.look->state;
    return place;
  } else if (host.silent) {
    place.state = HostState::kUnreachable;
  } else if (mode == Mode::kApply && host.report) {
    place.state = HostState::kWaiting;
  } else if (host.sent > order.index) {
    place.state = host.scanning ? HostState::kScanning : HostState::kOffered;
  }
  const model::Reason reason = spoke ? host.report->reason : model::Reason::kNone;
  place.settled = is_settled(place.state, mode);
  place.answered = spoke && place.settled;
  place.failed = is_failure(place.state, reason);
  place.good = place.settled && is_good(place.state);
  return place;
}

void Rollout::count(const Place& place, int by) {
  Order& order = orders_[place.order];
  Wave& wave = order.waves[place.wave];
  const auto add = [by](std::uint32_t& counter) {
    counter = static_cast<std::uint32_t>(static_cast<int>(counter) + by);
  };
  const auto state = static_cast<std::size_t>(place.state);
  if (tally_.waves.size() <= place.wave) tally_.waves.resize(place.wave + std::size_t{1});
  add(tally_.targeted);
  add(tally_.states[state]);
  if (place.unscannable) add(tally_.unscannable);
  add(tally_.waves[place.wave].targeted);
  add(tally_.waves[place.wave].states[state]);
  add(wave.targeted);
  if (place.answered) add(wave.answered);
  if (place.failed) add(wave.failed);
  if (place.settled) add(wave.settled);
  if (place.good) add(wave.good);
}

void Rollout::refresh(Host& host, Instant now) {
  Place next = place_of(host);
  next.unscannable = reason_of(host, next.state) == model::Reason::kUnscannable;
  if (host.place == next) return;
  const bool settles = next.settled && !(host.place && host.place->settled);
  if (host.place) count(*host.place, -1);
  count(next, +1);
  host.place = next;
  changed_ = true;
  if (settles) pace_.settled(now);
  if (next.failed) check_breaker(next.order, next.wave, now);
}

void Rollout::check_breaker(std::uint16_t number, std::uint16_t wave, Instant now) {
  Order& order = orders_[number];
  std::uint32_t failed = 0;
  std::uint32_t answered = 0;
  for (const Wave& one : order.waves) {
    failed += one.failed;
    answered += one.answered;
  }
  const Timestamp time = to_timestamp(now);
  if (trips(order.order.breaker, order.waves[wave].failed, order.waves[wave].answered))
    trip(order, wave, TripReason::kWaveFailures, time);
  else if (trips(order.order.breaker, failed, answered))
    trip(order, wave, TripReason::kGlobalFailures, time);
}

void Rollout::trip(Order& order, std::uint16_t wave, TripReason reason, Timestamp time) {
  if (order.trip) return;
  order.trip = Trip{order.id, wave, reason, time};
  trips_.push_back(*order.trip);
  changed_ = true;
}

std::vector<Trip> Rollout::take_trips() {
  return std::exchange(trips_, {});
}

// When hosts of this wave may start: known only once its predecessor was let go.
std::optional<Timestamp> Rollout::opened(const Order& order, std::size_t wave) const {
  const model::Wave& rule = order.order.waves[wave];
  if (rule.gate != model::Gate::kNone) return order.waves[wave].released;
  const auto from =
      wave > 0 && order.waves[wave - 1].released ? order.waves[wave - 1].released : order.cosigned;
  if (!from) return std::nullopt;
  return *from + rule.delay_min;
}

// Every host of every wave before has settled, and each wave that has hosts helped more of them
// than it failed. The breaker alone would not do: it counts to a number that a small canary never
// reaches.
bool Rollout::healthy_before(const Order& order, std::size_t wave) const {
  for (std::size_t i = 0; i < wave; ++i) {
    const Wave& before = order.waves[i];
    if (before.settled < before.targeted) return false;
    if (before.targeted > 0 && before.good <= before.failed) return false;
  }
  return true;
}

std::vector<DocumentId> Rollout::evidence(std::size_t order, std::size_t wave) const {
  std::vector<DocumentId> receipts;
  for (const auto& [number, host] : hosts_)
    if (host.place && host.place->order == order && host.place->wave < wave && host.report)
      receipts.push_back(host.report->id);
  return receipts;
}

std::vector<ReleaseDue> Rollout::take_releases(Instant now) {
  std::vector<ReleaseDue> due;
  const Timestamp time = to_timestamp(now);
  for (std::size_t number = 0; number < orders_.size(); ++number) {
    Order& order = orders_[number];
    if (order.stopped || order.expired || order.trip || closed_) continue;
    for (std::size_t wave = 0; wave < order.order.waves.size(); ++wave) {
      const model::Wave& rule = order.order.waves[wave];
      const auto open = opened(order, wave);
      if (open && *open <= time) continue;
      if (rule.gate != model::Gate::kAuto || order.waves[wave].asked) break;
      const auto from = wave > 0 && order.waves[wave - 1].released ? order.waves[wave - 1].released
                                                                   : order.cosigned;
      if (!from || time < *from + rule.delay_min || !healthy_before(order, wave)) break;
      order.waves[wave].asked = true;
      due.push_back({order.id, static_cast<std::uint16_t>(wave), evidence(number, wave),
                     order.order.schedule.not_after});
      break;
    }
  }
  return due;
}

std::optional<Standing> Rollout::standing(HostNo number) const {
  const auto found = hosts_.find(number);
  if (found == hosts_.end()) return std::nullopt;
  const Host& host = found->second;
  return Standing{number,
                  host.place->wave,
                  host.place->state,
                  reason_of(host, host.place->state),
                  orders_[host.place->order].id,
                  newest(host)};
}

std::vector<Standing> Rollout::standings() const {
  std::vector<Standing> all;
  all.reserve(hosts_.size());
  for (const auto& [number, host] : hosts_) all.push_back(*standing(number));
  return all;
}

std::vector<Rollout::OrderView> Rollout::orders() const {
  std::vector<OrderView> views;
  for (const Order& order : orders_) {
    OrderView view{order.id, order.index, order.order, order.stopped, order.trip.has_value(),
                   {},       {}};
    for (std::size_t wave = 0; wave < order.order.waves.size(); ++wave) {
      view.released.push_back(order.order.waves[wave].gate == model::Gate::kNone ||
                              order.waves[wave].released.has_value());
      view.refused.push_back(order.waves[wave].refused);
    }
    views.push_back(std::move(view));
  }
  return views;
}

model::Mode Rollout::mode() const {
  return orders_.empty() ? Mode::kDryRun : orders_.back().order.mode;
}

bool Rollout::all_settled() const {
  for (const Order& order : orders_)
    for (const Wave& wave : order.waves)
      if (wave.settled < wave.targeted) return false;
  return tally_.targeted > 0;
}

std::string Rollout::phase() const {
  if (closed_) return "closed";
  if (!orders_.empty() && orders_.back().stopped) return "stopped";
  if (all_settled()) return "done";
  switch (mode()) {
    case Mode::kDryRun:
      return "scan";
    case Mode::kApply:
      return "clean";
    case Mode::kUndo:
      return "undo";
  }
  return "scan";
}

bool Rollout::breaker_open() const {
  return !orders_.empty() && orders_.back().trip.has_value();
}

double Rollout::failure_ratio(std::uint16_t wave) const {
  std::uint32_t failed = 0;
  std::uint32_t answered = 0;
  for (const Order& order : orders_) {
    if (wave >= order.waves.size()) continue;
    failed += order.waves[wave].failed;
    answered += order.waves[wave].answered;
  }
  return answered == 0 ? 0 : static_cast<double>(failed) / answered;
}

std::optional<std::uint64_t> Rollout::eta_seconds(Instant now) const {
  std::uint32_t left = 0;
  for (const Order& order : orders_)
    for (const Wave& wave : order.waves) left += wave.targeted - wave.settled;
  return pace_.eta_seconds(left, now);
}

}  // namespace fleetsweep::campaign
