#pragma once

// A witness with its key and its memory on disk: DIR/witness.key, DIR/witness.vkey and, for each
// log, DIR/logs/<SHA-256 of its origin>, the last cosigned checkpoint as the log signed it.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/runtime/files/files.h"
#include "witness/core.h"

namespace fleetsweep::witness {

// Makes the folder and the key, once: a repetition changes nothing. kConflict when they are those
// of another name.
Result<log::VerifierKey> create(const std::string& state, const std::string& name);

struct Answer {
  int status = 500;
  std::string content_type = "text/plain";
  std::string text;
  bool alarming = false;
  log::Checkpoint checkpoint;  // as in Verdict
};

class Driver {
 public:
  // Locks the folder until it goes. kConflict: another one runs; kNotFound: no witness was made
  // there; kUntrusted: a remembered checkpoint is not its log's, so the memory cannot be relied on.
  static Result<std::unique_ptr<Driver>> open(const std::string& state,
                                              std::vector<log::VerifierKey> logs);

  const log::VerifierKey& verifier() const { return verifier_; }
  Seen seen(const std::string& origin) const;

  // Durable before it is answered: after a crash at any moment there are never two roots for one
  // size. Safe from several threads.
  Answer add_checkpoint(std::string_view request, Timestamp now);

 private:
  Driver(std::string state, log::VerifierKey verifier, crypto::SecretKey key, Core core,
         files::StateLock lock);

  const std::string state_;
  const log::VerifierKey verifier_;
  const crypto::SecretKey key_;
  mutable std::mutex mutex_;  // judge, write, remember as one step
  Core core_;
  files::StateLock lock_;
};

}  // namespace fleetsweep::witness
