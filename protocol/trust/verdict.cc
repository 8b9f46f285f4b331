#include "protocol/trust/verdict.h"

namespace fleetsweep::trust {

using model::Reason;

namespace {

Code code_of(Reason reason) {
  switch (reason) {
    case Reason::kUntrusted:
    case Reason::kQuorum:
    case Reason::kTenant:
    case Reason::kLogFork:
    case Reason::kPolicyMismatch:
    case Reason::kClassMismatch:
      return Code::kUntrusted;
    case Reason::kPolicyMissing:
      return Code::kNotFound;
    case Reason::kStale:
    case Reason::kClock:
      return Code::kUnavailable;
    case Reason::kExecuted:
    case Reason::kStopped:
    case Reason::kRootVersion:
      return Code::kConflict;
    case Reason::kLimit:
      return Code::kOverloaded;
    case Reason::kInternal:
      return Code::kInternal;
    default:
      return Code::kInvalid;
  }
}

}  // namespace

Refusal::operator Error() const {
  return Error{code_of(reason), fmt::format("{}: {}", name(reason), detail)};
}

bool may_change(Reason reason) {
  switch (reason) {
    case Reason::kRootVersion:    // the root may arrive
    case Reason::kRootExpired:    // its successor may arrive
    case Reason::kPolicyMissing:  // the blob may arrive
    case Reason::kQuorum:         // a Stop on a key may be lifted
    case Reason::kStopped:        // a Stop may be resumed
    case Reason::kStale:
    case Reason::kClock:
    case Reason::kDryRunMissing:
    case Reason::kConsent:  // the owner may change the mind
    case Reason::kHalted:
    case Reason::kSandbox:
      return true;
    default:
      return false;
  }
}

}  // namespace fleetsweep::trust
