#include "agent/monitor/monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/monitor/core_state.h"
#include "protocol/base/assert.h"
#include "protocol/crypto/seal.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/loop/idle_memory.h"

namespace fleetsweep::monitor {

namespace {

constexpr std::size_t kMacKeyBytes = 32;
constexpr int kPipeFd = 3;
constexpr int kKeyFd = 4;
constexpr Duration kSendMax = std::chrono::seconds(5);
// A core that lived so long has recovered: the next death starts a new back-off.
constexpr Duration kHealthyAfter = std::chrono::seconds(60);
constexpr Duration kTrimAfter = std::chrono::seconds(2);
constexpr Duration kPurgeEvery = std::chrono::hours(24);
constexpr Duration kStopMax = std::chrono::seconds(30);

std::string json_error(std::string_view message) {
  std::string text = "{\"error\": \"";
  for (const char c : escaped(message)) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"}";
}

Result<UniqueFd> listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Code::kInvalid, "{}: a socket's path has at most {} bytes", path,
                sizeof address.sun_path - 1);
  std::copy(path.begin(), path.end(), address.sun_path);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail(files::system_error(errno, "listen at " + path));
  // The state lock is ours, so a socket that lies here is a dead agent's.
  ::unlink(path.c_str());
  const mode_t old = ::umask(0177);
  const int bound = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  const int error = errno;
  ::umask(old);
  if (bound != 0 || ::listen(fd.get(), 8) != 0)
    return fail(files::system_error(bound != 0 ? error : errno, "listen at " + path));
  return fd;
}

}  // namespace

Result<std::unique_ptr<Monitor>> Monitor::create(Options options, const event_log::EventLog& log) {
  FS_TRY(loop::Signals signals, loop::Signals::block(true));
  std::unique_ptr<Monitor> monitor(new Monitor(std::move(options), log, std::move(signals)));
  FS_CHECK(monitor->prepare());
  return monitor;
}

Monitor::~Monitor() {
  if (control_) ::unlink((options_.state + "/control.sock").c_str());
}

Status Monitor::prepare() {
  const std::string act = options_.state + "/act";
  FS_CHECK(files::make_private_directory(act));
  FS_CHECK(files::make_private_directory(options_.state + "/scan"));
  if (::geteuid() == 0)
    FS_CHECK(give_to_core(options_.state, options_.core_user.value_or(runtime::User{})));
  else
    FS_CHECK(files::make_private_directory(options_.state + "/core"));
  const std::string key = act + "/mac.key";
  auto kept = files::read_file(key, kMacKeyBytes);
  if (!kept && kept.error().code == Code::kNotFound) {
    mac_key_.resize(kMacKeyBytes);
    crypto::random_bytes(mac_key_);
    FS_CHECK(files::write_new_file(key, mac_key_));
  } else if (!kept || kept->size() != kMacKeyBytes) {
    return fail(kept ? Error{Code::kInvalid, "expected 32 bytes"}.within(key) : kept.error());
  } else {
    mac_key_ = std::move(*kept);
  }
  folder_ = UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!folder_ || ::inotify_add_watch(folder_.get(), options_.state.c_str(),
                                      IN_CREATE | IN_DELETE | IN_MOVE) < 0)
    return fail(files::system_error(errno, "watch " + options_.state));
  phase_.halted = is_halted();
  FS_TRY(control_, listen_at(options_.state + "/control.sock"));
  restart_wait_ = options_.restart_min;
  return {};
}

Status Monitor::run() {
  loop_.watch(signals_.fd(), [this](Instant) {
    while (const auto number = signals_.next())
      if (*number == SIGCHLD)
        reap();
      else
        begin_stop();
  });
  loop_.watch(control_.get(), [this](Instant) { on_control(); });
  loop_.watch(folder_.get(), [this](Instant) { follow_halt_file(); });
  start_core();
  purge_vault();
  loop::trim_when_idle(loop_, kTrimAfter);
  return loop_.run();
}

// Core.

