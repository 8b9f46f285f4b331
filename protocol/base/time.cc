#include "protocol/base/time.h"

#include <charconv>
#include <cstdio>

#include "protocol/base/bytes.h"

namespace fleetsweep {
namespace {

bool number(std::string_view text, int& value) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string to_rfc3339(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

Result<Timestamp> from_rfc3339(std::string_view text) {
  int year, month, day, hour, minute, second;
  const bool shaped = text.size() == 20 && text[4] == '-' && text[7] == '-' && text[10] == 'T' &&
                      text[13] == ':' && text[16] == ':' && text[19] == 'Z' &&
                      number(text.substr(0, 4), year) && number(text.substr(5, 2), month) &&
                      number(text.substr(8, 2), day) && number(text.substr(11, 2), hour) &&
                      number(text.substr(14, 2), minute) && number(text.substr(17, 2), second);
  const std::chrono::year_month_day date{std::chrono::year(shaped ? year : 0),
                                         std::chrono::month(shaped ? month : 0),
                                         std::chrono::day(shaped ? day : 0)};
  if (!shaped || !date.ok() || hour > 23 || minute > 59 || second > 59)
    return fail(Code::kInvalid, "'{}' is not a time; expected UTC like 2026-11-23T10:00:00Z",
                escaped(text));
  return Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + Seconds(second);
}

std::string to_human(Seconds length) {
  const auto total = length.count();
  if (total < 60) return fmt::format("{}s", total);
  if (total < 3600)
    return total % 60 ? fmt::format("{}m {}s", total / 60, total % 60)
                      : fmt::format("{}m", total / 60);
  if (total < 86400)
    return total / 60 % 60 ? fmt::format("{}h {}m", total / 3600, total / 60 % 60)
                           : fmt::format("{}h", total / 3600);
  return total / 3600 % 24 ? fmt::format("{}d {}h", total / 86400, total / 3600 % 24)
                           : fmt::format("{}d", total / 86400);
}

Result<Seconds> parse_seconds(std::string_view text) {
  int count = 0;
  if (!text.empty() && number(text.substr(0, text.size() - 1), count)) {
    switch (text.back()) {
      case 's':
        return Seconds(count);
      case 'm':
        return Seconds(count * std::int64_t{60});
      case 'h':
        return Seconds(count * std::int64_t{3600});
      case 'd':
        return Seconds(count * std::int64_t{86400});
      default:
        break;
    }
  }
  return fail(Code::kInvalid,
              "'{}' is not a duration; expected a whole number and one of s, m, h, d, like 90s",
              escaped(text));
}

}  // namespace fleetsweep
