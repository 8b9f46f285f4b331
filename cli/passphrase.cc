#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "cli/session.h"
#include "protocol/base/unique_fd.h"
#include "protocol/crypto/key_file.h"

namespace fleetsweep::cli {
namespace {

// A terminal that shows nothing of what is typed, until it goes. Meanwhile the signals that would
// end or stop us wait, so that nobody is left with such a terminal.
class Hidden {
 public:
  Hidden() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP})
      sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    tcgetattr(STDIN_FILENO, &shown_);
    termios hidden = shown_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  Hidden(const Hidden&) = delete;
  ~Hidden() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);  // one that waited comes now
  }

  // False: a signal came first.
  bool await_line() const {
    const UniqueFd pending(signalfd(-1, &signals_, SFD_CLOEXEC));
    pollfd wanted[] = {{STDIN_FILENO, POLLIN, 0}, {pending.get(), POLLIN, 0}};
    while (poll(wanted, 2, -1) < 0 && errno == EINTR) {
    }
    return wanted[1].revents == 0;
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
  termios shown_{};
};

// Asks on the terminal without showing what is typed.
Result<std::string> ask(const char* prompt) {
  if (!isatty(STDIN_FILENO))
    return fail(Code::kInvalid,
                "a passphrase is needed, and there is no terminal to ask on\n"
                "next:  give --passphrase-file FILE, with the passphrase in its first line");
  std::string line;
  for (bool has_line = false; !has_line;) {  // whoever goes on after a Ctrl-Z is asked again
    const Hidden hidden;
    std::fprintf(stderr, "%s: ", prompt);
    has_line = hidden.await_line();
    if (has_line) std::getline(std::cin, line);
    std::fputc('\n', stderr);
  }
  return line;
}

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
  if (!key && key.error().code == Code::kUntrusted && passphrase.empty()) {
    FS_TRY(passphrase, ask(("passphrase of " + path).c_str()));
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
