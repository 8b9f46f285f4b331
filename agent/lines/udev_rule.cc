#include "agent/lines/udev_rule.h"

#include <algorithm>

#include "agent/lines/logical_lines.h"

namespace fleetsweep::lines {

void each_udev_key(std::string_view rule, const std::function<void(const UdevKey&)>& visit) {
  for (std::string_view rest = rule; !rest.empty();) {
    const std::size_t quote = rest.find('"');
    if (quote == std::string_view::npos) return;
    UdevKey key{.written = rest.substr(0, quote)};
    rest.remove_prefix(quote + 1);
    const std::string_view before_quote = key.written.substr(key.written.find_last_of("= \t") + 1);
    const bool has_escapes = before_quote == "e";
    std::size_t at = 0;
    for (; at < rest.size() && rest[at] != '"'; ++at) {
      const bool is_escape = rest[at] == '\\' && at + 1 < rest.size();
      if (is_escape && has_escapes)
        key.value += rest[at++];
      else if (is_escape && rest[at + 1] == '"')
        ++at;
      key.value += rest[at];
    }
    key.meant = has_escapes ? unescaped(key.value) : key.value;
    rest.remove_prefix(std::min(at + 1, rest.size()));
    key.written.remove_prefix(
        std::min(key.written.find_first_not_of(", \t\r\n"), key.written.size()));
    key.name = key.written.substr(0, key.written.find_first_of("{+=:!- \t"));
    visit(key);
  }
}

}  // namespace fleetsweep::lines
