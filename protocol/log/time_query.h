#pragma once

// The body of a witness's POST /time, three lines: "tenant " 64 hex digits, "nonce " 32 hex digits,
// "origin " the name of the tenant's log. The answer is a TimeStatement as DSSE JSON.

#include <string>

#include "protocol/base/ids.h"

namespace fleetsweep::log {

struct TimeQuery {
  TenantId tenant;
  Nonce nonce;
  std::string origin;

  std::string text() const;
  // kInvalid: any other spelling.
  static Result<TimeQuery> parse(std::string_view text);
  bool operator==(const TimeQuery&) const = default;
};

}  // namespace fleetsweep::log
