#include "tests/agent/act/real_scan.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/no_pressure.h"

namespace fleetsweep::act {

model::ScanDone real_scan(const ActHost& host, const model::Policy& policy) {
  model::ScanDone done;
  done.reason = model::Reason::kInternal;
  auto pair = runtime::Pipe::pair();
  int key[2];
  EXPECT_TRUE(pair && ::pipe2(key, O_CLOEXEC) == 0);
  EXPECT_EQ(::write(key[1], host.mac_key.data(), host.mac_key.size()),
            static_cast<ssize_t>(host.mac_key.size()));
  const pid_t pid = ::fork();
  if (pid == 0) {
    const int pipe_end = ::fcntl(pair->second.fd(), F_DUPFD, 10);
    const int key_end = ::fcntl(key[0], F_DUPFD, 10);
    ::dup2(pipe_end, 3);
    ::dup2(key_end, 4);
    ::execl(FS_BINARY_DIR "/fleetsweep-scan", "fleetsweep-scan", "--root", host.root().c_str(),
            nullptr);
    ::_exit(127);
  }
  ::close(key[0]);
  ::close(key[1]);
  (void)runtime::Pipe(std::move(pair->second));
  model::ScanRequest request;
  request.policy = fixture::policy_bytes(policy);
  request.facts = {
      .os = std::string(name(policy.platform)), .os_version = "6.3", .kernel = "6.1.0"};
  EXPECT_TRUE(pair->first.send(request));
  while (auto received = pair->first.receive(std::chrono::seconds(120)))
    if (auto* answer = std::get_if<model::ScanDone>(&received->message)) {
      done = std::move(*answer);
      break;
    }
  EXPECT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(done.reason, model::Reason::kNone) << done.detail;
  return done;
}

}  // namespace fleetsweep::act
