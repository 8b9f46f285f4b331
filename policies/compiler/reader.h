#pragma once

// Nodes -> typed values. Each mistake goes to the sink with its place, and the reader goes on with
// the default, so that one run shows all of them.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/compiler/source.h"

namespace fleetsweep::compiler {

// `what` names the value in messages ("'score'", "file.size"). Nothing after a mistake.
std::optional<std::string> read_text(const Node& node, std::string_view what, Sink& sink);
std::optional<std::uint64_t> read_number(const Node& node, std::string_view what,
                                         std::uint64_t lowest, std::uint64_t highest, Sink& sink);
std::optional<std::uint64_t> read_size(const Node& node, std::string_view what, Sink& sink);
std::optional<Seconds> read_duration(const Node& node, std::string_view what, Sink& sink);
std::optional<bool> read_boolean(const Node& node, std::string_view what, Sink& sink);
std::optional<Timestamp> read_time(const Node& node, std::string_view what, Sink& sink);
// A scalar or a list of scalars; never empty on success.
std::vector<const Node*> read_scalars(const Node& node, std::string_view what, Sink& sink);
// Complains about more than an agent takes.
void check_count(const Node& node, std::size_t count, std::size_t most, std::string_view what,
                 Sink& sink);
// A map, or a complaint and nullptr.
const Node* read_map(const Node& node, std::string_view what, Sink& sink);

// The size grammar: 4096, 4KiB, 4MiB, 1GiB. The bound leaves room for the sign of
// model::Value::number.
inline constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 62;
std::optional<std::uint64_t> parse_size(std::string_view text);
std::optional<std::int64_t> parse_whole(std::string_view text);

// The fields of one map. Every field that is asked for is known; finish() reports all others.
class Fields {
 public:
  Fields(const Node& node, std::string what, Sink& sink);

  const Node* find(std::string_view key);
  // Complains when it is missing.
  const Node* need(std::string_view key, std::string hint = {});

  std::string text(std::string_view key, std::string fallback = {});
  std::string needed_text(std::string_view key, std::string hint = {});
  std::vector<std::string> texts(std::string_view key);
  std::uint64_t number(std::string_view key, std::uint64_t lowest, std::uint64_t highest,
                       std::uint64_t fallback);
  std::uint64_t size(std::string_view key, std::uint64_t fallback);
  Seconds duration(std::string_view key, Seconds fallback);
  bool boolean(std::string_view key, bool fallback);
  std::optional<Timestamp> time(std::string_view key);
  // 0..100 with at most one decimal, as thousandths.
  std::uint16_t percent(std::string_view key, std::uint16_t fallback);
  std::string choice(std::string_view key, std::initializer_list<std::string_view> known,
                     std::string fallback);
  std::string needed_choice(std::string_view key, std::initializer_list<std::string_view> known);

  bool has(std::string_view key) const { return map_ && map_->find(key); }
  Position at() const { return node_.at; }
  const std::string& what() const { return what_; }
  void finish();

 private:
  std::string named(std::string_view key) const;
  std::string choose(const Node& node, std::string_view key,
                     std::initializer_list<std::string_view> known, std::string fallback);

  const Node& node_;
  const Node* map_;
  std::string what_;
  Sink& sink_;
  std::vector<std::string_view> known_;
};

}  // namespace fleetsweep::compiler
