#pragma once

// The command line of fleetsweep-vault, which people know as `fleetsweep-agent vault`.

#include <optional>
#include <string>

#include "protocol/base/time.h"

namespace fleetsweep::agent {

struct VaultOptions {
  enum class Verb { kList, kExport, kPurge } verb = Verb::kList;
  std::string state;  // the agent's
  bool json = false;
  std::string entry, to, passphrase_file;  // kExport
  Seconds older_than{};                    // kPurge, by hand
  std::optional<Seconds> keep;             // kPurge, by the agent: as the owner set it
  bool yes = false;                        // kPurge: without asking
  bool unattended = false;                 // kPurge, by the agent: only by a time it can believe
};

// Help, --version and mistakes are printed here; then `exit` says with which code to end.
struct ParsedVault {
  std::optional<int> exit;
  VaultOptions options;
};
ParsedVault parse_vault_options(int count, char** arguments);

}  // namespace fleetsweep::agent
