#include "protocol/runtime/pipe/pipe.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/runtime/descriptors/descriptors.h"

namespace fleetsweep::runtime {
namespace {

constexpr std::size_t kHeaderBytes = 5;
using Clock = std::chrono::steady_clock;

std::size_t length_of(const Bytes& header) {
  return static_cast<std::size_t>(header[0]) | static_cast<std::size_t>(header[1]) << 8 |
         static_cast<std::size_t>(header[2]) << 16 | static_cast<std::size_t>(header[3]) << 24;
}

// False when the deadline passes first.
Result<bool> wait_for(int fd, short events, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::duration_cast<Duration>(deadline - Clock::now());
    pollfd item{fd, events, 0};
    const int ready = ::poll(&item, 1, left.count() < 0 ? 0 : static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 && left.count() <= 0) return false;
    if (ready < 0 && errno != EINTR)
      return fail(Code::kInternal, "pipe: poll: {}", std::strerror(errno));
  }
}

}  // namespace

Result<std::pair<Pipe, Pipe>> Pipe::pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Code::kInternal, "pipe: socketpair: {}", std::strerror(errno));
  return std::pair(Pipe(UniqueFd(ends[0])), Pipe(UniqueFd(ends[1])));
}

Status Pipe::send(const model::LocalMessage& message, int fd, Duration timeout) {
  const Bytes body = codec::encode(message);
  if (body.size() > limits::kLocalMessageBytes)
    return fail(Code::kInvalid, "pipe: a message of {} bytes where at most {} are allowed",
                body.size(), limits::kLocalMessageBytes);
  Bytes frame = {static_cast<std::uint8_t>(body.size()),
                 static_cast<std::uint8_t>(body.size() >> 8),
                 static_cast<std::uint8_t>(body.size() >> 16),
                 static_cast<std::uint8_t>(body.size() >> 24), static_cast<std::uint8_t>(fd >= 0)};
  append(frame, body);

  const auto deadline = Clock::now() + timeout;
  std::size_t sent = 0;
  while (sent < frame.size()) {
    const iovec part{frame.data() + sent, frame.size() - sent};
    const std::span<const int> along(&fd, sent == 0 && fd >= 0 ? 1 : 0);
    const ssize_t count = send_with(socket_.get(), {&part, 1}, along, MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      FS_TRY(const bool ready, wait_for(socket_.get(), POLLOUT, deadline));
      if (!ready)
        return fail(Code::kUnavailable, "pipe: the peer took nothing for {} ms", timeout.count());
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return fail(Code::kNotFound, "pipe: the peer is gone");
    } else if (errno != EINTR) {
      return fail(Code::kInternal, "pipe: sendmsg: {}", std::strerror(errno));
    }
  }
  return {};
}

// Reads until buffer_ holds `size` bytes, or nothing more is there now.
Status Pipe::fill(std::size_t size, bool& complete) {
  std::size_t have = buffer_.size();
  buffer_.resize(size);
  while (have < size) {
    std::vector<UniqueFd> passed;
    const ssize_t count =
        receive_with(socket_.get(), std::span(buffer_).subspan(have), passed, MSG_DONTWAIT);
    // All but the first are closed: a peer that sends more must not fill our table.
    if (!passed.empty() && !passed_) passed_ = std::move(passed.front());
    if (count > 0) {
      have += static_cast<std::size_t>(count);
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    const int error = count < 0 ? errno : 0;
    buffer_.resize(have);
    complete = false;
    if (count < 0 && (error == EAGAIN || error == EWOULDBLOCK)) return {};
    if (count < 0 && error != ECONNRESET)
      return fail(Code::kInternal, "pipe: recvmsg: {}", std::strerror(error));
    closed_ = true;
    if (have == 0) return fail(Code::kNotFound, "pipe: the peer is gone");
    return fail(Code::kInvalid, "pipe: the peer stopped after {} bytes of a message", have);
  }
  complete = true;
  return {};
}

Result<std::optional<Pipe::Received>> Pipe::try_receive() {
  if (closed_) return fail(Code::kNotFound, "pipe: the peer is gone");
  bool complete = true;
  if (buffer_.size() < kHeaderBytes) {
    FS_CHECK(fill(kHeaderBytes, complete));
    if (!complete) return std::nullopt;
  }
  const std::size_t length = length_of(buffer_);
  const bool with_fd = buffer_[4] == 1;
  if (length > limits::kLocalMessageBytes || buffer_[4] > 1) {
    closed_ = true;
    return fail(Code::kInvalid,
                "pipe: a header of {} bytes and {} descriptors; at most {} and 1 are allowed",
                length, buffer_[4], limits::kLocalMessageBytes);
  }
  FS_CHECK(fill(kHeaderBytes + length, complete));
  if (!complete) return std::nullopt;

  const Bytes frame = std::exchange(buffer_, {});
  UniqueFd fd = std::exchange(passed_, {});
  if (with_fd != static_cast<bool>(fd)) {
    closed_ = true;
    return fail(Code::kInvalid, "pipe: {} where the header says otherwise",
                fd ? "a descriptor" : "no descriptor");
  }
  auto message = codec::decode<model::LocalMessage>(BytesView(frame).subspan(kHeaderBytes));
  if (!message) {
    closed_ = true;
    return fail(message.error().within("pipe"));
  }
  return Received{std::move(*message), std::move(fd)};
}

Result<Pipe::Received> Pipe::receive(Duration timeout) {
  const auto deadline = Clock::now() + timeout;
  while (true) {
    FS_TRY(auto received, try_receive());
    if (received) return std::move(*received);
    FS_TRY(const bool ready, wait_for(socket_.get(), POLLIN, deadline));
    if (!ready) return fail(Code::kUnavailable, "pipe: nothing came for {} ms", timeout.count());
  }
}

}  // namespace fleetsweep::runtime
