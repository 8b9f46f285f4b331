#include "protocol/runtime/config/config.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::config {
namespace {

constexpr std::size_t kValueShown = 80;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool is_key(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// A comment starts the line, or follows a blank: "a#b" is a value.
std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t'))
      return line.substr(0, i);
  return line;
}

// Single letters added, lost, changed: what a misspelt key differs by. Rows of the usual table.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string shown(std::string_view value) {
  return escaped(value.substr(0, kValueShown)) + (value.size() > kValueShown ? "..." : "");
}

}  // namespace

Result<std::vector<Setting>> parse_arguments(std::span<const std::string> arguments) {
  std::vector<Setting> settings;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    const auto equals = argument.find('=');
    std::string key(argument.substr(0, equals));
    if (!key.starts_with("--"))
      return fail(Code::kInvalid, "unexpected argument '{}'; expected --key value",
                  shown(argument));
    key.erase(0, 2);
    std::ranges::replace(key, '-', '_');
    if (!is_key(key))
      return fail(Code::kInvalid, "'{}' is not a key; expected --key value", shown(argument));
    if (equals == std::string_view::npos && i + 1 == arguments.size())
      return fail(Code::kInvalid, "{} has no value; expected {} VALUE", argument, argument);
    std::string value = equals == std::string_view::npos ? arguments[++i]
                                                         : std::string(argument.substr(equals + 1));
    settings.push_back({key, std::move(value), "--" + key});
  }
  return settings;
}

Result<Reader> Reader::open(const std::string& path, std::vector<Setting> overrides) {
  if (path.empty()) return parse("", "", std::move(overrides));
  FS_TRY(const Bytes content, files::read_file(path, limits::kConfigBytes, files::Links::kFollow));
  return parse(as_text(content), path, std::move(overrides));
}

Reader Reader::parse(std::string_view text, std::string_view name, std::vector<Setting> overrides) {
  Reader reader;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = trimmed(without_comment(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string origin = fmt::format("{}:{}", name, ++number);
    if (line.empty()) continue;
    const auto equals = line.find('=');
    const std::string key(trimmed(line.substr(0, equals)));
    if (equals == std::string_view::npos || !is_key(key)) {
      reader.mistakes_.push_back(
          fmt::format("{}: expected 'key = value', found '{}'", origin, shown(line)));
      continue;
    }
    const bool overridden =
        std::ranges::any_of(overrides, [&](const Setting& setting) { return setting.key == key; });
    if (!overridden)
      reader.settings_.push_back({key, std::string(trimmed(line.substr(equals + 1))), origin});
  }
  std::ranges::move(overrides, std::back_inserter(reader.settings_));
  return reader;
}

const Setting* Reader::single(std::string_view key) {
  known_.emplace(key);
  const Setting* found = nullptr;
  for (const Setting& setting : settings_) {
    if (setting.key != key) continue;
    if (found != nullptr)
      mistake(setting, fmt::format("is set a second time (first at {})", found->origin));
    else
      found = &setting;
  }
  return found;
}

void Reader::mistake(const Setting& setting, std::string_view what) {
  mistakes_.push_back(fmt::format("{}: '{}' {}", setting.origin, setting.key, what));
}

bool Reader::has(std::string_view key) {
  known_.emplace(key);
  return std::ranges::any_of(settings_, [&](const Setting& s) { return s.key == key; });
}

std::string Reader::text(std::string_view key, std::string_view fallback) {
  const Setting* setting = single(key);
  return std::string(setting == nullptr ? fallback : std::string_view(setting->value));
}

std::string Reader::required(std::string_view key) {
  const Setting* setting = single(key);
  if (setting == nullptr) {
    mistakes_.push_back(fmt::format("'{}' is missing", key));
    return {};
  }
  if (setting->value.empty()) mistake(*setting, "has no value");
  return setting->value;
}

std::vector<std::string> Reader::list(std::string_view key) {
  known_.emplace(key);
  std::vector<std::string> values;
  for (const Setting& setting : settings_) {
    if (setting.key != key) continue;
    if (setting.value.empty()) mistake(setting, "has no value");
    values.push_back(setting.value);
  }
  return values;
}

std::uint64_t Reader::number(std::string_view key, std::uint64_t fallback, std::uint64_t min,
                             std::uint64_t max) {
  const Setting* setting = single(key);
  if (setting == nullptr) return fallback;
  const std::string& text = setting->value;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && end == text.data() + text.size() && value >= min && value <= max)
    return value;
  mistake(*setting,
          fmt::format("is '{}'; expected a whole number from {} to {}", shown(text), min, max));
  return fallback;
}

Seconds Reader::duration(std::string_view key, Seconds fallback) {
  const Setting* setting = single(key);
  if (setting == nullptr) return fallback;
  auto value = parse_seconds(setting->value);
  if (value) return *value;
  mistake(*setting, "is wrong: " + value.error().message);
  return fallback;
}

bool Reader::flag(std::string_view key, bool fallback) {
  const Setting* setting = single(key);
  if (setting == nullptr) return fallback;
  if (setting->value == "yes" || setting->value == "true") return true;
  if (setting->value == "no" || setting->value == "false") return false;
  mistake(*setting, fmt::format("is '{}'; expected yes or no", shown(setting->value)));
  return fallback;
}

void Reader::reject(std::string_view key, std::string_view what) {
  const auto found =
      std::ranges::find_if(settings_, [&](const Setting& setting) { return setting.key == key; });
  if (found == settings_.end())
    mistakes_.push_back(fmt::format("'{}' {}", key, what));
  else
    mistake(*found, what);
}

Status Reader::finish() const {
  std::vector<std::string> mistakes = mistakes_;
  for (const Setting& setting : settings_) {
    if (known_.contains(setting.key)) continue;
    const auto nearest = std::ranges::min_element(
        known_, {}, [&](const std::string& known) { return edit_distance(known, setting.key); });
    const bool close = nearest != known_.end() && edit_distance(*nearest, setting.key) <= 3;
    mistakes.push_back(fmt::format("{}: '{}' is not a key here{}", setting.origin, setting.key,
                                   close ? fmt::format("; did you mean '{}'?", *nearest) : ""));
  }
  if (mistakes.empty()) return {};
  return fail(Code::kInvalid, "{}", fmt::join(mistakes, "\n"));
}

}  // namespace fleetsweep::config
