#pragma once

// Order and the other documents of the control log. All times are UTC; every id is SHA-256 of the
// signed bytes.

#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/names.h"
#include "protocol/base/time.h"

namespace fleetsweep::model {

enum class Mode : std::uint8_t { kDryRun, kApply, kUndo };
enum class Class : std::uint8_t { kObserve, kRead, kContain, kClean, kDestroy };
enum class Clock : std::uint8_t { kUtc, kHostLocal };
enum class Gate : std::uint8_t { kNone, kAuto, kManual };

// Who an order is for. An empty list of jurisdictions means nowhere; empty groups and include mean
// every host of the tenant; exclude always wins.
struct Scope {
  std::vector<std::string> jurisdictions;  // ISO 3166-1 alpha-2
  std::vector<std::string> groups;         // from the host's EnrolBatch
  std::vector<AgentId> include;
  std::vector<AgentId> exclude;
  bool operator==(const Scope&) const = default;
};

struct Window {
  std::uint8_t days = 0x7f;  // bit 0 is Monday
  std::uint16_t from_minute = 0;
  std::uint16_t to_minute = 1440;
  bool operator==(const Window&) const = default;
};

struct Schedule {
  Timestamp not_before;
  Timestamp not_after;
  Clock clock = Clock::kUtc;  // kHostLocal: not_before is read as this host's wall clock
  std::vector<Window> windows;
  Seconds jitter{};         // a host's slot in it is derived from its id
  Seconds repeat{};         // 0: once
  bool scan_ahead = false;  // detect now, act at not_before
  Seconds offline_grace{};  // act without contact for so long (signed, shown in red)
  bool operator==(const Schedule&) const = default;
};

struct Wave {
  std::uint16_t permille = 1000;  // cumulative; the last is 1000
  Seconds delay_min{};  // after Release(k-1), or after the order's first cosigned checkpoint;
                        // witness time
  Gate gate = Gate::kNone;
  Seconds deadline{};  // 0: none
  bool operator==(const Wave&) const = default;
};

// 0 means: the policy's own limit.
struct OrderLimits {
  std::uint32_t items = 0;
  std::uint64_t bytes = 0;
  std::uint16_t permille_of_scanned = 0;
  Seconds runtime{};
  std::uint8_t cpu_percent = 0;
  bool operator==(const OrderLimits&) const = default;
};

// Trips when both the count and the ratio are reached in a wave or overall.
struct Breaker {
  std::uint32_t failures = 3;
  std::uint16_t failed_permille = 10;
  bool operator==(const Breaker&) const = default;
};

struct Authority {
  std::string legal_basis;  // owner-consent, contract, court-order, statutory
  std::string issuer;
  std::string reference;
  std::string contact;
  bool operator==(const Authority&) const = default;
};

struct Order {
  std::uint16_t schema = 1;
  TenantId tenant;
  std::uint64_t root_version_min = 1;
  Nonce nonce;
  std::string title;
  std::string campaign;  // [a-z0-9-]{1,64}
  Mode mode = Mode::kDryRun;
  Class action_class = Class::kObserve;  // claimed; must equal what the agent computes
  Digest policy;
  std::uint64_t policy_size = 0;
  Scope scope;
  Schedule schedule;
  std::vector<Wave> waves;
  OrderLimits limits;
  Breaker breaker;
  DocumentId dry_run_order;  // apply: the dry run whose own result the host acts on
  Digest dry_run_report;     // for signers; an agent uses only its own result
  DocumentId undoes;         // undo: the apply order
  DocumentId supersedes;
  Authority authority;
  std::uint16_t agent_schema_min = 1;
  bool standing = false;  // approved ahead, for emergencies: nothing runs until its first wave is
                          // released
  bool operator==(const Order&) const = default;
};

// Lets a wave go.
struct Release {
  std::uint16_t schema = 1;
  TenantId tenant;
  DocumentId order;
  std::uint16_t wave = 0;  // index into Order::waves
  Digest evidence;
  Timestamp expires;
  bool operator==(const Release&) const = default;
};

struct Stop {
  std::uint16_t schema = 1;
  TenantId tenant;
  Nonce nonce;
  Timestamp issued;
  bool halt_all = false;
  std::optional<Class> halt_from_class;
  std::vector<DocumentId> orders;
  std::vector<Digest> policies;
  std::vector<PublicKey> keys;  // no longer count, except for root, resume and stop
  std::vector<AgentId> agents;
  std::string reason;
  bool operator==(const Stop&) const = default;
};

struct Resume {
  std::uint16_t schema = 1;
  TenantId tenant;
  std::vector<DocumentId> stops;
  std::string reason;
  bool operator==(const Resume&) const = default;
};

struct Endpoint {
  std::string address;  // tcp://host:port
  CurveKey curve;
  Timestamp valid_from;
  Timestamp valid_to;
  bool operator==(const Endpoint&) const = default;
};

struct Endpoints {
  std::uint16_t schema = 1;
  TenantId tenant;
  std::uint64_t version = 1;
  std::vector<Endpoint> relays;
  std::vector<std::string> mirrors;
  bool operator==(const Endpoints&) const = default;
};

struct Token {
  PublicKey pub;
  std::uint16_t uses_max = 1;
  bool operator==(const Token&) const = default;
};

struct EnrolBatch {
  std::uint16_t schema = 1;
  TenantId tenant;
  Nonce batch;
  Timestamp not_after;
  std::vector<Token> tokens;
  std::vector<std::string> groups;
  std::string jurisdiction;
  bool operator==(const EnrolBatch&) const = default;
};

// A host introduces itself: signed by its identity key and, the first time, by the token's key.
struct AgentKey {
  std::uint16_t schema = 1;
  TenantId tenant;
  PublicKey identity;
  CurveKey curve;
  Digest host;  // SHA-256 of the machine id
  PublicKey token;
  std::string hostname;  // a claim
  Timestamp issued;
  bool operator==(const AgentKey&) const = default;
};

// A witness host's answer to an agent's nonce, signed with a key distinct from its cosigning key.
struct TimeStatement {
  std::uint16_t schema = 1;
  TenantId tenant;
  Nonce nonce;
  Timestamp time;
  std::uint64_t size = 0;
  Digest root;
  bool operator==(const TimeStatement&) const = default;
};

struct Close {
  std::uint16_t schema = 1;
  TenantId tenant;
  std::string campaign;
  std::uint64_t results_size = 0;
  Digest results_root;
  bool operator==(const Close&) const = default;
};

}  // namespace fleetsweep::model

namespace fleetsweep {
template <>
struct Names<model::Mode> {
  static constexpr std::string_view kAll[] = {"dryRun", "apply", "undo"};
};
template <>
struct Names<model::Class> {
  static constexpr std::string_view kAll[] = {"observe", "read", "contain", "clean", "destroy"};
};
template <>
struct Names<model::Clock> {
  static constexpr std::string_view kAll[] = {"utc", "host-local"};
};
template <>
struct Names<model::Gate> {
  static constexpr std::string_view kAll[] = {"none", "auto", "manual"};
};
}  // namespace fleetsweep
