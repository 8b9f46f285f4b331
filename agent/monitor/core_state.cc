#include "agent/monitor/core_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "protocol/base/unique_fd.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::monitor {

namespace {

// Core writes in its folder: a name in it may be a link to anything by now. Only what is one file
// with one name, or a folder, changes its owner.
Status give(const std::string& path, const runtime::User& user) {
  const UniqueFd file(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file && errno == ENOENT) return {};
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0)
    return fail(files::system_error(errno, "give " + path + " to core's user"));
  if (status.st_uid == user.uid) return {};
  const bool is_plain =
      S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink == 1);
  if (!is_plain)
    return fail(Code::kInvalid, "{}: expected a file with one name, to give it to core's user",
                path);
  if (::fchownat(file.get(), "", user.uid, user.gid, AT_EMPTY_PATH) != 0)
    return fail(files::system_error(errno, "give " + path + " to core's user"));
  return {};
}

Status check_way(const std::string& state, const runtime::User& user) {
  if (user.uid == 0) return {};
  for (std::filesystem::path folder = state;; folder = folder.parent_path()) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0)
      return fail(files::system_error(errno, "look at " + folder.string()));
    const mode_t pass = status.st_uid == user.uid   ? S_IXUSR
                        : status.st_gid == user.gid ? S_IXGRP
                                                    : S_IXOTH;
    if ((status.st_mode & pass) == 0)
      return fail(Code::kInvalid,
                  "{} (mode {:o}): core runs as user {} and cannot pass through: chmod o+x {}, or "
                  "say core_user = root",
                  folder.string(), status.st_mode & 07777u, user.uid, folder.string());
    if (folder == folder.parent_path()) return {};
  }
}

}  // namespace

Status give_to_core(const std::string& state, const runtime::User& user) {
  if (::mkdir((state + "/core").c_str(), 0700) != 0 && errno != EEXIST)
    return fail(files::system_error(errno, "make " + state + "/core"));
  for (const char* name : {"/enrolment", "/identity.key", "/curve.key", "/core", "/core/core.db",
                           "/core/core.db-wal", "/core/core.db-shm", "/core/reading"})
    FS_CHECK(give(state + name, user));
  // Core passes through the folder; what is not its own stays closed by its own mode.
  if (::chmod(state.c_str(), user.uid == 0 ? 0700 : 0711) != 0)
    return fail(files::system_error(errno, "open " + state + " for core's user"));
  return check_way(state, user);
}

}  // namespace fleetsweep::monitor
