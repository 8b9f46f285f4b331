#pragma once

// A signed tenant for tests: people with keys, a root, orders, a witnessed log, and one host that
// reads it. All keys and times are fixed, so that a failure repeats. Link fs_test_fixture.

#include <functional>
#include <initializer_list>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/log_view.h"

namespace fleetsweep::model {
inline void PrintTo(Reason reason, std::ostream* out) {  // for gtest
  *out << name(reason);
}
}  // namespace fleetsweep::model

namespace fleetsweep::fixture {

inline constexpr Seconds kHour{3600};
inline constexpr Seconds kDay{86400};

// 2026-11-23T10:00:00Z, a Monday.
Timestamp start();
crypto::SecretKey key_named(std::string_view name);
DocumentId id_of(const Bytes& envelope);

// alice, bob and carol hold every role of people: one for observe, stop, release, enrol and infra;
// two for root, read, contain, clean and resume; three for destroy. `conductor` may open auto
// gates. One log, one witness.
class Tenant {
 public:
  explicit Tenant(const std::function<void(model::Root&)>& change = {});

  const model::Root& root() const { return root_; }
  const Bytes& root_envelope() const { return envelope_; }
  const TenantId& id() const { return id_; }
  trust::VerifiedRoot verified() const;
  const crypto::SecretKey& key(const std::string& name) const { return keys_.at(name); }

  // An encoded envelope with these people's signatures. The document's tenant is set unless it has
  // one.
  template <class T>
  Bytes sign(T document, std::initializer_list<std::string> people) const {
    if (document.tenant.is_zero() && !is_first_root(document)) document.tenant = id_;
    return sign_bytes(codec::payload_type<T>(), codec::encode(document), people);
  }
  Bytes sign_bytes(std::string_view payload_type, Bytes payload,
                   std::initializer_list<std::string> people) const;

  // Version N + 1 of `before`, changed, unsigned.
  model::Root next(const trust::VerifiedRoot& before,
                   const std::function<void(model::Root&)>& change) const;

 private:
  template <class T>
  static bool is_first_root(const T& document) {
    if constexpr (std::is_same_v<T, model::Root>) return document.version == 1;
    return false;
  }

  std::map<std::string, crypto::SecretKey> keys_;
  model::Root root_;
  Bytes envelope_;
  TenantId id_;
};

// The tenant's log, with its key and its witness.
class Log {
 public:
  std::uint64_t append(Bytes entry);
  const std::vector<Bytes>& entries() const { return entries_; }
  // A checkpoint over the first `size` entries (default: all), cosigned at `time`.
  std::string note(Timestamp time) const { return note(time, entries_.size()); }
  std::string note(Timestamp time, std::uint64_t size) const;

 private:
  std::vector<Bytes> entries_;
};

// A policy that looks for files by hash (observe) and quarantines them (clean).
model::Policy hash_policy();
Bytes policy_bytes(const model::Policy& policy);

// Sensible orders for hosts in DE, valid for a day from start(): one wave, class as computed.
model::Order dry_run(const model::Policy& policy);
model::Order apply(const model::Policy& policy, const DocumentId& dry_run_order);
model::Order undo(const DocumentId& apply_order);

// One enrolled host in DE, group web, with everything an agent knows, and its tenant's log.
struct World {
  explicit World(const std::function<void(model::Root&)>& change_root = {});

  // Appends to the log, witnesses it and delivers both; the notice of that entry.
  trust::Notice submit(Bytes entry);
  template <class T>
  DocumentId submit(const T& document, std::initializer_list<std::string> people) {
    return submit(tenant.sign(document, people)).id;
  }
  void witness();           // a fresh checkpoint, delivered
  void pass(Seconds time);  // on all clocks, without contact
  trust::Verdict judge(const DocumentId& order) const;
  // kNone when allowed or waiting.
  model::Reason reason(const DocumentId& order) const;

  // Dry-run order submitted, run and remembered; returns its id.
  DocumentId run_dry();
  // A dry run, then an apply order of it signed by alice and bob, cooled off and still fresh.
  DocumentId ready_apply(const std::function<void(model::Order&)>& change = {});

  Tenant tenant;
  Log log;
  trust::LogView view;
  trust::ClockReading clock;
  trust::Host host;
  model::Policy policy = hash_policy();
  trust::PolicyFacts facts;
  bool has_policy = true;
  std::set<trust::Execution> executed;
  std::vector<trust::DryRun> dry_runs;
  std::set<DocumentId> poisoned;
};

}  // namespace fleetsweep::fixture
