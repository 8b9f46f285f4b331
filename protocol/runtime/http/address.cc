#include "protocol/runtime/http/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "protocol/base/bytes.h"

namespace fleetsweep::http {
namespace {

constexpr int kPortMax = 65535;

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

}  // namespace

std::string Address::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<Address> parse_address(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::kInvalid,
                "'{}' is not an address; expected host:port, like 127.0.0.1:7680 or [::1]:7680",
                escaped(text));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  Address address;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    in6_addr parsed;
    if (inet_pton(AF_INET6, std::string(host).c_str(), &parsed) != 1) return bad();
  } else if (host.empty() || !std::ranges::all_of(host, is_host_character)) {
    return bad();
  }
  address.host = host;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size() ||
      address.port < 0 || address.port > kPortMax)
    return bad();
  return address;
}

Result<Url> parse_url(std::string_view text) {
  constexpr std::string_view kPlain = "http://";
  constexpr std::string_view kSecure = "https://";
  const bool visible = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  Url url;
  url.is_secure = text.starts_with(kSecure);
  if (!visible || !(url.is_secure || text.starts_with(kPlain)))
    return fail(Code::kInvalid, "'{}' is not a URL; expected https://host:port/path or http://...",
                escaped(text));
  std::string_view rest = text.substr(url.is_secure ? kSecure.size() : kPlain.size());
  const auto slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string authority(rest.substr(0, slash));
  if (authority.ends_with(']') || authority.find(':') == std::string::npos)
    authority += url.is_secure ? ":443" : ":80";
  FS_TRY(url.address, parse_address(authority));
  url.target = rest.substr(slash);
  if (!url.target.starts_with('/')) url.target.insert(0, "/");
  return url;
}

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  const std::string text(host);
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool is_numeric(std::string_view host) {
  const std::string text(host);
  in_addr v4;
  in6_addr v6;
  return host == "localhost" || inet_pton(AF_INET, text.c_str(), &v4) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &v6) == 1;
}

}  // namespace fleetsweep::http
