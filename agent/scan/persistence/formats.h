#pragma once

// The formats of persistence.h, a source each. A line parser is given one logical line and says
// what it starts; nothing: a comment, or a line that starts nothing. Whoever calls it fills in the
// text of the line and its number.

#include <functional>
#include <optional>

#include "agent/scan/persistence/persistence.h"
#include "agent/scan/text.h"

namespace fleetsweep::scan {

using LineEntry = std::optional<PersistenceEntry>;

inline bool is_comment(std::string_view text) {
  return text.empty() || text.front() == '#';
}

// schedule.cc; `format` is one of the three crontabs.
LineEntry crontab_line(Format format, const std::string& user, std::string_view line);
// What stands behind the environment and the `cd DIR || { ... }` that at(1) puts first, and what of
// that environment the loader reads.
std::string at_commands(std::string_view text);

// environment.cc: NAME=value, of which only what is_of_loader() counts; `export` and the like may
// stand before the name.
LineEntry assignment_line(const std::string& user, std::string_view line);
// One line may name several libraries; each is an entry.
std::vector<PersistenceEntry> libraries(const std::string& user, std::string_view line);

// ssh.cc: [options] type key comment; options may hold quoted spaces.
LineEntry key_line(const std::string& user, std::string_view line);
LineEntry sshd_line(std::string_view line);

// accounts.cc: who where = (as whom) TAG: what
LineEntry sudoers_line(std::string_view line);
LineEntry passwd_line(std::string_view line);

// pam.cc; an empty service stands in the line.
LineEntry pam_line(std::string service, std::string_view line);

// udev.cc: KEY{attribute}+="value", ...
LineEntry udev_line(const std::string& user, std::string_view line);

// apt.cc: DPkg::Post-Invoke { "command"; }; and post-invoke=command
LineEntry apt_statement(const std::string& user, std::string_view line);
LineEntry dpkg_line(const std::string& user, std::string_view line);

// git.cc; `section` is kept from line to line, as in [section "name"].
LineEntry git_line(std::string& section, const std::string& user, std::string_view line);

// kernel.cc
LineEntry module_line(std::string_view line);
LineEntry modprobe_line(const std::string& user, std::string_view line);
LineEntry binfmt_line(std::string_view line);

// interfaces.cc: up COMMAND, pre-up COMMAND and so on, and the script of a mapping
LineEntry interfaces_line(const std::string& user, std::string_view line);

// named.cc: the paths that a name with %h and the like may stand for. A token says its choices,
// with | between them; * is for what is not known before its reader runs.
using Token = std::function<std::string_view(char token)>;
std::vector<std::string> expanded(std::string_view named, const Token& token);
// Of a glob, [abc] as ? and \x as x: what it fits, and more.
std::string without_brackets(std::string_view pattern);

// unit.cc: what it runs, and after it what it tells the loader of what it runs.
std::vector<PersistenceEntry> unit_entries(const std::string& path, const std::string& user,
                                           std::string_view text);
// Nothing if it says that it starts nothing (desktop_file.h).
LineEntry desktop_entry(const std::string& path, const std::string& user, std::string_view text);

// Each file that a text of the format names: unit.cc, ssh.cc, accounts.cc, pam.cc, apt.cc, git.cc,
// environment.cc, interfaces.cc.
using Follow = std::function<void(Format, const std::string& path)>;
void follow_unit(const std::string& path, std::string_view text, const Follow& follow);
void follow_sshd(std::string_view text, const Follow& follow);
void follow_sudoers(const std::string& path, std::string_view text, const Follow& follow);
void follow_pam(Format format, std::string_view text, const Follow& follow);  // either of its two
void follow_apt(std::string_view text, const Follow& follow);
void follow_git(const std::string& path, std::string_view text, const Follow& follow);
void follow_loader(const std::string& path, std::string_view text, const Follow& follow);
void follow_interfaces(const std::string& path, std::string_view text, const Follow& follow);

}  // namespace fleetsweep::scan
