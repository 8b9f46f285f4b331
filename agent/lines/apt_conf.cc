#include "agent/lines/apt_conf.h"

#include <algorithm>
#include <utility>

namespace fleetsweep::lines {
namespace {

constexpr std::size_t kAptNameBytes = 256;
constexpr std::string_view kAptBlank = " \t\r\n\v\f";

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kAptBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kAptBlank) - first + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

// A # begins a comment, unless it is one of these.
bool is_apt_directive(std::string_view text) {
  for (const std::string_view directive : {"#clear", "#include", "#x-apt-configure-index"})
    if (text.starts_with(directive)) return true;
  return false;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Quotes may stand anywhere in a word, and %2f for a slash.
std::string decoded(std::string_view word) {
  std::string result;
  for (std::size_t at = 0; at < word.size(); ++at) {
    const int high = at + 2 < word.size() ? hex_digit(word[at + 1]) : -1;
    const int low = high < 0 ? -1 : hex_digit(word[at + 2]);
    if (word[at] == '%' && low >= 0) {
      result += static_cast<char>(high * 16 + low);
      at += 2;
    } else if (word[at] != '"') {
      result += word[at];
    }
  }
  return result;
}

// A value that is quoted as a whole stands for itself, percent signs and all.
std::string value_of(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.find('"', 1) == text.size() - 1)
    return std::string(text.substr(1, text.size() - 2));
  return decoded(text);
}

std::size_t first_word_end(std::string_view text) {
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (!quoted && kAptBlank.find(text[at]) != std::string_view::npos) return at;
  }
  return text.size();
}

}  // namespace

// Quotes do not go on in the next line.
std::string AptReader::without_comments(std::string_view line) {
  std::size_t at = 0;
  if (is_in_comment_) {
    const std::size_t end = line.find("*/");
    if (end == std::string_view::npos) return {};
    is_in_comment_ = false;
    at = end + 2;
  }
  bool quoted = false;
  for (std::size_t i = at; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    const std::string_view rest = line.substr(i);
    if (quoted || (!rest.starts_with("//") && (line[i] != '#' || is_apt_directive(rest)))) continue;
    line = line.substr(0, i);
    break;
  }
  std::string code;
  for (quoted = false; at < line.size(); ++at) {
    if (line[at] == '"') quoted = !quoted;
    if (quoted || !line.substr(at).starts_with("/*")) {
      code += line[at];
      continue;
    }
    const std::size_t end = line.find("*/", at + 2);
    is_in_comment_ = end == std::string_view::npos;
    if (is_in_comment_) break;
    at = end + 1;
  }
  return code;
}

void AptReader::add(std::string_view text) {
  text = without_blanks(text);
  if (!statement_.empty() && !text.empty()) statement_ += ' ';
  statement_ += text;
}

void AptReader::end(char by, const VisitApt& visit) {
  const std::size_t around = block_.size();
  if (!statement_.empty()) {
    const std::size_t end = first_word_end(statement_);
    AptSetting setting{decoded(std::string_view(statement_).substr(0, end)), {}};
    const std::string_view rest = without_blanks(std::string_view(statement_).substr(end));
    const bool is_alone = rest.empty();
    setting.value = value_of(rest);
    if (is_alone && by != '{') setting.value = std::exchange(setting.name, {});
    if (!block_.empty() && !setting.name.starts_with('#')) setting.name.insert(0, block_ + "::");
    // No hook has such a name, nor any other setting.
    if (setting.name.size() > kAptNameBytes) setting.name.resize(kAptNameBytes);
    if (!is_alone || by != '{') visit(setting);
    if (by == '{') block_ = std::move(setting.name);
    statement_.clear();
  }
  if (by == '{') blocks_.push_back(around);
  if (by != '}') return;
  block_.resize(blocks_.empty() ? 0 : std::min(blocks_.back(), block_.size()));
  if (!blocks_.empty()) blocks_.pop_back();
}

void AptReader::read(std::string_view line, const VisitApt& visit) {
  const std::string code = without_comments(line);
  const std::string_view all = code;
  bool quoted = false;
  std::size_t from = 0;
  for (std::size_t at = 0; at < all.size(); ++at) {
    if (all[at] == '"') quoted = !quoted;
    if (quoted || (all[at] != '{' && all[at] != ';' && all[at] != '}')) continue;
    add(all.substr(from, at - from));
    end(all[at], visit);
    from = at + 1;
  }
  add(all.substr(from));
}

void each_apt_setting(std::string_view text, const VisitApt& visit) {
  AptReader reader;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    reader.read(text.substr(at, end - at), visit);
    at = end + 1;
  }
  reader.read(";", visit);  // one that nothing ends: apt then reads no file at all
}

bool is_apt_hook(const AptSetting& setting) {
  const std::string name = lower(setting.name);
  for (const std::string_view part :
       {"-invoke", "install-pkgs", "::proxy-auto-detect", "::proxyautodetect", "::solvers",
        "aptcli::hooks", "dir::bin::"})
    if (name.find(part) != std::string::npos) return true;
  const std::string_view option =
      std::string_view(setting.value).substr(0, setting.value.find('='));
  return name.starts_with("dpkg::options") &&
         (option == "--pre-invoke" || option == "--post-invoke" || option == "--status-logger");
}

}  // namespace fleetsweep::lines
