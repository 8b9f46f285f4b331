#pragma once

// How a person gets a package's own file back. Nobody here does it: what a package manager installs
// is its own matter, and it runs scripts. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace fleetsweep::act {

// From the text of dpkg's status file; `package` may end in an architecture (libc6:amd64). Nothing:
// it is not installed.
std::optional<std::string> dpkg_version(std::string_view status, std::string_view package);

struct ChangedFile {
  std::string package, version;
  std::optional<std::string> recorded_md5;  // nothing: the package has none of it
  std::string found_md5;
};
// In one line: whose it is, how it differs, and the command. The database may be an attacker's: a
// name that would mean something to a shell is not put into a command.
std::string reinstall_proposal(const ChangedFile& file);

}  // namespace fleetsweep::act
