#pragma once

// Messages between the processes of one agent, over socketpairs. See ARCHITECTURE.md, "One agent,
// four processes".

#include <string>
#include <variant>
#include <vector>

#include "protocol/model/finding.h"
#include "protocol/model/receipt.h"
#include "protocol/model/wire.h"

namespace fleetsweep::model {

enum class Child : std::uint8_t { kScan, kAct };

// core -> monitor. The answer carries core's end of a fresh socketpair as a file descriptor.
struct StartChild {
  Child child = Child::kScan;
  bool operator==(const StartChild&) const = default;
};
struct ChildStarted {
  Child child = Child::kScan;
  std::int32_t pid = 0;
  std::string error;  // empty: started
  bool operator==(const ChildStarted&) const = default;
};
struct ChildExited {
  Child child = Child::kScan;
  std::int32_t status = 0;  // as of waitpid
  bool operator==(const ChildExited&) const = default;
};

// core -> scan. For each policy one ScanDone, in this order.
struct ScanRequest {
  Bytes policy;               // encoded; scan decodes it itself
  std::vector<Bytes> others;  // answered in the same walk; with `policy` at most kSweepPolicies
  Facts facts;                // for preconditions
  bool verify = false;        // a rescan: trust no cache
  bool operator==(const ScanRequest&) const = default;
};
struct ScanProgress {
  std::uint64_t scanned = 0;
  std::uint64_t scanned_bytes = 0;
  std::uint32_t findings = 0;
  bool operator==(const ScanProgress&) const = default;
};
// A finding as scan saw it, with a MAC that core cannot make: act takes nothing without it.
struct SealedFinding {
  Bytes finding;  // encoded model::Finding
  Digest mac;  // keyed BLAKE2b-256 over (policy digest || finding) with the monitor's per-boot key
  bool operator==(const SealedFinding&) const = default;
};
// What starts or keeps an object that a finding is about: its parent, an entry that names it.
struct Origin {
  std::uint32_t finding = 0;  // its number
  ObjectKind object = ObjectKind::kProcess;
  std::string text;  // for people; quotes paths
  bool operator==(const Origin&) const = default;
};
// Of one health check of the policy. Equal `seen` before and after means unchanged.
enum class Health : std::uint8_t { kUnknown, kGood, kBad };
struct HealthMark {
  std::string check;  // as the policy has it
  Health health = Health::kUnknown;
  std::string seen;  // for people
  bool operator==(const HealthMark&) const = default;
};
struct ScanDone {
  Reason reason = Reason::kNone;  // platform, precondition, capability, sandbox, timeout ...: then
                                  // there is no result
  std::string detail;
  SandboxLevel sandbox = SandboxLevel::kNone;
  ScanResult result;  // its findings are decoded from `sealed`, in the same order
  std::vector<SealedFinding> sealed;
  std::vector<Origin> origins;     // of a rescan
  std::vector<HealthMark> health;  // when a cleaning is about to begin, and of a rescan
  bool operator==(const ScanDone&) const = default;
};

// core -> act. act believes only bytes: it verifies the root chain from its own anchor, the order,
// its quorum, class and stops, and the MAC of every finding.
// How core came to know the time when the host's own clock is in doubt; see trust/time_proof.h.
struct TimeProof {
  Bytes statement;  // an encoded envelope: TimeStatement; empty: none
  Seconds asked{};  // CLOCK_BOOTTIME of the question
  Nonce salt;
  bool operator==(const TimeProof&) const = default;
};
struct ActRequest {
  bool resume = false;            // finish what a crash interrupted, then answer with its ActDone
  std::uint8_t round = 0;         // n: what was cleaned came back for the nth time
  Bytes order;                    // an encoded envelope: apply, or undo; empty: remember `stops`
  std::vector<Bytes> root_chain;  // encoded envelopes, version 1 first
  std::vector<Bytes> stops;       // encoded Stop and Resume envelopes, and the newest Endpoints
  Bytes policy;
  std::vector<SealedFinding> findings;  // of the scan just made
  std::vector<SealedFinding> dry_run;   // of this host's dry run; an object must stand in both
  std::vector<std::uint16_t> verdicts;
  std::uint64_t scanned = 0;
  // The note under which core judged freshness. Without an order: one that it heard since act last
  // ended, so that the controller is still reached; else empty.
  std::string checkpoint;
  TimeProof time;
  bool operator==(const ActRequest&) const = default;
};
struct ActStep {
  std::uint32_t number = 0;
  std::uint32_t total = 0;
  ReceiptItem item;
  std::string path;  // for the local log only
  bool operator==(const ActStep&) const = default;
};
struct ActDone {
  HostState state = HostState::kRefused;  // cleaned, undone, failed, refused
  Reason reason = Reason::kNone;
  std::string detail;
  DocumentId order;
  bool undo = false;
  bool local = false;
  std::uint32_t acted = 0;
  std::vector<ReceiptItem> items;
  std::vector<std::string> paths;  // of the items, for sealing and the local log
  std::vector<Digest> removed;  // object_digest()s: gone from the host, by this cleaning or before
  bool operator==(const ActDone&) const = default;
};

// The owner's commands: status, why, halt, resume, undo, and stop with an encoded envelope. The
// monitor checks the peer's credentials.
struct LocalCommand {
  std::string verb;
  std::string argument;
  bool operator==(const LocalCommand&) const = default;
};
struct LocalReply {
  bool ok = false;
  std::string json;
  bool operator==(const LocalReply&) const = default;
};

using LocalMessage = std::variant<StartChild, ChildStarted, ChildExited, ScanRequest, ScanProgress,
                                  ScanDone, ActRequest, ActStep, ActDone, LocalCommand, LocalReply>;

}  // namespace fleetsweep::model

namespace fleetsweep {
template <>
struct Names<model::Health> {
  static constexpr std::string_view kAll[] = {"cannot tell", "good", "bad"};
};
template <>
struct Names<model::Child> {
  static constexpr std::string_view kAll[] = {"scan", "act"};
};
}  // namespace fleetsweep
