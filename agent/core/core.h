#pragma once

// The agent's mind: what one host does about its tenant's log. Events and `now` in, effects out;
// no I/O, no clock, no randomness but the seed. Every gate is asked when an order arrives, whenever
// something changed, and again just before the first side effect. One walk at a time, for all
// orders that wait for one, and one cleaning at a time, never both.

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "agent/core/effect.h"
#include "agent/core/now.h"
#include "agent/core/policy_fetch.h"
#include "agent/core/rekey.h"
#include "agent/core/session.h"
#include "agent/core/time_question.h"
#include "agent/report/outbox.h"
#include "agent/report/receipt.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/log_view.h"

namespace fleetsweep::agent {

// What does not change while the process runs.
struct Identity {
  TenantId tenant;
  trust::Host host;  // consent and halted are where it starts
  model::Facts facts;
  std::string version;
  Digest program;  // SHA-256 of the agent's own binary
  BootId boot;
  Timestamp enrolled;         // orders that ended before it are history
  TransportKey transport;     // of the enrolment; the store may know a newer one
  Seconds rekey_interval{0};  // a transport key serves so long; 0: until rekey is asked for
  Digest machine;             // what the identity is bound to, see model::AgentKey
  PublicKey token;
  SessionTimes times;
  std::uint64_t seed = 0;
  Digest secret;  // random: what nobody may guess is made of it
};

// A Stop as a sentence for people: "halts everything: drill".
std::string says(const model::Stop& stop);

class Core {
 public:
  // kLogFork and the like when the store contradicts itself. `key` outlives the core, as does
  // `guard`, which is asked around everything that is parsed; without one all is.
  static trust::Checked<std::unique_ptr<Core>> load(Identity identity, trust::VerifiedRoot root,
                                                    const crypto::SecretKey& key, Seal seal,
                                                    Stored stored, const Now& now,
                                                    trust::Guard* guard = nullptr);

  // The first thing after load(): resumes what a crash interrupted.
  Effects on_start(const Now& now);

  Effects on_connected(const Now& now);
  Effects on_disconnected(const Now& now);
  Effects on_refused(const Now& now);
  Effects on_message(const model::Message& message, const Now& now);

  // An answer to StartScan, with the policy it was for: one for each, in their order.
  Effects on_scan_done(const model::ScanDone& done, const model::Policy& policy, const Now& now);
  // Parts of hash sets that the store has lost or holds otherwise than they are signed.
  Effects on_damaged_hashes(const std::vector<Digest>& parts, const Now& now);
  // The answer to StartAct, or an undo that the host's owner ordered (done.local).
  Effects on_act_done(const model::ActDone& done, const Now& now);
  // The child went away without an answer, or could not be started.
  Effects on_child_lost(model::Child child, const std::string& why, const Now& now);

  // The answer to MakeTransportKey; and the owner's wish for one.
  Effects on_transport_key(TransportKey key, const Now& now);
  Effects on_rekey_asked(const Now& now);

  Effects on_halt(bool halted, const Now& now);
  Effects on_consent(const trust::Consent& consent, const Now& now);
  // A Stop that came without the log, as an encoded envelope; `source` is for the local log. What
  // became of it, and what it says when it was taken.
  struct StopAnswer {
    trust::Notice notice;
    std::string says;
  };
  Effects on_stop(BytesView envelope, const std::string& source, StopAnswer& answer,
                  const Now& now);
  // Call at next_deadline(), or earlier when the clock was set.
  Effects on_deadline(const Now& now);
  std::optional<Uptime> next_deadline() const;

