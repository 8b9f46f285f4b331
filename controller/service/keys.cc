#include "controller/service/keys.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "protocol/base/limits.h"
#include "protocol/crypto/key_file.h"
#include "protocol/log/note.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::controller {
namespace {

constexpr std::size_t kOriginBytes = 256;

Status check_origin(const std::string& origin) {
  if (origin.empty() || origin.size() > kOriginBytes ||
      origin.find_first_of("+ \t\r\n") != std::string::npos)
    return fail(Code::kInvalid,
                "--origin \"{}\": a name without blanks and plus signs was expected, like "
                "soc.example/fleet",
                escaped(origin));
  return {};
}

}  // namespace

std::string database_path(const std::string& state) {
  return state + "/controller.db";
}

Status init_keys(const std::string& state, const std::string& origin) {
  FS_CHECK(check_origin(origin));
  FS_CHECK(files::make_private_directory(state));
  if (const auto existing = files::read_file(state + "/origin", kOriginBytes)) {
    if (as_text(*existing) == origin) return {};
    return fail(Code::kConflict,
                "{} is the controller of {} already: give that as --origin, or another --state",
                state, escaped(as_text(*existing)));
  }
  FS_CHECK(crypto::write_key_file(state + "/log.key", crypto::SecretKey::generate(), ""));
  FS_CHECK(crypto::write_key_file(state + "/conductor.key", crypto::SecretKey::generate(), ""));
  FS_CHECK(net::write_curve_key(state + "/edge.key", net::generate_curve_keys()));
  // Last: its presence says that the keys are complete.
  return files::write_new_file(state + "/origin", as_bytes(origin));
}

Status rotate_log_key(const std::string& state, const std::string& origin) {
  FS_CHECK(check_origin(origin));
  FS_TRY(const files::StateLock lock, files::StateLock::acquire(state, "fleetsweep-controller"));
  FS_TRY(const Bytes old, files::read_file(state + "/origin", kOriginBytes));
  if (as_text(old) == origin)
    return fail(
        Code::kConflict,
        "{} is the name of the log whose key goes: witnesses remember its tree, give another",
        escaped(origin));
  // A crash in between leaves nothing that a repetition does not mend.
  std::error_code error;
  std::filesystem::remove(state + "/log.key", error);
  FS_CHECK(crypto::write_key_file(state + "/log.key", crypto::SecretKey::generate(), ""));
  return files::write_file_atomic(state + "/origin", as_bytes(origin));
}

Result<Keys> read_keys(const std::string& state) {
  const auto origin = files::read_file(state + "/origin", kOriginBytes);
  if (!origin && origin.error().code == Code::kNotFound)
    return fail(Code::kNotFound,
                "{} holds no controller: run `fleetsweep-controller init --state {} --origin NAME`",
                state, state);
  if (!origin) return fail(origin.error());
  FS_TRY(crypto::SecretKey log, crypto::read_key_file(state + "/log.key", ""));
  FS_TRY(crypto::SecretKey conductor, crypto::read_key_file(state + "/conductor.key", ""));
  FS_TRY(const net::CurveKeyPair edge, net::read_curve_key(state + "/edge.key"));
  return Keys{to_text(*origin), std::move(log), std::move(conductor), edge};
}

Result<std::string> public_keys_json(const Keys& keys, const std::string& origin) {
  FS_CHECK(check_origin(origin));
  const log::VerifierKey vkey{origin, log::KeyType::kEd25519, keys.log.public_key()};
  const nlohmann::json object = {{"log_vkey", vkey.text()},
                                 {"edge_curve", keys.edge.pub.hex()},
                                 {"conductor", keys.conductor.public_key().hex()}};
  return object.dump(2) + "\n";
}

}  // namespace fleetsweep::controller
