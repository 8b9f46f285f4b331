#pragma once

// sendmsg() and recvmsg() over a unix socket, with descriptors beside the bytes. Both return, and
// set errno, as those do, and raise no SIGPIPE.

#include <sys/types.h>
#include <sys/uio.h>

#include <span>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/unique_fd.h"

namespace fleetsweep::runtime {

inline constexpr std::size_t kDescriptorsSent = 64;  // with one call

// The receiver gets duplicates of `descriptors` with the first byte of `parts`.
ssize_t send_with(int socket, std::span<const iovec> parts, std::span<const int> descriptors,
                  int flags = 0);
// Those that came are put behind `descriptors`; they are close-on-exec.
ssize_t receive_with(int socket, std::span<std::uint8_t> bytes, std::vector<UniqueFd>& descriptors,
                     int flags = 0);

}  // namespace fleetsweep::runtime
