#pragma once

// How trust/ says no: a Reason for the receipt and the metrics, and a sentence for the person who
// asks why. Checked<T> is Result<T> with a Refusal; FS_TRY and FS_CHECK work on it, and inside a
// function that returns Result<T> a Refusal becomes an Error by itself.

#include <string>

#include "protocol/base/result.h"
#include "protocol/model/reason.h"

namespace fleetsweep::trust {

struct Refusal {
  model::Reason reason = model::Reason::kNone;
  std::string detail;  // what, where, what was expected

  operator Error() const;  // "quorum: clean: org 0 has 1 of 2 ..."
  bool operator==(const Refusal&) const = default;
};

template <class T>
class [[nodiscard]] Checked : public tl::expected<T, Refusal> {
 public:
  using tl::expected<T, Refusal>::expected;
};

template <class... Args>
tl::unexpected<Refusal> refuse(model::Reason reason, fmt::format_string<Args...> format,
                               Args&&... args) {
  return tl::unexpected<Refusal>(Refusal{reason, fmt::format(format, std::forward<Args>(args)...)});
}

// Whether time, contact, an operator or the host's owner can still make it a yes. A core reports a
// refusal once and asks again as long as this holds.
bool may_change(model::Reason reason);

}  // namespace fleetsweep::trust

namespace fleetsweep {
inline tl::unexpected<trust::Refusal> fail(trust::Refusal refusal) {
  return tl::unexpected<trust::Refusal>(std::move(refusal));
}
}  // namespace fleetsweep