void Monitor::start_core() {
  if (phase_.stopping) return;
  core_since_ = loop::uptime_now();
  auto ends = runtime::Pipe::pair();
  if (!ends) return on_core_not_started(ends.error());
  Launch request;
  request.arguments = options_.core;
  request.arguments.insert(request.arguments.end(), {"--core-fd", std::to_string(kPipeFd)});
  request.fds = {{ends->second.fd(), kPipeFd}};
  request.user = options_.core_user;
  request.death_signal = SIGKILL;
  const auto pid = launch(request);
  if (!pid) return on_core_not_started(pid.error());
  core_pid_ = *pid;
  core_pipe_.emplace(std::move(ends->first));
  core_watch_ = loop_.watch(core_pipe_->fd(), [this](Instant) { on_core_message(); });
  log_.info("core_started", {{"pid", core_pid_}});
  to_core(model::LocalCommand{phase_.halted ? "halt" : "resume", ""});
}

void Monitor::to_core(const model::LocalMessage& message, int fd) {
  if (!core_pipe_) return;
  if (auto sent = core_pipe_->send(message, fd, kSendMax); !sent) {
    log_.warning("core_does_not_listen", {{"why", sent.error().message}});
    if (core_pid_ > 0) ::kill(core_pid_, SIGKILL);
  }
}

void Monitor::on_core_message() {
  while (core_pipe_) {
    auto received = core_pipe_->try_receive();
    if (!received) {
      // Gone, or talking nonsense: either way this core is of no use any more.
      loop_.unwatch(core_watch_);
      core_pipe_.reset();
      if (core_pid_ > 0 && received.error().code != Code::kNotFound) ::kill(core_pid_, SIGKILL);
      return;
    }
    if (!*received) return;
    const model::LocalMessage& message = (*received)->message;
    if (const auto* start = std::get_if<model::StartChild>(&message)) {
      start_child(start->child);
    } else if (const auto* reply = std::get_if<model::LocalReply>(&message)) {
      if (asked_core_.empty()) continue;
      const ClientId client = asked_core_.front();
      asked_core_.erase(asked_core_.begin());
      answer(client, *reply);
    } else {
      log_.warning("core_asked_for_what_is_not_in_the_table");
    }
  }
}

void Monitor::on_core_not_started(const Error& why) {
  log_.error("core_not_started",
             {{"why", why.message}, {"tried_again_in_ms", restart_wait_.count()}});
  on_core_gone();
}

void Monitor::on_core_gone() {
  core_pid_ = 0;
  if (core_pipe_) loop_.unwatch(core_watch_);
  core_pipe_.reset();
  for (const ClientId client : std::exchange(asked_core_, {}))
    answer(client, {false, json_error("the agent's core has just restarted: try again")});
  scan_wanted_ = act_wanted_ = false;
  if (scan_pid_ > 0) ::kill(scan_pid_, SIGKILL);  // its result has nobody to go to
  if (phase_.stopping) return end_if_done();
  if (loop::uptime_now() - core_since_ > kHealthyAfter) restart_wait_ = options_.restart_min;
  loop_.after(restart_wait_, [this](Instant) { start_core(); });
  restart_wait_ = std::min(restart_wait_ * 2, options_.restart_max);
}

// Scan and act.

Result<std::pair<pid_t, runtime::Pipe>> Monitor::spawn(model::Child child,
                                                       const std::vector<std::string>& more) {
  FS_TRY(auto ends, runtime::Pipe::pair());
  FS_TRY(const UniqueFd key, readable_once(mac_key_));
  Launch request;
  const bool is_scan = child == model::Child::kScan;
  request.arguments = {options_.libexec + (is_scan ? "/fleetsweep-scan" : "/fleetsweep-act"),
                       "--root", options_.root};
  if (!is_scan)
    request.arguments.insert(request.arguments.end(),
                             {"--state", options_.state + "/act", "--vault-quota",
                              std::to_string(options_.vault_quota)});
  if (is_scan)
    request.arguments.insert(
        request.arguments.end(),
        {"--table", options_.state + "/scan/known", "--checkpoint",
         options_.state + "/scan/checkpoint", "--baseline", options_.state + "/baseline",
         "--leave-out", options_.state + "/act/vault"});
  if (is_scan && options_.parser_user)
    request.arguments.insert(request.arguments.end(),
                             {"--parser-user", std::to_string(options_.parser_user->uid)});
  request.arguments.insert(request.arguments.end(), more.begin(), more.end());
  request.fds = {{ends.second.fd(), kPipeFd}, {key.get(), kKeyFd}};
  // A scan is worth nothing without us. act must come to the end of its step, whoever dies.
  request.death_signal = is_scan ? SIGKILL : 0;
  FS_TRY(const pid_t pid, launch(request));
  (is_scan ? scan_pid_ : act_pid_) = pid;
  (is_scan ? phase_.scan_runs : phase_.act_runs) = true;
  return std::pair(pid, std::move(ends.first));
}

