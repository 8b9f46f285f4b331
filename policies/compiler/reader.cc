#include "policies/compiler/reader.h"

#include <algorithm>
#include <charconv>

#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::compiler {
namespace {

template <class T>
std::optional<T> parse_integer(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string_view> scalar(const Node& node, std::string_view what,
                                       std::string_view expected, Sink& sink) {
  if (node.kind == Node::Kind::kScalar) return node.text;
  if (node.kind == Node::Kind::kNull)
    sink.error(node.at, fmt::format("{} has no value", what), fmt::format("expected {}", expected));
  else
    sink.error(node.at, fmt::format("{} is {}, not {}", what, expected, describe(node.kind)));
  return std::nullopt;
}

void wrong(const Node& node, std::string_view what, std::string_view expected, Sink& sink) {
  sink.error(node.at, fmt::format("{} is {}, not '{}'", what, expected, shown(node.text)));
}

}  // namespace

std::optional<std::int64_t> parse_whole(std::string_view text) {
  return parse_integer<std::int64_t>(text);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  unsigned shift = 0;
  for (const auto& [suffix, bits] :
       {std::pair<std::string_view, unsigned>{"KiB", 10}, {"MiB", 20}, {"GiB", 30}}) {
    if (!text.ends_with(suffix)) continue;
    shift = bits;
    text.remove_suffix(suffix.size());
    break;
  }
  const auto value = parse_integer<std::uint64_t>(text);
  if (!value || *value > kSizeMax >> shift) return std::nullopt;
  return *value << shift;
}

std::optional<std::string> read_text(const Node& node, std::string_view what, Sink& sink) {
  const auto text = scalar(node, what, "text", sink);
  if (!text) return std::nullopt;
  if (text->empty()) {
    sink.error(node.at, fmt::format("{} is empty", what));
    return std::nullopt;
  }
  return std::string(*text);
}

std::optional<std::uint64_t> read_number(const Node& node, std::string_view what,
                                         std::uint64_t lowest, std::uint64_t highest, Sink& sink) {
  const auto expected = fmt::format("a whole number from {} to {}", lowest, highest);
  const auto text = scalar(node, what, expected, sink);
  if (!text) return std::nullopt;
  const auto value = parse_integer<std::uint64_t>(*text);
  if (value && *value >= lowest && *value <= highest) return value;
  wrong(node, what, expected, sink);
  return std::nullopt;
}

std::optional<std::uint64_t> read_size(const Node& node, std::string_view what, Sink& sink) {
  constexpr std::string_view kExpected = "a size like 4096, 64KiB, 4MiB or 1GiB";
  const auto text = scalar(node, what, kExpected, sink);
  if (!text) return std::nullopt;
  const auto value = parse_size(*text);
  if (!value) wrong(node, what, kExpected, sink);
  return value;
}

std::optional<Seconds> read_duration(const Node& node, std::string_view what, Sink& sink) {
  constexpr std::string_view kExpected = "a duration like 90s, 10m, 24h or 30d";
  const auto text = scalar(node, what, kExpected, sink);
  if (!text) return std::nullopt;
  const auto value = parse_seconds(*text);
  if (value) return *value;
  wrong(node, what, kExpected, sink);
  return std::nullopt;
}

std::optional<bool> read_boolean(const Node& node, std::string_view what, Sink& sink) {
  const auto text = scalar(node, what, "true or false", sink);
  if (!text) return std::nullopt;
  if (*text == "true") return true;
  if (*text == "false") return false;
  wrong(node, what, "true or false", sink);
  return std::nullopt;
}

std::optional<Timestamp> read_time(const Node& node, std::string_view what, Sink& sink) {
  constexpr std::string_view kExpected = "a time in UTC like 2026-11-23T10:00:00Z or 2026-11-23";
  const auto text = scalar(node, what, kExpected, sink);
  if (!text) return std::nullopt;
  if (const auto value = from_rfc3339(*text)) return *value;
  if (const auto day = from_rfc3339(std::string(*text) + "T00:00:00Z")) return *day;
  wrong(node, what, kExpected, sink);
  return std::nullopt;
}

std::vector<const Node*> read_scalars(const Node& node, std::string_view what, Sink& sink) {
  std::vector<const Node*> scalars;
  if (node.kind != Node::Kind::kSequence) {
    if (read_text(node, what, sink)) scalars.push_back(&node);
    return scalars;
  }
  if (node.items.empty())
    sink.error(node.at, fmt::format("{} is an empty list", what), "name at least one value");
  for (const auto& item : node.items)
    if (read_text(item, fmt::format("a value of {}", what), sink)) scalars.push_back(&item);
  return scalars;
}

void check_count(const Node& node, std::size_t count, std::size_t most, std::string_view what,
                 Sink& sink) {
  if (count > most) sink.error(node.at, fmt::format("{} {}; at most {}", count, what, most));
}

const Node* read_map(const Node& node, std::string_view what, Sink& sink) {
  if (node.kind == Node::Kind::kMap) return &node;
  if (node.kind == Node::Kind::kNull)
    sink.error(node.at, fmt::format("{} has no value", what), "expected a map of fields");
  else
    sink.error(node.at, fmt::format("{} is a map of fields, not {}", what, describe(node.kind)));
  return nullptr;
}

Fields::Fields(const Node& node, std::string what, Sink& sink)
    : node_(node), map_(read_map(node, what, sink)), what_(std::move(what)), sink_(sink) {}

std::string Fields::named(std::string_view key) const {
  return fmt::format("'{}'", key);
}

const Node* Fields::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  return map_ ? map_->find(key) : nullptr;
}

