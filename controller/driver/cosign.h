#pragma once

// One round to the witnesses: sign the checkpoint, prove that it continues what each of them knows,
// gather their cosignatures, and check that they are a quorum before anybody relies on the note.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "controller/core/core.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/add_checkpoint.h"

namespace fleetsweep::controller {

struct WitnessAnswer {
  std::vector<log::NoteSignature> cosignatures;
  std::optional<std::uint64_t> known_size;  // set instead: ask again with a proof from there
};
// Asks one witness; may block.
using AskWitness =
    std::function<Result<WitnessAnswer>(const std::string& witness, const log::AddCheckpoint&)>;

// Remembers what each witness knows, so that one request a round is enough. One thread at a time.
class Cosigner {
 public:
  // `log_key` outlives it.
  Cosigner(const crypto::SecretKey& log_key, std::vector<std::string> witnesses, AskWitness ask)
      : log_key_(log_key), witnesses_(std::move(witnesses)), ask_(std::move(ask)) {}

  // `now` becomes the time of the note when the tenant's quorum is 0.
  Cosigned cosign(const CosignLog& work, Timestamp now);

 private:
  Result<std::vector<log::NoteSignature>> ask(const std::string& witness, const CosignLog& work,
                                              const std::string& note);

  const crypto::SecretKey& log_key_;
  std::vector<std::string> witnesses_;
  AskWitness ask_;
  std::map<std::pair<std::string, TenantNo>, std::uint64_t> known_;
};

}  // namespace fleetsweep::controller
