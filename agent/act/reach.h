#pragma once

// Whom this agent must still reach when a host is cut off: its controller, as the enrolment has it,
// and the newest Endpoints that the tenant signed since. The enrolment is root's, and what it names
// was told by the host's owner or signed by the tenant; core, which has the network, brings what is
// newer and cannot make it.

#include <string>
#include <vector>

#include "agent/act/files.h"
#include "protocol/model/local.h"

namespace fleetsweep::act {

struct Reach {
  std::vector<std::string> endpoints;  // tcp://HOST:PORT
  std::uint32_t uid = 0;               // core's, which alone asks for the ones that are names
  std::vector<std::string> resolvers;  // addresses that answer DNS
  bool operator==(const Reach&) const = default;
};

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  std::uint16_t port = 0;
};
std::optional<HostPort> parse_endpoint(std::string_view endpoint);
bool is_name(std::string_view endpoint);

// kCapability, in words: there is no enrolment, or `isolating` needs to know one thing more.
// `newer`: addresses of signed_relays().
Checked<Reach> reach_of(const Tree& tree, const std::string& enrolment, bool isolating,
                        const std::vector<std::string>& newer);

// Of the newest Endpoints that a request shows, if its root chain, which is of this tenant, lets
// their signers say so. What does not verify is none.
std::vector<std::string> signed_relays(const TenantId& tenant, const model::ActRequest& request);

// The addresses behind `nameserver` in the text of a resolv.conf, none of this host itself.
std::vector<std::string> nameservers(std::string_view resolv_conf);

}  // namespace fleetsweep::act
