#pragma once

// A process that looks at hostile bytes for act: forked before there is a key in memory, without
// any privilege or file of its own, behind the parser's filter. What it is to look at, and to write
// to, comes with a request as descriptors.

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/unique_fd.h"
#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::act {

class Confined {
 public:
  static constexpr std::size_t kMessageBytes = 128 * 1024;
  struct Message {
    Bytes bytes;
    std::vector<UniqueFd> descriptors;
  };

  // Call it before anything secret is read. `answer` is for the new process. kUnavailable: no
  // process, or no sandbox for it.
  static Result<std::unique_ptr<Confined>> start(std::string_view name,
                                                 const runtime::Resources& resources,
                                                 Bytes (*answer)(const Message& request));
  ~Confined();  // ends the process

  // What it answers, hostile too. kUnavailable: it is gone, and stays so.
  Result<Bytes> ask(const Bytes& request, std::span<const int> descriptors) const;

 private:
  Confined(UniqueFd socket, int pid) : socket_(std::move(socket)), pid_(pid) {}
  UniqueFd socket_;
  int pid_;
};

// All of what a descriptor leads to; kInvalid above `most` bytes. Also in the process itself.
Result<Bytes> read_whole(int fd, std::size_t most);

}  // namespace fleetsweep::act
