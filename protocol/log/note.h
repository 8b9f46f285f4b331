#pragma once

// C2SP signed notes, checkpoints and cosignatures, byte for byte.
//   https://c2sp.org/signed-note  https://c2sp.org/tlog-checkpoint
//   https://c2sp.org/tlog-cosignature
// Pure: parsing and formatting; signing takes a key, time comes in as a value.

#include <optional>
#include <string>
#include <vector>

#include "protocol/base/time.h"
#include "protocol/crypto/sign.h"

namespace fleetsweep::log {

// Whether a log or a witness may be called so: UTF-8, 1 to kKeyNameBytes bytes, no space, '+' or
// character that shows as something else. A log's name is the origin of its checkpoints.
bool is_key_name(std::string_view name);

enum class KeyType : std::uint8_t { kEd25519 = 0x01, kCosignatureV1 = 0x04 };

// "<name>+<hex key id>+<base64(type || key)>"
struct VerifierKey {
  std::string name;
  KeyType type = KeyType::kEd25519;
  PublicKey key;
  std::uint32_t id() const;  // first 4 bytes of SHA-256(name || 0x0A || type || key), big-endian
  std::string text() const;
  // Refuses a wrong id, an unknown type and keys that crypto::admissible refuses.
  static Result<VerifierKey> parse(std::string_view text);
  bool operator==(const VerifierKey&) const = default;
};

struct NoteSignature {
  std::string name;
  std::uint32_t id = 0;
  Bytes signature;  // after the 4-byte key id
  bool operator==(const NoteSignature&) const = default;
};

struct Note {
  std::string body;  // ends with a newline
  std::vector<NoteSignature> signatures;
  std::string text() const;
  // At least 1 and at most kNoteSignatures signatures, no (name, id) twice, kNoteBytes in all.
  static Result<Note> parse(std::string_view text);
  bool operator==(const Note&) const = default;
};

// The body of a checkpoint: origin, decimal size without leading zeros, base64 root.
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Digest root;
  std::string body() const;
  static Result<Checkpoint> parse(std::string_view body);  // extension lines are refused
  bool operator==(const Checkpoint&) const = default;
};

// "\u2014 name base64(id || signature)\n", the form in a note and in a witness's answer.
std::string signature_line(const NoteSignature& signature);
Result<NoteSignature> parse_signature_line(std::string_view line);  // without its newline

// The origin must be a key name.
Note sign_checkpoint(const Checkpoint& checkpoint, const crypto::SecretKey& log_key);
// "cosignature/v1\ntime N\n" + body, signed; the signature is time (8 bytes, big-endian) ||
// Ed25519.
NoteSignature cosign(const std::string& body, const std::string& witness_name,
                     const crypto::SecretKey& key, Timestamp time);

// False too when any signature line carries this key's name and id and does not verify.
bool verify_log_signature(const Note& note, const VerifierKey& log);
// The time at which this witness cosigned, if it did.
std::optional<Timestamp> verify_cosignature(const Note& note, const VerifierKey& witness);

struct VerifiedCheckpoint {
  Checkpoint checkpoint;
  Timestamp time;  // the quorum-th newest cosignature time; epoch when the quorum is 0
};
// The origin must be the log's name. Witnesses count once a key. kInvalid: not a checkpoint;
// kUntrusted when the log's signature or the witness quorum is missing.
Result<VerifiedCheckpoint> verify_checkpoint(std::string_view note, const VerifierKey& log,
                                             const std::vector<VerifierKey>& witnesses,
                                             unsigned quorum);

}  // namespace fleetsweep::log
