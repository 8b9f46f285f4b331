#pragma once

// The whole control log, folded from its first entry, with what only the fold knew at the time.
// Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/log/note.h"
#include "protocol/trust/fold.h"

namespace fleetsweep::cli {

struct LogHistory {
  trust::State state;
  // Of each document that was taken, by the root in force when it was logged: a newer root may not
  // know them any more.
  std::map<DocumentId, std::vector<std::string>> approvers;
  std::map<DocumentId, std::string> sealed;  // by whose payload type: only sealed keys approved it
  std::size_t refused = 0;                   // entries that nobody had the authority for
  std::vector<trust::Notice> notices;        // one for each entry
};

// kUntrusted: the first entry is not a Root version 1, or not the one of the expected tenant.
Result<LogHistory> fold_log(const std::vector<Bytes>& entries,
                            const std::optional<TenantId>& expected, Timestamp now);

// The checkpoint, if a log of this root signed it and enough of its witnesses cosigned it. Errors
// as of log::verify_checkpoint().
Result<log::VerifiedCheckpoint> verified_head(std::string_view note, const model::Root& root);

}  // namespace fleetsweep::cli
