#pragma once

// How dangerous an order is, computed from what it does and never believed from what it claims.

#include <string>
#include <vector>

#include "protocol/model/order.h"
#include "protocol/model/policy.h"
#include "protocol/trust/verdict.h"

namespace fleetsweep::trust {

// dryRun: observe when the policy needs only metadata and hashes, read when anything looks at
// content, lines or command lines. apply: the most dangerous of its actions, and at least what its
// dry run is. undo: clean. kMalformed for an action or field this build does not know.
Checked<model::Class> class_of(model::Mode mode, const model::Policy& policy);

// Names of what an agent must have (Names<ActionKind>, and Names<ObjectKind> for objects that are
// not on every platform), sorted. A dry run needs no actions.
std::vector<std::string> required_capabilities(model::Mode mode, const model::Policy& policy);

// What the gates ask of a policy, small enough to keep for every order.
struct PolicyFacts {
  Digest digest;
  std::uint64_t size = 0;
  model::Platform platform = model::Platform::kAny;
  model::Class dry_run = model::Class::kObserve;
  model::Class apply = model::Class::kObserve;
  std::vector<std::string> dry_run_needs;
  std::vector<std::string> apply_needs;
  std::vector<model::HashPart> parts;  // of its hash sets: without them it cannot be looked for
  bool operator==(const PolicyFacts&) const = default;
};
// kSchema for a policy of another schema, kMalformed when the bytes are no policy, or one whose
// hash sets are more or larger than any host takes. Decodes once; keep the result.
Checked<PolicyFacts> policy_facts(BytesView policy_bytes);

}  // namespace fleetsweep::trust
