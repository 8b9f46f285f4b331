#pragma once

// What a signer needs besides the order: the tenant's log, what its dry run's hosts reported, who
// these hosts are. From the controller, or from a file that travels with the order to a machine
// without a network. Nothing in it is believed: the log is folded from the root whose hash is the
// tenant, enrolments are held against the log, receipts against the enrolments. Only the list of
// hosts is the controller's word.

#include <string>
#include <string_view>
#include <vector>

#include "cli/affected_hosts.h"
#include "cli/documents.h"
#include "protocol/trust/state.h"

namespace fleetsweep::cli {

struct OrderEvidence {
  std::vector<Bytes> log;               // entries
  std::vector<Bytes> enrolments;        // encoded envelopes of AgentKeys
  std::vector<SignedReceipt> receipts;  // of the order's campaign, in the order they were stored
  std::vector<RegisteredHost> hosts;
};

std::string evidence_text(const OrderEvidence& evidence);
Result<OrderEvidence> parse_evidence(std::string_view text);

struct DryRunNumbers {
  std::uint64_t hosts = 0;
  std::uint64_t found = 0;  // hosts
  std::uint64_t clean = 0;
  std::uint64_t unscannable = 0;     // of both: not everything could be read
  std::uint64_t refused = 0;         // failed, or not to be believed
  std::uint64_t matched = 0;         // objects
  std::uint64_t bytes_read = 0;      // of the hosts' files, by all of them
  std::uint64_t bytes_read_max = 0;  // by one of them
  std::uint64_t left_alone = 0;      // of those that receipts list: no order touches them
  std::uint64_t contradicting = 0;   // hosts of two stories: a cloned image or a stolen key
  std::uint64_t later = 0;           // receipts that came after those that the order names
};

// The numbers of exactly those receipts that the order's dryRunReport names. Of each host the
// newest counts. kUntrusted: a receipt is not signed by the host it names, that host was not
// enrolled with a token of this tenant, or the receipts at hand do not hold those that the order
// names. Contradicting is a host with two receipts of one number, or with one that does not follow
// the one before it; a gap is neither, the host's other campaigns are in it.
Result<DryRunNumbers> checked_dry_run(const OrderEvidence& evidence, const trust::State& state,
                                      const model::Order& order);

}  // namespace fleetsweep::cli
