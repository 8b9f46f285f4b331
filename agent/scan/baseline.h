#pragma once

// The owner's list of what is meant to start by itself on this host. One line for each entry:
// kind, SHA-256 of the line (or of the file where that is the entry) and path, with a tab between
// them; # begins a comment. Written for eyes: `fleetsweep-agent baseline show`.

#include <set>
#include <string>
#include <tuple>

#include "protocol/base/result.h"
#include "protocol/model/finding.h"

namespace fleetsweep::scan {

class Baseline {
 public:
  // kInvalid names every line that is none.
  static Result<Baseline> parse(std::string_view text);
  // Of a file that only its owner, root or this user, can change; kNotFound, kUntrusted.
  static Result<Baseline> read(const std::string& path);

  void add(const model::PersistenceIdentity& entry);
  bool holds(const model::PersistenceIdentity& entry) const;
  std::size_t size() const { return entries_.size(); }
  std::string text() const;

 private:
  using Key = std::tuple<std::string, std::string, Digest>;  // kind, path, digest
  static Key key_of(const model::PersistenceIdentity& entry);
  std::set<Key> entries_;
};

}  // namespace fleetsweep::scan
