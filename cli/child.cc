#include "cli/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::cli {

Result<Output> run(std::vector<std::string> words) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fail(Code::kUnavailable, "no pipe: {}", std::strerror(errno));
  UniqueFd from(ends[0]), to(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error =
      posix_spawnp(&child, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  to = UniqueFd();
  if (error != 0)
    return fail(Code::kUnavailable, "cannot start {}: {}", words[0], std::strerror(error));
  Output output;
  char buffer[64 * 1024];
  for (ssize_t count; (count = read(from.get(), buffer, sizeof buffer)) != 0;) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) break;
    output.text.append(buffer, static_cast<std::size_t>(count));
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status))
    return fail(Code::kInternal, "{} died of signal {}", words[0], WTERMSIG(status));
  output.exit_code = WEXITSTATUS(status);
  return output;
}

}  // namespace fleetsweep::cli
