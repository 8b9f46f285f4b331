#include "agent/act/outcome.h"

#include <cstring>

#include "protocol/base/bytes.h"

namespace fleetsweep::act {

Reason reason_of(int error) {
  switch (error) {
    case ENOENT:
    case ESRCH:
    case ENAMETOOLONG:  // nothing has that name
      return Reason::kGone;
    case ELOOP:  // a symlink where a folder or a file was
    case ENOTDIR:
    case EXDEV:
    case ENXIO:
      return Reason::kChanged;
    case EEXIST:
      return Reason::kConflict;
    case ENOSPC:
    case EDQUOT:
      return Reason::kDiskFull;
    case EWOULDBLOCK:  // somebody holds a lease on a file
      return Reason::kRaced;
    case EACCES:
    case EPERM:
    case EROFS:
      return Reason::kPermission;
    default:
      return Reason::kIo;
  }
}

tl::unexpected<Refusal> refuse_errno(std::string_view what, std::string_view path, int error) {
  return refuse(reason_of(error), "{} {}: {}", what, escaped(path), std::strerror(error));
}

tl::unexpected<Refusal> refuse_error(const Error& error) {
  const Reason reason = error.code == Code::kNotFound      ? Reason::kGone
                        : error.code == Code::kUnavailable ? Reason::kDiskFull
                        : error.code == Code::kOverloaded  ? Reason::kVaultFull
                        : error.code == Code::kConflict    ? Reason::kConflict
                                                           : Reason::kIo;
  return refuse(reason, "{}", error.message);
}

}  // namespace fleetsweep::act
