#include "agent/hive/volume.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "agent/hive/text.h"
#include "protocol/base/bytes.h"

namespace fleetsweep::hive {

Result<bool> holds_windows(const std::string& root) {
  namespace fs = std::filesystem;
  if (root == "/") return false;      // to look is to open a share that may be mounted at /windows
  std::vector<fs::path> at = {root};  // a folder of NTFS may hold names that differ by case alone
  for (const char* wanted : {"Windows", "System32", "config", "SOFTWARE"}) {
    std::vector<fs::path> next;
    for (const fs::path& folder : at) {
      std::error_code error;
      for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
           entry.increment(error)) {
        std::error_code gone;
        if (is_equal(entry->path().filename().string(), wanted) && !entry->is_symlink(gone))
          next.push_back(entry->path());
      }
      if (error && error != std::errc::not_a_directory &&
          error != std::errc::no_such_file_or_directory)
        return fail(Code::kUnavailable, "{}: {}", escaped(folder.string()), error.message());
    }
    at = std::move(next);
  }
  return !at.empty();
}

bool is_hibernated(BytesView hiberfil) {
  return is_equal(as_text(hiberfil.first(std::min(hiberfil.size(), kHibernationMarkBytes))),
                  "hibr");
}

}  // namespace fleetsweep::hive