void Monitor::start_child(model::Child child) {
  const bool is_scan = child == model::Child::kScan;
  const bool is_running = is_scan ? phase_.scan_runs : phase_.act_runs;
  (is_scan ? scan_wanted_ : act_wanted_) = is_running;
  if (is_running) return;  // started when it is gone
  const Wish wish = is_scan ? Wish::kScan : Wish::kAct;
  model::ChildStarted started{.child = child};
  started.error = refusal(wish, phase_);
  if (!started.error.empty()) return to_core(started);
  auto spawned = spawn(child, {});
  if (!spawned) {
    started.error = spawned.error().message;
    log_.error("child_not_started", {{"why", started.error}});
    return to_core(started);
  }
  started.pid = spawned->first;
  log_.info("child_started", {{"child", name(child)}, {"pid", started.pid}});
  to_core(started, spawned->second.fd());
}

// Act and it wait for each other by the lock of act's state.
void Monitor::purge_vault() {
  loop_.after(kPurgeEvery, [this](Instant) { purge_vault(); });
  if (phase_.stopping || phase_.halted || purge_pid_ > 0) return;
  // Nothing was ever taken.
  if (::access((options_.state + "/act/journal").c_str(), F_OK) != 0) return;
  Launch request;
  request.arguments = {options_.libexec + "/fleetsweep-vault", "purge", "--unattended", "--state",
                       options_.state};
  if (options_.vault_keep)
    request.arguments.insert(request.arguments.end(),
                             {"--keep", fmt::format("{}s", options_.vault_keep->count())});
  request.death_signal = SIGKILL;
  if (const auto pid = launch(request))
    purge_pid_ = *pid;
  else
    log_.error("vault_not_purged", {{"why", pid.error().message}});
}

void Monitor::reap() {
  int status = 0;
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) on_exit(pid, status);
}

void Monitor::on_exit(pid_t pid, int status) {
  if (pid == core_pid_) {
    log_.warning("core_ended", {{"pid", pid}, {"status", status}});
    // What it still said is not lost.
    on_core_message();
    return on_core_gone();
  }
  if (pid == purge_pid_) {
    purge_pid_ = 0;
    if (status != 0) log_.warning("vault_not_purged", {{"status", status}});
    return;
  }
  if (pid == scan_pid_) {
    scan_pid_ = 0;
    phase_.scan_runs = false;
    to_core(model::ChildExited{model::Child::kScan, status});
    if (scan_wanted_) start_child(model::Child::kScan);
    return;
  }
  if (pid == act_pid_) {
    act_pid_ = 0;
    phase_.act_runs = false;
    if (undo_pipe_) {
      on_undo_message();
      if (undo_pipe_) finish_local_undo({false, json_error("the undo ended without an answer")});
    } else {
      to_core(model::ChildExited{model::Child::kAct, status});
    }
    if (act_wanted_) start_child(model::Child::kAct);
    end_if_done();
  }
}

// Stopping: core first. Nobody tells act: it goes on to its end, and we wait for it.

void Monitor::begin_stop() {
  if (phase_.stopping) return;
  phase_.stopping = true;
  log_.info("stopping");
  if (core_pid_ > 0) ::kill(core_pid_, SIGTERM);
  loop_.after(kStopMax, [this](Instant) {
    if (core_pid_ > 0) ::kill(core_pid_, SIGKILL);
  });
  end_if_done();
}

void Monitor::end_if_done() {
  if (phase_.stopping && core_pid_ == 0 && act_pid_ == 0) loop_.stop();
}

}  // namespace fleetsweep::monitor
