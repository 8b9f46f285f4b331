#include "policies/compiler/address.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>

#include "policies/compiler/reader.h"

namespace fleetsweep::compiler {
namespace {

struct Address {
  int family = AF_INET;
  std::array<std::uint8_t, 16> bytes{};
  std::string text;
};

std::optional<Address> parse(const std::string& text) {
  Address address;
  char printed[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), address.bytes.data()) != 1) continue;
    address.family = family;
    address.text = inet_ntop(family, address.bytes.data(), printed, sizeof printed);
    return address;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> canonical_address(const std::string& text) {
  if (text.find('\0') != std::string::npos) return std::nullopt;
  const auto address = parse(text);
  return address ? std::optional(address->text) : std::nullopt;
}

std::optional<std::string> canonical_cidr(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos || text.find('\0') != std::string::npos) return std::nullopt;
  const auto address = parse(text.substr(0, slash));
  const auto prefix = parse_whole(std::string_view(text).substr(slash + 1));
  const std::int64_t bits = address && address->family == AF_INET ? 32 : 128;
  if (!address || !prefix || *prefix < 0 || *prefix > bits) return std::nullopt;
  for (std::int64_t bit = *prefix; bit < bits; ++bit)
    if (address->bytes[static_cast<std::size_t>(bit / 8)] >> (7 - bit % 8) & 1) return std::nullopt;
  return address->text + "/" + std::to_string(*prefix);
}

}  // namespace fleetsweep::compiler
