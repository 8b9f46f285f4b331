#include "witness/driver.h"

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/key_file.h"

namespace fleetsweep::witness {
namespace {

constexpr std::string_view kProgram = "fleetsweep-witness";
constexpr std::size_t kVerifierBytes = 1024;

std::string key_path(const std::string& state) {
  return state + "/witness.key";
}
std::string verifier_path(const std::string& state) {
  return state + "/witness.vkey";
}
std::string logs_path(const std::string& state) {
  return state + "/logs";
}
// An origin may hold a '/'.
std::string log_path(const std::string& state, const std::string& origin) {
  return fmt::format("{}/{}", logs_path(state), crypto::sha256(as_bytes(origin)).hex());
}

Result<log::VerifierKey> read_verifier(const std::string& state) {
  FS_TRY(const Bytes bytes, files::read_file(verifier_path(state), kVerifierBytes));
  std::string_view text = as_text(bytes);
  if (text.ends_with('\n')) text.remove_suffix(1);
  auto key = log::VerifierKey::parse(text);
  if (!key) return fail(key.error().within(verifier_path(state)));
  return key;
}

// Made when it is missing: a witness from before there were time keys gets one.
Result<crypto::SecretKey> read_time_key(const std::string& state) {
  const std::string path = state + "/time.key";
  auto key = crypto::read_key_file(path, "");
  if (key || key.error().code != Code::kNotFound) return key;
  const Status written = crypto::write_key_file(path, crypto::SecretKey::generate(), "");
  // Somebody else made it just now: that one is the key.
  if (!written && written.error().code != Code::kConflict) return fail(written.error());
  return crypto::read_key_file(path, "");
}

// Each configured log's memory. A log that is configured no longer keeps its file, so that it is
// remembered when it comes back.
Status restore_logs(const std::string& state, const std::vector<log::VerifierKey>& logs,
                    Core& core) {
  for (const log::VerifierKey& key : logs) {
    if (core.seen(key.name).size > 0) continue;  // a second key of the same log
    const std::string path = log_path(state, key.name);
    const auto note = files::read_file(path, limits::kNoteBytes);
    if (!note && note.error().code == Code::kNotFound) continue;
    if (!note) return fail(note.error());
    if (Status status = core.restore(as_text(*note)); !status)
      return fail(status.error().within(path));
    // A copied or renamed file would let this log forget.
    if (core.seen(key.name).size == 0)
      return fail(Code::kUntrusted, "{} is not about the log {}", path, key.name);
  }
  return {};
}

}  // namespace

namespace {

Result<log::VerifierKey> create_verifier(const std::string& state, const std::string& name) {
  if (!log::is_key_name(name))
    return fail(Code::kInvalid,
                "'{}' cannot be the name of a witness; expected 1 to {} characters without spaces "
                "and '+', like witness.example.org",
                escaped(name), limits::kKeyNameBytes);
  FS_CHECK(files::make_private_directory(state));
  // Before the lock: a witness that runs may be asked for its key.
  if (auto existing = read_verifier(state)) {
    if (existing->name == name) return existing;
    return fail(Code::kConflict,
                "{} is the witness {} already: give that as --name, or another --state", state,
                existing->name);
  }
  FS_TRY(const auto lock, files::StateLock::acquire(state, kProgram));
  FS_CHECK(files::make_private_directory(logs_path(state)));
  // A crash may have come between the two files: the key that is there is then this witness's.
  auto key = crypto::read_key_file(key_path(state), "");
  if (!key && key.error().code == Code::kNotFound) {
    key = crypto::SecretKey::generate();
    FS_CHECK(crypto::write_key_file(key_path(state), *key, ""));
  }
  if (!key) return fail(key.error());
  const log::VerifierKey verifier{name, log::KeyType::kCosignatureV1, key->public_key()};
  FS_CHECK(files::write_new_file(verifier_path(state), as_bytes(verifier.text() + "\n"), 0644));
  return verifier;
}

}  // namespace

Result<PublicKeys> create(const std::string& state, const std::string& name) {
  FS_TRY(log::VerifierKey verifier, create_verifier(state, name));
  FS_TRY(const crypto::SecretKey time, read_time_key(state));
  return PublicKeys{std::move(verifier), time.public_key()};
}

Driver::Driver(std::string state, log::VerifierKey verifier, crypto::SecretKey key,
               crypto::SecretKey time_key, Core core, files::StateLock lock)
    : state_(std::move(state)),
      verifier_(std::move(verifier)),
      key_(std::move(key)),
      time_key_(std::move(time_key)),
      core_(std::move(core)),
      lock_(std::move(lock)) {}

Result<std::unique_ptr<Driver>> Driver::open(const std::string& state,
                                             std::vector<log::VerifierKey> logs) {
  auto verifier = read_verifier(state);
  if (!verifier && verifier.error().code == Code::kNotFound)
    return fail(Code::kNotFound, "there is no witness in {}: run {} init --state {} --name NAME",
                state, kProgram, state);
  if (!verifier) return fail(verifier.error());
  FS_TRY(auto lock, files::StateLock::acquire(state, kProgram));
  FS_TRY(auto key, crypto::read_key_file(key_path(state), ""));
  if (key.public_key() != verifier->key)
    return fail(Code::kInvalid, "{} and {} do not belong together", key_path(state),
                verifier_path(state));
  FS_TRY(auto time_key, read_time_key(state));
  Core core(logs);
  FS_CHECK(restore_logs(state, logs, core));
  return std::unique_ptr<Driver>(new Driver(state, std::move(*verifier), std::move(key),
                                            std::move(time_key), std::move(core), std::move(lock)));
}

Seen Driver::seen(const std::string& origin) const {
  const std::lock_guard lock(mutex_);
  return core_.seen(origin);
}

Answer Driver::add_checkpoint(std::string_view request, Timestamp now) {
  const std::lock_guard lock(mutex_);
  Verdict verdict = core_.judge(request);
  Answer answer{verdict.status, std::move(verdict.content_type), std::move(verdict.text),
                verdict.alarming, std::move(verdict.checkpoint)};
  if (answer.status != 200) return answer;
  const log::Checkpoint& checkpoint = answer.checkpoint;
  // An unchanged tree is on disk already; only its time is new.
  if (core_.seen(checkpoint.origin) != Seen{checkpoint.size, checkpoint.root}) {
    const Status written = files::write_file_atomic(log_path(state_, checkpoint.origin),
                                                    as_bytes(verdict.note.text()));
    if (!written) {
      answer.status = 503;
      answer.text = written.error().message + "\n";
      return answer;
    }
    core_.remember(checkpoint);
  }
  answer.text = log::signature_line(log::cosign(verdict.note.body, verifier_.name, key_, now));
  return answer;
}

Answer Driver::tell_time(std::string_view query, Timestamp now) const {
  const std::lock_guard lock(mutex_);
  Answer answer;
  const auto statement = core_.tell_time(query, now);
  if (!statement) {
    answer.status = statement.error().code == Code::kNotFound ? 404 : 400;
    answer.text = statement.error().message + "\n";
    return answer;
  }
  answer.status = 200;
  answer.content_type = "application/json";
  answer.text = codec::to_dsse_json(
      crypto::sign_envelope(model::kPayloadTime, codec::encode(*statement), time_key_));
  return answer;
}

}  // namespace fleetsweep::witness
