#include "agent/act/confined.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>

#include "protocol/crypto/bulk_hash.h"
#include "protocol/runtime/descriptors/descriptors.h"

namespace fleetsweep::act {
namespace {

bool send_message(int socket, const Bytes& bytes, std::span<const int> descriptors) {
  const iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  return runtime::send_with(socket, {&part, 1}, descriptors) == static_cast<ssize_t>(bytes.size());
}

// Nothing: the other end is gone.
std::optional<Confined::Message> receive_message(int socket) {
  Confined::Message result;
  result.bytes.resize(Confined::kMessageBytes);
  ssize_t count = 0;
  do count = runtime::receive_with(socket, result.bytes, result.descriptors);
  while (count < 0 && errno == EINTR);
  if (count <= 0) return std::nullopt;
  result.bytes.resize(static_cast<std::size_t>(count));
  return result;
}

[[noreturn]] void serve_requests(int socket, const runtime::Resources& resources,
                                 Bytes (*answer)(const Confined::Message&)) {
  // OpenSSL looks at files when it starts: before the doors close.
  static_cast<void>(crypto::BulkHash(crypto::HashKind::kSha256).finish());
  const int keep[] = {socket, STDERR_FILENO};
  if (!runtime::confine_parser(keep, std::nullopt, resources)) ::_exit(1);
  const Bytes hello{0};
  if (!send_message(socket, hello, {})) ::_exit(1);
  while (const auto request = receive_message(socket))
    if (!send_message(socket, answer(*request), {})) break;
  ::_exit(0);
}

}  // namespace

Result<std::unique_ptr<Confined>> Confined::start(std::string_view name,
                                                  const runtime::Resources& resources,
                                                  Bytes (*answer)(const Message& request)) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
    return fail(Code::kUnavailable, "{}: {}", name, std::strerror(errno));
  UniqueFd ours(sockets[0]), theirs(sockets[1]);
  const int pid = ::fork();
  if (pid < 0) return fail(Code::kUnavailable, "{}: {}", name, std::strerror(errno));
  if (pid == 0) serve_requests(theirs.get(), resources, answer);
  theirs.reset();
  std::unique_ptr<Confined> process(new Confined(std::move(ours), pid));
  if (!receive_message(process->socket_.get()))
    return fail(Code::kUnavailable, "{}: no sandbox for it on this kernel", name);
  return process;
}

Confined::~Confined() {
  socket_.reset();  // nobody can ask it any more: it ends even if it cannot be killed
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

Result<Bytes> Confined::ask(const Bytes& request, std::span<const int> descriptors) const {
  if (!send_message(socket_.get(), request, descriptors))
    return fail(Code::kUnavailable, "is gone");
  auto answer = receive_message(socket_.get());
  if (!answer) return fail(Code::kUnavailable, "died of it");
  return std::move(answer->bytes);
}

Result<Bytes> read_whole(int fd, std::size_t most) {
  // Not fstat, which the C library makes a call that may also open.
  const auto size = ::lseek(fd, 0, SEEK_END);
  if (size < 0 || static_cast<std::uint64_t>(size) > most)
    return fail(Code::kInvalid, "larger than {} bytes", most);
  Bytes bytes(static_cast<std::size_t>(size));
  for (std::size_t at = 0; at < bytes.size();) {
    const auto got = ::pread(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
    if (got <= 0) return fail(Code::kUnavailable, "read: {}", std::strerror(errno));
    at += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace fleetsweep::act
