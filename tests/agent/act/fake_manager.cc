#include "tests/agent/act/fake_manager.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "protocol/base/unique_fd.h"

namespace fleetsweep::act {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kInterface = "org.freedesktop.systemd1.Manager";
constexpr const char* kJob = "/org/freedesktop/systemd1/job/41";

constexpr const char *kCalls = "+", *kHangsUp = "-";  // in the log, beside what is asked

// In the process of the manager.
struct Manager {
  FakeManager::How how;
  std::vector<pid_t> processes;
  int log = -1;

  void note(const std::string& asked) const {
    const std::string line = asked + "\n";
    if (::write(log, line.data(), line.size()) < 0) ::_exit(3);
  }
};

// A signal as it is on the wire: nobody who makes each anew outruns a reader.
std::string a_signal() {
  const auto number = [](std::size_t value) {
    const auto number = static_cast<std::uint32_t>(value);
    return std::string(reinterpret_cast<const char*>(&number), sizeof number);
  };
  std::string fields;
  const auto add = [&](char code, char type, const std::string& value) {
    fields.resize((fields.size() + 7) / 8 * 8);
    fields += {code, 1, type, 0};
    fields += number(value.size()) + value + std::string(1, 0);
  };
  add(1, 'o', kPath);
  add(2, 's', kInterface);
  add(3, 's', "UnitFilesChanged");
  std::string text = "l\4\1\1" + number(0) + number(1) + number(fields.size()) + fields;
  text.resize((text.size() + 7) / 8 * 8);
  return text;
}

// So many that the reader is at it for longer than any test waits; or until it hangs up.
void flood(int line) {
  constexpr int kTimes = 2000, kInOne = 1000;
  std::string many;
  for (int i = 0; i < kInOne; ++i) many += a_signal();
  ::fcntl(line, F_SETFL, ::fcntl(line, F_GETFL) & ~O_NONBLOCK);
  const int room = 16 << 20;  // the reader never finds nothing
  ::setsockopt(line, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  for (int i = 0; i < kTimes; ++i)
    if (::send(line, many.data(), many.size(), MSG_NOSIGNAL) < 0) return;
}

int on_restart(sd_bus_message* message, void* data, sd_bus_error*) {
  const auto& manager = *static_cast<Manager*>(data);
  using How = FakeManager::How;
  const char *unit = nullptr, *mode = nullptr;
  if (sd_bus_message_read(message, "ss", &unit, &mode) < 0) return -EINVAL;
  manager.note(std::string("TryRestartUnit ") + unit + " " + mode);
  sd_bus* const bus = sd_bus_message_get_bus(message);
  if (manager.how == How::kRefuses)
    return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.NoSuchUnit",
                                      "Unit %s not found.", unit);
  if (manager.how == How::kHangsUp) {
    sd_bus_close(bus);
    return 1;
  }
  const auto ended = [&](const char* job, const char* of, const char* result) {
    return sd_bus_emit_signal(bus, kPath, kInterface, "JobRemoved", "uoss", 41u, job, of, result);
  };
  // Jobs of others end at any time.
  ended("/org/freedesktop/systemd1/job/7", "other.service", "done");
  ended("/org/freedesktop/systemd1/job/8", unit, "canceled");
  if (manager.how == How::kDone || manager.how == How::kNoReload)
    for (const pid_t pid : manager.processes) {
      const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      ::kill(pid, SIGKILL);
      pollfd end{process.get(), POLLIN, 0};
      ::poll(&end, process ? 1 : 0, 10'000);  // as systemd: until there is an exit status
    }
  const char* result = manager.how == How::kFails ? "failed" : "done";
  if (manager.how == How::kFloods) {
    sd_bus_reply_method_return(message, "o", kJob);
    sd_bus_flush(bus);
    flood(sd_bus_get_fd(bus));
    sd_bus_close(bus);
    return 1;
  }
  // As systemd does with a short one: before its answer.
  if (manager.how != How::kSilent) ended(kJob, unit, result);
  return sd_bus_reply_method_return(message, "o", kJob);
}

int on_any(sd_bus_message* message, void* data, sd_bus_error*) {
  if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected") > 0)
    static_cast<Manager*>(data)->note(kHangsUp);
  return 0;
}

int on_reload(sd_bus_message* message, void* data, sd_bus_error*) {
  const auto& manager = *static_cast<Manager*>(data);
  manager.note("Reload");
  if (manager.how == FakeManager::How::kNoReload)
    return sd_bus_reply_method_errorf(message, SD_BUS_ERROR_FAILED, "no memory for units");
  return sd_bus_reply_method_return(message, "");
}

const sd_bus_vtable kMethods[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("TryRestartUnit", "ss", "o", on_restart, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Reload", "", "", on_reload, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

int on_call(sd_event_source* source, int fd, std::uint32_t, void* data) {
  const auto& manager = *static_cast<Manager*>(data);
  const int line = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (line < 0 || manager.how == FakeManager::How::kMute) return 0;
  manager.note(kCalls);
  sd_bus* bus = nullptr;  // lives as long as this process
  const sd_id128_t id = {{1}};
  if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, line, line) < 0 ||
      sd_bus_set_server(bus, 1, id) < 0 || sd_bus_start(bus) < 0 ||
      sd_bus_add_filter(bus, nullptr, on_any, data) < 0 ||
      sd_bus_add_object_vtable(bus, nullptr, kPath, kInterface, kMethods, data) < 0 ||
      sd_bus_attach_event(bus, sd_event_source_get_event(source), 0) < 0)
    ::_exit(4);
  return 0;
}

[[noreturn]] void serve(int listening, Manager manager) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sd_event* events = nullptr;
  if (sd_event_new(&events) < 0 ||
      sd_event_add_io(events, nullptr, listening, EPOLLIN, on_call, &manager) < 0)
    ::_exit(5);
  sd_event_loop(events);
  ::_exit(6);
}

}  // namespace

FakeManager::FakeManager(std::string socket, How how, std::vector<pid_t> processes)
    : socket_(std::move(socket)), log_(folder_ / "asked") {
  fs::create_directories(fs::path(socket_).parent_path() / "system");  // for sd_booted(3)
  const int log = ::open(log_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_LT(socket_.size(), sizeof address.sun_path);
  EXPECT_EQ(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  // The peer's identity is that of who listens: the child's own call, not ours.
  int ready[2];
  EXPECT_EQ(::pipe2(ready, O_CLOEXEC), 0);
  process_ = ::fork();
  if (process_ == 0) {
    if (::listen(listening, 8) != 0) ::_exit(2);
    ::close(ready[1]);
    serve(listening, {how, std::move(processes), log});
  }
  ::close(ready[1]);
  ::close(log);
  ::close(listening);
  char byte = 0;
  EXPECT_EQ(::read(ready[0], &byte, 1), 0);
  ::close(ready[0]);
}

FakeManager::~FakeManager() {
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  fs::remove(socket_);
}

std::vector<std::string> FakeManager::asked() const {
  std::vector<std::string> lines;
  std::ifstream file(log_);
  for (std::string line; std::getline(file, line);)
    if (line != kCalls && line != kHangsUp) lines.push_back(line);
  return lines;
}

std::size_t FakeManager::lines() const {
  std::size_t lines = 0;
  std::ifstream file(log_);
  for (std::string line; std::getline(file, line);) {
    if (line == kCalls) ++lines;
    if (line == kHangsUp) --lines;
  }
  return lines;
}

void FakeManager::forget() {
  fs::resize_file(log_, 0);
}

}  // namespace fleetsweep::act
