#pragma once

// One scan of one or several policies: walks, asks the parser about what is still open, joins,
// judges. An error is never a detection: what could not be read is counted as unscannable.

#include <functional>

#include "agent/scan/baseline.h"
#include "agent/scan/checkpoint.h"
#include "agent/scan/evaluate/matcher.h"
#include "agent/scan/parser.h"
#include "agent/scan/root.h"
#include "agent/scan/sweep.h"
#include "agent/scan/table_file.h"
#include "protocol/model/local.h"

namespace fleetsweep::scan {

struct EngineOptions {
  ParserOptions parser;
  std::function<void(const model::ScanProgress&)> on_progress;  // about once a second; may be empty
  // Spares files from being read; null for none, and for a rescan that trusts nothing. Outlives the
  // scan.
  const TableFile* table = nullptr;
  // Where a scan that is stopped leaves what it answered, and the next one finds it; null: nowhere.
  // Outlives the scan.
  Checkpoint* checkpoint = nullptr;
  // Called once the parser runs: what the walker itself still gives up. May be empty.
  std::function<Status(bool looks_at_processes)> confine_walker;
  Baseline baseline;     // of the host's owner; may be empty
  HashParts hash_parts;  // of all policies; a policy without all of its own is refused
  Timestamp now;         // lists that have ended by then match nothing; 0: none has
};

// Everything of ScanDone but `sealed`. A reason other than kNone means there is no result.
//
// All policies in one walk: at most kSweepPolicies. Each has its own result, as if it had been
// scanned for alone, save that all wait for the last.
std::vector<model::ScanDone> scan(std::span<const model::Policy> policies,
                                  const model::Facts& facts, Root& root,
                                  const EngineOptions& options, SweepCounts* counts = nullptr);

// Why this policy cannot be scanned for on this host, before anything is looked at.
struct Unfit {
  model::Reason reason = model::Reason::kNone;
  std::string detail;
};
Unfit unfit(const model::Policy& policy, const model::Facts& facts);
// Its preconditions. kIo: one asks for the version of a Windows that could not be read.
Unfit unmet(const model::Policy& policy, const model::Facts& facts);

// What this host says about itself, from uname(2) and the root's os-release.
model::Facts host_facts(const Root& root);

}  // namespace fleetsweep::scan
