#pragma once

// The close-out as a file: a DSSE envelope, signed by people, around JSON that says what follows
// from the evidence, and holds the evidence. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "cli/close_out.h"
#include "protocol/base/limits.h"
#include "protocol/base/time.h"

namespace fleetsweep::cli {

inline constexpr std::string_view kPayloadReport = "application/vnd.fleetsweep.report.v1+json";

// Not signed yet. kOverloaded: with its signatures its file would be larger than `bytes_max`.
Result<model::Envelope> make_report(const CloseOut& close_out, const Evidence& evidence,
                                    Timestamp created,
                                    std::size_t bytes_max = limits::kReportBytes);

struct VerifiedReport {
  CloseOut close_out;
  Timestamp created;                   // in the words of its signers
  std::vector<std::string> signed_by;  // at least one person of the newest root in it
};
// Works out the close-out from the evidence and compares; the signatures come last, so that what is
// wrong is named and not only that something is.
Held<VerifiedReport> verify_report(std::string_view text, const model::Envelope& trusted_root);

}  // namespace fleetsweep::cli
