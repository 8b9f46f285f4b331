#pragma once

// Every regular file and link beneath some folders, once; no link is followed. Pseudo file systems
// are left out, and on the host itself what a container sees as its /, where the layers that it is
// put together from are walked; tmpfs never is. What is mounted in other mount namespaces alone is
// not seen. Of a network or FUSE file system the visitor is told that it is unreadable, and it is
// not opened: other hosts hold it, and one that hangs would hold the walk. What is renamed within
// its folder meanwhile is looked at by its new name, and told of if that never succeeds.

#include <string>
#include <vector>

#include "agent/scan/root.h"

namespace fleetsweep::scan {

class WalkVisitor {
 public:
  virtual ~WalkVisitor() = default;
  // `fd` is the folder, open. False: nothing in it, and nothing below, is wanted.
  virtual bool enter(const std::string& folder, int fd) = 0;
  // `path` is folder + "/" + name; all three live until the call returns. False: there is no such
  // file any more, and if it has another name in the folder by now, it is wanted by that.
  virtual bool file(int folder, const std::string& path, const char* name) = 0;
  virtual void link(int /*folder*/, const std::string& /*path*/, const char* /*name*/) {}
  virtual void unreadable(const std::string& path, const std::string& reason) = 0;
  // Asked before each entry of a folder: must be cheap.
  virtual bool is_stopped() = 0;
};

// A start inside another is dropped; one that does not exist is nothing, one behind a link that
// Root does not know is unreadable.
void walk(const Root& root, std::vector<std::string> starts, WalkVisitor& visitor);

}  // namespace fleetsweep::scan
