#pragma once

// Root: who may do what in one tenant. trust/ gives it meaning; here it is a plain value.

#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/names.h"
#include "protocol/base/time.h"

namespace fleetsweep::model {

// A property of the key, never of a signature.
enum class Scheme : std::uint8_t { kEd25519, kSshsig, kSshsigSk };

struct Key {
  PublicKey pub;
  Scheme scheme = Scheme::kEd25519;
  std::string holder;  // [a-z0-9._@-]{1,64}: the person
  std::uint8_t org = 0;
  std::string sk_application;  // only kSshsigSk
  bool operator==(const Key&) const = default;
};

enum class Role : std::uint8_t {
  kRoot,
  kObserve,  // class 0
  kRead,
  kContain,
  kClean,
  kDestroy,  // class 4
  kStop,
  kResume,
  kRelease,
  kEnrol,
  kInfra,
  kConductor,  // a key of the controller; opens `auto` gates only
};

struct Clause {
  std::uint8_t org = 0;
  std::vector<std::uint16_t> keys;  // indices into Root::keys
  std::uint8_t threshold = 0;
  bool operator==(const Clause&) const = default;
};

// Valid if and only if every clause meets its threshold; a role that is missing or has no clause is
// never met. `sealed` is a second way to the same: other keys, kept in safes for the day on which
// the first are out of reach; it too holds only when every clause of it does.
struct RoleRule {
  Role role = Role::kRoot;
  std::vector<Clause> clauses;
  std::vector<Clause> sealed;
  bool operator==(const RoleRule&) const = default;
};

struct LogOrigin {
  std::string vkey;  // C2SP signed-note verifier key; its name is the log's origin line
  std::uint64_t start_size = 0;
  Digest start_root;
  std::vector<Digest> frontier;
  bool operator==(const LogOrigin&) const = default;
};

inline constexpr std::size_t kClasses = 5;  // observe, read, contain, clean, destroy
using PerClass = std::array<Seconds, kClasses>;

struct RootPolicy {
  PerClass checkpoint_age_max{};
  PerClass cool_off{};
  PerClass order_life_max{};
  PerClass offline_grace_max{};
  Seconds dry_run_age_max{};
  std::uint32_t items_max = 0;
  std::uint16_t wave1_permille_max = 0;
  Seconds standing_life_max{};  // of a standing order; 0: there are none
  bool operator==(const RootPolicy&) const = default;
};

struct Root {
  std::uint16_t schema = 1;
  TenantId tenant;  // zero in version 1, whose own hash it is
  std::uint64_t version = 1;
  DocumentId previous;  // id of version - 1; zero in version 1
  Timestamp issued;
  Timestamp expires;
  std::uint16_t agent_schema_min = 1;
  std::vector<Key> keys;
  std::vector<RoleRule> roles;
  std::vector<LogOrigin> logs;
  std::vector<std::string> witnesses;  // C2SP cosigner verifier keys
  std::uint8_t witness_quorum = 0;
  RootPolicy policy;
  CurveKey evidence_key;             // paths and evidence are sealed to it (X25519 sealed box)
  Nonce path_salt;                   // path hash = SHA-256(path_salt || path)
  std::vector<PublicKey> time_keys;  // of witness hosts, for TimeStatements only
  bool operator==(const Root&) const = default;
};

}  // namespace fleetsweep::model

namespace fleetsweep {
template <>
struct Names<model::Scheme> {
  static constexpr std::string_view kAll[] = {"ed25519", "sshsig", "sshsig-sk"};
};
template <>
struct Names<model::Role> {
  static constexpr std::string_view kAll[] = {"root",    "observe", "read",  "contain",
                                              "clean",   "destroy", "stop",  "resume",
                                              "release", "enrol",   "infra", "conductor"};
};
}  // namespace fleetsweep
