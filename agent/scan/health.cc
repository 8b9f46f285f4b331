#include "agent/scan/health.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>

#include "agent/scan/process.h"
#include "agent/scan/raw_file.h"
#include "agent/scan/sockets.h"
#include "protocol/base/bytes.h"
#include "protocol/model/health_check.h"

namespace fleetsweep::scan {
namespace {

using model::Health;
using model::HealthCheck;
constexpr std::size_t kRoutesBytes = 4 << 20;
constexpr std::size_t kEventsBytes = 4096;
constexpr std::size_t kSocketsBytes = 64 << 20;

std::string ipv4_text(std::string_view hex) {
  // The kernel prints the word as the host keeps it.
  const auto word = static_cast<std::uint32_t>(std::strtoul(std::string(hex).c_str(), nullptr, 16));
  in_addr address{};
  address.s_addr = word;
  char text[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &address, text, sizeof text);
  return text;
}

std::string ipv6_text(std::string_view hex) {
  std::string text;
  for (std::size_t i = 0; i + 4 <= hex.size(); i += 4) {
    if (!text.empty()) text += ':';
    text += hex.substr(i, 4);
  }
  return text;
}

bool is_zero(std::string_view hex) {
  return !hex.empty() && hex.find_first_not_of('0') == hex.npos;
}

class Meter {
 public:
  explicit Meter(const Root& root) : root_(root) {}

  model::HealthMark measure(const std::string& text) {
    model::HealthMark mark{.check = text};
    const auto check = model::parse_health_check(text);
    if (!check)
      mark.seen = "this agent does not know the check";
    else if (check->kind == HealthCheck::Kind::kService)
      look_at_service(*check, mark);
    else if (check->kind == HealthCheck::Kind::kPort)
      look_at_port(*check, mark);
    else if (check->kind == HealthCheck::Kind::kDefaultRoute)
      look_at_routes(mark);
    else if (check->kind == HealthCheck::Kind::kFile)
      look_at_file(*check, mark);
    return mark;
  }

 private:
  static void judge(model::HealthMark& mark, bool is_good, std::string seen) {
    mark.health = is_good ? Health::kGood : Health::kBad;
    mark.seen = std::move(seen);
  }

  // Systemd keeps a folder of each unit's processes, and says there whether it has any.
  void look_at_service(const HealthCheck& check, model::HealthMark& mark) const {
    if (!root_.is_whole() || !raw::open("/run/systemd/system")) {
      mark.seen = "no systemd runs in this root";
      return;
    }
    for (const char* top : {"/sys/fs/cgroup/", "/sys/fs/cgroup/systemd/"}) {
      const std::string folder = top + ("system.slice/" + check.subject);
      if (!raw::open(folder)) continue;
      const std::string events = raw::read(folder + "/cgroup.events", kEventsBytes);
      const bool has_any = events.empty() ? !raw::read(folder + "/cgroup.procs", 1).empty()
                                          : events.find("populated 1") != events.npos;
      return judge(mark, has_any, has_any ? "running" : "without a process");
    }
    judge(mark, false, "not running");
  }

  void look_at_port(const HealthCheck& check, model::HealthMark& mark) {
    const bool is_there = root_.is_whole() ? host_listens(check) : root_listens(check);
    judge(mark, is_there, is_there ? "listening" : "nothing listens");
  }

  // In the host's own network: a container's port of this number is another one.
  static bool host_listens(const HealthCheck& check) {
    bool is_there = false;
    const std::string table = check.is_udp ? "/proc/self/net/udp" : "/proc/self/net/tcp";
    for (const char* family : {"", "6"})
      for_each_line(raw::read(table + family, kSocketsBytes), [&](std::string_view text) {
        const auto line = parse_socket_line(text);
        is_there |= line && line->identity.local_port == check.port &&
                    (check.is_udp ? !line->is_connected : line->identity.listening);
      });
    return is_there;
  }

  bool root_listens(const HealthCheck& check) {
    if (!std::exchange(has_connections_, true))
      connections_ = list_connections(root_, list_processes(root_));
    const std::string_view protocol = check.is_udp ? "udp" : "tcp";
    return std::ranges::any_of(connections_, [&](const ConnectionFacts& facts) {
      const model::ConnectionIdentity& one = facts.identity;
      return one.listening && one.local_port == check.port && one.protocol == protocol;
    });
  }

  void look_at_routes(model::HealthMark& mark) const {
    if (!root_.is_whole()) {
      mark.seen = "a folder has no routes of its own";
      return;
    }
    const std::string routes = default_routes(raw::read("/proc/net/route", kRoutesBytes),
                                              raw::read("/proc/net/ipv6_route", kRoutesBytes));
    judge(mark, !routes.empty(), routes.empty() ? "none" : routes);
  }

  void look_at_file(const HealthCheck& check, model::HealthMark& mark) const {
    // A device without a driver, a socket.
    const bool is_there = root_.open_followed(check.subject) || errno == ENODEV || errno == ENXIO;
    if (!is_there && errno == EREMOTE)
      mark.seen = kInShare;
    else if (!is_there && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
      mark.seen = std::strerror(errno);
    else
      judge(mark, is_there, is_there ? "present" : "not there");
  }

  const Root& root_;
  bool has_connections_ = false;
  std::vector<ConnectionFacts> connections_;
};

}  // namespace

std::vector<model::HealthMark> measure_health(std::span<const std::string> checks,
                                              const Root& root) {
  Meter meter(root);
  std::vector<model::HealthMark> marks;
  for (const std::string& check : checks) marks.push_back(meter.measure(check));
  return marks;
}

std::string default_routes(std::string_view route, std::string_view ipv6_route) {
  std::set<std::string> routes;
  for_each_line(route, [&](std::string_view line) {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask ...
    const auto fields = words(line);
    if (fields.size() >= 8 && is_zero(fields[1]) && is_zero(fields[7]))
      routes.insert(fmt::format("{} via {}", fields[0], ipv4_text(fields[2])));
  });
  for_each_line(ipv6_route, [&](std::string_view line) {
    // Destination and its length, source and its length, next hop, metric, counts, flags, Iface.
    const auto fields = words(line);
    if (fields.size() == 10 && is_zero(fields[0]) && is_zero(fields[1]) && fields[9] != "lo")
      routes.insert(fmt::format("{} via {}", fields[9], ipv6_text(fields[4])));
  });
  std::string text;
  for (const std::string& one : routes) text += (text.empty() ? "" : ", ") + escaped(one);
  return text;
}

}  // namespace fleetsweep::scan
