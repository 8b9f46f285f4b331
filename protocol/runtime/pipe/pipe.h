#pragma once

// LocalMessages between two processes of one host, over a unix stream socket, with at most one file
// descriptor each. On the wire: u32 length (little-endian), u8 number of descriptors (0 or 1), then
// the encoded message; the descriptor travels with the first byte of the header.
//
// A Pipe never reads past the message it is reading, so poll() on fd() is true exactly when there
// is more to do. All calls work on blocking and non-blocking descriptors alike.
//
// Errors: kUnavailable: the deadline passed (receive may be called again, nothing is lost);
// kNotFound: the peer is gone and had said everything; kInvalid: the peer stopped in the middle of
// a message, or sent one that is oversized or does not decode. After kInvalid, or after a send that
// failed, close the pipe: its stream has no boundary any more.

#include <optional>
#include <utility>

#include "protocol/base/time.h"
#include "protocol/base/unique_fd.h"
#include "protocol/model/local.h"

namespace fleetsweep::runtime {

class Pipe {
 public:
  struct Received {
    model::LocalMessage message;
    UniqueFd fd;  // empty unless the peer passed one; close-on-exec
  };

  // Takes the descriptor.
  explicit Pipe(UniqueFd socket) : socket_(std::move(socket)) {}
  Pipe(Pipe&&) noexcept = default;
  Pipe& operator=(Pipe&&) noexcept = default;

  // Two connected ends, both close-on-exec.
  static Result<std::pair<Pipe, Pipe>> pair();

  int fd() const { return socket_.get(); }
  // Gives the descriptor away, for a child; the Pipe is of no use afterwards.
  UniqueFd release() { return std::move(socket_); }

  // Passes a duplicate of `fd` if it is not -1; the caller keeps its own.
  Status send(const model::LocalMessage& message, int fd = -1,
              Duration timeout = std::chrono::seconds(30));
  Result<Received> receive(Duration timeout);
  // What is there now, without waiting; nothing while a message is incomplete.
  Result<std::optional<Received>> try_receive();

 private:
  Status fill(std::size_t size, bool& complete);

  UniqueFd socket_;
  Bytes buffer_;     // the message that is being read, its header included
  UniqueFd passed_;  // the descriptor that came with it
  bool closed_ = false;
};

}  // namespace fleetsweep::runtime
