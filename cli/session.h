#pragma once

// What every verb shares: the console, where the controller is, and how keys and documents are
// read.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "cli/console.h"
#include "protocol/crypto/sign.h"
#include "protocol/model/envelope.h"

namespace CLI {
class App;
}

namespace fleetsweep::cli {

struct Session {
  Console console;
  std::string url;              // FLEETSWEEP_URL
  std::string token_file;       // FLEETSWEEP_TOKEN_FILE
  std::string tenant;           // FLEETSWEEP_TENANT; empty: the only one the token can see
  bool tenant_is_told = false;  // by the controller, so that nothing can be held against it
  std::string passphrase_file;
  // For https://, PEM files: FLEETSWEEP_AUTHORITIES, FLEETSWEEP_CERTIFICATE and its _KEY.
  std::string authorities, certificate, certificate_key;
  int exit = kDone;

  // Runs at the end of each verb: prints the error, sets the exit code.
  void finish(const Status& status);
};

// The controller's API. Paths under a tenant start without a slash: get(session, "campaigns").
Result<nlohmann::json> get(Session&, const std::string& path);
Result<std::string> get_raw(Session&, const std::string& path);
Result<nlohmann::json> post(Session&, const std::string& path, const std::string& body,
                            const std::string& content_type = "application/json");
// DELETE
Status remove(Session&, const std::string& path);
// Under no tenant: "/v1/tenants", "/healthz".
Result<nlohmann::json> get_global(Session&, const std::string& path);
Result<nlohmann::json> post_global(Session&, const std::string& path, const std::string& body);
Result<std::string> tenant_of(Session&);
// Calls `on_event` with each event's JSON until it or `keep_going`, asked every few seconds,
// returns false or the server ends the stream.
Status stream(Session&, const std::string& path,
              const std::function<bool(const std::string&)>& on_event,
              const std::function<bool()>& keep_going);

// What went wrong with a file that the command line names is a mistake of the command line
// (kInvalid instead of kNotFound).
Error of_named_file(Error error, const std::string& path);
inline constexpr std::size_t kFileBytesMax = 8 * 1024 * 1024;
Result<std::string> read_text_file(const std::string& path, std::size_t bytes_max = kFileBytesMax);
Status write_text_file(const std::string& path, std::string_view text, bool is_private = false);
Result<model::Envelope> read_document(const std::string& path);
// Only a document of this type; kInvalid says which it is instead.
Result<model::Envelope> read_document(const std::string& path, std::string_view payload_type);
Status write_document(const std::string& path, const model::Envelope& envelope);

// Reads an operator key; asks for its passphrase on the terminal when it has one and no
// --passphrase-file was given.
Result<crypto::SecretKey> read_key(Session&, const std::string& path);
Result<std::string> new_passphrase(Session&);

}  // namespace fleetsweep::cli
