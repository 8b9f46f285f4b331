#include <sys/random.h>
#include <zmq.h>

#include <cerrno>
#include <cstdlib>

#include "protocol/base/assert.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/net/net.h"

namespace fleetsweep::net {

Result<std::unique_ptr<Context>> Context::create(const Options& options) {
  void* raw = zmq_ctx_new();
  if (!raw) return fail(Code::kInternal, "zeromq: context: {}", zmq_strerror(errno));
  std::unique_ptr<Context> context(new Context(raw));
  zmq_ctx_set(raw, ZMQ_IO_THREADS, options.io_threads);
  if (options.sockets_max > 0 && zmq_ctx_set(raw, ZMQ_MAX_SOCKETS, options.sockets_max) != 0)
    return fail(Code::kInvalid, "zeromq: {} sockets: {}", options.sockets_max, zmq_strerror(errno));
  zmq_ctx_set(raw, ZMQ_BLOCKY, 0);

  // The first socket starts the library, which seeds the C generator from the time of day; return
  // addresses of peers come from there and would be predictable. So: start it, then seed again.
  void* first = zmq_socket(raw, ZMQ_PAIR);
  if (!first) return fail(Code::kUnavailable, "zeromq: first socket: {}", zmq_strerror(errno));
  zmq_close(first);
  unsigned seed = 0;
  FS_ASSERT(::getrandom(&seed, sizeof seed, 0) == sizeof seed);
  ::srand(seed);
  return context;
}

Context::~Context() {
  while (zmq_ctx_term(raw_) != 0 && errno == EINTR) {
  }
}

Status check_descriptors(std::size_t peers) {
  // A connection is one descriptor; the rest is for files, the log, the API.
  const auto enough =
      files::check_descriptors(peers + 256, fmt::format("{} connections need", peers));
  if (!enough) return fail(enough.error().code, "{} or serve fewer agents", enough.error().message);
  return {};
}

}  // namespace fleetsweep::net
