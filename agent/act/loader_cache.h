#pragma once

// The loader's cache (/etc/ld.so.cache) names libraries by path until somebody runs ldconfig. We
// run no program of the host and do not write its cache: whoever reads the receipt is told.

#include <string>
#include <vector>

#include "protocol/base/bytes.h"

namespace fleetsweep::act {

// Which of these paths the cache names, under either name of a merged /usr. Pure; the cache is
// searched and not parsed, whatever its format.
std::vector<std::string> paths_in_cache(BytesView cache, const std::vector<std::string>& paths);

}  // namespace fleetsweep::act
