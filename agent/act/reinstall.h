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
  // rpm's names hold the version; dpkg's do not.
  std::string package, version;
  std::optional<std::string> recorded;  // as PackageDb::recorded(); nothing: it has none of it
  std::optional<std::string> found;     // by the same hash, else MD5; nothing: it is too large
};
// In one line: whose it is, how it differs, and the command. The database may be an attacker's: a
// name that would mean something to a shell is not put into a command.
std::string reinstall_proposal(const ChangedFile& file);

}  // namespace fleetsweep::act