  // For people. One line: what this order is waiting for, or why it was refused, or what was done.
  std::string why(const DocumentId& order) const;
  // The order that a person means by its id, or by enough of its beginning. kInvalid: not digits,
  // too few, or more than one order begins so; kNotFound.
  Result<DocumentId> order_named(std::string_view text) const;
  struct Status {
    bool connected = false;
    bool welcomed = false;
    bool halted = false;
    bool forked = false;
    std::string activity;  // idle, scanning, acting, halted
    std::uint64_t log_size = 0;
    std::uint64_t root_version = 0;
    Timestamp witness_time;
    std::size_t orders = 0;
    std::size_t outbox = 0;
    std::uint64_t receipts = 0;
    TransportKey transport;  // in use
    bool rekey_pending = false;
    struct Line {
      DocumentId order;
      std::string title;
      std::string text;
    };
    std::vector<Line> lines;            // one for each order, log order, then of older ones
    std::deque<trust::Notice> refused;  // log entries without authority, the newest of them
    std::vector<std::string> stops;     // what each active one says
    trust::Consent consent;
  };
  Status status() const;
  const TransportKey& transport() const { return rekeying_.in_use(); }
  // The host's own clock, and whether orders are judged by what a witness host told instead.
  model::ClockState clock_state(const Now& now) const {
    return trust::clock_state(log_.floor(), now.clock);
  }
  bool is_told_time(const Now& now) const { return judged_by(now).told; }
  const AgentId& agent() const { return identity_.host.agent; }
  const model::Facts& facts() const { return identity_.facts; }
  // For act: no order, all Stops and Resumes, and what keeps an isolation.
  model::ActRequest stops_request() const;
  // Where else the edge can be reached, as the tenant says.
  std::vector<model::Endpoint> relays() const;

 private:
  struct Run {  // of one order, in progress
    enum class Kind { kDryRun, kAhead, kBeforeApply, kAct, kRescan } kind = Kind::kDryRun;
    Job job;
    model::SandboxLevel sandbox = model::SandboxLevel::kNone;
    std::uint64_t scanned = 0;
    std::uint64_t scanned_bytes = 0;
    std::uint32_t unscannable = 0;
    std::uint32_t partial = 0;
    std::vector<std::string> mismatches;
    std::vector<model::HealthMark> health;
    bool asked_to_stop = false;
    bool resumed = false;  // kAct: after a crash, from act's journal
    bool by_reboot = false;

    bool is_untrusted() const { return !mismatches.empty(); }
    // What was found or not found is what something lets us see: no other word holds. Nor is such a
    // host cleaned: what is removed may be put back unseen, and no rescan could tell.
    model::HostState trusted(model::HostState state) const {
      return is_untrusted() ? model::HostState::kUntrusted : state;
    }
  };
  // Answers its orders in turn. One that was stopped has left, and the others go on.
  struct Walk {
    std::vector<std::optional<Run>> runs;
    std::size_t answered = 0;
    std::uint64_t policy_bytes = 0;
    bool verify = false;
    bool is_begun = false;  // nobody joins any more
  };
  struct Ready {  // scanned for, and waits for act, which does one thing at a time
    Run run;
    std::vector<model::SealedFinding> findings;
    std::vector<std::uint16_t> verdicts;
  };
  // So often in a row may the child of one run die before that is the answer.
  static constexpr unsigned kTries = 3;
  // Of all policies of a walk and their hash sets, if there are several: the request is one
  // message, and the sets lie in memory while it lasts.
  static constexpr std::uint64_t kWalkPolicyBytes = 16ull << 20;

  Core(Identity identity, trust::VerifiedRoot root, const crypto::SecretKey& key, Seal seal,
       Transport transport)
      : identity_(std::move(identity)),
        log_(std::move(root)),
        key_(key),
        seal_(std::move(seal)),
        session_(identity_.times, identity_.seed),
        rekeying_(std::move(transport), identity_.rekey_interval, likeness(identity_, key)),
        time_(identity_.secret) {}
  static model::AgentKey likeness(const Identity& identity, const crypto::SecretKey& key);
  trust::Checked<void> restore(Stored stored, const Now& now);

  const trust::State& state() const { return log_.state(); }
  std::vector<DocumentId> orders_in_log_order() const;

