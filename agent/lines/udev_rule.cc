#include "agent/lines/udev_rule.h"

#include <algorithm>

namespace fleetsweep::lines {

void each_udev_key(std::string_view rule, const std::function<void(const UdevKey&)>& visit) {
  for (std::string_view rest = rule; !rest.empty();) {
    const std::size_t quote = rest.find('"');
    if (quote == std::string_view::npos) return;
    UdevKey key{.written = rest.substr(0, quote)};
    rest.remove_prefix(quote + 1);
    std::size_t at = 0;
    for (; at < rest.size() && rest[at] != '"'; ++at) {
      if (rest[at] == '\\' && at + 1 < rest.size() && rest[at + 1] == '"') ++at;
      key.value += rest[at];
    }
    rest.remove_prefix(std::min(at + 1, rest.size()));
    key.written.remove_prefix(
        std::min(key.written.find_first_not_of(", \t\r\n"), key.written.size()));
    key.name = key.written.substr(0, key.written.find_first_of("{+=:!- \t"));
    visit(key);
  }
}

}  // namespace fleetsweep::lines
