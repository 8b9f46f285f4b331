#pragma once

// The agent's parent: starts core, scan and act, hands them their ends of socketpairs, and speaks
// with the owner of the host. No network, no parsing of anything but its own small messages. It
// never interrupts act in mid-step.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/monitor/child.h"
#include "agent/monitor/permits.h"
#include "protocol/base/limits.h"
#include "protocol/runtime/log/event_log.h"
#include "protocol/runtime/loop/loop.h"
#include "protocol/runtime/loop/signals.h"
#include "protocol/runtime/pipe/pipe.h"

namespace fleetsweep::monitor {

struct Options {
  std::string state;              // DIR
  std::string root = "/";         // what scan and act see as the host
  std::string libexec;            // where fleetsweep-scan and fleetsweep-act are
  std::vector<std::string> core;  // command line of core; --core-fd 3 is appended
  std::optional<runtime::User>
      core_user;  // as root only; without: core stays root, without a capability
  std::optional<runtime::User> parser_user;
  Duration restart_min = std::chrono::seconds(1);  // back-off of a core that dies
  Duration restart_max = std::chrono::seconds(60);
  // Once a day what the vault has kept for so long, and as long as its policy says, is purged.
  std::optional<Seconds> vault_keep;
  std::uint64_t vault_quota = limits::kVaultBytes;
};

class Monitor {
 public:
  // Makes act/ and its MAC key once, listens on control.sock, puts core's files into its hands.
  static Result<std::unique_ptr<Monitor>> create(Options options, const event_log::EventLog& log);
  ~Monitor();

  // Until SIGTERM or SIGINT; returns when core is gone and act has come to its end.
  Status run();

 private:
  struct Client {
    runtime::Pipe pipe;
    loop::Loop::WatchId watch = 0;
    bool waits_for_core = false;
    bool waits_for_undo = false;
  };
  using ClientId = std::uint64_t;

  Monitor(Options options, const event_log::EventLog& log, loop::Signals signals)
      : options_(std::move(options)), log_(log), signals_(std::move(signals)) {}
  Status prepare();

  void start_core();
  void on_core_message();
  void on_core_not_started(const Error& why);
  void on_core_gone();
  void start_child(model::Child child);
  Result<std::pair<pid_t, runtime::Pipe>> spawn(model::Child child,
                                                const std::vector<std::string>& more);
  void reap();
  void on_exit(pid_t pid, int status);
  void to_core(const model::LocalMessage& message, int fd = -1);

  void on_control();
  void on_client(ClientId id);
  void answer(ClientId id, const model::LocalReply& reply);
  void drop_client(ClientId id);
  void set_halted(ClientId id, bool halted);
  void follow_halt_file();
  bool is_halted() const;  // by the file
  void ask_core(ClientId id, const model::LocalCommand& command);
  void start_local_undo(ClientId id, const std::string& order);
  void on_undo_message();
  void finish_local_undo(const model::LocalReply& reply);

  void purge_vault();

  void begin_stop();
  void end_if_done();

  Options options_;
  const event_log::EventLog& log_;
  loop::Signals signals_;
  loop::Loop loop_;
  Bytes mac_key_;
  UniqueFd control_;
  UniqueFd folder_;  // inotify: names that come and go in the state folder
  Phase phase_;

  std::optional<runtime::Pipe> core_pipe_;
  loop::Loop::WatchId core_watch_ = 0;
  pid_t core_pid_ = 0;
  loop::Uptime core_since_{};
  Duration restart_wait_{};
  pid_t scan_pid_ = 0;
  pid_t act_pid_ = 0;
  pid_t purge_pid_ = 0;
  // Core asked while the one before, which has answered, was not gone yet.
  bool scan_wanted_ = false;
  bool act_wanted_ = false;

  std::map<ClientId, Client> clients_;
  ClientId last_client_ = 0;
  std::vector<ClientId> asked_core_;  // in the order in which core will answer

  std::optional<runtime::Pipe> undo_pipe_;
  loop::Loop::WatchId undo_watch_ = 0;
  ClientId undo_client_ = 0;
};

// The answer to `undo`.
model::LocalReply undo_reply(const model::ActDone& done);

}  // namespace fleetsweep::monitor
