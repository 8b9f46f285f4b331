#include "agent/scan/cross_view.h"

#include "protocol/base/limits.h"

namespace fleetsweep::scan {

Mismatches CrossView::look(const Root& root, std::set<std::string>* shares) const {
  Mismatches all;
  const auto add = [&all](Mismatches some) {
    for (std::string& one : some)
      if (all.size() < limits::kMismatches) all.push_back(std::move(one));
  };
  if (root.is_whole()) {
    add(foreign_memory());
    add(hidden_processes("/proc"));
    add(hidden_modules("/proc", "/sys"));
    add(hidden_sockets("/proc/self", sock_diag_));
  }
  add(altered_loaders(root));
  add(hidden_files(root, shares));
  return all;
}

}  // namespace fleetsweep::scan
