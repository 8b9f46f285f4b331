#pragma once

// The first thing of a report that does not hold.

#include <string>

#include "protocol/base/result.h"

namespace fleetsweep::cli {

// All three are for people: escaped.
struct Complaint {
  std::string place;  // "evidence.receipts[3]"
  std::string expected;
  std::string found;
  operator Error() const {
    return {Code::kUntrusted, fmt::format("{}: expected {}; found {}", place, expected, found)};
  }
  bool operator==(const Complaint&) const = default;
};

template <class T>
class [[nodiscard]] Held : public tl::expected<T, Complaint> {
 public:
  using tl::expected<T, Complaint>::expected;
};

inline tl::unexpected<Complaint> complain(std::string place, std::string expected,
                                          std::string found) {
  return tl::unexpected(Complaint{std::move(place), std::move(expected), std::move(found)});
}

}  // namespace fleetsweep::cli

namespace fleetsweep {
inline tl::unexpected<cli::Complaint> fail(cli::Complaint complaint) {
  return tl::unexpected<cli::Complaint>(std::move(complaint));
}
}  // namespace fleetsweep
