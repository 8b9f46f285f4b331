// The owner's side of the monitor: control.sock.

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/monitor/monitor.h"
#include "agent/report/undo.h"
#include "protocol/base/limits.h"
#include "protocol/base/names.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::monitor {

namespace {

constexpr std::size_t kClients = 16;
constexpr std::uint64_t kNobody = 0;  // no client has this number
constexpr Duration kSendMax = std::chrono::seconds(2);

// Root, or who runs this agent.
bool is_owner(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::getuid();
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : escaped(text)) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + '"';
}

model::LocalReply refused(std::string_view why) {
  return {false, "{\"error\": " + json_string(why) + "}"};
}

bool is_order_id(const std::string& text) {
  return DocumentId::parse_hex(text).has_value();
}

}  // namespace

// Of what is not back as much as the answer has room for; the receipt has more.
model::LocalReply undo_reply(const model::ActDone& done) {
  const auto left = agent::not_put_back(done);
  std::string json = fmt::format(
      R"({{"state": "{}", "reason": "{}", "acted": {}, "left": {}, "says": {}, "not_put_back": [)",
      name(done.state), name(done.reason), done.acted, left.size(),
      json_string(agent::undo_text(done)));
  std::string_view separator = "";
  for (const agent::NotPutBack& one : left) {
    const std::string object =
        fmt::format(R"({}{{"path": {}, "reason": "{}", "why": {}}})", separator,
                    json_string(one.path), name(one.reason), json_string(one.why));
    if (json.size() + object.size() > limits::kLocalReplyBytes - 2) break;
    json += object;
    separator = ", ";
  }
  return {done.state == model::HostState::kUndone, json + "]}"};
}

void Monitor::on_control() {
  UniqueFd fd(::accept4(control_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  if (!is_owner(fd.get()) || clients_.size() >= kClients) {
    log_.warning("control_refused");
    return;
  }
  const ClientId id = ++last_client_;
  const auto [client, added] = clients_.emplace(id, Client{runtime::Pipe(std::move(fd))});
  client->second.watch =
      loop_.watch(client->second.pipe.fd(), [this, id](Instant) { on_client(id); });
}

void Monitor::drop_client(ClientId id) {
  const auto client = clients_.find(id);
  if (client == clients_.end()) return;
  loop_.unwatch(client->second.watch);
  clients_.erase(client);
}

void Monitor::answer(ClientId id, const model::LocalReply& reply) {
  const auto client = clients_.find(id);
  if (client == clients_.end()) return;
  static_cast<void>(client->second.pipe.send(reply, -1, kSendMax));
  drop_client(id);
}

void Monitor::on_client(ClientId id) {
  Client& client = clients_.at(id);
  auto received = client.pipe.try_receive();
  if (!received) return drop_client(id);
  if (!*received) return;
  const auto* command = std::get_if<model::LocalCommand>(&(*received)->message);
  if (!command || client.waits_for_core || client.waits_for_undo) return drop_client(id);
  log_.info("control", {{"verb", command->verb}});
  if (command->verb == "halt" || command->verb == "resume")
    return set_halted(id, command->verb == "halt");
  if (command->verb == "undo") return start_local_undo(id, command->argument);
  if (command->verb != "status" && command->verb != "why" && command->verb != "rekey" &&
      command->verb != "stop")
    return answer(id, refused("unknown command"));
  if (!core_pipe_)
    return answer(
        id,
        refused(
            "the agent's core is restarting: try again; if it stays so, the agent's log says why"));
  ask_core(id, *command);
}

void Monitor::ask_core(ClientId id, const model::LocalCommand& command) {
  clients_.at(id).waits_for_core = true;
  asked_core_.push_back(id);
  to_core(command);
}

// Where nobody can say whether it is there, it is.
bool Monitor::is_halted() const {
  struct stat status {};
  return ::lstat((options_.state + "/halt").c_str(), &status) == 0 || errno != ENOENT;
}

// The file is what counts: it holds after a restart, and the owner may make it by hand, while we
// run too.
void Monitor::follow_halt_file() {
  char events[4096];
  while (::read(folder_.get(), events, sizeof events) > 0) {
  }
  const bool halted = is_halted();
  if (halted == phase_.halted) return;
  phase_.halted = halted;
  log_.warning(halted ? "halted" : "resumed", {{"by", "file"}});
  if (!core_pipe_) return;
  asked_core_.push_back(kNobody);
  to_core(model::LocalCommand{halted ? "halt" : "resume", ""});
}

void Monitor::set_halted(ClientId id, bool halted) {
  const std::string path = options_.state + "/halt";
  struct stat status {};
  if (halted && ::lstat(path.c_str(), &status) != 0) {
    if (auto written = files::write_file_atomic(path, {}); !written)
      return answer(id, refused(written.error().message));
  } else if (!halted && ::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return answer(id, refused(files::system_error(errno, "remove " + path).message));
  }
  phase_.halted = halted;
  log_.warning(halted ? "halted" : "resumed");
  // Answered when core knows it too: what the owner sees done is done.
  if (core_pipe_) return ask_core(id, {halted ? "halt" : "resume", ""});
  answer(id, {true, halted ? "{\"halted\": true}" : "{\"halted\": false}"});
}

// Allowed while halted: it only puts back.
void Monitor::start_local_undo(ClientId id, const std::string& order) {
  if (!is_order_id(order)) return answer(id, refused("expected an order id of 64 hex digits"));
  if (const std::string why = refusal(Wish::kLocalUndo, phase_); !why.empty())
    return answer(id, refused(why));
  auto spawned = spawn(model::Child::kAct, {"--local-undo", order});
  if (!spawned) return answer(id, refused(spawned.error().message));
  log_.warning("local_undo", {{"order", order}, {"pid", spawned->first}});
  clients_.at(id).waits_for_undo = true;
  undo_client_ = id;
  undo_pipe_.emplace(std::move(spawned->second));
  undo_watch_ = loop_.watch(undo_pipe_->fd(), [this](Instant) { on_undo_message(); });
}

void Monitor::on_undo_message() {
  while (undo_pipe_) {
    auto received = undo_pipe_->try_receive();
    if (!received) {
      // The answer, if there was one, came before; on_exit() tells the client otherwise.
      loop_.unwatch(undo_watch_);
      return;
    }
    if (!*received) return;
    const auto* done = std::get_if<model::ActDone>(&(*received)->message);
    if (!done) continue;  // steps: the journal and the log have them
    model::ActDone carried = *done;
    carried.local = true;
    to_core(carried);
    finish_local_undo(undo_reply(*done));
  }
}

void Monitor::finish_local_undo(const model::LocalReply& reply) {
  loop_.unwatch(undo_watch_);
  undo_pipe_.reset();
  answer(undo_client_, reply);
}

}  // namespace fleetsweep::monitor
