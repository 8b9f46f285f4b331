#include "agent/act/guardian.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "agent/act/ledger.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::act {

namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(500);
constexpr auto kEndEvery = std::chrono::milliseconds(20);

struct JournalAt {
  off_t size = -1;
  timespec time{};
  bool operator==(const JournalAt& other) const {
    return size == other.size && time.tv_sec == other.time.tv_sec &&
           time.tv_nsec == other.time.tv_nsec;
  }
};

// Errors end a guardian: one that held act's lock would be in the way of the next act.
void close_all_but(int a, int b) {
  if (a > b) std::swap(a, b);
  const auto close = [](unsigned from, unsigned below) {
    if (from < below && ::syscall(SYS_close_range, from, below - 1, 0) != 0) ::_exit(1);
  };
  unsigned next = STDERR_FILENO + 1;
  for (const int kept : {a, b})
    if (kept >= static_cast<int>(next)) {
      close(next, static_cast<unsigned>(kept));
      next = static_cast<unsigned>(kept) + 1;
    }
  close(next, ~0u);
}

JournalAt look(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_size, status.st_mtim};
}

}  // namespace

Status Guardian::start(int kept) {
  if (alive_) return {};
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(files::system_error(errno, "make a pipe"));
  UniqueFd reader(ends[0]), writer(ends[1]);
  const int pid = ::fork();
  if (pid < 0) return fail(files::system_error(errno, "start a guardian"));
  if (pid == 0) {
    // The lock and the pipe to core must end with act, not with us.
    close_all_but(reader.get(), kept);
    ::setsid();
    watch(reader.get());
  }
  alive_ = std::move(writer);
  return {};
}

std::optional<bool> Guardian::is_settled() const {
  const auto lock = files::StateLock::acquire(state_, "fleetsweep-act");
  if (!lock) return std::nullopt;
  const auto ledger = Ledger::open(state_ + "/journal");
  return ledger && ledger->find_open() == nullptr;
}

// Whoever goes on writes to the journal, and has a guardian of his own.
bool Guardian::is_looked_after() const {
  const std::string path = state_ + "/journal";
  const auto before = look(path);
  const auto deadline = std::chrono::steady_clock::now() + patience_;
  std::optional<bool> settled;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto now = look(path);
    if (now.size < 0 || now != before) return true;
    // An act that ends lets go of us before it lets go of its lock.
    if (!settled) settled = is_settled();
    if (settled.value_or(false)) return true;
    ::poll(nullptr, 0, static_cast<int>(settled ? kLookEvery.count() : kEndEvery.count()));
  }
  return false;
}

void Guardian::watch(int alive) const {
  char byte = 0;
  while (::read(alive, &byte, 1) < 0 && errno == EINTR) continue;
  while (!is_looked_after()) {
    const Status settled = settle_();
    if (settled || settled.error().code == Code::kConflict) continue;
    std::fprintf(stderr, "fleetsweep-act: what a dead act had stopped stays so: %s\n",
                 settled.error().message.c_str());
    if (settled.error().code != Code::kUnavailable) ::_exit(1);  // a full disk has room again
  }
  ::_exit(0);
}

}  // namespace fleetsweep::act
