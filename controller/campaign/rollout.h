#pragma once

// One campaign of one tenant: which hosts are targeted, in which single state each of them is, and
// whether the next wave may go by itself. Pure: facts in, questions out; no I/O, no clock.
//
// A host's state follows from: the newest order of the campaign that targets it (its current
// order), whether the log up to that order was sent to it, its receipt with the highest sequence
// number (of what it saw ahead of an order's time only if that is all), and whether it is silent.
// The same facts in any order give the same states.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/campaign/breaker.h"
#include "controller/campaign/tally.h"
#include "protocol/model/order.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::campaign {

using HostNo = std::uint32_t;  // the tenant's small sequential number of a host

// A host that an order is for, and its wave there (index into Order::waves).
struct Member {
  HostNo host = 0;
  std::uint16_t wave = 0;
};

// What a verified receipt says to its campaign.
struct Report {
  HostNo host = 0;
  std::uint64_t seq = 0;
  DocumentId id;
  DocumentId order;
  model::ReceiptKind kind = model::ReceiptKind::kRefused;
  model::HostState state = model::HostState::kRefused;
  model::Reason reason = model::Reason::kNone;
  std::uint32_t matched = 0;
  std::uint32_t acted = 0;
  Timestamp finished;
  bool operator==(const Report&) const = default;
};

// Where one host stands, for whoever asks.
struct Standing {
  HostNo host = 0;
  std::uint16_t wave = 0;
  model::HostState state = model::HostState::kPending;
  model::Reason reason = model::Reason::kNone;
  DocumentId order;  // its current order
  // Its newest receipt, if there is one; of an apply order with the most that it matched and did.
  std::optional<Report> report;
};

struct Trip {
  DocumentId order;
  std::uint16_t wave = 0;
  TripReason reason = TripReason::kWaveFailures;
  Timestamp time;
  bool operator==(const Trip&) const = default;
};

// The controller may open this wave: its predecessors did well and its time has come.
struct ReleaseDue {
  DocumentId order;
  std::uint16_t wave = 0;
  std::vector<DocumentId> evidence;  // the receipts of the waves before, by host
  Timestamp expires;
};

class Rollout {
 public:
  explicit Rollout(std::string name) : name_(std::move(name)) {}

  // Facts. An order comes once, in log order; everything else may be repeated.
  void on_order(const DocumentId& id, std::uint64_t index, model::Order order,
                const std::vector<Member>& members, Instant now);
  void on_member(const DocumentId& order, const Member& member, Instant now);  // enrolled later
  // True when it is the host's newest word on an order that is for it.
  bool on_report(const Report& report, Instant now);
  void on_sent(HostNo host, std::uint64_t log_size, Instant now);  // has the log below this size
  void on_activity(HostNo host, bool scanning, Instant now);
  void on_silent(HostNo host, bool silent, Instant now);
  void on_stopped(const DocumentId& order, bool stopped);
  void on_cosigned(std::uint64_t log_size, Timestamp time);  // the log below it is witnessed
  void on_released(const DocumentId& order, std::uint16_t wave, Timestamp time);
  void on_release_refused(const DocumentId& order, std::uint16_t wave, const std::string& why);
  void on_root();  // another root: what was refused for lack of a conductor is asked again
  void on_trip(const Trip& trip);  // remembered from before a restart
  void on_closed(Timestamp time);
  void on_time(Instant now);  // orders expire, deadlines pass

  // Questions. take_trips(): breakers that opened since the last call.
  std::vector<Trip> take_trips();
  std::vector<ReleaseDue> take_releases(Instant now);
  bool take_changed() { return std::exchange(changed_, false); }

  struct OrderView {
    DocumentId id;
    std::uint64_t index = 0;
    model::Order order;
    bool stopped = false;
    bool tripped = false;
    std::vector<bool> released;        // per wave; a wave without a gate is released by itself
    std::vector<std::string> refused;  // per wave: why its Release is not in the log; else empty
  };

  const std::string& name() const { return name_; }
  const Tally& tally() const { return tally_; }
  // Counted apart from the tally, which must add up to it.
  std::size_t targeted() const { return hosts_.size(); }
  std::vector<Standing> standings() const;
  std::optional<Standing> standing(HostNo host) const;
  std::vector<OrderView> orders() const;
  const std::string& family() const { return family_; }
  void set_family(std::string family) { family_ = std::move(family); }
  model::Mode mode() const;   // of the newest order
  std::string phase() const;  // scan, clean, undo, stopped, done, closed
  std::optional<Timestamp> closed() const { return closed_; }
  bool breaker_open() const;  // of the newest order
  double failure_ratio(std::uint16_t wave) const;
  double rate(Instant now) const { return pace_.rate(now); }
  std::optional<std::uint64_t> eta_seconds(Instant now) const;
  bool targets(HostNo host) const { return hosts_.contains(host); }

 private:
  struct Place {  // what a host adds to the counters
    std::uint16_t order = 0;
    std::uint16_t wave = 0;
    model::HostState state = model::HostState::kPending;
    bool answered = false;
    bool failed = false;
    bool settled = false;
    bool good = false;
    bool unscannable = false;
    bool operator==(const Place&) const = default;
  };
  struct Host {
    std::vector<std::pair<std::uint16_t, std::uint16_t>> orders;  // (order, wave), ascending
    std::optional<Report> report;
    std::optional<Report> look;  // ahead of an apply order's time: of the newest such order
    std::uint16_t answered = 0;  // 1 + the newest order it reported on; 0: none
    std::uint64_t sent = 0;
    bool scanning = false;
    bool silent = false;
    std::optional<Place> place;
  };
  struct Wave {
    std::uint32_t targeted = 0;
    std::uint32_t answered = 0;
    std::uint32_t failed = 0;
    std::uint32_t settled = 0;
    std::uint32_t good = 0;
    std::optional<Timestamp> released;
    bool asked = false;
    std::string refused;
  };
  struct Order {
    DocumentId id;
    std::uint64_t index = 0;
    model::Order order;
    std::vector<Wave> waves;
    std::optional<Timestamp> cosigned;
    bool stopped = false;
    bool expired = false;
    std::optional<Trip> trip;
  };

  bool has_looked(const Host& host) const;  // and said no more of its current order
  const std::optional<Report>& newest(const Host& host) const;
  model::Reason reason_of(const Host& host, model::HostState state) const;
  Place place_of(const Host& host) const;
  void refresh(Host& host, Instant now);
  void count(const Place& place, int by);
  void check_breaker(std::uint16_t order, std::uint16_t wave, Instant now);
  void trip(Order& order, std::uint16_t wave, TripReason reason, Timestamp time);
  std::optional<Timestamp> opened(const Order& order, std::size_t wave) const;
  bool healthy_before(const Order& order, std::size_t wave) const;
  std::vector<DocumentId> evidence(std::size_t order, std::size_t wave) const;
  bool all_settled() const;
  int find(const DocumentId& id) const;

  std::string name_;
  std::string family_;
  std::vector<Order> orders_;
  std::map<HostNo, Host> hosts_;
  Tally tally_;
  Pace pace_;
  std::vector<Trip> trips_;
  bool changed_ = false;
  std::optional<Timestamp> closed_;
};

}  // namespace fleetsweep::campaign
