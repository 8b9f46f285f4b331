#include "protocol/runtime/prompt/prompt.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::prompt {
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

}  // namespace

Result<std::string> ask_hidden(const std::string& prompt) {
  if (!isatty(STDIN_FILENO))
    return fail(Code::kInvalid,
                "a passphrase is needed, and there is no terminal to ask on\n"
                "next:  give --passphrase-file FILE, with the passphrase in its first line");
  std::string line;
  for (bool has_line = false; !has_line;) {  // whoever goes on after a Ctrl-Z is asked again
    const Hidden hidden;
    std::fprintf(stderr, "%s: ", prompt.c_str());
    has_line = hidden.await_line();
    if (has_line) std::getline(std::cin, line);
    std::fputc('\n', stderr);
  }
  return line;
}

Result<std::string> ask_twice(const std::string& prompt) {
  FS_TRY(std::string first, ask_hidden(prompt));
  if (first.empty()) return first;
  FS_TRY(const std::string second, ask_hidden("again"));
  if (first != second) return fail(Code::kInvalid, "the two passphrases differ");
  return first;
}

}  // namespace fleetsweep::prompt
