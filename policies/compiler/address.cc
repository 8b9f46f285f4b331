#include "policies/compiler/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

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

// IPv4 written as IPv6: ::ffff:198.51.100.7
constexpr std::int64_t kMappedBits = 96;

// RFC 1035, 2.3.4
constexpr std::size_t kDomainBytes = 253;
constexpr std::size_t kLabelBytes = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= kLabelBytes && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
         });
}

struct SpecialUse {
  const char* base;
  std::int64_t bits;
  std::string_view use;
};
// RFC 6890 and its successors, without what is kept for documentation.
constexpr SpecialUse kSpecialUses[] = {
    {"0.0.0.0", 8, "unspecified"},     {"10.0.0.0", 8, "private"},
    {"100.64.0.0", 10, "shared"},      {"127.0.0.0", 8, "loopback"},
    {"169.254.0.0", 16, "link-local"}, {"172.16.0.0", 12, "private"},
    {"192.168.0.0", 16, "private"},    {"224.0.0.0", 4, "multicast"},
    {"240.0.0.0", 4, "reserved"},      {"::", 128, "unspecified"},
    {"::1", 128, "loopback"},          {"fc00::", 7, "private"},
    {"fe80::", 10, "link-local"},      {"ff00::", 8, "multicast"},
};

bool begin_alike(const Address& a, const Address& b, std::int64_t bits) {
  for (std::int64_t bit = 0; bit < bits; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    if ((a.bytes[byte] ^ b.bytes[byte]) >> (7 - bit % 8) & 1) return false;
  }
  return true;
}

bool is_mapped(const Address& address) {
  return address.family == AF_INET6 && begin_alike(address, *parse("::ffff:0.0.0.0"), kMappedBits);
}

std::int64_t prefix_of(std::string_view canonical) {
  const auto slash = canonical.find('/');
  return slash == std::string_view::npos ? 128
                                         : parse_whole(canonical.substr(slash + 1)).value_or(0);
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

std::optional<std::string> canonical_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.size() > kDomainBytes || text.find('.') == std::string_view::npos) return std::nullopt;
  std::string domain(text);
  for (char& c : domain)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::string_view rest = domain;
  for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    if (!is_label(rest.substr(0, dot))) return std::nullopt;
    rest.remove_prefix(dot + 1);
  }
  const bool is_number = std::all_of(rest.begin(), rest.end(), is_digit);
  if (!is_label(rest) || rest.size() < 2 || is_number) return std::nullopt;
  return domain;
}

bool is_too_wide(const std::string& canonical_cidr) {
  const auto base = parse(canonical_cidr.substr(0, canonical_cidr.find('/')));
  const auto prefix = prefix_of(canonical_cidr);
  if (!base) return true;
  if (base->family == AF_INET) return prefix < kRangeBitsV4;
  return prefix < kRangeBitsV6 || (is_mapped(*base) && prefix < kMappedBits + kRangeBitsV4);
}

std::string_view special_use(const std::string& canonical) {
  auto address = parse(canonical.substr(0, canonical.find('/')));
  auto prefix = prefix_of(canonical);
  if (!address) return {};
  if (is_mapped(*address)) {
    std::copy_n(address->bytes.begin() + kMappedBits / 8, 4, address->bytes.begin());
    address->family = AF_INET;
    prefix -= kMappedBits;
  }
  for (const auto& [base, bits, use] : kSpecialUses) {
    const auto special = parse(base);
    if (special->family == address->family && prefix >= bits &&
        begin_alike(*address, *special, bits))
      return use;
  }
  return {};
}

}  // namespace fleetsweep::compiler
