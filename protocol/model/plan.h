#pragma once

// Plan: which typed action will touch which object, in the engine's order, before anything is
// touched. Made by agent/plan, carried out by agent/act, shown to people.

#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/base/names.h"
#include "protocol/model/finding.h"
#include "protocol/model/reason.h"

namespace fleetsweep::model {

// The engine's order; a policy's author can leave a phase out, never reorder.
enum class Phase : std::uint8_t {
  kContain,
  kCollect,
  kBlock,
  kUnpersist,
  kKill,
  kQuarantine,
  kRepair,
  kReload,
  kVerify,
};

struct PlanStep {
  Phase phase = Phase::kVerify;
  Action action;              // with its options; `select` is already resolved
  std::uint32_t finding = 0;  // index into the findings of the scan just made
  std::string detection;      // ids, for people and receipts
  std::string verdict;
  RuleMatch rule;
  ObjectKind object = ObjectKind::kFile;
  Identity identity;               // of the object itself (processes_of: the process)
  Reason skipped = Reason::kNone;  // not kNone: reported, not touched
  std::string note;                // restore-from-package: what a person may do about it
  bool package_owned = false;      // the file, or the file around a line, belongs to a package
  bool operator==(const PlanStep&) const = default;
};

// All or nothing: with a reason in `refused`, `steps` say what would have been done and none is.
struct Plan {
  Nonce transaction;
  Reason refused = Reason::kNone;
  std::string detail;
  std::vector<PlanStep> steps;
  bool operator==(const Plan&) const = default;
};

}  // namespace fleetsweep::model

namespace fleetsweep {
template <>
struct Names<model::Phase> {
  static constexpr std::string_view kAll[] = {"contain",   "collect", "block",
                                              "unpersist", "kill",    "quarantine",
                                              "repair",    "reload",  "verify"};
};
}  // namespace fleetsweep
