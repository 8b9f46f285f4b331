#pragma once

// One line of text for each event, on stderr, for people and for grep:
//   2026-11-23T10:00:00.123Z info order_accepted order=5f1c... class=3 holder="A. Smith"
// Events, not sentences; ids, counts and names, never what was found inside a file. Keys are for
// the reader of the source, values are escaped and cut at limits::kLogValueBytes.

#include <concepts>
#include <initializer_list>
#include <span>
#include <string>

#include "protocol/base/time.h"

namespace fleetsweep::event_log {

enum class Level { kDebug, kInfo, kWarning, kError };

struct Field {
  Field(std::string_view key, std::string_view text) : key(key), value(text) {}
  Field(std::string_view key, const char* text) : key(key), value(text) {}
  Field(std::string_view key, const std::string& text) : key(key), value(text) {}
  Field(std::string_view key, bool yes) : key(key), value(yes ? "true" : "false") {}
  template <std::integral Number>
  Field(std::string_view key, Number number) : key(key), value(std::to_string(number)) {}

  std::string_view key;
  std::string value;
};

// The line with its newline. Pure.
std::string format_line(Instant now, Level level, std::string_view event,
                        std::span<const Field> fields);
inline std::string format_line(Instant now, Level level, std::string_view event,
                               std::initializer_list<Field> fields) {
  return format_line(now, level, event, std::span(fields.begin(), fields.size()));
}

// main() makes one and passes it down. Safe from several threads: a line is one write().
class EventLog {
 public:
  explicit EventLog(Level from = Level::kInfo, int descriptor = 2)
      : from_(from), descriptor_(descriptor) {}

  void debug(std::string_view event, std::initializer_list<Field> fields = {}) const;
  void info(std::string_view event, std::initializer_list<Field> fields = {}) const;
  void warning(std::string_view event, std::initializer_list<Field> fields = {}) const;
  void error(std::string_view event, std::initializer_list<Field> fields = {}) const;
  // For fields that are not known when the program is written.
  void write(Level level, std::string_view event, std::span<const Field> fields) const;

 private:
  void write(Level level, std::string_view event, std::initializer_list<Field> fields) const {
    write(level, event, std::span(fields.begin(), fields.size()));
  }

  Level from_;
  int descriptor_;  // not owned
};

}  // namespace fleetsweep::event_log
