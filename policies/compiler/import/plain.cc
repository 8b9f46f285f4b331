// A list as people send it: one thing a line, what it is can be seen from it.

#include "policies/compiler/absolute.h"
#include "policies/compiler/import/import.h"
#include "policies/compiler/import/text.h"
#include "policies/compiler/reader.h"

namespace fleetsweep::indicators {
namespace {

struct Extension {
  std::string_view letters;
  bool is_top_level_domain = false;
};
// How files of malware are called: a name that ends so may be no domain.
constexpr Extension kExtensions[] = {
    {"asp"},     {"aspx"},     {"bat"},      {"bin"},    {"bz2"},      {"cfg"}, {"cgi"},
    {"class"},   {"conf"},     {"dat"},      {"deb"},    {"dll"},      {"elf"}, {"exe"},
    {"gz"},      {"jar"},      {"js"},       {"jsp"},    {"ko"},       {"lnk"}, {"log"},
    {"lua"},     {"php"},      {"pl", true}, {"ps1"},    {"py", true}, {"rar"}, {"rpm"},
    {"service"}, {"sh", true}, {"so", true}, {"socket"}, {"sys"},      {"tar"}, {"tgz"},
    {"timer"},   {"tmp"},      {"txt"},      {"vbs"},    {"war"},      {"xz"},  {"zip", true}};

// Of any system: whether it is one of the policy's is asked of every path.
bool is_path(std::string_view text) {
  return compiler::is_absolute(text, model::Platform::kAny);
}

// What follows the first blank, or a sign of a comment behind one: "hash  name" of sha256sum too.
// Paths may hold both, URLs the signs.
std::pair<std::string_view, std::string_view> value_and_note(std::string_view line) {
  const std::string word = refanged(line.substr(0, line.find_first_of(" \t")));
  const auto scheme = word.find("://");
  const bool is_url = scheme != std::string::npos && word.find_first_of(",;") > scheme;
  const auto end = is_path(line) ? line.find(" #") : line.find_first_of(is_url ? " \t" : " \t,;");
  auto value = trimmed(line.substr(0, end));
  // What stands behind a URL in a sentence is none of it.
  while (is_url && (value.ends_with(',') || value.ends_with(';'))) value.remove_suffix(1);
  if (end == std::string_view::npos) return {value, {}};
  auto note = trimmed(line.substr(end + 1));
  while (!note.empty() && (note.front() == '#' || note.front() == '*')) note.remove_prefix(1);
  return {value, trimmed(note)};
}

// "http://a.example/x,http://b.example/y": one of them would be a part of the other. A URL may hold
// another as its parameter or path.
bool has_two_urls(std::string_view word) {
  const std::string value = refanged(word);
  const auto first = value.find("://");
  const auto second = first == std::string::npos ? first : value.find("://", first + 1);
  if (second == std::string::npos || is_path(word)) return false;
  auto scheme = second;
  while (std::isalpha(static_cast<unsigned char>(value[scheme - 1]))) --scheme;
  return std::string_view("=/?").find(value[scheme - 1]) == std::string_view::npos;
}

// "203.0.113.5 - 203.0.113.9", also with a longer dash or "to", and 203.0.113.5-9: a range, or two
// in one line.
bool has_two_addresses(std::string_view line) {
  const auto end = std::min(line.find_first_of(" \t,;-"), line.size());
  if (!address_indicator(refanged(line.substr(0, end)))) return false;
  auto rest = line.substr(end);
  const bool is_joined = rest.starts_with('-');
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t,;"), rest.size()));
  for (const std::string_view between : {"-", "\xE2\x80\x93", "to "})
    if (rest.starts_with(between)) rest = trimmed(rest.substr(between.size()));
  const auto second = rest.substr(0, rest.find_first_of(" \t,;"));
  return address_indicator(refanged(second)) || (is_joined && compiler::parse_whole(second));
}

// Whether a name is that of a domain. One that somebody defanged is meant as a domain.
Status check_domain(std::string_view written, const std::string& domain) {
  const std::string_view last = std::string_view(domain).substr(domain.rfind('.') + 1);
  for (const Extension& one : kExtensions) {
    if (one.letters != last) continue;
    if (!one.is_top_level_domain)
      return fail(Code::kInvalid,
                  "the name of a file, no domain: write its whole path, or use a format that has "
                  "names");
    if (refanged(written) == written)
      return fail(Code::kInvalid,
                  "domains and files are called so: write http://{} for the domain, the whole path "
                  "for the file",
                  domain);
  }
  return {};
}

Result<Indicator> recognized(std::string_view written) {
  if (is_path(written))
    return single(Kind::kFilePath, model::Field::kFilePath, model::Match::kEquals,
                  std::string(written));
  if (auto hash = hash_indicator(written)) return std::move(*hash);
  const std::string value = refanged(written);
  for (const auto read : {address_indicator, url_indicator})
    if (auto one = read(value)) return std::move(*one);
  if (auto address = endpoint_indicator(value)) return std::move(*address);
  auto domain = domain_indicator(value);
  if (!domain)
    return fail(Code::kInvalid,
                "neither a hash, an address, a domain name, a URL nor an absolute path");
  FS_CHECK(check_domain(written, domain->all_of[0].value));
  return std::move(*domain);
}

}  // namespace

Status import_plain(std::string_view bytes, Collector& into) {
  for (const Line& line : lines_of(bytes)) {
    if (line.text.starts_with('#') || line.text.starts_with("//") || line.text.starts_with(';'))
      continue;
    const auto [value, note] = value_and_note(line.text);
    const Origin origin = into.origin(line.number, note);
    auto indicator = recognized(value);
    if (has_two_addresses(line.text))
      indicator =
          fail(Code::kInvalid, "two addresses: write each in a line, a range as 203.0.113.0/24");
    if (has_two_urls(value)) indicator = fail(Code::kInvalid, "two URLs: write each in a line");
    if (!indicator) {
      into.refuse(origin, line.text, indicator.error().message);
      continue;
    }
    indicator->origins = {origin};
    into.take(std::move(*indicator), value);
  }
  return {};
}

}  // namespace fleetsweep::indicators
