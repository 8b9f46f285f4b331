#include "agent/hive/volume.h"

#include <filesystem>

#include "agent/hive/text.h"

namespace fleetsweep::hive {

bool holds_windows(const std::string& root) {
  namespace fs = std::filesystem;
  fs::path at = root;
  for (const char* wanted : {"Windows", "System32", "config", "SOFTWARE"}) {
    std::error_code error;
    fs::path next;
    for (const auto& entry : fs::directory_iterator(at, error))
      if (is_equal(entry.path().filename().string(), wanted) && !entry.is_symlink(error))
        next = entry.path();
    if (next.empty()) return false;
    at = next;
  }
  return true;
}

}  // namespace fleetsweep::hive
