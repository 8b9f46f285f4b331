#include "agent/plan/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "protocol/base/bytes.h"

namespace fleetsweep::plan {

namespace {

constexpr std::size_t kShown = 5;  // of a list, in one line

std::size_t size_of(const AddressRange& range) {
  return range.v6 ? 16 : 4;
}

std::optional<unsigned> number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

bool is_all(const std::array<std::uint8_t, 16>& address, std::size_t size, std::uint8_t byte) {
  return std::all_of(address.begin(), address.begin() + static_cast<std::ptrdiff_t>(size),
                     [byte](std::uint8_t one) { return one == byte; });
}

// One more than the last; nothing after the highest address there is.
std::optional<std::array<std::uint8_t, 16>> after(const AddressRange& range) {
  auto next = range.last;
  for (std::size_t i = size_of(range); i-- > 0;)
    if (++next[i] != 0) return next;
  return std::nullopt;
}

bool is_unspecified(std::string_view address) {
  const auto range = parse_addresses(address);
  return !range || is_all(range->first, size_of(*range), 0);
}

std::string listed(const std::vector<std::string>& values) {
  std::string text;
  for (std::size_t i = 0; i < std::min(values.size(), kShown); ++i)
    text += (i == 0 ? "" : ", ") + escaped(values[i]);
  if (values.size() > kShown) text += fmt::format(" and {} more", values.size() - kShown);
  return text;
}

}  // namespace

std::optional<AddressRange> parse_addresses(std::string_view text) {
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  AddressRange range;
  range.v6 = address.find(':') != std::string::npos;
  if (address.find('\0') != std::string::npos ||
      ::inet_pton(range.v6 ? AF_INET6 : AF_INET, address.c_str(), range.first.data()) != 1)
    return std::nullopt;
  unsigned prefix = range.v6 ? 128 : 32;
  if (slash != std::string_view::npos) {
    const auto written = number(text.substr(slash + 1), prefix);
    if (!written) return std::nullopt;
    prefix = *written;
  }
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (range.v6 && prefix >= 96 &&
      std::equal(std::begin(kMapped), std::end(kMapped), range.first.begin())) {
    std::copy(range.first.begin() + 12, range.first.end(), range.first.begin());
    std::fill(range.first.begin() + 4, range.first.end(), std::uint8_t{0});
    range.v6 = false;
    prefix -= 96;
  }
  range.last = range.first;
  for (std::size_t bit = prefix; bit < size_of(range) * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
    range.first[bit / 8] = static_cast<std::uint8_t>(range.first[bit / 8] & ~mask);
    range.last[bit / 8] = static_cast<std::uint8_t>(range.last[bit / 8] | mask);
  }
  return range;
}

std::vector<AddressRange> merged(std::vector<AddressRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<AddressRange> result;
  for (const auto& range : ranges) {
    if (!result.empty() && result.back().v6 == range.v6) {
      const auto next = after(result.back());
      if (!next || range.first <= *next) {
        result.back().last = std::max(result.back().last, range.last);
        continue;
      }
    }
    result.push_back(range);
  }
  return result;
}

std::optional<LocalPort> parse_local_port(std::string_view text) {
  LocalPort result;
  result.udp = text.starts_with("udp/");
  if (!result.udp && !text.starts_with("tcp/")) return std::nullopt;
  const auto port = number(text.substr(4), 0xffff);
  if (!port || *port == 0) return std::nullopt;
  result.port = static_cast<std::uint16_t>(*port);
  return result;
}

std::vector<std::string> blocked_by(const model::PlanStep& step) {
  if (step.action.kind != model::ActionKind::kBlock) return {};
  for (const auto& selector : step.action.select)
    if (selector.kind == model::Selector::Kind::kList) return selector.values;
  const auto* connection = std::get_if<model::ConnectionIdentity>(&step.identity);
  if (connection == nullptr) return {};
  if (!is_unspecified(connection->remote_address)) return {connection->remote_address};
  const bool has_ports = connection->protocol == "tcp" || connection->protocol == "udp";
  if (!has_ports || connection->local_port == 0) return {};
  return {fmt::format("{}/{}", connection->protocol, connection->local_port)};
}

std::string why_not_blocked(std::string_view text) {
  if (parse_local_port(text)) return {};
  const auto range = parse_addresses(text);
  if (!range) return "neither an address nor a port of tcp or udp";
  unsigned fixed = 0;  // bits that all its addresses share
  for (; fixed < size_of(*range) * 8; ++fixed)
    if (((range->first[fixed / 8] ^ range->last[fixed / 8]) >> (7 - fixed % 8) & 1) != 0) break;
  const unsigned least = range->v6 ? kBlockPrefixMinV6 : kBlockPrefixMinV4;
  if (fixed < least)
    return fmt::format("wider than /{}: that is no address of anybody, it is the network", least);
  const auto& first = range->first;
  if (is_all(first, size_of(*range), 0)) return "no host has this address";
  const auto one = parse_addresses("::1");
  if (range->v6 ? first == one->first : first[0] == 127) return "it is this host itself";
  if (range->v6 ? first[0] == 0xff : first[0] >= 224)
    return "it is no single host's: multicast, broadcast or reserved";
  return {};
}

bool is_about_network(model::ActionKind kind) {
  return kind == model::ActionKind::kBlock || kind == model::ActionKind::kIsolate;
}

std::string describe_network(const model::PlanStep& step) {
  const std::string time = to_human(step.action.ttl);
  if (step.action.kind == model::ActionKind::kIsolate)
    return fmt::format("the host from everything but its controller, for {}", time);
  const auto blocked = blocked_by(step);
  if (blocked.empty()) return "a socket without a far end or a port";
  const bool is_port = parse_local_port(blocked.front()).has_value();
  return fmt::format("{} {}, for {}", is_port ? "in to port" : step.action.direction,
                     listed(blocked), time);
}

}  // namespace fleetsweep::plan
