#include "cli/order_words.h"

#include <fmt/ranges.h>

#include "cli/console.h"
#include "protocol/base/bytes.h"

namespace fleetsweep::cli {

std::string mode_text(model::Mode mode) {
  return mode == model::Mode::kDryRun ? "dry-run" : std::string(name(mode));
}

std::string percent(unsigned permille) {
  return permille % 10 == 0 ? fmt::format("{} %", permille / 10)
                            : fmt::format("{}.{} %", permille / 10, permille % 10);
}

std::string exactly(Seconds length) {
  std::string text;
  const auto add = [&](std::int64_t count, char unit) {
    if (count != 0) text += fmt::format("{}{}{}", text.empty() ? "" : " ", count, unit);
  };
  const std::int64_t total = length.count();
  add(total / 86400, 'd');
  add(total / 3600 % 24, 'h');
  add(total / 60 % 60, 'm');
  add(total % 60, 's');
  return text.empty() ? "0s" : text;
}

std::string text_of(const model::Window& window) {
  constexpr const char* kDays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  std::vector<std::string> days;
  for (unsigned day = 0; day < 7; ++day)
    if (window.days >> day & 1) days.push_back(kDays[day]);
  return fmt::format("{} {:02}:{:02} to {:02}:{:02}",
                     days.size() == 7 ? "every day" : fmt::format("{}", fmt::join(days, " ")),
                     window.from_minute / 60, window.from_minute % 60, window.to_minute / 60,
                     window.to_minute % 60);
}

std::string text_of(const model::Wave& wave) {
  return fmt::format("up to {} of the hosts, after {}, gate {}{}", percent(wave.permille),
                     exactly(wave.delay_min), name(wave.gate),
                     wave.deadline > Seconds{0} ? ", at most " + exactly(wave.deadline) : "");
}

std::string text_of(const model::OrderLimits& limits) {
  std::vector<std::string> parts;
  if (limits.items) parts.push_back(fmt::format("{} objects", limits.items));
  if (limits.bytes) parts.push_back(fmt::format("{} bytes", limits.bytes));
  if (limits.permille_of_scanned)
    parts.push_back(fmt::format("{} of what was scanned", percent(limits.permille_of_scanned)));
  if (limits.runtime > Seconds{0}) parts.push_back(exactly(limits.runtime));
  if (limits.cpu_percent) parts.push_back(fmt::format("{} % of a CPU", limits.cpu_percent));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string text_of(const model::Breaker& breaker) {
  return fmt::format("{} and {} of the hosts", counted(breaker.failures, "failure"),
                     percent(breaker.failed_permille));
}

std::string list_text(const std::vector<std::string>& values, std::string_view when_empty) {
  return values.empty() ? std::string(when_empty)
                        : escaped(fmt::format("{}", fmt::join(values, ", ")));
}

}  // namespace fleetsweep::cli
