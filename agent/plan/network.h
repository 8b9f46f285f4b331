#pragma once

// What block and isolate are about: addresses, prefixes, ports of this host. Pure.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/model/plan.h"

namespace fleetsweep::plan {

// A prefix shorter than these is a network and no address of a server: the order is refused.
inline constexpr unsigned kBlockPrefixMinV4 = 8;
inline constexpr unsigned kBlockPrefixMinV6 = 16;
inline constexpr Seconds kNetworkTtlMax = std::chrono::hours(90 * 24);

// From `first` to `last`, both included; of IPv4 only the first 4 bytes count.
struct AddressRange {
  bool v6 = false;
  std::array<std::uint8_t, 16> first{};
  std::array<std::uint8_t, 16> last{};
  auto operator<=>(const AddressRange&) const = default;
};
// 198.51.100.7, 203.0.113.0/24, 2001:db8::/32. ::ffff:198.51.100.7 is the IPv4 address it means.
std::optional<AddressRange> parse_addresses(std::string_view text);
// The same addresses in ranges that neither overlap nor touch, in order.
std::vector<AddressRange> merged(std::vector<AddressRange> ranges);

// So long an isolated host may not reach its controller: then the kernel lifts it, since nobody
// else could.
inline constexpr Seconds kUnreachedMax{600};

// One port of this host: "tcp/4444" or "udp/4444".
struct LocalPort {
  bool udp = false;
  std::uint16_t port = 0;
  bool operator==(const LocalPort&) const = default;
};
std::optional<LocalPort> parse_local_port(std::string_view text);

// What a step of block is to keep out, as the two functions above read it: the values of a list,
// the far end of a connection, the port of a socket that listens. Empty: it has neither.
std::vector<std::string> blocked_by(const model::PlanStep& step);
// Why nobody may block this: it would take more than an address away, or is none. Empty: he may.
std::string why_not_blocked(std::string_view text);

// Of the actions that change what the host may talk to, and nothing else of it.
bool is_about_network(model::ActionKind kind);
// "out 192.0.2.1, 192.0.2.2 and 5 more, for 168h 0m": for people, before it happens.
std::string describe_network(const model::PlanStep& step);

}  // namespace fleetsweep::plan
