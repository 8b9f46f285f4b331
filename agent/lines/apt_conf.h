#pragma once

// Files of apt's settings, as apt itself reads them: apt.conf(5) and ReadConfigFile() of apt-pkg.
// Who finds a hook and who takes it out ask the same reader. Pure.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fleetsweep::lines {

// DPkg { Post-Invoke { "/x"; }; } is "DPkg::Post-Invoke::", "/x". A directive has a name that apt
// knows: "#include", "/more.conf". Quotes are gone.
struct AptSetting {
  std::string name, value;
};
using VisitApt = std::function<void(const AptSetting&)>;

class AptReader {
 public:
  // Of one line, without its newline, what ends on it.
  void read(std::string_view line, const VisitApt& visit);
  // Whether a block, a statement or a comment goes on in the next line.
  bool is_inside() const { return is_in_comment_ || !blocks_.empty() || !statement_.empty(); }

 private:
  std::string without_comments(std::string_view line);
  void add(std::string_view text);
  void end(char by, const VisitApt& visit);

  bool is_in_comment_ = false;
  std::string statement_;            // so far
  std::string block_;                // "DPkg::Post-Invoke" within its braces
  std::vector<std::size_t> blocks_;  // how long that was around each of them
};

void each_apt_setting(std::string_view text, const VisitApt& visit);
// Whether apt runs the value of a setting, or hands it to dpkg, which does: DPkg::Options::
// "--pre-invoke=/x".
bool is_apt_hook(const AptSetting& setting);

}  // namespace fleetsweep::lines
