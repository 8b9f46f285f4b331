#pragma once

// Where a document stands on its way to its quorum, for people: who signed, who still can. Whether
// it is enough is quorum.h's to say.

#include <string>
#include <vector>

#include "protocol/model/envelope.h"
#include "protocol/trust/quorum.h"

namespace fleetsweep::trust {

struct Approver {
  std::string holder;
  PublicKey key;
  bool operator==(const Approver&) const = default;
};

struct ClauseApprovals {
  unsigned threshold = 0;
  bool sealed = false;                 // the second way, with keys kept in safes
  std::vector<std::string> holders;    // of its keys, each once
  std::vector<std::string> signed_by;  // of these
  std::vector<Approver> missing;       // keys of holders who did not sign
  bool operator==(const ClauseApprovals&) const = default;
};

struct Approvals {
  model::Role role = model::Role::kRoot;
  std::uint64_t root_version = 0;
  std::vector<ClauseApprovals> clauses;
  Refusal lacking;         // kNone: the quorum is met
  bool by_sealed = false;  // and only the sealed keys met it
  bool met() const { return lacking.reason == model::Reason::kNone; }
  bool operator==(const Approvals&) const = default;
};

// Under this root; `stopped` keys neither count nor are missing where quorum.h does not count them.
Approvals approvals(const model::Envelope& envelope, const model::Root& root, model::Role role,
                    const Keys& stopped = {});

}  // namespace fleetsweep::trust
