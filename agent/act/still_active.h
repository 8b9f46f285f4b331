#pragma once

// What goes on in memory when its file is gone: a module stays loaded and a binary format
// registered until the host starts again, and sshd keeps its settings until its next reload. We
// unload nothing, which may bring the host down, and run no program of it: whoever reads the answer
// is told.

#include <set>
#include <string>

#include "agent/act/actions/action.h"

namespace fleetsweep::act {

// What the files and lines that were taken had a host load, by its names in the kernel.
struct Taken {
  std::set<std::string> modules, formats;  // formats: of binfmt_misc
  std::set<std::string> purged;            // lists of them that nobody can read any more
  bool is_of_sshd = false;

  // A line of this file, or all of its text; of a module itself the path says enough. Pure.
  void add(std::string_view path, std::string_view text);
};

// From the text of /proc/modules. Pure.
std::set<std::string> loaded_modules(std::string_view proc_modules);

struct StillActive {
  bool until_start = false;  // of the host
  std::string detail;        // for people; empty: nothing is
};
// `proc` shows the kernel that this transaction is about; empty: none runs what it changed.
StillActive still_active(Context& context, const std::string& proc);

}  // namespace fleetsweep::act
