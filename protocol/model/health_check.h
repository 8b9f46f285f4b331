#pragma once

// Health checks of a policy, as people write them in `verify.health`: what must be as well after a
// cleaning as it was before.
//
//   service NAME running      a unit of systemd has processes
//   port 22/tcp unchanged     something listens there; also udp
//   default-route unchanged   the same routes out
//   file PATH present
//   agent heartbeat           the agent has its controller's ear

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace fleetsweep::model {

struct HealthCheck {
  enum class Kind : std::uint8_t { kService, kPort, kDefaultRoute, kFile, kAgent };
  Kind kind = Kind::kAgent;
  std::string subject;  // the service with its suffix, the path
  std::uint16_t port = 0;
  bool is_udp = false;
  bool operator==(const HealthCheck&) const = default;
};

inline constexpr std::string_view kHealthCheckForms =
    "'service NAME running', 'port NUMBER/tcp unchanged' (or udp), 'default-route unchanged', "
    "'file PATH present' or 'agent heartbeat'";

inline std::optional<HealthCheck> parse_health_check(std::string_view text) {
  using Kind = HealthCheck::Kind;
  const auto between = [text](std::string_view before,
                              std::string_view after) -> std::optional<std::string_view> {
    if (text.size() <= before.size() + after.size() || !text.starts_with(before) ||
        !text.ends_with(after))
      return std::nullopt;
    return text.substr(before.size(), text.size() - before.size() - after.size());
  };
  for (const char c : text)  // nothing that would break a line
    if (static_cast<unsigned char>(c) < ' ') return std::nullopt;
  if (text == "agent heartbeat") return HealthCheck{};
  if (text == "default-route unchanged") return HealthCheck{.kind = Kind::kDefaultRoute};
  if (const auto path = between("file ", " present")) {
    if (!path->starts_with('/') || path->size() == 1) return std::nullopt;
    return HealthCheck{.kind = Kind::kFile, .subject = std::string(*path)};
  }
  if (const auto name = between("service ", " running")) {
    if (name->find_first_of(" /") != name->npos) return std::nullopt;
    const bool has_suffix = name->ends_with(".service");
    return HealthCheck{.kind = Kind::kService,
                       .subject = std::string(*name) + (has_suffix ? "" : ".service")};
  }
  if (const auto port = between("port ", " unchanged")) {
    HealthCheck check{.kind = Kind::kPort, .is_udp = port->ends_with("/udp")};
    if (!check.is_udp && !port->ends_with("/tcp")) return std::nullopt;
    const std::string_view digits = port->substr(0, port->size() - 4);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), check.port);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || check.port == 0)
      return std::nullopt;
    return check;
  }
  return std::nullopt;
}

}  // namespace fleetsweep::model
