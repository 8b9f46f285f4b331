#pragma once

// What a witness may cosign: checkpoints that continue what it has seen, and nothing else. Pure.
// https://c2sp.org/tlog-witness

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/log/note.h"
#include "protocol/log/time_query.h"
#include "protocol/model/order.h"

namespace fleetsweep::witness {

// A tree that this witness has cosigned, or is about to.
struct Seen {
  std::uint64_t size = 0;
  Digest root;
  bool operator==(const Seen&) const = default;
};

// Either a refusal, with the answer that says so, or a body to cosign once `note` is durable.
struct Verdict {
  int status = 200;
  std::string content_type = "text/plain";
  std::string text;            // of a refusal
  bool alarming = false;       // a log's valid signature on a tree that does not continue ours
  log::Checkpoint checkpoint;  // of a 200, 409 or 422
  log::Note note;              // of a 200: the body and the log's own signature
};

class Core {
 public:
  // Several keys may share a name (a log that changes its key); each is trusted for that name.
  explicit Core(std::vector<log::VerifierKey> logs);

  // What was last cosigned, from durable state. kUntrusted unless a trusted key of this log signed
  // it; kConflict when something else is known already.
  Status restore(std::string_view note);

  // The body of POST /add-checkpoint. Nothing changes: remember() makes it so.
  Verdict judge(std::string_view request) const;

  // After the checkpoint is durable, before its cosignature leaves.
  void remember(const log::Checkpoint& checkpoint);

  // The body of POST /time: what is to be signed with the time key. kInvalid; kNotFound: another
  // witness's log.
  Result<model::TimeStatement> tell_time(std::string_view query, Timestamp now) const;

  // Nothing seen of a known log is the empty tree.
  Seen seen(const std::string& origin) const;

 private:
  bool is_known(const std::string& origin) const;
  bool is_signed(const log::Note& note, const std::string& origin) const;

  std::vector<log::VerifierKey> logs_;
  std::map<std::string, Seen> seen_;
};

}  // namespace fleetsweep::witness
