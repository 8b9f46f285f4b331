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
// The same, and the first of these entries are the tree that it names. kUntrusted.
Result<log::VerifiedCheckpoint> covering_head(std::string_view note,
                                              const std::vector<Bytes>& entries,
                                              const model::Root& root);

// That a document stands in the log and is obeyed, as its witnesses saw it: not the word of whoever
// keeps the log.
struct Witnessed {
  trust::Notice notice;  // what became of it
  std::uint64_t size = 0;
  Timestamp time;
  unsigned witnesses = 0;  // so many vouch; 0: the root asks none, and nothing is proved
  trust::State state;      // after the last entry that they saw
};
// Nothing: it does not stand in the part that they saw. kUntrusted: entries are missing or make
// another tree, and as fold_log(); kConflict: it stands there and no host obeys it.
Result<std::optional<Witnessed>> find_witnessed(std::vector<Bytes> entries, std::string_view note,
                                                const TenantId& tenant, const DocumentId& id,
                                                Timestamp now);

}  // namespace fleetsweep::cli