const Node* Fields::need(std::string_view key, std::string hint) {
  const Node* node = find(key);
  if (!node && map_)
    sink_.error(node_.at, fmt::format("{}: '{}' is missing", what_, key), std::move(hint));
  return node;
}

std::string Fields::text(std::string_view key, std::string fallback) {
  const Node* node = find(key);
  if (!node) return fallback;
  auto value = read_text(*node, named(key), sink_);
  if (value && value->size() > limits::kTextBytes) {
    sink_.error(node->at, fmt::format("'{}' is longer than {} bytes", key, limits::kTextBytes));
    return fallback;
  }
  return value.value_or(std::move(fallback));
}

std::string Fields::needed_text(std::string_view key, std::string hint) {
  need(key, std::move(hint));
  return text(key);
}

std::vector<std::string> Fields::texts(std::string_view key) {
  std::vector<std::string> values;
  if (const Node* node = find(key)) {
    if (node->kind == Node::Kind::kSequence && node->items.empty()) return values;
    for (const Node* scalar : read_scalars(*node, named(key), sink_))
      values.push_back(scalar->text);
  }
  return values;
}

std::uint64_t Fields::number(std::string_view key, std::uint64_t lowest, std::uint64_t highest,
                             std::uint64_t fallback) {
  const Node* node = find(key);
  return node ? read_number(*node, named(key), lowest, highest, sink_).value_or(fallback)
              : fallback;
}

std::uint64_t Fields::size(std::string_view key, std::uint64_t fallback) {
  const Node* node = find(key);
  return node ? read_size(*node, named(key), sink_).value_or(fallback) : fallback;
}

Seconds Fields::duration(std::string_view key, Seconds fallback) {
  const Node* node = find(key);
  return node ? read_duration(*node, named(key), sink_).value_or(fallback) : fallback;
}

bool Fields::boolean(std::string_view key, bool fallback) {
  const Node* node = find(key);
  return node ? read_boolean(*node, named(key), sink_).value_or(fallback) : fallback;
}

std::optional<Timestamp> Fields::time(std::string_view key) {
  const Node* node = find(key);
  return node ? read_time(*node, named(key), sink_) : std::nullopt;
}

std::uint16_t Fields::percent(std::string_view key, std::uint16_t fallback) {
  const Node* node = find(key);
  if (!node) return fallback;
  constexpr std::string_view kExpected = "a percentage from 0 to 100 like 5 or 0.5";
  const auto text = scalar(*node, named(key), kExpected, sink_);
  if (!text) return fallback;
  const auto dot = text->find('.');
  const auto whole = parse_integer<std::uint16_t>(text->substr(0, dot));
  const auto tenths = dot == std::string_view::npos
                          ? std::optional<std::uint16_t>(0)
                          : parse_integer<std::uint16_t>(text->substr(dot + 1));
  if (whole && tenths && *whole <= 100 && *tenths < 10 && *whole * 10 + *tenths <= 1000 &&
      (dot == std::string_view::npos || text->size() == dot + 2))
    return static_cast<std::uint16_t>(*whole * 10 + *tenths);
  wrong(*node, named(key), kExpected, sink_);
  return fallback;
}

std::string Fields::choose(const Node& node, std::string_view key,
                           std::initializer_list<std::string_view> known, std::string fallback) {
  const auto text = read_text(node, named(key), sink_);
  if (!text) return fallback;
  if (std::find(known.begin(), known.end(), *text) != known.end()) return *text;
  sink_.error(node.at, fmt::format("'{}' does not know '{}'", key, shown(*text)),
              name_hint(*text, known));
  return fallback;
}

std::string Fields::choice(std::string_view key, std::initializer_list<std::string_view> known,
                           std::string fallback) {
  const Node* node = find(key);
  return node ? choose(*node, key, known, std::move(fallback)) : fallback;
}

std::string Fields::needed_choice(std::string_view key,
                                  std::initializer_list<std::string_view> known) {
  const Node* node = need(key, name_hint("", known));
  return node ? choose(*node, key, known, {}) : std::string();
}

void Fields::finish() {
  if (!map_) return;
  for (const auto& entry : map_->entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    sink_.error(entry.at, fmt::format("{} has no field '{}'", what_, shown(entry.key)),
                name_hint(entry.key, known_));
  }
}

}  // namespace fleetsweep::compiler
