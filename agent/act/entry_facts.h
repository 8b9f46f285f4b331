#pragma once

// What only the host can tell about a persistence entry: why taking it away would do more than
// that.

#include <map>
#include <set>
#include <string>

#include "agent/act/files.h"
#include "agent/package_db/package_db.h"

namespace fleetsweep::act {

class EntryFacts {
 public:
  // References live as long as it.
  EntryFacts(const Tree& tree, const PackageDb& packages,
             const std::vector<model::Finding>& findings);

  // Empty: it may go.
  Checked<std::string> why_it_stays(const model::PersistenceIdentity& entry) const;
  // The same of a line of a shell's script. Any user writes those: this one stays, and the rest
  // goes.
  Checked<std::string> why_shell_line_stays(const model::PersistenceIdentity& entry);
  // plan::object_key()s of the PAM lines that load this file.
  Checked<std::vector<std::string>> pam_lines_of(const std::string& path) const;

 private:
  Checked<std::string> why_pam_line_stays(const model::PersistenceIdentity& entry) const;

  const Tree& tree_;
  const PackageDb& packages_;
  std::map<std::string, std::set<std::string>> found_;  // path: lines that others rest on
  // path: those of a script that stay, and why. Read once: a user may have many lines found.
  std::map<std::string, std::map<std::string, std::string>> shell_lines_;
};

}  // namespace fleetsweep::act
