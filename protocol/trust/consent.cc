#include "protocol/trust/consent.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/trust/order_rules.h"

namespace fleetsweep::trust {

using model::Class;
using model::Reason;

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// "/srv/db/" -> "/srv/db"; nullopt unless absolute and without "." and ".." components.
std::optional<std::string> clean_path(std::string_view text) {
  if (text.empty() || text.front() != '/' || text.size() > limits::kPathBytes ||
      text.find('\0') != std::string_view::npos)
    return std::nullopt;
  std::string result;
  for (std::size_t at = 1; at <= text.size();) {
    const std::size_t end = std::min(text.find('/', at), text.size());
    const auto part = text.substr(at, end - at);
    if (part == "." || part == "..") return std::nullopt;
    if (!part.empty()) result.append("/").append(part);
    at = end + 1;
  }
  return result.empty() ? "/" : result;
}

bool is_beneath(std::string_view path, std::string_view folder) {
  if (folder == "/") return true;
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

class Parser {
 public:
  Result<Consent> run(std::string_view text) {
    if (text.size() > limits::kConsentBytes)
      return fail(Code::kInvalid, "consent file: {} bytes, at most {}", text.size(),
                  limits::kConsentBytes);
    consent_.digest = crypto::sha256(as_bytes(text));
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      if (++line_ > limits::kConsentLines) {
        wrong("more than {} lines", limits::kConsentLines);
        break;
      }
      take(text.substr(at, end - at));
      at = end + 1;
    }
    if (!mistakes_.empty())
      return fail(Code::kInvalid, "consent file: {}", fmt::join(mistakes_, "; "));
    return std::move(consent_);
  }

 private:
  template <class... Args>
  void wrong(fmt::format_string<Args...> format, Args&&... args) {
    mistakes_.push_back(
        fmt::format("line {}: {}", line_, fmt::format(format, std::forward<Args>(args)...)));
  }

  void take(std::string_view line) {
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) return;
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return wrong("'{}' is not 'key = value'", escaped(line));
    const auto key = trimmed(line.substr(0, equals));
    const auto value = trimmed(line.substr(equals + 1));
    const bool repeatable = key == "deny" || key == "root";
    if (!seen_.insert(std::string(key)).second && !repeatable)
      return wrong("'{}' stands there twice", escaped(key));
    set(key, value);
  }

  void set(std::string_view key, std::string_view value) {
    if (key == "max_class") {
      const auto parsed = from_name<Class>(value);
      if (!parsed)
        return wrong("max_class '{}' is not observe, read, contain, clean or destroy",
                     escaped(value));
      consent_.max_class = *parsed;
    } else if (key == "jurisdictions") {
      take_jurisdictions(value);
    } else if (key == "deny" || key == "root") {
      const auto path = clean_path(value);
      if (!path) return wrong("{} '{}' is not an absolute path without '..'", key, escaped(value));
      (key == "deny" ? consent_.denied : consent_.roots).push_back(*path);
    } else if (key == "items_max") {
      std::uint32_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (error != std::errc() || end != value.data() + value.size())
        return wrong("items_max '{}' is not a number", escaped(value));
      consent_.items_max = number;
    } else if (key == "expires") {
      const auto time = from_rfc3339(value);
      if (!time) return wrong("expires: {}", time.error().message);
      consent_.expires = *time;
    } else {
      wrong("unknown key '{}'; known are max_class, jurisdictions, deny, root, items_max, expires",
            escaped(key));
    }
  }

  void take_jurisdictions(std::string_view value) {
    for (std::size_t at = 0; at <= value.size();) {
      const std::size_t end = std::min(value.find(',', at), value.size());
      const auto code = trimmed(value.substr(at, end - at));
      if (is_country(code))
        consent_.jurisdictions.emplace_back(code);
      else
        wrong("jurisdiction '{}' is not an ISO 3166-1 alpha-2 code", escaped(code));
      at = end + 1;
    }
  }

  Consent consent_;
  std::size_t line_ = 0;
  std::set<std::string> seen_;
  std::vector<std::string> mistakes_;
};

}  // namespace

Result<Consent> parse_consent(std::string_view text) {
  return Parser().run(text);
}

Checked<void> allows(const Consent& consent, Class action_class, std::string_view jurisdiction,
                     Timestamp now) {
  if (consent.expires && now >= *consent.expires)
    return refuse(Reason::kConsent, "the owner's consent ended {}", to_rfc3339(*consent.expires));
  if (action_class > consent.max_class)
    return refuse(Reason::kConsent, "the owner allows up to class {}, this is {}",
                  name(consent.max_class), name(action_class));
  const auto& allowed = consent.jurisdictions;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), jurisdiction) == allowed.end())
    return refuse(Reason::kConsent, "the owner allows orders in {}, this host is in '{}'",
                  fmt::join(allowed, ", "), escaped(jurisdiction));
  return {};
}

bool allows_path(const Consent& consent, std::string_view path) {
  for (const auto& folder : consent.denied)
    if (is_beneath(path, folder)) return false;
  if (consent.roots.empty()) return true;
  return std::any_of(consent.roots.begin(), consent.roots.end(),
                     [&](const auto& folder) { return is_beneath(path, folder); });
}

}  // namespace fleetsweep::trust
