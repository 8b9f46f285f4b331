#include "protocol/trust/root_rules.h"

#include <algorithm>
#include <map>
#include <set>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"

namespace fleetsweep::trust {

using model::Class;
using model::Key;
using model::Role;
using model::Root;

Checked<void> check_schema(BytesView payload) {
  const auto schema = codec::schema_of(payload);
  if (schema && *schema != kAgentSchema)
    return refuse(model::Reason::kSchema, "schema {}, this build knows {}", *schema, kAgentSchema);
  return {};
}

unsigned floor(Role role) {
  switch (role) {
    case Role::kDestroy:
      return 3;
    case Role::kRoot:
    case Role::kContain:
    case Role::kClean:
    case Role::kResume:
      return 2;
    case Role::kObserve:
    case Role::kRead:
    case Role::kStop:
    case Role::kRelease:
    case Role::kEnrol:
    case Role::kInfra:
    case Role::kConductor:
      return 1;
  }
  FS_ASSERT(!"unknown role");
}

Role role_for(Class action_class) {
  switch (action_class) {
    case Class::kObserve:
      return Role::kObserve;
    case Class::kRead:
      return Role::kRead;
    case Class::kContain:
      return Role::kContain;
    case Class::kClean:
      return Role::kClean;
    case Class::kDestroy:
      return Role::kDestroy;
  }
  FS_ASSERT(!"unknown class");
}

namespace {

using Mistakes = std::vector<std::string>;

template <class... Args>
void add(Mistakes& mistakes, fmt::format_string<Args...> format, Args&&... args) {
  mistakes.push_back(fmt::format(format, std::forward<Args>(args)...));
}

bool is_holder(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789._@-";
  return !text.empty() && text.size() <= limits::kHolderBytes &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

void check_versions(const Root& root, Mistakes& mistakes) {
  if (root.version == 0) add(mistakes, "version 0: the first is 1");
  if (root.version == 1 && !root.tenant.is_zero())
    add(mistakes, "tenant: must be zero in version 1, whose hash it is");
  if (root.version > 1 && root.tenant.is_zero())
    add(mistakes, "tenant: zero in version {}", root.version);
  if (root.version == 1 && !root.previous.is_zero()) add(mistakes, "previous: version 1 has none");
  if (root.version > 1 && root.previous.is_zero())
    add(mistakes, "previous: missing in version {}", root.version);
  if (root.expires <= root.issued)
    add(mistakes, "expires {} is not after issued {}", to_rfc3339(root.expires),
        to_rfc3339(root.issued));
  if (root.evidence_key.is_zero())
    add(mistakes, "evidence_key: missing, paths could not be sealed");
}

void check_keys(const Root& root, Mistakes& mistakes) {
  std::set<PublicKey> seen;
  std::map<std::string, std::uint8_t> org_of;
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    const Key& key = root.keys[i];
    if (!seen.insert(key.pub).second)
      add(mistakes, "keys[{}] ({}): the same key stands there twice", i, escaped(key.holder));
    if (auto status = crypto::admissible(key.pub); !status)
      add(mistakes, "keys[{}] ({}): {}", i, escaped(key.holder), status.error().message);
    const bool is_token = key.scheme == model::Scheme::kSshsigSk;
    if (is_token != key.sk_application.starts_with("ssh:") ||
        (!is_token && !key.sk_application.empty()))
      add(mistakes,
          "keys[{}] ({}): scheme {} with application '{}'; \"ssh:...\" goes with sshsig-sk", i,
          escaped(key.holder), name(key.scheme), escaped(key.sk_application));
    if (!is_holder(key.holder))
      add(mistakes, "keys[{}]: holder '{}' is not [a-z0-9._@-]{{1,64}}", i, escaped(key.holder));
    // A person who counted in two organisations would be two people.
    auto [position, fresh] = org_of.emplace(key.holder, key.org);
    if (!fresh && position->second != key.org)
      add(mistakes, "keys[{}]: holder {} is in org {} and in org {}", i, escaped(key.holder),
          position->second, key.org);
  }
}

// Of the clauses of a rule or its sealed ones, which `place` says: so many holders they need.
// Thresholds add up to distinct holders because such a set has one clause for an org, and a holder
// one org.
unsigned check_clauses(const Root& root, const std::string& place,
                       const std::vector<model::Clause>& clauses, Mistakes& mistakes) {
  std::set<std::uint8_t> orgs;
  unsigned needed = 0;
  for (const model::Clause& clause : clauses) {
    if (!orgs.insert(clause.org).second)
      add(mistakes, "{}: two clauses for org {}", place, clause.org);
    std::set<std::uint16_t> indices;
    std::set<std::string> holders;
    for (std::uint16_t index : clause.keys) {
      if (!indices.insert(index).second)
        add(mistakes, "{}: org {} names key {} twice", place, clause.org, index);
      if (index >= root.keys.size()) {
        add(mistakes, "{}: org {} names key {}, there are {}", place, clause.org, index,
            root.keys.size());
        continue;
      }
      if (root.keys[index].org != clause.org)
        add(mistakes, "{}: key {} of {} is in org {}, the clause is for org {}", place, index,
            escaped(root.keys[index].holder), root.keys[index].org, clause.org);
      holders.insert(root.keys[index].holder);
    }
    if (clause.threshold == 0)
      add(mistakes, "{}: threshold 0 in org {} is never met", place, clause.org);
    else if (clause.threshold > holders.size())
      add(mistakes, "{}: org {} needs {} of {} holders", place, clause.org, clause.threshold,
          holders.size());
    needed += clause.threshold;
  }
  return needed;
}

void check_role(const Root& root, const model::RoleRule& rule, Mistakes& mistakes) {
  const std::string place = fmt::format("role {}", name(rule.role));
  const unsigned needed = check_clauses(root, place, rule.clauses, mistakes);
  if (!rule.clauses.empty() && needed < floor(rule.role))
    add(mistakes, "{}: {} holder(s) would be enough, the floor is {}", place, needed,
        floor(rule.role));
  if (rule.sealed.empty()) return;
  // Break-glass is other keys, never fewer people.
  const unsigned sealed = check_clauses(root, place + ", sealed", rule.sealed, mistakes);
  if (rule.clauses.empty() || rule.role == Role::kConductor)
    add(mistakes, "{}: sealed clauses, where {}", place,
        rule.clauses.empty() ? "nobody has the role" : "a program signs");
  if (sealed < needed)
    add(mistakes, "{}, sealed: {} holder(s) would be enough, the usual clauses ask {}", place,
        sealed, needed);
  std::set<std::uint16_t> usual;
  for (const auto& clause : rule.clauses) usual.insert(clause.keys.begin(), clause.keys.end());
  for (const auto& clause : rule.sealed)
    for (const std::uint16_t index : clause.keys)
      if (usual.contains(index))
        add(mistakes, "{}, sealed: key {} stands in the usual clauses too", place, index);
}

void check_roles(const Root& root, Mistakes& mistakes) {
  std::set<Role> present;
  std::set<std::uint16_t> conductor, others;
  for (const model::RoleRule& rule : root.roles) {
    if (!rule.clauses.empty() && !present.insert(rule.role).second)
      add(mistakes, "role {}: stands there twice", name(rule.role));
    check_role(root, rule, mistakes);
    for (const auto* clauses : {&rule.clauses, &rule.sealed})
      for (const auto& clause : *clauses)
        (rule.role == Role::kConductor ? conductor : others)
            .insert(clause.keys.begin(), clause.keys.end());
  }
  for (Role role : {Role::kRoot, Role::kStop, Role::kResume})
    if (!present.contains(role))
      add(mistakes, "role {}: missing, it would never be met", name(role));
  // The conductor's key is on a server that is online.
  for (std::uint16_t index : conductor) {
    if (others.contains(index))
      add(mistakes, "role conductor: key {} also stands in another role", index);
    if (index < root.keys.size() && root.keys[index].scheme != model::Scheme::kEd25519)
      add(mistakes, "role conductor: key {} has scheme {}, a program signs with ed25519", index,
          name(root.keys[index].scheme));
  }
}

void check_log_keys(const Root& root, Mistakes& mistakes) {
  std::set<PublicKey> seen;
  std::set<std::string> names;
  for (const Key& key : root.keys) seen.insert(key.pub);
  const auto check = [&](const std::string& place, const std::string& vkey, log::KeyType type) {
    auto key = log::VerifierKey::parse(vkey);
    if (!key) return add(mistakes, "{}: {}", place, key.error().message);
    if (key->type != type) add(mistakes, "{}: the key is of another type", place);
    if (auto status = crypto::admissible(key->key); !status)
      add(mistakes, "{}: {}", place, status.error().message);
    // A cosignature does not commit to its witness's name, and a log's key is on a server.
    if (!seen.insert(key->key).second) add(mistakes, "{}: this key has another use here", place);
    if (!names.insert(key->name).second)
      add(mistakes, "{}: the name {} stands there twice", place, escaped(key->name));
  };
  if (root.logs.empty()) add(mistakes, "logs: none");
  for (std::size_t i = 0; i < root.logs.size(); ++i) {
    check(fmt::format("logs[{}]", i), root.logs[i].vkey, log::KeyType::kEd25519);
    const model::LogOrigin& origin = root.logs[i];
    const auto start = log::CompactRange::restore(origin.start_size, origin.frontier);
    if (!start)
      add(mistakes, "logs[{}]: frontier: {}", i, start.error().message);
    else if (origin.start_root != (origin.start_size ? start->root() : Digest{}))
      add(mistakes, "logs[{}]: the frontier of {} entries makes another root than startRoot", i,
          origin.start_size);
  }
  for (std::size_t i = 0; i < root.witnesses.size(); ++i)
    check(fmt::format("witnesses[{}]", i), root.witnesses[i], log::KeyType::kCosignatureV1);
  for (std::size_t i = 0; i < root.time_keys.size(); ++i) {
    if (auto status = crypto::admissible(root.time_keys[i]); !status)
      add(mistakes, "time_keys[{}]: {}", i, status.error().message);
    // A statement about the time must not pass for a cosignature, a checkpoint or an approval.
    if (!seen.insert(root.time_keys[i]).second)
      add(mistakes, "time_keys[{}]: this key has another use here", i);
  }
  if (root.witness_quorum > root.witnesses.size())
    add(mistakes, "witness_quorum {} of {} witnesses", root.witness_quorum, root.witnesses.size());
}

void check_policy(const Root& root, Mistakes& mistakes) {
  for (std::size_t i = 0; i < model::kClasses; ++i) {
    const auto action_class = static_cast<Class>(i);
    const bool used = std::any_of(root.roles.begin(), root.roles.end(), [&](const auto& rule) {
      return rule.role == role_for(action_class) && !rule.clauses.empty();
    });
    const auto check = [&](std::string_view field, Seconds value, bool needed) {
      if (value < Seconds{0} || (used && needed && value == Seconds{0}))
        add(mistakes, "policy.{}[{}] is {} s", field, name(action_class), value.count());
    };
    check("checkpoint_age_max", root.policy.checkpoint_age_max[i], true);
    check("order_life_max", root.policy.order_life_max[i], true);
    check("cool_off", root.policy.cool_off[i], false);
    check("offline_grace_max", root.policy.offline_grace_max[i], false);
  }
  if (root.policy.dry_run_age_max <= Seconds{0})
    add(mistakes, "policy.dry_run_age_max is {} s", root.policy.dry_run_age_max.count());
  if (root.policy.standing_life_max < Seconds{0})
    add(mistakes, "policy.standing_life_max is {} s", root.policy.standing_life_max.count());
  if (root.policy.items_max > limits::kItemsMax)
    add(mistakes, "policy.items_max {} is above the ceiling {}", root.policy.items_max,
        limits::kItemsMax);
  if (root.policy.wave1_permille_max > 1000)
    add(mistakes, "policy.wave1_permille_max {} is above 1000", root.policy.wave1_permille_max);
}

}  // namespace

std::vector<std::string> mistakes(const Root& root) {
  Mistakes result;
  check_versions(root, result);
  check_keys(root, result);
  check_roles(root, result);
  check_log_keys(root, result);
  check_policy(root, result);
  return result;
}

}  // namespace fleetsweep::trust
