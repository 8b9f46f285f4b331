#pragma once

// The last key with which an administrator can log in: root, and whoever is in one of the groups
// sudo, wheel and admin. Where sshd looks for keys its configuration says; of which of its lines
// hold for whom nothing is assumed: by none of them, nor by the default, may somebody lose the
// last.

#include <string>
#include <utility>
#include <vector>

#include "agent/act/files.h"

namespace fleetsweep::act {

class AdminKeys {
 public:
  // `findings` live as long as it.
  AdminKeys(const Tree& tree, const std::vector<model::Finding>& findings);

  // Who has a key before, and none after this object and all else that was found is gone; empty:
  // nobody. An error: what says whose keys lie where cannot be read.
  Checked<std::string> who_loses(const model::Identity& identity) const;

 private:
  struct KeyFile {
    std::string path;  // through all links
    std::pair<std::uint64_t, std::uint64_t> inode = {};
    std::vector<std::string> keys = {};
    bool is_read = false;  // else nobody knows what keys it has
    bool is(const model::FileIdentity& file) const;
  };
  // All in which sshd looks for one account's keys, by one line of its configuration.
  struct KeyRing {
    std::string account;
    std::vector<KeyFile> files;
  };
  Checked<void> look(const Tree& tree);
  static std::optional<KeyFile> key_file(const Tree& tree, const std::string& path);
  bool keeps_key(const KeyFile& file, const model::Identity& going) const;

  const std::vector<model::Finding>& findings_;
  std::vector<KeyRing> rings_;
  Checked<void> looked_;
};

}  // namespace fleetsweep::act
