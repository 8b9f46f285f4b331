#pragma once

// A witness with its keys and its memory on disk: DIR/witness.key, DIR/witness.vkey, DIR/time.key
// and, for each log, DIR/logs/<SHA-256 of its origin>, the last cosigned checkpoint as the log
// signed it.

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/runtime/files/files.h"
#include "witness/core.h"

namespace fleetsweep::witness {

// What a root names of a witness. The time key signs statements and nothing else.
struct PublicKeys {
  log::VerifierKey verifier;
  PublicKey time;
};
// Makes the folder and the keys, once: a repetition changes nothing. kConflict when they are those
// of another name.
Result<PublicKeys> create(const std::string& state, const std::string& name);

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
  // A TimeStatement as DSSE JSON.
  Answer tell_time(std::string_view query, Timestamp now) const;

 private:
  Driver(std::string state, log::VerifierKey verifier, crypto::SecretKey key,
         crypto::SecretKey time_key, Core core, files::StateLock lock);

  const std::string state_;
  const log::VerifierKey verifier_;
  const crypto::SecretKey key_;
  const crypto::SecretKey time_key_;
  mutable std::mutex mutex_;  // judge, write, remember as one step
  Core core_;
  files::StateLock lock_;
};

}  // namespace fleetsweep::witness
