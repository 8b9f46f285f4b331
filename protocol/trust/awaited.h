#pragma once

// A document on its way to its quorum: everything that admission asks, except that enough people
// have signed. An unsigned document is read here, as nowhere else: whoever takes it from somebody
// must know that somebody.

#include <optional>
#include <string>
#include <vector>

#include "protocol/trust/approvals.h"
#include "protocol/trust/order_class.h"
#include "protocol/trust/state.h"

namespace fleetsweep::trust {

struct Awaited {
  DocumentId id;
  std::string payload_type;
  std::string title;                         // an order's title, a reason; for people, not escaped
  std::string campaign;                      // of an order or of what names one; may be empty
  std::optional<model::Class> action_class;  // of an order, as computed
  std::optional<Timestamp> ends;             // when it is pointless by itself
  // Every one must be met: one, or for a Root those of the version before it and its own.
  std::vector<Approvals> approvals;
  std::vector<Approver> possession;  // new keys of a Root that did not sign it yet
  bool met() const;
  bool operator==(const Awaited&) const = default;
};

// Refused is what no signature makes acceptable: not a document of the log, of another tenant,
// malformed, ended, of another class than it claims, a Root that does not follow; and a document
// with a signature that does not hold under the root (kUntrusted names the key). `policy` as for
// admit(). Whether the log has it already is the caller's to know.
Checked<Awaited> await_quorum(const State& state, BytesView envelope,
                              const std::optional<PolicyFacts>& policy, Timestamp now);

}  // namespace fleetsweep::trust
