#include "protocol/runtime/log/event_log.h"

#include <unistd.h>

#include <algorithm>

#include "protocol/base/bytes.h"
#include "protocol/base/limits.h"

namespace fleetsweep::event_log {
namespace {

constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error"};

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" =\"\\") != std::string_view::npos;
}

std::string spell(std::string_view value) {
  const bool cut = value.size() > limits::kLogValueBytes;
  const std::string text = escaped(value.substr(0, limits::kLogValueBytes)) + (cut ? "..." : "");
  if (!needs_quotes(text)) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

std::string format_line(Instant now, Level level, std::string_view event,
                        std::span<const Field> fields) {
  std::string time = to_rfc3339(to_timestamp(now));
  const auto milliseconds = (now - to_timestamp(now)).count();
  time.insert(time.size() - 1, fmt::format(".{:03}", milliseconds));
  std::string line = fmt::format("{} {} {}", time, kLevels[static_cast<std::size_t>(level)], event);
  for (const Field& field : fields) line += fmt::format(" {}={}", field.key, spell(field.value));
  return line + "\n";
}

void EventLog::debug(std::string_view event, std::initializer_list<Field> fields) const {
  write(Level::kDebug, event, fields);
}
void EventLog::info(std::string_view event, std::initializer_list<Field> fields) const {
  write(Level::kInfo, event, fields);
}
void EventLog::warning(std::string_view event, std::initializer_list<Field> fields) const {
  write(Level::kWarning, event, fields);
}
void EventLog::error(std::string_view event, std::initializer_list<Field> fields) const {
  write(Level::kError, event, fields);
}

void EventLog::write(Level level, std::string_view event, std::span<const Field> fields) const {
  if (level < from_) return;
  const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  const std::string line = format_line(now, level, event, fields);
  // A log that cannot be written must not stop the work.
  [[maybe_unused]] const ssize_t written = ::write(descriptor_, line.data(), line.size());
}

}  // namespace fleetsweep::event_log
