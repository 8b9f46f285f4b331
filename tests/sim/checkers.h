#pragma once

// What must hold at every step, judged from outside: from the tenant's keys, from what the
// witnesses signed, from what stores hold and what hosts do. Nothing here asks the cores, their
// gates or their counters whether they are right; a violation is a sentence.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/core/record.h"
#include "controller/core/core.h"
#include "protocol/model/local.h"
#include "tests/sim/setting.h"

namespace fleetsweep::sim {

class Checkers {
 public:
  // Who says nothing for `silence` may be counted as unreachable.
  Checkers(const Setting& setting, Duration silence) : setting_(setting), silence_(silence) {}

  // Facts.
  void on_host(std::size_t host, const AgentId& id) { ids_[host] = id; }
  void on_logged(const Bytes& envelope, Timestamp now);  // durable at the controller
  void on_witnessed(const std::string& note, Timestamp time);
  void on_heard(std::size_t host, const std::string& note);
  void on_receipt_made(std::size_t host, std::uint64_t seq, const DocumentId& id);
  void on_receipt_stored(const store::Receipt& receipt);
  void on_spoke(std::size_t host, Instant now) { spoke_[host] = now; }  // and was listened to

  // Steps, each judged at once.
  void on_receipt_dropped(std::size_t host, std::uint64_t seq, const DocumentId& id);
  void on_act_started(std::size_t host, const DocumentId& order, const agent::Job* durable);
  void on_begin(std::size_t host, const Bytes& order, int round, Timestamp now);
  void on_intent(std::size_t host, const DocumentId& order, int round, const std::string& path);
  void on_change(std::size_t host, const DocumentId& order, int round, const std::string& path);
  void on_campaign(const campaign::Tally& tally, std::size_t targeted);
  void on_counted(std::uint64_t receipts);

  const std::vector<std::string>& violations() const { return violations_; }
  std::size_t changes() const { return changes_.size(); }  // distinct (order, host, round, step)
  std::size_t begun() const { return rounds_.size(); }     // distinct (order, host)
  std::size_t stored() const { return stored_.size(); }
  std::size_t made() const { return made_.size(); }
  std::size_t looked() const { return looked_.size(); }  // distinct (order, host)

 private:
  using Step = std::tuple<DocumentId, std::size_t, int, std::string>;
  template <class... Args>
  void broken(fmt::format_string<Args...> format, Args&&... args) {
    violations_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  bool is_released(const DocumentId& order, std::uint16_t wave, model::Gate gate) const;
  void judge_release(const model::Release& release, Timestamp now);
  std::size_t holders(const model::Envelope& envelope) const;

  const Setting& setting_;
  const Duration silence_;
  std::map<std::size_t, AgentId> ids_;
  std::uint64_t log_size_ = 0;
  struct Logged {
    model::Order order;
    std::uint64_t index = 0;
    std::optional<Timestamp> witnessed;  // first
  };
  std::map<DocumentId, Logged> orders_;
  struct Released {
    model::Release release;
    bool by_person = false;
    Timestamp time;
  };
  std::vector<Released> releases_;
  std::map<std::string, Timestamp> notes_;
  std::map<std::size_t, Timestamp> heard_;
  std::map<std::size_t, Instant> spoke_;
  std::map<std::pair<DocumentId, std::size_t>, store::Receipt> answers_;  // newest
  std::map<std::pair<std::size_t, std::uint64_t>, DocumentId> made_;
  std::map<std::pair<std::size_t, std::uint64_t>, DocumentId> stored_;
  std::set<std::pair<DocumentId, std::size_t>> looked_;  // ahead of an order's time
  std::set<Step> intents_;
  std::set<Step> changes_;
  std::map<std::pair<DocumentId, std::size_t>, int> rounds_;  // begun
  std::vector<std::string> violations_;
};

}  // namespace fleetsweep::sim
