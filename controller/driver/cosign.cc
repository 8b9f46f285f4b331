#include "controller/driver/cosign.h"

#include "protocol/log/merkle.h"

namespace fleetsweep::controller {

Result<std::vector<log::NoteSignature>> Cosigner::ask(const std::string& witness,
                                                      const CosignLog& work,
                                                      const std::string& note) {
  std::uint64_t& known = known_[{witness, work.tenant}];
  const std::uint64_t size = work.checkpoint.size;
  // A witness that forgot, or one we have not met, tells its size: one more request.
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (known > size)
      return fail(Code::kUntrusted,
                  "it has seen {} entries of {}, we have {}: was our store rolled back?", known,
                  work.checkpoint.origin, size);
    log::AddCheckpoint request{known, {}, note};
    if (known > 0 && known < size) request.proof = log::consistency_proof(work.leaves, known, size);
    FS_TRY(WitnessAnswer answer, ask_(witness, request));
    if (!answer.known_size) {
      known = size;
      return std::move(answer.cosignatures);
    }
    known = *answer.known_size;
  }
  return fail(Code::kUnavailable, "it keeps answering that it knows another size");
}

Cosigned Cosigner::cosign(const CosignLog& work, Timestamp now) {
  Cosigned result{.tenant = work.tenant, .size = work.checkpoint.size};
  log::Note note = log::sign_checkpoint(work.checkpoint, log_key_);
  const std::string signed_note = note.text();
  std::vector<log::VerifierKey> keys;
  for (const std::string& text : work.witnesses)
    if (const auto key = log::VerifierKey::parse(text)) keys.push_back(*key);
  std::string errors;
  for (const std::string& witness : witnesses_) {
    if (keys.empty()) break;  // this tenant trusts none
    const auto cosignatures = ask(witness, work, signed_note);
    if (!cosignatures) {
      errors += fmt::format("{}{}: {}", errors.empty() ? "" : "; ", witness,
                            cosignatures.error().message);
      continue;
    }
    // Only those the tenant's root names: a host refuses a note with too many signatures.
    for (const log::NoteSignature& signature : *cosignatures)
      for (const log::VerifierKey& key : keys)
        if (signature.name == key.name && signature.id == key.id())
          note.signatures.push_back(signature);
  }
  const log::VerifierKey log_key{work.checkpoint.origin, log::KeyType::kEd25519,
                                 log_key_.public_key()};
  const std::string text = note.text();
  const auto verified = log::verify_checkpoint(text, log_key, keys, work.quorum);
  if (!verified) {
    result.error = verified.error().message + (errors.empty() ? "" : " (" + errors + ")");
    return result;
  }
  result.note = text;
  result.time = work.quorum == 0 ? now : verified->time;
  return result;
}

}  // namespace fleetsweep::controller
