#pragma once

// Which lines of a configuration file belong together. Who finds an entry and who takes it out ask
// the same functions, so that never a part of another statement is taken for it. Pure; works on
// bytes, and everything returned lies in the text that was given.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/model/finding.h"

namespace fleetsweep::lines {

// What ends with \ goes on in the next line, for each of these readers in a way of its own.
enum class Join : std::uint8_t {
  kNone,       // each line stands alone
  kShell,      // not behind another \ or a comment; nothing is between the parts
  kUnit,       // as systemd does: \r and NUL end a line too, comments between its parts are skipped
  kBraces,     // until a statement of apt.conf has ended, and the braces around it
  kSudoers,    // as kShell, also with blanks behind the \, but #1001 is a user and no comment
  kUdev,       // as kUnit, with nothing between the parts
  kModprobe,   // as kmod does: the same, a comment goes on too, and \x is an x
  kList,       // each line stands alone, but ends as for kUnit
  kPam,        // blanks may stand behind the \, and empty lines and comments between the parts
  kGit,        // as kShell, and ; begins a comment too
  kAnacron,    // a \ joins whatever stands before it
  kVariables,  // of what systemd or a shell reads into an environment: a quote goes on as well
  kPamVariables,  // as kPam, with nothing between the parts
  kInterfaces,    // as kAnacron, with nothing between the parts
};
// Records hold its number: new ones behind it.
inline constexpr Join kJoinLast = Join::kInterfaces;
// Only the hooks of apt have a name with ::, and commands of rc.local that of whom they run as.
Join join_of(const model::PersistenceIdentity& entry);
// Of a file of variables: PAM has its own way, and sshd reads each line for itself.
Join join_of_variables(std::string_view path);
// The same lines before any of them are joined.
Join unjoined(Join join);

// Of interfaces(5): what runs its value.
bool is_option_of_interfaces(std::string_view name);

// Neither a user by number (#1001, #-1) nor #include or #includedir.
bool is_sudoers_comment(std::string_view line);

struct Line {
  std::string_view text;     // without its last newline; others may be inside
  std::string_view newline;  // "\n" or as Join says; empty at the end of a file that has none
  std::uint32_t number = 0;  // of its first line; 1 is the first
};
std::vector<Line> logical_lines(std::string_view text, Join join);

// What stands there without the joints: one line.
std::string joined(std::string_view line, Join join);

// As cunescape() of systemd and udev has it: \x2f is a slash.
std::string unescaped(std::string_view text);

// The words of a unit's `Environment="A=1" "B=x y" C=2`, after the first equals sign.
struct Word {
  std::string_view raw;  // as written, with its quotes
  std::string value;     // without them, and \x2f is a slash
};
std::vector<Word> environment_words(std::string_view line);
// The same line without the words that have this value; empty if it has no other.
std::string without_word(std::string_view line, std::string_view value);

}  // namespace fleetsweep::lines
