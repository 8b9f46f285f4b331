#include "agent/local/baseline.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "agent/monitor/child.h"
#include "protocol/base/limits.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::agent {
namespace {

std::string path_of(const std::string& state) {
  return state + "/baseline";
}

// What the scanner says on its standard output; its complaints go where ours do.
Result<std::string> scanned(const BaselineOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(files::system_error(errno, "make a pipe"));
  UniqueFd from(ends[0]), to(ends[1]);
  monitor::Launch request;
  request.arguments = {options.libexec + "/fleetsweep-scan", "--root", options.root,
                       "--list-persistence"};
  request.fds = {{to.get(), STDOUT_FILENO}};
  request.death_signal = SIGKILL;
  FS_TRY(const pid_t pid, monitor::launch(request));
  to.reset();
  std::string text;
  char block[64 * 1024];
  for (ssize_t count = 0; (count = ::read(from.get(), block, sizeof block)) != 0;) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 || text.size() > limits::kBaselineBytes) break;
    text.append(block, static_cast<std::size_t>(count));
  }
  from.reset();
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(Code::kUnavailable,
                "{} could not list what starts by itself beneath {} (its own words stand above)",
                request.arguments[0], options.root);
  return text;
}

}  // namespace

Result<std::string> write_baseline(const BaselineOptions& options) {
  const std::string path = path_of(options.state);
  if (!options.replace && ::access(path.c_str(), F_OK) == 0)
    return fail(Code::kConflict,
                "{} is there already: look at it with `baseline show`; with --replace what starts "
                "by itself now becomes what is meant to",
                path);
  FS_TRY(std::string text, scanned(options));
  FS_CHECK(files::write_file_atomic(path, as_bytes(text)));
  return text;
}

Result<std::string> read_baseline(const std::string& state) {
  auto text = files::read_file(path_of(state), limits::kBaselineBytes);
  if (!text && text.error().code == Code::kNotFound)
    return fail(Code::kNotFound, "{}: no baseline; write it with `fleetsweep-agent baseline write`",
                path_of(state));
  if (!text) return fail(text.error());
  return to_text(*text);
}

}  // namespace fleetsweep::agent
