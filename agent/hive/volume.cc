#include "agent/hive/volume.h"

#include <filesystem>
#include <vector>

#include "agent/hive/text.h"

namespace fleetsweep::hive {

bool holds_windows(const std::string& root) {
  namespace fs = std::filesystem;
  if (root == "/") return false;      // to look is to open a share that may be mounted at /windows
  std::vector<fs::path> at = {root};  // a folder of NTFS may hold names that differ by case alone
  for (const char* wanted : {"Windows", "System32", "config", "SOFTWARE"}) {
    std::error_code error;
    std::vector<fs::path> next;
    for (const fs::path& folder : at)
      for (const auto& entry : fs::directory_iterator(folder, error))
        if (is_equal(entry.path().filename().string(), wanted) && !entry.is_symlink(error))
          next.push_back(entry.path());
    at = std::move(next);
  }
  return !at.empty();
}

}  // namespace fleetsweep::hive
