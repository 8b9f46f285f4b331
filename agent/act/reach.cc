#include "agent/act/reach.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <sstream>

#include "agent/act/process.h"
#include "agent/local/enrolment.h"
#include "agent/plan/network.h"
#include "protocol/codec/codec.h"
#include "protocol/runtime/files/files.h"
#include "protocol/trust/fold.h"

namespace fleetsweep::act {

namespace {

constexpr std::size_t kTextBytes = 64 * 1024;

// Where resolvers of other hosts stand: the second of systemd-resolved, the third and fourth of
// NetworkManager. The first is often a link, to these or elsewhere.
constexpr const char* kResolverFiles[] = {
    "/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf", "/run/resolvconf/resolv.conf"};

// Whom core runs as: the monitor's other child. Nothing: there is none, as when root undoes.
std::optional<std::uint32_t> core_user() {
  const std::int32_t monitor = ::getppid();
  for (const std::int32_t pid : own_pids()) {
    const auto stat = process_stat(pid);
    if (pid == ::getpid() || !stat || stat->parent != monitor) continue;
    const auto text = files::read_file(fmt::format("/proc/{}/status", pid), kTextBytes);
    if (!text) continue;
    constexpr std::string_view kUid = "\nUid:\t";
    const std::string_view status = as_text(*text);
    const auto at = status.find(kUid);
    std::uint32_t uid = 0;
    if (at != std::string_view::npos &&
        std::from_chars(status.data() + at + kUid.size(), status.data() + status.size(), uid).ec ==
            std::errc())
      return uid;
  }
  return std::nullopt;
}

Checked<std::vector<std::string>> endpoints_of(const std::string& path) {
  const auto enrolment = agent::read_enrolment(path);
  if (!enrolment)
    return refuse(Reason::kCapability,
                  "nothing is cut off, since it is not known what must stay reachable: {}",
                  enrolment.error().message);
  std::vector<std::string> endpoints = {enrolment->address};
  if (enrolment->endpoints.empty()) return endpoints;
  // Verified when it was written, by who wrote it.
  const auto envelope = codec::decode<model::Envelope>(enrolment->endpoints);
  const auto document =
      envelope ? codec::decode<model::Endpoints>(envelope->payload) : tl::unexpected(Error{});
  if (!document) return refuse(Reason::kCapability, "{}: its endpoints do not decode", path);
  for (const auto& relay : document->relays)
    if (std::find(endpoints.begin(), endpoints.end(), relay.address) == endpoints.end())
      endpoints.push_back(relay.address);
  return endpoints;
}

// Empty: there is none that can be read.
std::string beginning_of(const Tree& tree, const std::string& path) {
  const auto file = tree.followed(path);
  if (!file) return {};
  std::string text(kTextBytes, '\0');
  const auto got = ::read(file->get(), text.data(), text.size());
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

std::vector<std::string> resolvers_of(const Tree& tree) {
  std::vector<std::string> found;
  for (const char* path : kResolverFiles)
    for (auto& address : nameservers(beginning_of(tree, path)))
      if (std::find(found.begin(), found.end(), address) == found.end())
        found.push_back(std::move(address));
  return found;
}

// Names that are found without a resolver.
std::vector<std::string> own_names(const Tree& tree) {
  std::vector<std::string> names;
  std::istringstream lines(beginning_of(tree, "/etc/hosts"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    words >> address;
    names.insert(names.end(), std::istream_iterator<std::string>(words), {});
  }
  return names;
}

}  // namespace

std::optional<HostPort> parse_endpoint(std::string_view endpoint) {
  constexpr std::string_view kTcp = "tcp://";
  if (!endpoint.starts_with(kTcp)) return std::nullopt;
  endpoint.remove_prefix(kTcp.size());
  const auto colon = endpoint.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  HostPort result;
  const std::string_view port = endpoint.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (error != std::errc() || end != port.data() + port.size() || result.port == 0)
    return std::nullopt;
  std::string_view host = endpoint.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  result.host = host;
  return result;
}

bool is_name(std::string_view endpoint) {
  const auto parsed = parse_endpoint(endpoint);
  return parsed && !plan::parse_addresses(parsed->host);
}

Checked<Reach> reach_of(const Tree& tree, const std::string& enrolment, bool isolating,
                        const std::vector<std::string>& newer) {
  Reach reach;
  FS_TRY(reach.endpoints, endpoints_of(enrolment));
  for (const auto& address : newer)
    if (std::ranges::find(reach.endpoints, address) == reach.endpoints.end())
      reach.endpoints.push_back(address);
  for (const auto& endpoint : reach.endpoints)
    if (!parse_endpoint(endpoint))
      return refuse(Reason::kCapability, "{}: '{}' is not tcp://HOST:PORT", enrolment,
                    escaped(endpoint));
  if (std::none_of(reach.endpoints.begin(), reach.endpoints.end(), is_name)) return reach;
  const auto user = core_user();
  // For root nothing would be cut off: it has the malware's rights, too.
  if (!user || (isolating && *user == 0))
    return refuse(Reason::kCapability,
                  "the controller is enrolled by a name, and a name is only kept reachable for an "
                  "agent whose core has a user of its own: set core_user, or enrol by address");
  reach.uid = *user;
  if (!isolating) return reach;
  reach.resolvers = resolvers_of(tree);
  const auto names = own_names(tree);
  const bool asks = std::ranges::all_of(reach.endpoints, [&](const auto& endpoint) {
    return is_name(endpoint) &&
           std::ranges::find(names, parse_endpoint(endpoint)->host) == names.end();
  });
  if (asks && reach.resolvers.empty())
    return refuse(Reason::kCapability,
                  "the controller is enrolled by a name, and resolv.conf names no resolver of the "
                  "network that could be kept reachable to ask for it: enrol by address, or name "
                  "it in /etc/hosts");
  return reach;
}

std::vector<std::string> signed_relays(const TenantId& tenant, const model::ActRequest& request) {
  trust::Fold fold(tenant, trust::Fold::Keep::kForHost);
  for (const Bytes& root : request.root_chain)
    if (fold.append(root, {}).taken == trust::Taken::kRefused) return {};
  for (const Bytes& envelope : request.stops) {
    const auto decoded = codec::decode<model::Envelope>(envelope);
    if (decoded && decoded->payload_type == model::kPayloadEndpoints)
      (void)fold.append(envelope, {});
  }
  std::vector<std::string> addresses;
  if (!fold.state().endpoints) return addresses;
  for (const auto& relay : fold.state().endpoints->relays)
    if (parse_endpoint(relay.address)) addresses.push_back(relay.address);
  return addresses;
}

std::vector<std::string> nameservers(std::string_view resolv_conf) {
  std::vector<std::string> found;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, address;
    if (!(words >> key >> address) || key != "nameserver") continue;
    address = address.substr(0, address.find('%'));  // fe80::1%eth0
    if (plan::parse_addresses(address) && plan::why_not_blocked(address).empty())
      found.push_back(address);
  }
  return found;
}

}  // namespace fleetsweep::act
