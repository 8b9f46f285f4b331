#include "protocol/base/version.h"

namespace fleetsweep {

const std::string_view kVersion = FS_VERSION;

}  // namespace fleetsweep
