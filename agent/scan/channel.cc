#include "agent/scan/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include "protocol/runtime/descriptors/descriptors.h"

namespace fleetsweep::scan {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kReadBytes = 64 * 1024;

int milliseconds_until(Clock::time_point deadline, bool for_ever) {
  if (for_ever) return -1;
  const auto left = std::chrono::duration_cast<Duration>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

}  // namespace

Status Channel::take_in() {
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(consumed_));
  consumed_ = 0;
  const std::size_t have = input_.size();
  input_.resize(have + kReadBytes);
  std::vector<UniqueFd> came;
  const ssize_t count =
      runtime::receive_with(socket_.get(), std::span(input_).subspan(have), came, MSG_DONTWAIT);
  const int error = errno;
  input_.resize(have + (count > 0 ? static_cast<std::size_t>(count) : 0));
  if (count < 0 && (error == EAGAIN || error == EINTR)) return {};
  if (count <= 0) {
    closed_ = true;
    return {};
  }
  std::move(came.begin(), came.end(), std::back_inserter(descriptors_));
  return {};
}

std::optional<Bytes> Channel::next_frame() {
  const BytesView rest = BytesView(input_).subspan(consumed_);
  if (rest.size() < kHeaderBytes) return std::nullopt;
  const std::size_t length =
      rest[0] | rest[1] << 8 | rest[2] << 16 | static_cast<std::size_t>(rest[3]) << 24;
  if (rest.size() < kHeaderBytes + length) return std::nullopt;
  Bytes frame = to_bytes(rest.subspan(kHeaderBytes, length));
  consumed_ += kHeaderBytes + length;
  if (consumed_ == input_.size()) {
    input_.clear();
    consumed_ = 0;
  }
  return frame;
}

Status Channel::send(BytesView frame, std::span<const int> descriptors, Duration timeout) {
  const auto deadline = Clock::now() + timeout;
  const std::uint8_t length[kHeaderBytes] = {
      static_cast<std::uint8_t>(frame.size()), static_cast<std::uint8_t>(frame.size() >> 8),
      static_cast<std::uint8_t>(frame.size() >> 16), static_cast<std::uint8_t>(frame.size() >> 24)};
  std::size_t sent = 0;
  const std::size_t total = kHeaderBytes + frame.size();
  while (sent < total) {
    iovec parts[2];
    std::size_t count = 0;
    if (sent < kHeaderBytes)
      parts[count++] = {const_cast<std::uint8_t*>(length) + sent, kHeaderBytes - sent};
    const std::size_t body = sent < kHeaderBytes ? 0 : sent - kHeaderBytes;
    parts[count++] = {const_cast<std::uint8_t*>(frame.data()) + body, frame.size() - body};
    const ssize_t wrote =
        runtime::send_with(socket_.get(), {parts, count},
                           sent == 0 ? descriptors : std::span<const int>(), MSG_DONTWAIT);
    if (wrote >= 0) {
      sent += static_cast<std::size_t>(wrote);
      continue;
    }
    if (errno == EINTR) continue;
    // ETOOMANYREFS: more descriptors under way than allowed; the peer takes them off as it reads.
    if (errno != EAGAIN && errno != ETOOMANYREFS)
      return fail(errno == EPIPE || errno == ECONNRESET ? Code::kNotFound : Code::kInternal,
                  "parser: sendmsg: {}", std::strerror(errno));
    pollfd item{socket_.get(), POLLIN | POLLOUT, 0};
    ::poll(&item, 1, milliseconds_until(deadline, false));
    if (item.revents & POLLIN) FS_CHECK(take_in());
    if (closed_) return fail(Code::kNotFound, "parser: gone");
    if (Clock::now() >= deadline) return fail(Code::kUnavailable, "parser: takes nothing");
  }
  return {};
}

Result<std::optional<Bytes>> Channel::receive(Duration timeout) {
  const auto deadline = Clock::now() + timeout;
  const bool for_ever = timeout.count() < 0;
  while (true) {
    if (auto frame = next_frame()) return frame;
    if (input_.size() - consumed_ > kFrameBytes)
      return fail(Code::kInvalid, "parser: a frame of more than {} bytes", kFrameBytes);
    if (closed_) return fail(Code::kNotFound, "parser: gone");
    pollfd item{socket_.get(), POLLIN, 0};
    const int wait = milliseconds_until(deadline, for_ever);
    const int ready = ::poll(&item, 1, wait);
    if (ready > 0) FS_CHECK(take_in());
    if (ready == 0 && wait >= 0 && Clock::now() >= deadline) return std::nullopt;
  }
}

}  // namespace fleetsweep::scan
