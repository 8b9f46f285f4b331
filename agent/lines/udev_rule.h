#pragma once

// Rules of udev, as udev itself reads their keys. Who finds one and who takes it out ask the same
// reader. Pure.

#include <functional>
#include <string>
#include <string_view>

namespace fleetsweep::lines {

// RUN{program}+="/x \"a\"": "RUN", "RUN{program}+=" and what stands in the quotes. Of +=e"\x2fx"
// the value has the backslashes, and what is meant has not.
struct UdevKey {
  std::string_view name, written;
  std::string value, meant;
};
// Of one rule, its lines put together.
void each_udev_key(std::string_view rule, const std::function<void(const UdevKey&)>& visit);

}  // namespace fleetsweep::lines
