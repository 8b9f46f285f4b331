#include "protocol/trust/quorum.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "protocol/crypto/sign.h"
#include "protocol/crypto/sshsig.h"

namespace fleetsweep::trust {

using model::Reason;
using model::Role;
using model::Root;

namespace {

bool contains(const Keys& keys, const PublicKey& key) {
  return std::binary_search(keys.begin(), keys.end(), key);
}

// How a key signs stands in the root, never in the signature.
bool holds(const model::Key& key, BytesView message, BytesView signature) {
  if (key.scheme == model::Scheme::kEd25519) return crypto::verify(key.pub, message, signature);
  // An application only with a FIDO key: the root's rules see to it.
  return crypto::check_ssh_signature({key.pub, key.sk_application}, message, signature).has_value();
}

bool is_stoppable(Role role) {
  return role != Role::kRoot && role != Role::kResume && role != Role::kStop;
}

}  // namespace

Keys signers(const model::Envelope& envelope, const Root& root) {
  std::map<KeyId, const model::Key*> by_id;
  for (const model::Key& key : root.keys) by_id.emplace(crypto::key_id(key.pub), &key);
  const Bytes message = crypto::pae(envelope.payload_type, envelope.payload);
  std::set<PublicKey> found;
  for (const auto& signature : envelope.signatures) {
    const auto position = by_id.find(signature.key);
    if (position == by_id.end()) continue;
    const model::Key& key = *position->second;
    if (!found.contains(key.pub) && holds(key, message, signature.signature)) found.insert(key.pub);
  }
  return Keys(found.begin(), found.end());
}

namespace {

Checked<void> holds_all(const Root& root, Role role, const std::vector<model::Clause>& clauses,
                        const Keys& signed_by, const Keys& stopped) {
  std::set<std::string> all;
  for (const model::Clause& clause : clauses) {
    std::set<std::string> present, missing;
    for (std::uint16_t index : clause.keys) {
      if (index >= root.keys.size()) continue;
      const model::Key& key = root.keys[index];
      const bool counts =
          contains(signed_by, key.pub) && !(is_stoppable(role) && contains(stopped, key.pub));
      (counts ? present : missing).insert(key.holder);
    }
    for (const auto& holder : present) missing.erase(holder);
    if (clause.threshold == 0 || present.size() < clause.threshold)
      return refuse(Reason::kQuorum, "role {}: org {} has {} of {} approvals (missing: {})",
                    name(role), clause.org, present.size(), clause.threshold,
                    fmt::join(missing, ", "));
    all.insert(present.begin(), present.end());
  }
  // Redundant with the root's own check, which stands on other code.
  if (all.size() < floor(role))
    return refuse(Reason::kQuorum, "role {}: {} holder(s) signed, the floor is {}", name(role),
                  all.size(), floor(role));
  return {};
}

}  // namespace

Checked<Approval> meets(const Root& root, Role role, const Keys& signed_by, const Keys& stopped) {
  const auto rule = std::find_if(root.roles.begin(), root.roles.end(), [&](const auto& candidate) {
    return candidate.role == role && !candidate.clauses.empty();
  });
  if (rule == root.roles.end())
    return refuse(Reason::kQuorum, "root version {} gives role {} to nobody", root.version,
                  name(role));
  const auto usual = holds_all(root, role, rule->clauses, signed_by, stopped);
  if (usual) return Approval::kUsual;
  if (rule->sealed.empty()) return fail(usual.error());
  const auto sealed = holds_all(root, role, rule->sealed, signed_by, stopped);
  if (sealed) return Approval::kSealed;
  return refuse(Reason::kQuorum, "{}; nor do the sealed keys do: {}", usual.error().detail,
                sealed.error().detail);
}

std::vector<std::string> holders(const Root& root, const Keys& signed_by) {
  std::set<std::string> result;
  for (const model::Key& key : root.keys)
    if (contains(signed_by, key.pub)) result.insert(key.holder);
  return {result.begin(), result.end()};
}

}  // namespace fleetsweep::trust
