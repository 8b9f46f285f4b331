#pragma once

// From one version of a root to the next: what changes, what that means, and who has yet to sign.
// Pure.

#include <optional>
#include <string>
#include <vector>

#include "protocol/model/envelope.h"
#include "protocol/model/root.h"
#include "protocol/trust/state.h"

namespace fleetsweep::cli {

// A root to go on from. Of a file it is what the file says; of the controller's log it is verified.
struct KnownRoot {
  model::Root root;
  DocumentId id;
  TenantId tenant;
};
// kInvalid: not a root that hosts could have accepted. Signatures are not judged.
Result<KnownRoot> known_root(const model::Envelope& envelope);
// A root, of any version, that the caller trusts because of where it comes from. kUntrusted: its
// own quorum did not sign it.
Result<KnownRoot> trusted_root(const model::Envelope& envelope);

// `specified` as the version that follows `before`, which keeps what a specification need not say:
// evidence key and path salt unless `sets_...`, and the keys of time statements.
model::Root successor(model::Root specified, const KnownRoot& before, bool sets_evidence_key,
                      bool sets_path_salt);

// A line for each difference, in words; empty: there is none but version and times.
std::vector<std::string> differences(const model::Root& before, const model::Root& after);
// What becomes weaker, and therefore waits a day.
std::vector<std::string> delays(const model::Root& before, const model::Root& after);
// Open orders that meet their quorum now and would not under `after`.
std::vector<std::string> orders_that_end(const trust::State& state, const model::Root& after,
                                         Timestamp now);
// Which signatures the document still needs: the threshold of the version before it, its own, and
// that of each key it introduces. Empty: none.
std::vector<std::string> signatures_missing(const model::Envelope& envelope,
                                            const model::Root& after, const KnownRoot* before);

// "2 of alice, bob" or "1 of alice (org 0) and 2 of bob, carol (org 1); sealed: 2 of dave, erin".
std::string rule_text(const model::Root& root, const model::RoleRule& rule);
// "ENDS IN 12d 3h: ..." when it does within sixty days, or has.
std::optional<std::string> expiry_warning(const model::Root& root, Timestamp now);

}  // namespace fleetsweep::cli
