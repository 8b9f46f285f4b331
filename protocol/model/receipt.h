#pragma once

// Receipt: what a host signs about what it did. A signed claim, not proof of cleanliness.

#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/time.h"
#include "protocol/model/finding.h"
#include "protocol/model/order.h"
#include "protocol/model/reason.h"

namespace fleetsweep::model {

// Where a host stands in a campaign: always exactly one. The first three and kUnreachable are the
// controller's own knowledge; all others come from the host's receipts.
enum class HostState : std::uint8_t {
  kPending,
  kOffered,
  kScanning,
  kClean,
  kFound,
  kWaiting,  // cool-off, wave, window
  kCleaning,
  kCleaned,
  kVerified,
  kResidual,
  kRespawned,
  kNeedsReboot,
  kFailed,
  kRefused,
  kUntrusted,
  kUnreachable,
  kExpired,
  kUndone,
};

enum class ReceiptKind : std::uint8_t { kRefused, kScan, kClean, kVerify, kUndo, kStop };
enum class ClockState : std::uint8_t { kOk, kBehind, kAhead, kUntrusted };
// full: own users, namespaces or Landlock, seccomp. reduced: one user, seccomp. none: the parser
// refuses content.
enum class SandboxLevel : std::uint8_t { kNone, kReduced, kFull };
enum class Outcome : std::uint8_t { kFound, kDone, kUndone, kSkipped, kFailed };

struct ReceiptItem {
  std::string detection;
  std::string verdict;
  ObjectKind object = ObjectKind::kFile;
  ActionKind action = ActionKind::kReport;
  Outcome outcome = Outcome::kFound;
  Reason reason = Reason::kNone;
  Digest path_hash;  // SHA-256(Root.path_salt || path)
  Digest sha256;     // of a file's content or a line; zero if not read
  std::uint64_t size = 0;
  Bytes sealed_path;  // sealed to Root.evidence_key
  bool operator==(const ReceiptItem&) const = default;
};

struct Receipt {
  std::uint16_t schema = 1;
  TenantId tenant;
  AgentId agent;
  std::uint64_t seq = 1;
  DocumentId previous;  // id of seq - 1; zero in the first
  DocumentId order;     // zero: none (a local action)
  Digest policy;
  ReceiptKind kind = ReceiptKind::kRefused;
  HostState state = HostState::kRefused;
  Reason reason = Reason::kNone;
  std::uint16_t wave = 0;
  std::uint64_t log_size = 0;
  std::uint64_t root_version = 0;
  Timestamp started;
  Timestamp finished;
  BootId boot;
  ClockState clock = ClockState::kOk;
  SandboxLevel sandbox = SandboxLevel::kNone;
  std::string agent_version;
  Digest agent_sha256;
  Digest consent;
  bool lab = false;
  bool local = false;         // ordered by the host's own root
  std::uint64_t scanned = 0;  // objects looked at
  std::uint64_t scanned_bytes = 0;
  std::uint32_t unscannable = 0;
  std::uint32_t matched = 0;          // findings, all of them
  std::uint32_t acted = 0;            // steps that changed the host: not collect, not report
  std::vector<std::string> verdicts;  // that are true
  Digest items_root;  // RFC 9162 root over all items; items below may be the first 64
  std::vector<ReceiptItem> items;
  bool operator==(const Receipt&) const = default;
};

}  // namespace fleetsweep::model

namespace fleetsweep {
template <>
struct Names<model::HostState> {
  static constexpr std::string_view kAll[] = {
      "pending",  "offered", "scanning",  "clean",       "found",     "waiting",
      "cleaning", "cleaned", "verified",  "residual",    "respawned", "needs_reboot",
      "failed",   "refused", "untrusted", "unreachable", "expired",   "undone"};
};
template <>
struct Names<model::ReceiptKind> {
  static constexpr std::string_view kAll[] = {"refused", "scan", "clean", "verify", "undo", "stop"};
};
template <>
struct Names<model::ClockState> {
  static constexpr std::string_view kAll[] = {"ok", "behind", "ahead", "untrusted"};
};
template <>
struct Names<model::SandboxLevel> {
  static constexpr std::string_view kAll[] = {"none", "reduced", "full"};
};
template <>
struct Names<model::Outcome> {
  static constexpr std::string_view kAll[] = {"found", "done", "undone", "skipped", "failed"};
};
}  // namespace fleetsweep
