#pragma once

// Between walker and parser: framed bytes over a unix stream socket, with descriptors. The walker
// does not trust what comes back: frames are bounded and every field is read with bounds.

#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::scan {

class Writer {
 public:
  void number(std::uint64_t value) {
    // One host, one byte order.
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    bytes_.append(bytes, sizeof value);
  }
  void small(std::uint8_t value) { bytes_ += static_cast<char>(value); }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  BytesView bytes() const { return as_bytes(bytes_); }

 private:
  std::string bytes_;
};

// After a read beyond the end everything is empty and is_bad() stays true.
class Reader {
 public:
  explicit Reader(BytesView bytes) : bytes_(bytes) {}
  std::uint64_t number() {
    if (!has(8)) return 0;
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(8);
    return value;
  }
  std::uint8_t small() {
    if (!has(1)) return 0;
    const std::uint8_t value = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return value;
  }
  std::string text() {
    const std::uint64_t size = number();
    if (!has(size)) return {};
    std::string value = to_text(bytes_.first(size));
    bytes_ = bytes_.subspan(size);
    return value;
  }
  void spoil() { bad_ = true; }
  bool is_bad() const { return bad_; }
  bool is_done() const { return !bad_ && bytes_.empty(); }

 private:
  bool has(std::uint64_t size) {
    if (bad_ || size > bytes_.size()) bad_ = true;
    return !bad_;
  }
  BytesView bytes_;
  bool bad_ = false;
};

class Channel {
 public:
  static constexpr std::size_t kFrameBytes = 8 * 1024 * 1024;

  explicit Channel(UniqueFd socket) : socket_(std::move(socket)) {}
  int fd() const { return socket_.get(); }

  // Takes in what the peer sends meanwhile, so that two full pipes cannot wait for each other.
  // kUnavailable: the peer took nothing in time; kNotFound: it is gone.
  Status send(BytesView frame, std::span<const int> descriptors, Duration timeout);
  // kNotFound: the peer is gone; kInvalid: a frame over the limit; nothing: not in time. A negative
  // timeout waits for ever.
  Result<std::optional<Bytes>> receive(Duration timeout);
  // Descriptors that came along, in order.
  std::deque<UniqueFd>& descriptors() { return descriptors_; }

 private:
  Status take_in();
  std::optional<Bytes> next_frame();

  UniqueFd socket_;
  Bytes input_;
  std::size_t consumed_ = 0;
  std::deque<UniqueFd> descriptors_;
  bool closed_ = false;
};

}  // namespace fleetsweep::scan
