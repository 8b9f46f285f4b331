#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "cli/session.h"
#include "protocol/crypto/key_file.h"

namespace fleetsweep::cli {
namespace {

// Asks on the terminal without showing what is typed.
Result<std::string> ask(const char* prompt) {
  if (!isatty(STDIN_FILENO))
    return fail(
        Code::kInvalid,
        "a passphrase is needed and there is no terminal to ask on; give --passphrase-file");
  termios shown{};
  tcgetattr(STDIN_FILENO, &shown);
  termios hidden = shown;
  hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  std::fprintf(stderr, "%s: ", prompt);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  std::string line;
  std::getline(std::cin, line);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
  std::fputc('\n', stderr);
  return line;
}

Result<std::string> from_file(const std::string& path) {
  FS_TRY(const std::string text, read_text_file(path));
  return text.substr(0, text.find('\n'));
}

}  // namespace

Result<std::string> new_passphrase(Session& session) {
  if (!session.passphrase_file.empty()) return from_file(session.passphrase_file);
  FS_TRY(std::string first, ask("passphrase for the new key"));
  if (first.empty())
    return fail(Code::kInvalid,
                "an empty passphrase protects nothing; use --unencrypted if you mean that");
  FS_TRY(const std::string second, ask("again"));
  if (first != second) return fail(Code::kInvalid, "the two passphrases differ");
  return first;
}

Result<crypto::SecretKey> read_key(Session& session, const std::string& path) {
  std::string passphrase;
  if (!session.passphrase_file.empty()) {
    FS_TRY(passphrase, from_file(session.passphrase_file));
  }
  auto key = crypto::read_key_file(path, passphrase);
  const bool needs_asking = !key && key.error().code == Code::kUntrusted && passphrase.empty();
  if (!needs_asking) return key;
  FS_TRY(passphrase, ask(("passphrase of " + path).c_str()));
  return crypto::read_key_file(path, passphrase);
}

}  // namespace fleetsweep::cli
