#pragma once

// The close-out of a campaign, worked out from its evidence and from nothing else. Whoever writes a
// report and whoever checks one ask the same function, so a report can only say what follows. Pure.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/complaint.h"
#include "cli/evidence.h"
#include "protocol/model/envelope.h"
#include "protocol/model/order.h"
#include "protocol/trust/quorum.h"
#include "protocol/trust/root_chain.h"

namespace fleetsweep::cli {

struct Digested {  // a digest that people signed, and how many receipts it was taken over
  Digest digest;
  std::optional<std::uint64_t> receipts;  // empty: no beginning of the results log gives it
};

struct OrderLine {
  DocumentId id;
  std::uint64_t index = 0;
  model::Order order;
  std::vector<std::string> approved_by;  // holders, by the root in force then
  bool sealed = false;                   // only keys from safes make up its quorum
  std::optional<Digested> dry_run_report;
};

// A Release, Stop, Resume or Close that bears on the campaign, in the order of the log.
struct SteeringLine {
  DocumentId id;
  std::uint64_t index = 0;
  std::string type;
  std::vector<std::string> signed_by;
  bool sealed = false;  // as of an order
  std::string says;     // a wave, a reason
  DocumentId opened;    // the order whose wave a Release opens; else zero
  std::optional<Digested> evidence;
};

struct HostLine {
  AgentId agent;
  std::string hostname;  // a claim of the host, as it was; not escaped
  std::string jurisdiction;
  std::uint32_t wave = 0;  // 1 is the first
  model::HostState state = model::HostState::kPending;
  model::Reason reason = model::Reason::kNone;
  bool own_word = false;  // a receipt says so; else the controller
  DocumentId order;       // the newest that is for it
  std::uint64_t seq = 0;  // of its newest receipt; 0: none
  std::uint32_t matched = 0;
  std::uint32_t acted = 0;
  Digest consent;
  std::uint64_t receipts = 0;
};

struct CloseOut {
  TenantId tenant;
  std::string campaign;
  std::string origin;  // of the log
  std::uint64_t log_size = 0;
  Digest log_root;
  Timestamp witnessed;
  std::size_t witnesses = 0;
  unsigned witness_quorum = 0;
  std::optional<trust::VerifiedRoot> root;  // the newest
  trust::Keys stopped_keys;                 // that an active Stop names
  std::vector<OrderLine> orders;
  std::vector<SteeringLine> steering;
  std::vector<HostLine> hosts;
  std::map<std::string, std::uint64_t> states;  // only those that hosts are in
  std::uint64_t results_size = 0;
  Digest results_root;
  std::uint64_t late = 0;
  std::vector<std::string> held;  // what was checked, a sentence each
};

// `trusted`: a root of the tenant that the caller has from elsewhere, of any version.
Held<CloseOut> prove(const Evidence& evidence, const std::string& campaign,
                     const model::Envelope& trusted);

// The hosts whose state needs the controller's word (Evidence::silent, which is not looked at):
// they did not answer their newest order.
Held<std::vector<AgentId>> silent_hosts(const Evidence& evidence, const std::string& campaign,
                                        const model::Envelope& trusted);
// Whether a controller knows this of a host that says nothing.
bool is_controllers_word(model::HostState state);

}  // namespace fleetsweep::cli
