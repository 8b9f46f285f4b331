#pragma once

// What an order says besides its policy and its hosts: mode, times, waves, breaker. Pure: flags win
// over the author's defaults, and the root's limits bound both.

#include <optional>
#include <string>
#include <vector>

#include "policies/compiler/compiler.h"
#include "protocol/base/time.h"
#include "protocol/model/order.h"
#include "protocol/model/root.h"

namespace fleetsweep::cli {

// As typed; empty means: what the author of the policy says.
struct DraftOptions {
  std::string policy_file;  // YAML
  std::string mode;
  std::string campaign;
  std::string title;
  std::vector<std::string> jurisdictions;
  std::vector<std::string> groups;
  std::vector<std::string> hosts;  // only these
  std::vector<std::string> exclude;
  std::string not_before;  // with Z in UTC, without on each host's own clock
  std::string not_after;
  std::string life;
  std::string jitter;
  std::string repeat;
  std::optional<bool> scan_ahead;
  std::string offline_grace;
  bool standing = false;            // sleeps until its first wave is released
  std::vector<std::string> waves;   // PERMILLE[,DELAY[,GATE]]
  std::vector<std::string> canary;  // the first wave holds exactly these known hosts
  std::string dry_run_order;        // apply: default is the campaign's newest dry run
  std::string undoes;               // undo: default is the campaign's newest apply order
  std::optional<std::uint32_t> failures;
  std::optional<std::uint16_t> failed_permille;
  std::string contact;
};

// The flag, else what the author suggests: enforce drafts an apply order, detect and plan a dry
// run.
model::Mode mode_of(const DraftOptions& options, const compiler::AuthorDefaults& defaults);

struct Remarks {
  std::vector<std::string> notes;     // what the person should know
  std::vector<std::string> mistakes;  // why no host would carry it out; each as a sentence
};

// Fills schedule, waves and breaker of an order whose mode and class are set.
Remarks fill_terms(model::Order& order, const DraftOptions& options,
                   const compiler::AuthorDefaults& defaults, const model::RootPolicy& limits,
                   Timestamp now);

}  // namespace fleetsweep::cli
