#pragma once

// Why a host did not act, or did not finish. Every code is documented in docs/reasons.md with the
// operator's next step and produced once by a test.

#include "protocol/base/names.h"

namespace fleetsweep::model {

enum class Reason : std::uint8_t {
  kNone,
  // The document (trust/).
  kMalformed,       // does not decode, not canonical, too large
  kUntrusted,       // no valid signature of the current root over the bytes
  kSchema,          // newer than this agent understands
  kTenant,          // another tenant's
  kRootVersion,     // needs a newer root than this host has
  kRootExpired,     // the root is past its expiry: only observe and Stop
  kPolicyMissing,   // the policy's bytes did not arrive
  kPolicyMismatch,  // the policy's bytes are not the ones the order names
  kClassMismatch,   // claims another class than its actions need
  kQuorum,          // a clause is not met
  kExecuted,        // done before
  kStopped,         // a Stop names it, or an undo does before it began
  kLifetime,        // valid for longer than the root allows
  kExpired,         // after notAfter
  kJurisdiction,    // this host's country is not in the list
  kScope,           // not for this host
  kStale,           // no fresh checkpoint
  kClock,           // the local clock cannot be trusted
  kLogFork,         // the log contradicts what this host has seen
  kDryRunMissing,   // apply without this host's own dry run of the same policy
  kDryRunOld,       // the dry run is older than the root allows
  kUndoUnknown,     // undo of an order this host never carried out
  kConsent,         // the host's owner does not allow it
  kHalted,          // the host's owner halted the agent
  kPoison,          // reading this document killed the process twice
  // The host.
  kPlatform,        // the policy is for another operating system
  kPrecondition,    // the policy's precondition does not hold here
  kCapability,      // needs an action or object this agent does not have
  kSandbox,         // the parser cannot be confined enough to read content
  kLimit,           // more objects, bytes or permille than the limits allow: none was touched
  kKnownGood,       // an intact file of an installed package: none was touched
  kProtected,       // on the compiled-in list: none was touched
  kNotIndependent,  // too few independent detections to act on
  // One object or step.
  kChanged,      // no longer what was found
  kGone,         // not there any more
  kRaced,        // swapped while we acted, and put back; or leased
  kImmutable,    // the file system refuses
  kHardLinks,    // has names that were not found
  kDiskFull,     // no room for the vault or the journal
  kVaultFull,    // over the vault's quota
  kPermission,   // not allowed by the operating system
  kConflict,     // undo: the object was changed after cleaning
  kUnscannable,  // could not be read completely
  kRespawned,    // came back after cleaning
  kTimeout,      // took longer than the limit
  kIo,           // the operating system failed
  kInternal,     // a bug
  kHealth,       // a health check of the policy was good before the cleaning and is bad after it
};

}  // namespace fleetsweep::model

namespace fleetsweep {
template <>
struct Names<model::Reason> {
  static constexpr std::string_view kAll[] = {"none",
                                              "malformed",
                                              "untrusted",
                                              "schema",
                                              "tenant",
                                              "root_version",
                                              "root_expired",
                                              "policy_missing",
                                              "policy_mismatch",
                                              "class_mismatch",
                                              "quorum",
                                              "executed",
                                              "stopped",
                                              "lifetime",
                                              "expired",
                                              "jurisdiction",
                                              "scope",
                                              "stale",
                                              "clock",
                                              "log_fork",
                                              "dry_run_missing",
                                              "dry_run_old",
                                              "undo_unknown",
                                              "consent",
                                              "halted",
                                              "poison",
                                              "platform",
                                              "precondition",
                                              "capability",
                                              "sandbox",
                                              "limit",
                                              "known_good",
                                              "protected",
                                              "not_independent",
                                              "changed",
                                              "gone",
                                              "raced",
                                              "immutable",
                                              "hard_links",
                                              "disk_full",
                                              "vault_full",
                                              "permission",
                                              "conflict",
                                              "unscannable",
                                              "respawned",
                                              "timeout",
                                              "io",
                                              "internal",
                                              "health"};
};
static_assert(kCount<model::Reason> == static_cast<std::size_t>(model::Reason::kHealth) + 1);
}  // namespace fleetsweep
