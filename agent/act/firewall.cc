#include "agent/act/firewall.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace fleetsweep::act {

namespace {

constexpr int kAnswerMs = 5000;
constexpr std::size_t kAnswerBytes = 64 * 1024;
constexpr int kSendBytes = 1 << 20;
constexpr std::uint32_t kNumbersInBatch = 4096;  // more than the messages of any batch

// Of the host: of its first process.
bool is_hosts_network() {
  struct stat ours {
  }, hosts{};
  return ::stat("/proc/self/ns/net", &ours) == 0 && ::stat("/proc/1/ns/net", &hosts) == 0 &&
         ours.st_dev == hosts.st_dev && ours.st_ino == hosts.st_ino;
}

tl::unexpected<Refusal> refuse_filter(std::string_view doing, int error) {
  switch (error) {
    case EEXIST:
      return refuse(Reason::kConflict, "{}: there is a table of this name", doing);
    case EPERM:
    case EACCES:
      return refuse(Reason::kPermission,
                    "{}: this agent may not change the packet filter: it "
                    "needs the capability NET_ADMIN",
                    doing);
    case ENOENT:
      return refuse(Reason::kCapability, "{}: this kernel lacks a part of nf_tables", doing);
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
      return refuse(Reason::kCapability, "{}: this kernel has no nf_tables", doing);
    default:
      return refuse(Reason::kIo, "{}: {}", doing, std::strerror(error));
  }
}

}  // namespace

Firewall Firewall::open() {
  Firewall firewall;
  if (!is_hosts_network()) {
    firewall.missing_ =
        "this agent lives in a network of its own and does not see the host's: run it in that of "
        "the host's first process";
    return firewall;
  }
  firewall.socket_ = UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  const sockaddr_nl self{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  if (!firewall.socket_ ||
      ::bind(firewall.socket_.get(), reinterpret_cast<const sockaddr*>(&self), sizeof self) != 0) {
    firewall.missing_ =
        fmt::format("this kernel's packet filter cannot be reached: {}", std::strerror(errno));
    firewall.socket_.reset();
    return firewall;
  }
  // A batch is one message to the kernel; where this is refused, a long one is.
  (void)::setsockopt(firewall.socket_.get(), SOL_SOCKET, SO_SNDBUF, &kSendBytes, sizeof kSendBytes);
  return firewall;
}

Checked<void> Firewall::check() {
  FS_TRY(const int error, ask(get_table("fleetsweep", next_)));
  // Whoever may not change it may not even look.
  if (error == 0 || error == ENOENT) return {};
  return refuse_filter("packet filter", error);
}

Checked<void> Firewall::add(const std::string& table, const Ruleset& rules) {
  FS_TRY(const int error, ask(make_table(table, rules, next_)));
  if (error != 0) return refuse_filter("packet filter: make " + table, error);
  return {};
}

Checked<bool> Firewall::has(const std::string& table) {
  FS_TRY(const int error, ask(get_table(table, next_)));
  if (error == 0) return true;
  if (error == ENOENT) return false;
  return refuse_filter("packet filter: look for " + table, error);
}

Checked<void> Firewall::replace(const std::string& table, const Ruleset& rules) {
  FS_TRY(const int error, ask(replace_table(table, rules, next_)));
  if (error != 0) return refuse_filter("packet filter: replace " + table, error);
  return {};
}

Checked<bool> Firewall::isolates(const std::string& table) {
  FS_TRY(const int error, ask(get_isolation(table, next_)));
  if (error == 0) return true;
  if (error == ENOENT) return false;
  return refuse_filter("packet filter: look into " + table, error);
}

Checked<void> Firewall::remove(const std::string& table) {
  FS_TRY(const int error, ask(delete_table(table, next_)));
  if (error == 0 || error == ENOENT) return {};
  return refuse_filter("packet filter: delete " + table, error);
}

Checked<int> Firewall::ask(const Batch& batch) {
  if (!socket_) return refuse(Reason::kCapability, "{}", missing_);
  const std::uint32_t first = next_;
  next_ += kNumbersInBatch;
  const sockaddr_nl kernel{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 0};
  ssize_t sent = 0;
  do
    sent = ::sendto(socket_.get(), batch.bytes.data(), batch.bytes.size(), 0,
                    reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  while (sent < 0 && errno == EINTR);
  if (sent != static_cast<ssize_t>(batch.bytes.size()))
    return refuse_errno("ask", "the packet filter", errno);
  return answer_to(first, batch.last);
}

Checked<int> Firewall::answer_to(std::uint32_t first, std::uint32_t last) {
  Bytes buffer(kAnswerBytes);
  for (;;) {
    pollfd ready{socket_.get(), POLLIN, 0};
    const int count = ::poll(&ready, 1, kAnswerMs);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse_errno("poll", "the packet filter", errno);
    if (count == 0) return refuse(Reason::kTimeout, "the packet filter does not answer");
    const auto got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refuse_errno("hear", "the packet filter", errno);
    BytesView rest = BytesView(buffer).first(static_cast<std::size_t>(got));
    while (const auto answer = next_answer(rest)) {
      if (answer->number < first || answer->number > last) continue;  // of an earlier question
      if (answer->error != 0 || answer->number == last) return answer->error;
    }
  }
}

}  // namespace fleetsweep::act
