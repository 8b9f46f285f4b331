#pragma once

// Folders in which a Stop may lie when no controller brings it: a share, a USB stick, a folder that
// configuration management fills. Read without following links, each file once.

#include <map>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"

namespace fleetsweep::agent {

class Mirror {
 public:
  explicit Mirror(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  struct File {
    std::string path;
    Bytes content;
  };
  // The *.dsse files that are new or changed since the last look, by name, the first
  // limits::kMirrorFiles of each folder. A folder that is not there (yet) is empty. Another `epoch`
  // than the last time: all of them once more. Blocks as long as the folder's file system does.
  std::vector<File> look(std::uint64_t epoch);

 private:
  std::vector<std::string> folders_;
  std::map<std::string, std::string> seen_;  // path -> what it was
  std::uint64_t epoch_ = 0;
};

}  // namespace fleetsweep::agent
