#include "tests/agent/act/wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/agent/act/act_host.h"
#include "tests/wait.h"

namespace fleetsweep::act {
namespace {

int open_namespace(pid_t pid) {
  return ::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

Wire::Wire() {
  ours_ = UniqueFd(open_namespace(::getpid()));
  EXPECT_EQ(::unshare(CLONE_NEWNET), 0);
  peer_ = UniqueFd(open_namespace(::getpid()));
  const pid_t holder = ::fork();
  if (holder == 0) {
    ::pause();
    ::_exit(0);
  }
  EXPECT_EQ(::setns(ours_.get(), CLONE_NEWNET), 0);
  output_of(
      fmt::format("ip link set lo up && ip link add here type veth peer name there netns {}"
                  " && ip link set here up && ip address add 192.0.2.2/24 dev here"
                  " && ip address add 2001:db8::2/64 dev here nodad",
                  holder));
  at_peer([] {
    output_of(
        "ip link set lo up && ip link set there up"
        " && for last in 1 66 99; do ip address add 192.0.2.$last/24 dev there; done"
        " && for last in 1 66 99; do ip address add 2001:db8::$last/64 dev there nodad; done");
    return 0;
  });
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
}

Wire& Wire::get() {
  static Wire wire;
  return wire;
}

sockaddr_storage end_point(const std::string& address, std::uint16_t port, socklen_t& size) {
  sockaddr_storage storage{};
  if (address.find(':') == std::string::npos) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &v4.sin_addr), 1);
    size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr), 1);
    size = sizeof v6;
  }
  return storage;
}

UniqueFd bound(int type, const std::string& address, std::uint16_t port) {
  socklen_t size = 0;
  const auto at = end_point(address, port, size);
  UniqueFd fd(::socket(at.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), size), 0)
      << address << " " << port << ": " << std::strerror(errno);
  if (type == SOCK_STREAM) {
    EXPECT_EQ(::listen(fd.get(), 8), 0);
  }
  return fd;
}

UniqueFd at_peer(int type, const std::string& address, std::uint16_t port) {
  return Wire::get().at_peer([&] { return bound(type, address, port); });
}

// A packet that the host's own filter drops on its way out is refused at once.
bool may_send(const std::string& address, std::uint16_t port) {
  socklen_t size = 0;
  const auto to = end_point(address, port, size);
  const UniqueFd fd(::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto sent = ::sendto(fd.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), size);
  EXPECT_TRUE(sent == 1 || errno == EPERM) << std::strerror(errno);
  return sent == 1;
}

UniqueFd calling(const std::string& address, std::uint16_t port, const std::string& from,
                 std::uint16_t from_port) {
  socklen_t size = 0;
  const auto to = end_point(address, port, size);
  UniqueFd fd(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!from.empty()) {
    const auto ours = end_point(from, from_port, size);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&ours), size), 0);
  }
  (void)::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size);
  return fd;
}

bool becomes(int fd, short event) {
  pollfd ready{fd, event, 0};
  const auto wait = std::chrono::milliseconds(kPatience).count();
  return ::poll(&ready, 1, static_cast<int>(wait)) == 1 && (ready.revents & event) != 0;
}

// Three ways to each of them: the call, its answer, a byte and its echo.
bool talks(int ours, int listener) {
  char byte = 0;
  if (!becomes(listener, POLLIN)) return false;
  const UniqueFd theirs(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  return theirs && becomes(ours, POLLOUT) && ::send(ours, "x", 1, MSG_NOSIGNAL) == 1 &&
         becomes(theirs.get(), POLLIN) && ::read(theirs.get(), &byte, 1) == 1 &&
         ::send(theirs.get(), "y", 1, MSG_NOSIGNAL) == 1 && becomes(ours, POLLIN) &&
         ::read(ours, &byte, 1) == 1 && byte == 'y';
}
bool talks(const std::string& address, std::uint16_t port) {
  const UniqueFd listener = at_peer(SOCK_STREAM, address, port);
  const UniqueFd ours = calling(address, port);
  return talks(ours.get(), listener.get());
}

std::string heard(std::uint16_t port, const std::vector<std::string>& from) {
  const UniqueFd ours = bound(SOCK_DGRAM, "192.0.2.2", port);
  for (const auto& address : from) {
    const UniqueFd sender = at_peer(SOCK_DGRAM, address, 0);
    socklen_t size = 0;
    const auto to = end_point("192.0.2.2", port, size);
    const std::string last = address.substr(address.rfind('.') + 1) + " ";
    EXPECT_EQ(::sendto(sender.get(), last.data(), last.size(), 0,
                       reinterpret_cast<const sockaddr*>(&to), size),
              static_cast<ssize_t>(last.size()));
  }
  std::string text;
  while (text.find(from.back().substr(from.back().rfind('.') + 1)) == std::string::npos &&
         becomes(ours.get(), POLLIN)) {
    char buffer[64];
    const auto got = ::recv(ours.get(), buffer, sizeof buffer, 0);
    text.append(buffer, static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  }
  return text;
}

}  // namespace fleetsweep::act
