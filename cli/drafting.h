#pragma once

// Orders before anybody signs them.

#include <string>
#include <vector>

#include "cli/documents.h"
#include "protocol/model/policy.h"

namespace fleetsweep::cli {

struct DraftOptions {
  std::string policy_file;  // YAML
  std::string mode = "dry-run";
  std::string campaign;
  std::string title;
  std::vector<std::string> jurisdictions;
  std::vector<std::string> groups;
  std::vector<std::string> hosts;  // only these
  std::vector<std::string> exclude;
  std::string not_before;  // RFC 3339; empty: now
  std::string life = "24h";
  std::string offline_grace = "0s";
  std::vector<std::string> waves;   // PERMILLE[,DELAY[,GATE]]
  std::vector<std::string> canary;  // the first wave holds exactly these known hosts
  std::string dry_run_order;        // apply: default is the campaign's newest dry run
  std::string undoes;               // undo: default is the campaign's newest apply order
  std::uint32_t failures = 3;
  std::uint16_t failed_permille = 10;
  std::string contact;
};

struct Draft {
  model::Order order;
  Bytes policy;                         // encoded; empty for an undo
  std::vector<std::size_t> wave_sizes;  // of the known hosts in scope
  std::vector<std::string> notes;       // what the person should know
};

// Compiles the policy, fills the order from its author's defaults and the options, and draws the
// nonce until every wave has a known member. Asks the controller for the known hosts when it can.
Result<Draft> draft_order(Session& session, const DraftOptions& options);

}  // namespace fleetsweep::cli
