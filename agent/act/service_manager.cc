#include "agent/act/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <map>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::act {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";

struct Unref {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
  void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};
using Message = std::unique_ptr<sd_bus_message, Unref>;

struct BusError {
  BusError() = default;
  BusError(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error); }
  sd_bus_error error = SD_BUS_ERROR_NULL;
};

std::uint64_t left_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<microseconds>(deadline - Clock::now()).count();
  return left > 0 ? static_cast<std::uint64_t>(left) : 0;
}

tl::unexpected<Refusal> refuse_bus(const std::string& doing, int error, const char* words) {
  const Reason reason = error == -ETIMEDOUT                   ? Reason::kTimeout
                        : error == -EACCES || error == -EPERM ? Reason::kPermission
                                                              : Reason::kIo;
  return refuse(reason, "systemd: {}: {}", doing, words != nullptr ? words : std::strerror(-error));
}

// Takes what has come, or waits for more; kTimeout at the deadline.
Checked<void> turn(sd_bus* bus, const std::string& doing, Clock::time_point deadline) {
  // First: what keeps talking is no answer.
  const auto left = left_until(deadline);
  if (left == 0) return refuse_bus(doing, -ETIMEDOUT, "no answer");
  int done = sd_bus_process(bus, nullptr);
  if (done == 0) done = sd_bus_wait(bus, left);
  if (done < 0 && done != -EINTR) return refuse_bus(doing, done, nullptr);
  return {};
}

// One question, one answer; signals that come meanwhile are kept for turn().
Checked<Message> call(sd_bus* bus, const std::string& doing, Message question,
                      Clock::time_point deadline) {
  BusError error;
  sd_bus_message* answer = nullptr;
  const int code = sd_bus_call(
      bus, question.get(), std::max<std::uint64_t>(left_until(deadline), 1), &error.error, &answer);
  if (code < 0) return refuse_bus(doing, code, error.error.message);
  return Message(answer);
}

Checked<Message> question(sd_bus* bus, const char* method) {
  sd_bus_message* made = nullptr;
  const int code = sd_bus_message_new_method_call(bus, &made, "org.freedesktop.systemd1", kPath,
                                                  kInterface, method);
  if (code < 0) return refuse_bus(method, code, nullptr);
  return Message(made);
}

// Jobs of one unit that have ended since we listen, with systemd's word for how.
struct Ended {
  std::string unit;
  std::map<std::string, std::string> results;
};

int on_job_removed(sd_bus_message* message, void* data, sd_bus_error*) {
  auto& ended = *static_cast<Ended*>(data);
  std::uint32_t id = 0;
  const char *job = nullptr, *unit = nullptr, *result = nullptr;
  if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0 && ended.unit == unit)
    ended.results[job] = result;
  return 0;
}

// Somebody who can answer for this host: root, and of our own process numbers.
bool is_of_this_host(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0 &&
         peer.pid > 0;
}

}  // namespace

void ServiceManager::Close::operator()(sd_bus* bus) const {
  sd_bus_close_unref(bus);
}

Checked<ServiceManager> ServiceManager::open(const std::string& socket,
                                             std::chrono::milliseconds greeting) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path)
    return refuse(Reason::kCapability, "the path of systemd's socket is too long");
  std::memcpy(address.sun_path, socket.data(), socket.size());
  UniqueFd line(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!line ||
      ::connect(line.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno == ENOENT || errno == ECONNREFUSED
               ? refuse(Reason::kCapability, "no systemd runs this host")
               : refuse(Reason::kCapability, "its systemd cannot be reached: {}",
                        std::strerror(errno));
  if (!is_of_this_host(line.get()))
    return refuse(Reason::kCapability, "the systemd that answers here is not this host's");

  sd_bus* made = nullptr;
  int code = sd_bus_new(&made);
  if (code < 0) return refuse_bus("begin", code, nullptr);
  std::unique_ptr<sd_bus, Close> bus(made);
  code = sd_bus_set_fd(bus.get(), line.get(), line.get());
  if (code >= 0) (void)line.release();  // the bus's own now
  if (code >= 0) code = sd_bus_start(bus.get());
  const auto deadline = Clock::now() + greeting;
  while (code >= 0 && (code = sd_bus_is_ready(bus.get())) == 0)
    if (const auto turned = turn(bus.get(), "greet", deadline); !turned)
      return refuse(Reason::kCapability, "its systemd does not answer: {}", turned.error().detail);
  if (code < 0)
    return refuse(Reason::kCapability, "its systemd does not answer: {}", std::strerror(-code));
  return ServiceManager(std::move(bus));
}

Checked<void> ServiceManager::reload() {
  FS_TRY(Message asked, question(bus_.get(), "Reload"));
  FS_CHECK(call(bus_.get(), "read the units anew", std::move(asked),
                Clock::now() + limits::kServicesReloadWait));
  return {};
}

Checked<void> ServiceManager::restart(const std::string& unit, std::chrono::milliseconds wait) {
  const std::string doing = "restart " + unit;
  const auto deadline = Clock::now() + wait;
  // Before the question: a short job may have ended before its answer is read.
  Ended ended{unit, {}};
  sd_bus_slot* listening = nullptr;
  if (const int code = sd_bus_match_signal(bus_.get(), &listening, nullptr, kPath, kInterface,
                                           "JobRemoved", on_job_removed, &ended);
      code < 0)
    return refuse_bus(doing, code, nullptr);
  const std::unique_ptr<sd_bus_slot, Unref> slot(listening);

  FS_TRY(Message asked, question(bus_.get(), "TryRestartUnit"));
  if (const int code = sd_bus_message_append(asked.get(), "ss", unit.c_str(), "replace"); code < 0)
    return refuse_bus(doing, code, nullptr);
  FS_TRY(const Message answer, call(bus_.get(), doing, std::move(asked), deadline));
  const char* job = nullptr;
  if (const int code = sd_bus_message_read(answer.get(), "o", &job); code < 0)
    return refuse_bus(doing, code, nullptr);
  while (!ended.results.contains(job)) FS_CHECK(turn(bus_.get(), doing, deadline));
  const std::string& result = ended.results[job];
  if (result == "done") return {};
  return refuse(result == "timeout" ? Reason::kTimeout : Reason::kIo,
                "systemd: {}: {}; systemctl status {} says why", doing, result, unit);
}

}  // namespace fleetsweep::act
