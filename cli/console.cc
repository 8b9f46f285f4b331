#include "cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "protocol/base/bytes.h"

namespace fleetsweep::cli {
namespace {

// Columns a terminal uses for `text`: code points outside escape sequences.
std::size_t width(std::string_view text) {
  std::size_t columns = 0;
  bool in_escape = false;
  for (char c : text) {
    if (c == '\x1b') in_escape = true;
    if (!in_escape && (static_cast<unsigned char>(c) & 0xc0) != 0x80) ++columns;
    if (in_escape && c == 'm') in_escape = false;
  }
  return columns;
}

int exit_code(Code code) {
  switch (code) {
    case Code::kInternal:
      return kBug;
    case Code::kInvalid:
      return kUsage;
    default:
      return kRefused;
  }
}

constexpr std::string_view kNext = "\nnext:  ";

std::string usual_next_step(Code code, const std::string& verb) {
  switch (code) {
    case Code::kInvalid:
      return verb + " --help";
    case Code::kInternal:
      return "report this, with the command and `fleetsweep --version`";
    case Code::kUntrusted:
      return "see who signed and who is missing: `fleetsweep order show FILE --root ROOT`";
    case Code::kUnavailable:
      return "run `fleetsweep doctor` to see what answers";
    case Code::kOverloaded:
      return "try again in a minute";
    case Code::kConflict:
      return "look at the present state and decide again";
    case Code::kNotFound:
      return "list what there is: `fleetsweep campaign status`, `fleetsweep agent list`";
  }
  return {};
}

}  // namespace

Console::Console() : out_terminal_(isatty(STDOUT_FILENO)), err_terminal_(isatty(STDERR_FILENO)) {}

void Console::print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void Console::note(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fputc('\n', stderr);
}

void Console::table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], width(row[i]));
    }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      line += rows[r][i];
      if (i + 1 < rows[r].size()) line += std::string(widths[i] - width(rows[r][i]) + 2, ' ');
    }
    print(r == 0 ? paint(Colour::kBold, line) : line);
  }
}

std::string Console::paint(Colour colour, std::string_view text) const {
  if (!out_terminal_ || colour == Colour::kPlain) return std::string(text);
  constexpr const char* kCodes[] = {"0", "1", "2", "31", "32", "33"};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<int>(colour)], text);
}

void Console::redraw(const std::string& block) {
  if (!out_terminal_) return print(block);
  winsize size{};  // asked each time: people resize their windows
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row < 2)
    size = {.ws_row = 24, .ws_col = 80};
  if (drawn_lines_ > 0) std::printf("\x1b[%zuA\x1b[J", drawn_lines_);
  const std::string shown = fit(block, size.ws_col, size.ws_row - std::size_t{1});
  print(shown);
  drawn_lines_ = 1 + static_cast<std::size_t>(std::count(shown.begin(), shown.end(), '\n'));
}

void Console::next(std::string_view text) {
  if (!json) note(fmt::format("next:  {}", text));
}

Status Console::confirm(std::string_view plan, std::string_view question) {
  if (!json || !assume_yes) note(plan);
  if (assume_yes) return {};
  if (!isatty(STDIN_FILENO))
    return fail(Code::kConflict,
                "this needs a yes, and there is no terminal to ask on; nothing was done{}{}", kNext,
                "read the plan, then give the same command with --yes");
  std::fprintf(stderr, "%.*s [y/N] ", static_cast<int>(question.size()), question.data());
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  return fail(Code::kConflict, "not confirmed; nothing was done{}{}", kNext,
              "change what the plan shows, or give the command again and answer y");
}

Status Console::confirm_number(std::string_view plan, std::string_view what, std::uint64_t number,
                               const std::optional<std::uint64_t>& given, std::string_view flag) {
  if (given && *given == number) {
    if (!json) note(plan);
    return {};
  }
  note(plan);
  if (given)
    return fail(Code::kConflict, "{} {}: that is not {} of this order; nothing was done{}{}", flag,
                *given, what, kNext, "read the plan again: something changed, or was misread");
  if (!isatty(STDIN_FILENO))
    return fail(Code::kConflict,
                "this needs {} as a number, and there is no terminal to ask on; nothing was "
                "done{}read the plan, then give {} N: a yes is not enough here",
                what, kNext, flag);
  std::fprintf(stderr, "To sign exactly this, type %.*s: ", static_cast<int>(what.size()),
               what.data());
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == std::to_string(number)) return {};
  return fail(Code::kConflict, "that is not the number; nothing was done{}{}", kNext,
              "count what the plan shows, and give the command again");
}

int Console::report(const Error& error) {
  const std::string_view whole = error.message;
  const auto split = whole.find(kNext);
  const std::string_view message = whole.substr(0, split);
  const std::string next = split == std::string_view::npos
                               ? usual_next_step(error.code, verb)
                               : std::string(whole.substr(split + kNext.size()));
  if (json) {
    const nlohmann::json body = {
        {"error", {{"code", name(error.code)}, {"message", message}, {"next", next}}}};
    note(body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return exit_code(error.code);
  }
  const std::string label = err_terminal_ ? "\x1b[31merror:\x1b[0m" : "error:";
  note(fmt::format("{} {}", label, message));
  note(fmt::format("next:  {}", next));
  return exit_code(error.code);
}

Error advise(Error error, std::string_view next) {
  if (error.message.find(kNext) == std::string::npos)
    error.message += fmt::format("{}{}", kNext, next);
  return error;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string fit(std::string_view block, std::size_t columns, std::size_t lines) {
  std::string result;
  std::size_t column = 0, line = 1;
  bool in_escape = false;
  for (const char c : block) {
    if (c == '\n') {
      if (line++ == lines) return result;
      column = 0;
    } else if (c == '\x1b') {
      in_escape = true;
    } else if (!in_escape && (static_cast<unsigned char>(c) & 0xc0) != 0x80) {
      ++column;
    }
    if (c == '\n' || in_escape || column <= columns) result += c;
    if (in_escape && c == 'm') in_escape = false;
  }
  return result;
}

std::string bar(double share, std::size_t columns) {
  const auto full =
      static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(columns) + 0.5);
  return "[" + std::string(full, '#') + std::string(columns - full, '.') + "]";
}

}  // namespace fleetsweep::cli
