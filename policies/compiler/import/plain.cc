// A list as people send it: one thing a line, what it is can be seen from it.

#include "policies/compiler/import/import.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"

namespace fleetsweep::indicators {
namespace {

// What follows the first blank, or a sign of a comment behind one: "hash  name" of sha256sum too.
std::pair<std::string_view, std::string_view> value_and_note(std::string_view line) {
  const bool is_path = line.starts_with('/');
  const auto end = is_path ? line.find(" #") : line.find_first_of(" \t,;");
  if (end == std::string_view::npos) return {line, {}};
  auto note = trimmed(line.substr(end + 1));
  while (!note.empty() && (note.front() == '#' || note.front() == '*')) note.remove_prefix(1);
  return {line.substr(0, end), trimmed(note)};
}

std::optional<Indicator> with_port(const std::string& value) {
  const auto colon = value.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string address = value.substr(0, colon);
  // An address of IPv6 has colons of its own, and stands in brackets.
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  else if (address.find(':') != std::string::npos)
    return std::nullopt;
  auto indicator = address_indicator(address);
  const auto port = compiler::parse_whole(std::string_view(value).substr(colon + 1));
  if (!indicator || !port || *port < 1 || *port > 65535) return std::nullopt;
  indicator->all_of.push_back(
      {model::Field::kNetworkDstPort, model::Match::kEquals, std::to_string(*port), false});
  return indicator;
}

std::optional<Indicator> recognized(std::string_view written) {
  if (written.starts_with('/'))
    return single(Kind::kFilePath, model::Field::kFilePath, model::Match::kEquals,
                  std::string(written));
  if (auto hash = hash_indicator(written)) return hash;
  const std::string value = refanged(written);
  if (auto address = address_indicator(value)) return address;
  if (auto address = with_port(value)) return address;
  if (auto url = url_indicator(value)) return url;
  return domain_indicator(value);
}

}  // namespace

Status import_plain(std::string_view bytes, Collector& into) {
  for (const Line& line : lines_of(bytes)) {
    if (line.text.starts_with('#') || line.text.starts_with("//") || line.text.starts_with(';'))
      continue;
    const auto [value, note] = value_and_note(line.text);
    const Origin origin = into.origin(line.number, note);
    auto indicator = recognized(value);
    if (!indicator) {
      into.refuse(origin, line.text,
                  "neither a hash, an address, a domain name, a URL nor an absolute path");
      continue;
    }
    indicator->origins = {origin};
    into.take(std::move(*indicator), value);
  }
  return {};
}

}  // namespace fleetsweep::indicators
