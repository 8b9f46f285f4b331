#pragma once

#include <string>

namespace fleetsweep::rule_text {

struct Literal {
  std::string bytes;
  bool cased = true;
  bool operator==(const Literal&) const = default;
};

}  // namespace fleetsweep::rule_text