  // Every event ends here: judge what is open, start what may start, talk.
  Effects finish(Effects effects, const Now& now);
  void consider(Effects& effects, const Now& now);
  void consider_order(const DocumentId& id, Effects& effects, const Now& now);
  void consider_rescans(Effects& effects, const Now& now);
  std::optional<model::Reason> hashes_stay_away(const Job& job, const Now& now);
  void consider_stopped(Effects& effects);
  void consider_ready(Effects& effects, const Now& now);
  trust::Verdict verdict_on(const DocumentId& id, const Now& now) const;
  trust::ClockReading judged_by(const Now& now) const;
  bool waits_for_time(const trust::Verdict& verdict, Effects& effects, const Now& now);
  bool is_halted(const DocumentId& order) const;
  void consider_interrupted(Effects& effects, const Now& now);
  // The next blob that an order needs and this host has not: its policy, then the parts of its hash
  // sets.
  struct Missing {
    Digest digest;
    std::uint64_t size = 0;
    bool is_policy = false;
    std::uint64_t left = 0;  // of all its hashes
  };
  std::optional<Missing> missing_of(const model::Order& order) const;
  std::optional<Missing> missing_of(const Digest& policy, std::uint64_t size) const;
  bool has_part(const model::Order& order, const Digest& blob) const;
  bool is_over(const model::Order& order, const Now& now) const;
  bool is_busy(const DocumentId& id) const;
  std::optional<Timestamp> needs_hashes_at(const DocumentId& id, const Now& now) const;
  void fetch(Effects& effects, const Now& now);
  void take_policy(const Digest& digest, const Bytes& bytes, Effects& effects);
  void take_hash_part(const Digest& digest, Bytes bytes, Effects& effects);
  void drop_hashes(Effects& effects, const Now& now);
  void talk(Effects& effects, const Now& now);
  bool is_open(const DocumentId& id) const;
  void wake_at(Timestamp wall, const Now& now);
  std::vector<Seconds> rescans_of(const Job& job) const;

  // False: it has to wait for what is being done.
  bool begin(const DocumentId& id, const trust::Allowed& allowed, Effects& effects, const Now& now);
  void look_ahead(const std::vector<DocumentId>& orders, const Now& now);
  void give_way(Effects& effects);
  void end_look_ahead(const Run& run, const model::ScanDone& done, const model::Policy& policy,
                      Effects& effects, const Now& now);
  void refuse(const DocumentId& id, trust::Refusal refusal, Effects& effects, const Now& now);
  bool is_running(const DocumentId& order) const;
  bool join_walk(const Run& run);
  void begin_walk(Effects& effects);
  model::Health heartbeat(const Now& now) const;
  void conclude(Run run, bool had_company, const model::ScanDone& done, const model::Policy& policy,
                Effects& effects, const Now& now);
  bool may_go_on(const DocumentId& order, Effects& effects, const Now& now);
  void act(Ready ready, Effects& effects);
  model::ActRequest act_request(const DocumentId& order) const;
  void remember_stops(Effects& effects) const;
  void consider_isolation(Effects& effects, const Now& now);
  void end_isolation(Job job, const std::string& why, Effects& effects, const Now& now);
  void end_isolations_of_other_boots(Effects& effects, const Now& now);
  void keep_cut_off(Job& job) const;
  void on_endpoints(Effects& effects);
  void end_dry_run(const Run& run, const model::ScanDone& done, const model::Policy& policy,
                   Effects& effects, const Now& now);
  void end_scan_before_apply(Run run, const model::ScanDone& done, const model::Policy& policy,
                             Effects& effects, const Now& now);
  void end_rescan(const Run& run, const model::ScanDone& done, const model::Policy& policy,
                  Effects& effects, const Now& now);
  void end_without_result(const Run& run, model::Reason reason, const std::string& detail,
                          Effects& effects, const Now& now);
  void end_run(const DocumentId& order);
  void report_interrupted(const Run& run, Effects& effects, const Now& now);
  void end_act(const model::ActDone& done, Effects& effects, const Now& now);
  void end_undone(Job job, const model::ActDone& done, Effects& effects, const Now& now);
  void end_local_undo(const model::ActDone& done, Effects& effects, const Now& now);
  void end_sick(const Run& run, Job job, const std::vector<model::HealthMark>& sick,
                Effects& effects, const Now& now);
  bool is_still_due(const Run& rescan) const;
  bool is_being_undone(const DocumentId& order) const;
  bool waits_in_vain(const Job& job) const;
  void give_up_reboot(Job& job, Effects& effects, const Now& now);
  bool may_be_undone(const Job& job) const;
  bool looks_gone(const model::ScanDone& done, const model::Policy& policy) const;
  std::uint8_t rounds_of(const Job& job) const;
  bool is_between_rounds(const DocumentId& order) const;
  void take_back(Job& job, const model::ActDone& undo, std::string_view by);
  void end_rounds(Job job, const trust::Refusal& refusal, Effects& effects);
  void verify_again(Job job, Effects& effects, const Now& now);
  bool is_left(const Job& job, const std::vector<model::Finding>& findings) const;
  static model::Reason reservation(const Run& run);
  static std::string seen_text(const Run& run, model::Reason reason);
  static std::string done_text(const Job& job, const Run& run, const std::string& detail = "");
  void tell(Job& job, std::string text);

