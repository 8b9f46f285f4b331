#pragma once

// The small grammars that feeds share: lines, comma-separated values, defanged names, their times.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/time.h"

namespace fleetsweep::indicators {

struct Line {
  std::uint32_t number = 0;  // from 1
  std::string_view text;     // without blanks at either end; borrows
};

// Lines that hold something, ended by LF, CRLF or CR.
std::vector<Line> lines_of(std::string_view text);

std::string_view trimmed(std::string_view text);
std::string in_small_letters(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

// One line of RFC 4180: quotes may hold commas, "" is a quote. Nothing: a quote does not end.
std::optional<std::vector<std::string>> comma_separated(std::string_view line);

// 1[.]2[.]3[.]4, hxxp://, evil[.]example, [:], (dot), [@] as they are meant.
std::string refanged(std::string_view text);

// Whether what a regular expression is found in has one of the letters for sure.
bool demands_one_of(std::string_view expression, std::string_view letters);

// RFC 3339 with or without fractions and offset, "2021-01-17 07:44:46" and "2021-01-17", in UTC.
std::optional<Timestamp> feed_time(std::string_view text);

// As it may stand in a comment or on a terminal: escaped, one line, at most
// limits::kImportNoteBytes.
std::string shown_note(std::string_view text);

}  // namespace fleetsweep::indicators
