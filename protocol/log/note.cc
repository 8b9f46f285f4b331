#include "protocol/log/note.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::log {
namespace {

constexpr std::string_view kDash = "\u2014 ";
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kTimeBytes = 8;
constexpr std::int64_t kTimeMax = 253402300799;  // 9999-12-31T23:59:59Z
constexpr std::uint64_t kSizeMax = std::numeric_limits<std::int64_t>::max();

// Unicode's White_Space beyond the control characters and separators that escaped() shows.
constexpr std::string_view kSpaces[] = {" ",      "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002",
                                        "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
                                        "\u2009", "\u200a", "\u202f", "\u205f", "\u3000"};

void append_big_endian(Bytes& target, std::uint64_t value, std::size_t bytes) {
  for (std::size_t shift = bytes * 8; shift > 0; shift -= 8)
    target.push_back(static_cast<std::uint8_t>(value >> (shift - 8)));
}

std::uint64_t from_big_endian(BytesView bytes) {
  std::uint64_t value = 0;
  for (std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

// "UTF-8 without control characters": what is shown is what there is.
bool is_plain_line(std::string_view line) {
  return escaped(line) == line;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShown = 80;
  return escaped(text.substr(0, kShown)) + (text.size() > kShown ? "..." : "");
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Checkpoints sign their body as it is; cosignatures sign this.
Bytes cosigned_message(std::string_view body, std::int64_t time) {
  return to_bytes(fmt::format("cosignature/v1\ntime {}\n{}", time, body));
}

// The cosignature's time, if it is well formed and verifies.
std::optional<Timestamp> check_cosignature(const Note& note, const NoteSignature& line,
                                           const PublicKey& key) {
  if (line.signature.size() != kTimeBytes + Signature::kSize) return std::nullopt;
  const BytesView signature(line.signature);
  const std::uint64_t time = from_big_endian(signature.first(kTimeBytes));
  if (time > static_cast<std::uint64_t>(kTimeMax)) return std::nullopt;
  const auto seconds = static_cast<std::int64_t>(time);
  if (!crypto::verify(key, cosigned_message(note.body, seconds), signature.subspan(kTimeBytes)))
    return std::nullopt;
  return timestamp(seconds);
}

const NoteSignature* find_signature(const Note& note, const VerifierKey& key) {
  const auto id = key.id();
  const auto found = std::ranges::find_if(note.signatures, [&](const NoteSignature& line) {
    return line.id == id && line.name == key.name;
  });
  return found == note.signatures.end() ? nullptr : &*found;
}

}  // namespace

bool is_key_name(std::string_view name) {
  return !name.empty() && name.size() <= limits::kKeyNameBytes && is_plain_line(name) &&
         name.find('+') == std::string_view::npos &&
         std::ranges::none_of(kSpaces, [&](std::string_view space) {
           return name.find(space) != std::string_view::npos;
         });
}

std::uint32_t VerifierKey::id() const {
  const std::uint8_t separator[] = {0x0a, static_cast<std::uint8_t>(type)};
  const Digest digest = crypto::sha256({as_bytes(name), separator, key.value});
  return static_cast<std::uint32_t>(from_big_endian(digest.view().first(kIdBytes)));
}

std::string VerifierKey::text() const {
  Bytes typed{static_cast<std::uint8_t>(type)};
  append(typed, key.view());
  return fmt::format("{}+{:08x}+{}", name, id(), to_base64(typed));
}

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const auto name_end = text.find('+');
  const auto id_end = name_end == std::string_view::npos ? name_end : text.find('+', name_end + 1);
  if (id_end == std::string_view::npos)
    return fail(Code::kInvalid, "'{}' is not a verifier key; expected name+id+base64", shown(text));
  VerifierKey key;
  key.name = text.substr(0, name_end);
  if (!is_key_name(key.name))
    return fail(Code::kInvalid, "'{}' cannot be the name of a key", shown(key.name));
  auto typed = from_base64(text.substr(id_end + 1));
  if (!typed) return fail(typed.error().within(fmt::format("key of {}", key.name)));
  if (typed->size() != 1 + PublicKey::kSize)
    return fail(Code::kInvalid, "key of {}: {} bytes where {} were expected", key.name,
                typed->size(), 1 + PublicKey::kSize);
  key.type = static_cast<KeyType>(typed->front());
  if (key.type != KeyType::kEd25519 && key.type != KeyType::kCosignatureV1)
    return fail(Code::kInvalid,
                "key of {}: type {:#04x} is not known; expected 0x01 (log) or 0x04 (witness)",
                key.name, typed->front());
  FS_TRY(key.key, PublicKey::from(BytesView(*typed).subspan(1)));
  if (auto status = crypto::admissible(key.key); !status)
    return fail(status.error().within(fmt::format("key of {}", key.name)));
  const std::string id = fmt::format("{:08x}", key.id());
  if (text.substr(name_end + 1, id_end - name_end - 1) != id)
    return fail(Code::kInvalid, "key of {}: the id in its text is not {}, the id of this key",
                key.name, id);
  return key;
}

std::string signature_line(const NoteSignature& signature) {
  Bytes blob;
  append_big_endian(blob, signature.id, kIdBytes);
  append(blob, signature.signature);
  return fmt::format("{}{} {}\n", kDash, signature.name, to_base64(blob));
}

Result<NoteSignature> parse_signature_line(std::string_view line) {
  const auto space = line.rfind(' ');
  if (!line.starts_with(kDash) || space < kDash.size())
    return fail(Code::kInvalid,
                "'{}' is not a signature line; expected an em dash, a name and base64, with one "
                "space between",
                shown(line));
  NoteSignature signature;
  signature.name = line.substr(kDash.size(), space - kDash.size());
  if (!is_key_name(signature.name))
    return fail(Code::kInvalid, "'{}' cannot be the name of a signer", shown(signature.name));
  auto blob = from_base64(line.substr(space + 1));
  if (!blob) return fail(blob.error().within(fmt::format("signature of {}", signature.name)));
  if (blob->size() <= kIdBytes)
    return fail(Code::kInvalid, "signature of {}: {} bytes where more than {} were expected",
                signature.name, blob->size(), kIdBytes);
  signature.id = static_cast<std::uint32_t>(from_big_endian(BytesView(*blob).first(kIdBytes)));
  signature.signature.assign(blob->begin() + kIdBytes, blob->end());
  return signature;
}

std::string Note::text() const {
  std::string text = body + "\n";
  for (const NoteSignature& signature : signatures) text += signature_line(signature);
  return text;
}

Result<Note> Note::parse(std::string_view text) {
  if (text.size() > limits::kNoteBytes)
    return fail(Code::kInvalid, "a note of {} bytes: at most {} are allowed", text.size(),
                limits::kNoteBytes);
  if (!text.ends_with('\n')) return fail(Code::kInvalid, "a note must end with a newline");
  const auto blank = text.rfind("\n\n");
  if (blank == std::string_view::npos)
    return fail(Code::kInvalid, "a note must have a blank line before its signatures");
  Note note;
  note.body = text.substr(0, blank + 1);
  for (std::string_view rest = note.body; !rest.empty();) {
    const std::string_view line = take_line(rest);
    if (!is_plain_line(line))
      return fail(Code::kInvalid, "a note's line holds more than plain UTF-8 text: '{}'",
                  shown(line));
  }
  for (std::string_view rest = text.substr(blank + 2); !rest.empty();) {
    if (note.signatures.size() == limits::kNoteSignatures)
      return fail(Code::kInvalid, "a note has more than {} signatures", limits::kNoteSignatures);
    FS_TRY(NoteSignature signature, parse_signature_line(take_line(rest)));
    const bool twice = std::ranges::any_of(note.signatures, [&](const NoteSignature& earlier) {
      return earlier.id == signature.id && earlier.name == signature.name;
    });
    if (twice)
      return fail(Code::kInvalid, "a note has two signatures of {} with id {:08x}", signature.name,
                  signature.id);
    note.signatures.push_back(std::move(signature));
  }
  if (note.signatures.empty()) return fail(Code::kInvalid, "a note has no signature");
  return note;
}

std::string Checkpoint::body() const {
  return fmt::format("{}\n{}\n{}\n", origin, size, to_base64(root.view()));
}

Result<Checkpoint> Checkpoint::parse(std::string_view body) {
  if (std::ranges::count(body, '\n') != 3 || !body.ends_with('\n'))
    return fail(Code::kInvalid,
                "a checkpoint has three lines (origin, size, root) and no extension");
  Checkpoint checkpoint;
  checkpoint.origin = take_line(body);
  if (checkpoint.origin.empty() || checkpoint.origin.size() > limits::kKeyNameBytes ||
      !is_plain_line(checkpoint.origin))
    return fail(Code::kInvalid, "'{}' cannot be the origin of a checkpoint",
                shown(checkpoint.origin));
  const std::string_view size = take_line(body);
  const auto [end, error] =
      std::from_chars(size.data(), size.data() + size.size(), checkpoint.size);
  // Re-spelling it refuses leading zeros, signs and empty text at once.
  if (error != std::errc() || size != fmt::format("{}", checkpoint.size) ||
      checkpoint.size > kSizeMax)
    return fail(Code::kInvalid,
                "checkpoint of {}: '{}' is not a tree size; expected a decimal number below 2^63 "
                "without leading zeros",
                checkpoint.origin, shown(size));
  auto root = from_base64(take_line(body));
  if (!root) return fail(root.error().within(fmt::format("root of {}", checkpoint.origin)));
  auto digest = Digest::from(*root);
  if (!digest) return fail(digest.error().within(fmt::format("root of {}", checkpoint.origin)));
  checkpoint.root = *digest;
  return checkpoint;
}

Note sign_checkpoint(const Checkpoint& checkpoint, const crypto::SecretKey& log_key) {
  FS_ASSERT(is_key_name(checkpoint.origin));
  const VerifierKey key{checkpoint.origin, KeyType::kEd25519, log_key.public_key()};
  Note note{checkpoint.body(), {}};
  const Signature signature = log_key.sign(as_bytes(note.body));
  note.signatures.push_back({key.name, key.id(), to_bytes(signature.view())});
  return note;
}

NoteSignature cosign(const std::string& body, const std::string& witness_name,
                     const crypto::SecretKey& key, Timestamp time) {
  FS_ASSERT(is_key_name(witness_name) && unix_seconds(time) >= 0);
  const VerifierKey verifier{witness_name, KeyType::kCosignatureV1, key.public_key()};
  const std::int64_t seconds = unix_seconds(time);
  NoteSignature line{witness_name, verifier.id(), {}};
  append_big_endian(line.signature, static_cast<std::uint64_t>(seconds), kTimeBytes);
  append(line.signature, key.sign(cosigned_message(body, seconds)).view());
  return line;
}

bool verify_log_signature(const Note& note, const VerifierKey& log) {
  const NoteSignature* line = find_signature(note, log);
  return line != nullptr && log.type == KeyType::kEd25519 &&
         crypto::verify(log.key, as_bytes(note.body), line->signature);
}

std::optional<Timestamp> verify_cosignature(const Note& note, const VerifierKey& witness) {
  const NoteSignature* line = find_signature(note, witness);
  if (line == nullptr || witness.type != KeyType::kCosignatureV1) return std::nullopt;
  return check_cosignature(note, *line, witness.key);
}

Result<VerifiedCheckpoint> verify_checkpoint(std::string_view text, const VerifierKey& log,
                                             const std::vector<VerifierKey>& witnesses,
                                             unsigned quorum) {
  FS_TRY(const Note note, Note::parse(text));
  FS_TRY(Checkpoint checkpoint, Checkpoint::parse(note.body));
  if (checkpoint.origin != log.name)
    return fail(Code::kUntrusted, "a checkpoint of {} where one of {} was expected",
                checkpoint.origin, log.name);
  if (!verify_log_signature(note, log))
    return fail(Code::kUntrusted, "checkpoint {} of {}: no valid signature by the log",
                checkpoint.size, log.name);
  std::vector<PublicKey> counted;
  std::vector<Timestamp> times;
  for (const VerifierKey& witness : witnesses) {
    // A cosignature does not commit to the witness's name: one key under two names is one witness.
    if (std::ranges::find(counted, witness.key) != counted.end()) continue;
    if (const auto time = verify_cosignature(note, witness)) {
      counted.push_back(witness.key);
      times.push_back(*time);
    }
  }
  if (times.size() < quorum)
    return fail(Code::kUntrusted, "checkpoint {} of {}: {} of {} witnesses cosigned, {} are needed",
                checkpoint.size, log.name, times.size(), witnesses.size(), quorum);
  std::ranges::sort(times, std::greater<>());
  return VerifiedCheckpoint{std::move(checkpoint), quorum == 0 ? Timestamp{} : times[quorum - 1]};
}

}  // namespace fleetsweep::log