  struct Say {  // what a receipt says, apart from what every receipt says
    model::ReceiptKind kind = model::ReceiptKind::kRefused;
    model::HostState state = model::HostState::kRefused;
    model::Reason reason = model::Reason::kNone;
    Timestamp started;
    const Run* run = nullptr;  // what its scan has seen, if there was one
    std::uint32_t matched = 0;
    std::uint32_t acted = 0;
    std::vector<std::string> verdicts;
    std::vector<model::ReceiptItem> items;
    std::vector<std::string> paths;
    bool local = false;
  };
  static std::string left_text(const Say& say);
  static Say saw(model::ReceiptKind kind, const Run& run, const model::ScanDone& done,
                 const model::Policy& policy);
  void looked_ahead(Job job, const std::string& what, Say say, Effects& effects, const Now& now);
  void report(const Job& job, Say say, Effects& effects, const Now& now);
  void remember(const Job& job, Effects& effects);

  void on(const model::Welcome& welcome, Effects& effects, const Now& now);
  void on(const model::RetryAfter& answer, Effects& effects, const Now& now);
  void on(const model::Entries& entries, Effects& effects, const Now& now);
  void on(const model::Checkpoint& checkpoint, Effects& effects, const Now& now);
  void on(const model::Blob& blob, Effects& effects, const Now& now);
  void on(const model::ReceiptAck& ack, Effects& effects, const Now& now);
  void on(const model::Beat& beat, Effects& effects, const Now& now);
  void on(const model::Rekeyed& rekeyed, Effects& effects, const Now& now);
  void on(const model::TimeReply& reply, Effects& effects, const Now& now);
  template <class Other>
  void on(const Other& unexpected, Effects& effects, const Now& now);
  void advance(Effects& effects, const Now& now);
  void ask_entries(Effects& effects, const Now& now);
  void note_refused(const trust::Notice& notice);
  void note_entry(const trust::Notice& notice, Effects& effects);
  bool is_by_sealed_keys(const DocumentId& order) const;

  Identity identity_;
  trust::LogView log_;
  trust::Guard* guard_ = nullptr;
  const crypto::SecretKey& key_;
  Seal seal_;
  Session session_;
  Rekeying rekeying_;
  Outbox outbox_;
  PolicyFetch fetch_;
  TimeQuestion time_;

  std::map<DocumentId, Job> jobs_;  // the newest run of each order
  std::set<trust::Execution> executed_;
  std::vector<trust::DryRun> dry_runs_;
  std::map<Digest, PolicyBrief> policies_;
  std::map<Digest, trust::Refusal> bad_policies_;  // have the digest, and are no policy
  std::set<Digest> hash_parts_;                    // that are in the store
  std::set<DocumentId> poisoned_;
  std::map<DocumentId, std::string> reasons_;           // why(), per order
  std::map<DocumentId, trust::Waiting> ahead_of_time_;  // wait for nothing but their time
  std::deque<trust::Notice> refused_;                   // see Status
  std::optional<Walk> walk_;
  std::deque<Ready> ready_;
  std::optional<Run> acting_;
  // A walk that several shared came to nothing: nobody knows by whose fault, so each has one alone.
  std::set<DocumentId> alone_;
  std::map<DocumentId, unsigned> failures_;  // of children, in a row, for runs in progress
  std::uint64_t seq_ = 0;
  DocumentId previous_;
  std::string offered_note_;    // a checkpoint ahead of the entries we have
  std::optional<Uptime> wake_;  // the next moment in wall time that matters, as uptime
  std::optional<Uptime> fetch_wake_;
  static constexpr std::uint64_t kNotAsked = ~std::uint64_t{0};
  std::uint64_t asked_from_ = kNotAsked;  // entries
  Uptime asked_at_{};
  std::optional<Uptime> time_wake_;
  Uptime loaded_at_{};
  bool is_reached_ = false;  // the controller was heard since act last ended
};

}  // namespace fleetsweep::agent
