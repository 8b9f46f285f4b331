#pragma once

// Asks a witness to cosign a checkpoint, or for the time. Blocks: call it from a worker.

#include <optional>
#include <string>
#include <vector>

#include "protocol/log/add_checkpoint.h"
#include "protocol/log/note.h"
#include "protocol/log/time_query.h"
#include "protocol/model/envelope.h"
#include "protocol/runtime/http/http.h"

namespace fleetsweep::witness_client {

struct Answer {
  // Append these to the note's signatures; verify them before relying on them.
  std::vector<log::NoteSignature> cosignatures;
  // Set instead when the witness knows another size: ask again with a proof from there.
  std::optional<std::uint64_t> known_size;
  bool operator==(const Answer&) const = default;
};

// `witness` is its address: http://127.0.0.1:7670. kUntrusted: it refuses our signature, or says
// that this tree does not continue the one it knows; kNotFound: it does not know this log;
// kUnavailable: it cannot be reached or has trouble; kInvalid: it cannot read our request.
Result<Answer> add_checkpoint(const std::string& witness, const log::AddCheckpoint& request,
                              const http::ClientOptions& options = {});
// What the witness' response means. Pure.
Result<Answer> read_answer(const std::string& witness, const log::AddCheckpoint& request,
                           const http::Response& response);

// A TimeStatement for this query, as the witness signed it; whoever asked verifies it. Errors as
// above.
Result<model::Envelope> ask_time(const std::string& witness, const log::TimeQuery& query,
                                 const http::ClientOptions& options = {});

}  // namespace fleetsweep::witness_client
