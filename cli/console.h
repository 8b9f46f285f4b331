#pragma once

// What a person sees: results on stdout, everything else on stderr. Colours and live redraw only on
// a terminal; --json turns every result into one JSON value on stdout.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.h"

namespace fleetsweep::cli {

// The exit codes of every verb.
enum Exit : int { kDone = 0, kRefused = 1, kUsage = 2, kPartly = 3, kBug = 70 };

enum class Colour { kPlain, kBold, kDim, kRed, kGreen, kYellow };

class Console {
 public:
  Console();

  bool json = false;
  bool assume_yes = false;
  std::string verb = "fleetsweep";  // what runs: whose --help is the next step of a mistake
  bool out_is_terminal() const { return out_terminal_; }

  void print(std::string_view text);  // a result line, stdout
  void note(std::string_view text);   // progress and warnings, stderr
  // "next:  TEXT" on stderr; silent with --json, where only errors stand on stderr.
  void next(std::string_view text);
  // Two aligned columns or more; the first row is the head.
  void table(const std::vector<std::vector<std::string>>& rows);
  std::string paint(Colour colour, std::string_view text) const;
  // Replaces what the last redraw() wrote; off a terminal it appends.
  void redraw(const std::string& block);
  // Shows the plan and asks for a yes. Without a terminal only --yes lets it go on.
  Status confirm(std::string_view plan, std::string_view question);
  // The same where a yes is not enough: the person types the number that the plan shows as `what`.
  // `given` is what a script gave with `flag`; --yes takes the place of neither.
  Status confirm_number(std::string_view plan, std::string_view what, std::uint64_t number,
                        const std::optional<std::uint64_t>& given, std::string_view flag);
  // The error and its next step on stderr; with --json {"error": {code, message, next}}, the form
  // of the API. A message may bring its own next step, see advise(). Returns the exit code.
  int report(const Error& error);

 private:
  bool out_terminal_ = false;
  bool err_terminal_ = false;
  std::size_t drawn_lines_ = 0;
};

// The error with what to do about it, "\nnext:  TEXT", unless it says that already.
Error advise(Error error, std::string_view next);

// "1 signature", "2 signatures".
std::string counted(std::size_t count, std::string_view noun);

// As much of the block as a terminal of this size shows without wrapping or scrolling; escape
// sequences take no column and are kept.
std::string fit(std::string_view block, std::size_t columns, std::size_t lines);

// "[#########......]"
std::string bar(double share, std::size_t width);

}  // namespace fleetsweep::cli
