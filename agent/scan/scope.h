#pragma once

// Where a file detection looks: absolute paths with * and ? inside a component and ** as any number
// of components; everything beneath a path belongs to it, down to a depth. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "agent/scan/root.h"
#include "agent/scan/windows.h"
#include "protocol/model/policy.h"

namespace fleetsweep::scan {

class Scope {
 public:
  // "@home" stands for each home. Paths are taken to their real spelling in this root; of a volume
  // of Windows they are written as that does ("%APPDATA%\x"), and looked up: what cannot be read
  // for that is `unreadable`.
  static Scope of(const model::FileScope& scope, Root& root, const Unreadable& unreadable);

  bool contains(std::string_view file) const;
  // Every file that stands directly in this folder.
  bool covers_files_of(std::string_view folder) const;
  // Whether a folder may hold, at any depth, what contains() accepts.
  bool may_contain(std::string_view folder) const;
  // Folders (or files) that hold everything, without wildcards.
  std::vector<std::string> starts() const;

 private:
  using Pattern = std::vector<std::string>;  // components
  std::vector<std::string_view> names_of(std::string_view path, std::string& folded) const;
  std::vector<Pattern> patterns_;
  bool folded_ = false;              // names have no case: patterns are in lower case
  std::vector<std::string> starts_;  // then only: as they stand on the disk
  bool everywhere_ = false;
  std::size_t depth_ = 0;  // 0: unlimited
};

// One component against * and ?.
bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace fleetsweep::scan
