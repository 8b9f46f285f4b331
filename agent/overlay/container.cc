#include "agent/overlay/container.h"

#include <algorithm>
#include <cctype>

namespace fleetsweep {

std::string container_id(std::string_view cgroup) {
  constexpr std::size_t kDigits = 64;
  std::string_view id;
  for (std::size_t at = 0; at < cgroup.size();) {
    const std::size_t end =
        std::min(cgroup.find_first_not_of("0123456789abcdef", at), cgroup.size());
    const bool is_word = at == 0 || std::isalnum(static_cast<unsigned char>(cgroup[at - 1])) == 0;
    const bool ends =
        end == cgroup.size() || std::isalnum(static_cast<unsigned char>(cgroup[end])) == 0;
    if (end - at == kDigits && is_word && ends) id = cgroup.substr(at, kDigits);
    at = end + 1;
  }
  return std::string(id);
}

}  // namespace fleetsweep
