#include "agent/local/offline_undo.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "agent/monitor/child.h"
#include "agent/monitor/monitor.h"
#include "protocol/crypto/seal.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/pipe/pipe.h"

namespace fleetsweep::agent {
namespace {

constexpr std::size_t kActKeyBytes = 32;
constexpr Duration kOfflineUndoMax = std::chrono::minutes(30);

struct StartedAct {
  pid_t pid = 0;
  runtime::Pipe pipe;
};

// Nothing kills it: it comes to the end of its step, whoever dies.
Result<StartedAct> start_act(const OfflineUndo& undo) {
  FS_TRY(auto ends, runtime::Pipe::pair());
  Bytes unused(kActKeyBytes);  // an undo believes no scan's findings: any key will do
  crypto::random_bytes(unused);
  FS_TRY(const UniqueFd key, monitor::readable_once(unused));
  monitor::Launch request;
  request.arguments = {undo.libexec + "/fleetsweep-act",
                       "--root",
                       undo.root,
                       "--state",
                       undo.state + "/act",
                       "--local-undo",
                       undo.order};
  request.fds = {{ends.second.fd(), 3}, {key.get(), 4}};
  FS_TRY(const pid_t pid, monitor::launch(request));
  return StartedAct{pid, std::move(ends.first)};
}

Result<model::ActDone> await_act(runtime::Pipe& pipe) {
  while (true) {
    const auto received = pipe.receive(kOfflineUndoMax);
    if (!received && received.error().code == Code::kUnavailable)
      return fail(Code::kUnavailable, "the undo is still at work: ask for it again, it goes on");
    if (!received)
      return fail(Code::kUnavailable,
                  "the undo ended without an answer (its own words stand above): ask for it again, "
                  "it goes on");
    if (const auto* done = std::get_if<model::ActDone>(&received->message)) return *done;
  }
}

}  // namespace

Result<model::LocalReply> undo_offline(const OfflineUndo& undo) {
  const std::string journal = undo.state + "/act/journal";
  if (::access(journal.c_str(), F_OK) != 0) {
    if (errno != ENOENT) return fail(files::system_error(errno, "look for " + journal));
    return fail(Code::kNotFound, "{}: no order was carried out with this state; give --state DIR",
                journal);
  }
  const auto lock = files::StateLock::acquire(undo.state, "fleetsweep-agent");
  if (!lock && lock.error().code == Code::kConflict)
    return fail(Code::kConflict, "{}: leave out --offline", lock.error().message);
  if (!lock) return fail(lock.error());
  FS_TRY(StartedAct act, start_act(undo));
  FS_TRY(const model::ActDone done, await_act(act.pipe));
  while (::waitpid(act.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return monitor::undo_reply(done);
}

}  // namespace fleetsweep::agent
