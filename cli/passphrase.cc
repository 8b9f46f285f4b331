#include <algorithm>

#include "cli/session.h"
#include "protocol/crypto/key_file.h"
#include "protocol/runtime/prompt/prompt.h"

namespace fleetsweep::cli {
namespace {

Result<std::string> from_file(const std::string& path) {
  FS_TRY(const std::string text, read_text_file(path));
  const std::string passphrase(text.begin(), std::ranges::find(text, '\n'));
  if (passphrase.empty())
    return fail(
        Code::kInvalid,
        "the first line of {} is empty, and an empty passphrase protects nothing\n"
        "next:  write the passphrase into its first line, or say --unencrypted if a new key "
        "is to stand in clear",
        path);
  return passphrase;
}

}  // namespace

Result<std::string> new_passphrase(Session& session) {
  if (!session.passphrase_file.empty()) return from_file(session.passphrase_file);
  FS_TRY(std::string typed, prompt::ask_twice("passphrase for the new key"));
  if (typed.empty())
    return fail(Code::kInvalid,
                "an empty passphrase protects nothing; use --unencrypted if you mean that");
  return typed;
}

Result<crypto::SecretKey> read_key(Session& session, const std::string& path) {
  std::string passphrase;
  if (!session.passphrase_file.empty()) {
    FS_TRY(passphrase, from_file(session.passphrase_file));
  }
  auto key = crypto::read_key_file(path, passphrase);
  if (!key && key.error().code == Code::kUntrusted && passphrase.empty()) {
    FS_TRY(passphrase, prompt::ask_hidden("passphrase of " + path));
    key = crypto::read_key_file(path, passphrase);
  }
  if (key) return key;
  if (key.error().code == Code::kUntrusted)
    return fail(advise(key.error(),
                       "try again with the passphrase of this key, typed or in the first line of "
                       "--passphrase-file"));
  return fail(of_named_file(
      advise(key.error(), "give the private key's file; `fleetsweep key create` makes one"), path));
}

}  // namespace fleetsweep::cli
