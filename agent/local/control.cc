#include "agent/local/control.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "protocol/runtime/pipe/pipe.h"

namespace fleetsweep::agent {

Result<model::LocalReply> command(const std::string& state, const model::LocalCommand& command,
                                  Duration wait_max) {
  const std::string path = state + "/control.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Code::kInvalid, "{}: the path is too long for a socket", path);
  std::copy(path.begin(), path.end(), address.sun_path);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EACCES)
      return fail(Code::kInvalid, "{}: only root and the agent's own user may command it", path);
    return fail(Code::kUnavailable, "no agent is running with state {} ({}: {})", state, path,
                std::strerror(errno));
  }
  runtime::Pipe pipe(std::move(fd));
  FS_CHECK(pipe.send(command));
  auto answer = pipe.receive(wait_max);
  if (!answer && answer.error().code == Code::kNotFound)
    return fail(Code::kInvalid, "the agent hung up: only root and its own user may command it");
  if (!answer) return fail(answer.error());
  const auto* reply = std::get_if<model::LocalReply>(&answer->message);
  if (!reply) return fail(Code::kInternal, "the agent answered something else");
  return *reply;
}

}  // namespace fleetsweep::agent
