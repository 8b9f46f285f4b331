#pragma once

// One agent core in a test: the fixture's tenant and log on one side, a store in memory on the
// other, time that the test moves. A crash is rebuilding the core from that store.

#include <memory>

#include "agent/core/core.h"
#include "protocol/base/assert.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::agent {

// What is in `poison` kills whoever reads it; the core hears of that before it does.
struct PoisonGuard final : trust::Guard {
  bool begin(const Digest& document) override {
    FS_ASSERT(!reading);
    reading = !poison.contains(document);
    if (reading) read.insert(document);
    return reading;
  }
  void end() override { reading = false; }

  std::set<Digest> poison;
  std::set<Digest> read;  // ever
  bool reading = false;
};

class Harness {
 public:
  Harness();

  // The edge.
  void connect();  // handshake, hello, welcome
  void disconnect();
  void deliver();       // all log entries and a fresh checkpoint
  void serve_policy();  // answers the pending wants for the policy
  // A witness host's answer to the newest question, carried by the edge.
  Bytes time_statement(const std::string& key = "time") const;
  void tell_time(const Bytes& statement);
  void ack_all();  // every receipt sent so far
  DocumentId order(const model::Order& order, std::initializer_list<std::string> people);
  void document(Bytes envelope);  // appends and delivers

  // The host.
  model::ScanDone found() const;  // the policy's verdict is true, one file
  model::ScanDone clean() const;
  void scan_answers(const model::ScanDone& done);  // the next policy of the walk
  Digest also(const model::Policy& other);         // a policy that the edge has beside `policy`
  // Cleaned: all that it was given is removed, or could not be.
  void act_answers(model::HostState state, model::Reason reason = model::Reason::kNone,
                   bool removes = true);

  void pass(Duration time);  // and runs whatever became due on the way
  void crash();              // the process dies; the store stays; it starts again
  void run(Effects effects);
  Now now() const;

  std::vector<model::Receipt> receipts() const;  // all ever made, verified, oldest first
  model::Receipt last() const { return receipts().back(); }
  std::size_t scans() const { return scans_.size(); }
  std::size_t acts() const { return acts_.size(); }

  fixture::Tenant tenant{
      [](model::Root& root) { root.time_keys = {fixture::key_named("time").public_key()}; }};
  fixture::Log log;
  model::Policy policy;
  Digest digest;
  trust::Host host;
  crypto::SecretKey key = fixture::key_named("host");
  trust::ClockReading clock;
  Uptime uptime = std::chrono::hours(1);
  Seconds wrong{0};  // what the host's own clock says, against the true time in `clock`
  PoisonGuard guard;
  std::unique_ptr<Core> core;

  std::vector<model::Message> sent;
  std::vector<std::vector<std::uint64_t>> sent_receipts;
  std::vector<StartScan> scans_;
  std::vector<StartAct> acts_;
  std::vector<Digest> given_;                 // to act: object_digest()s, as its journal knows them
  std::vector<model::ActRequest> remembered;  // by act
  unsigned reconnects = 0;
  unsigned stops_asked = 0;
  unsigned scans_ended = 0;
  unsigned turns = 0;         // that core asked for
  bool lose_commits = false;  // the disk takes nothing any more: the process is as good as dead

 private:
  void load();
  void commit(const Record& record);

  Stored stored_;
  std::map<std::uint64_t, Bytes> receipts_;  // by seq, also those acked
  std::set<std::uint64_t> acked_;
  std::map<Digest, Bytes> policies_;
  std::map<Digest, model::Policy> others_;
  std::deque<Digest> asked_;  // of the walk, not answered yet
  BootId boot_;
  unsigned starts_ = 0;
};

template <class T>
std::vector<T> of_kind(const std::vector<model::Message>& messages) {
  std::vector<T> found;
  for (const auto& message : messages)
    if (const auto* one = std::get_if<T>(&message)) found.push_back(*one);
  return found;
}

}  // namespace fleetsweep::agent
