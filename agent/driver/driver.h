#pragma once

// Runs the core against the world: commits its records, then sends and starts, then logs. No
// decision of its own beyond which address to try next.

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "agent/core/core.h"
#include "agent/driver/mirror.h"
#include "agent/driver/store.h"
#include "protocol/runtime/log/event_log.h"
#include "protocol/runtime/loop/loop.h"
#include "protocol/runtime/loop/mailbox.h"
#include "protocol/runtime/loop/worker.h"
#include "protocol/runtime/net/net.h"
#include "protocol/runtime/pipe/pipe.h"
#include "protocol/trust/guard.h"

namespace fleetsweep::agent {

class Driver {
 public:
  // All borrowed, all outlive it, but the pipe to the monitor, which it keeps.
  struct Parts {
    loop::Loop& loop;
    Core& core;
    Store& store;
    trust::Guard& guard;  // the same as core's
    net::AgentSocket& socket;
    const event_log::EventLog& log;
    std::string consent;  // path of consent.conf
    std::vector<std::string> mirrors;
    std::string address;  // of the enrolment; always tried in turn with those of Endpoints
    CurveKey edge;
    BootId boot;
    bool halted = false;
  };
  Driver(Parts parts, runtime::Pipe monitor);

  // Starts what a crash interrupted and connects. Then the loop drives it.
  void start();
  // Why the loop was stopped: an error means that the process must start afresh.
  const Status& outcome() const { return outcome_; }

 private:
  struct Child {
    std::optional<runtime::Pipe> pipe;
    loop::Loop::WatchId watch = 0;
    std::optional<model::LocalMessage> request;  // until it is started
    std::vector<Digest> policies;                // of the answers to come
  };

  Now now() const;
  void run(Effects effects);
  void perform(Action& action);
  void perform(Send& send);
  void perform(SendReceipts& send);
  void perform(StartScan& start);
  void perform(EndScan& end);
  void perform(StartAct& start);
  void perform(RememberStops& remember);
  void perform(AskActToStop& ask);
  void perform(Reconnect& reconnect);
  void perform(MakeTransportKey& make);
  void perform(UseTransport& use);
  void send(const model::Message& message);
  void arm();
  void stop(Error error);

  void watch_socket();
  void unwatch_socket();
  void on_socket();
  void on_socket_event();
  void on_edge_message(const model::Message& message);

  void on_monitor();
  void on_command(const model::LocalCommand& command);
  model::LocalReply reply_to(const model::LocalCommand& command) const;
  model::LocalReply take_stop(BytesView envelope, const std::string& source);
  void ask_for(model::Child kind, model::LocalMessage request);
  void on_started(const model::ChildStarted& started, UniqueFd fd);
  void on_child(model::Child kind);
  void on_scanned(const model::ScanDone& done);
  void lose(model::Child kind, const std::string& why);
  void act_is_free();
  Child& child(model::Child kind) { return kind == model::Child::kScan ? scan_ : act_; }
  void refresh_consent();

  // mirror_watch.cc
  void watch_mirrors();
  void look_into_mirrors();
  void on_mirror_files(std::vector<Mirror::File> files);

  Parts parts_;
  runtime::Pipe monitor_;
  Child scan_;
  Child act_;
  // One act at a time: an order that comes while act remembers Stops waits, and so the other way.
  bool act_remembers_ = false;
  std::optional<StartAct> act_next_;
  bool stop_act_next_ = false;  // as soon as the one that core waits for can hear it
  bool remember_next_ = false;
  std::optional<loop::Loop::TimerId> timer_;
  loop::Loop::WatchId socket_watch_ = 0;
  loop::Loop::WatchId event_watch_ = 0;
  bool is_connected_ = false;
  std::size_t next_address_ = 0;
  unsigned failures_ = 0;  // of the address in use, in a row
  Duration cpu_before_{};
  std::string consent_mark_;  // of the file as it was last read
  bool consent_broken_ = false;
  bool halted_ = false;
  Status outcome_;

  // Folders are read by a thread of their own: a share that hangs does not hang the agent. Only
  // where there is a folder to look into.
  struct MirrorWatch {
    explicit MirrorWatch(std::vector<std::string> folders) : mirror(std::move(folders)) {}
    Mirror mirror;  // the worker's, while `is_looking`
    bool is_looking = false;
    loop::Mailbox<std::vector<Mirror::File>> found{1};
    loop::WorkerPool worker{"mirror", 1, 1};
  };
  std::unique_ptr<MirrorWatch> mirrors_;
};

// DIR/consent.conf; without the file everything the quorum allows.
Result<trust::Consent> read_consent(const std::string& path);

}  // namespace fleetsweep::agent
