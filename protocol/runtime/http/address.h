#pragma once

// Where a server listens and a client connects. Private to this folder.

#include <string>

#include "protocol/base/result.h"

namespace fleetsweep::http {

struct Address {
  std::string host;  // without brackets
  int port = 0;
  std::string text() const;  // "127.0.0.1:80", "[::1]:80"
  bool operator==(const Address&) const = default;
};

// "host:port" or "[v6]:port", port 0 to 65535.
Result<Address> parse_address(std::string_view text);

struct Url {
  bool is_secure = false;
  Address address;
  std::string target;  // path and query, at least "/"
};
// "http[s]://host[:port][/path][?query]" in visible ASCII only: nothing may end the request line.
Result<Url> parse_url(std::string_view text);

// "localhost", 127.0.0.0/8 and ::1. Names are not looked up.
bool is_loopback(std::string_view host);
// An address in numbers, which a server needs, or "localhost".
bool is_numeric(std::string_view host);

}  // namespace fleetsweep::http
