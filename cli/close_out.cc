#include "cli/close_out.h"

#include <algorithm>
#include <set>

#include "cli/console.h"
#include "cli/proven_log.h"
#include "cli/receipt_digest.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/merkle.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/schedule.h"
#include "protocol/trust/token.h"

namespace fleetsweep::cli {
namespace {

using model::HostState;

struct Member {  // an enrolled host
  trust::Enrolment enrolment;
  std::vector<const SignedReceipt*> receipts;  // of the results log, by sequence number
};

class Prover {
 public:
  Prover(const Evidence& evidence, ProvenLog log)
      : evidence_(evidence),
        state_(std::move(log.history.state)),
        close_(std::move(log.close)),
        out_(std::move(log.told)) {}

  Held<CloseOut> run() {
    FS_CHECK(read());
    FS_CHECK(read_silent());
    FS_CHECK(place_hosts());
    return std::move(out_);
  }
  Held<std::vector<AgentId>> silent() {
    FS_CHECK(read());
    std::vector<AgentId> agents;
    for (const auto& [agent, member] : members_)
      if (const OrderLine* newest = newest_for(member); newest && !is_told(member, *newest))
        agents.push_back(agent);
    return agents;
  }

 private:
  Held<void> read() {
    FS_CHECK(read_enrolments());
    FS_CHECK(read_receipts());
    FS_CHECK(check_results());
    return {};
  }
  template <class... Args>
  void held(fmt::format_string<Args...> format, Args&&... args) {
    out_.held.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  bool has_order(const DocumentId& id) const {
    return std::ranges::find(out_.orders, id, &OrderLine::id) != out_.orders.end();
  }

  Held<void> read_enrolments();
  Held<SignedReceipt> read_receipt(const Bytes& bytes, const std::string& place) const;
  Held<void> read_receipts();
  Held<void> read_late();
  Held<void> check_chain(const std::string& place, const SignedReceipt& one, Member& member);
  Held<void> check_results();
  Held<void> read_silent();
  Held<void> place_hosts();
  Held<HostLine> host_line(const AgentId& agent, const Member& member, const OrderLine& newest);
  const OrderLine* newest_for(const Member& member) const;
  static bool is_told(const Member& member, const OrderLine& newest);

  const Evidence& evidence_;
  const trust::State state_;
  const model::Close close_;
  CloseOut out_;
  std::map<AgentId, Member> members_;
  std::vector<SignedReceipt> receipts_;
  std::map<AgentId, std::size_t> silent_;  // place in Evidence::silent
};

Held<void> Prover::read_enrolments() {
  std::map<PublicKey, std::uint32_t> uses;
  for (std::size_t i = 0; i < evidence_.enrolments.size(); ++i) {
    const auto used = [&](const PublicKey& token) { return uses[token]; };
    // When it enrolled the controller knows; the batch was in the log, and bounds it.
    auto enrolment = trust::check_enrolment(state_, evidence_.enrolments[i], used, Timestamp{});
    const std::string place = fmt::format("evidence.enrolments[{}]", i);
    if (!enrolment)
      return complain(place, "a host that signed, and its token, in a batch of this log",
                      Error(enrolment.error()).message);
    ++uses[enrolment->key.token];
    const AgentId agent = enrolment->agent;
    if (!members_.emplace(agent, Member{std::move(*enrolment), {}}).second)
      return complain(place, "each host once", "agent " + agent.hex() + " again");
  }
  held("{} enrolled, each with a token that an operator signed", counted(members_.size(), "host"));
  return {};
}

Held<SignedReceipt> Prover::read_receipt(const Bytes& bytes, const std::string& place) const {
  SignedReceipt one;
  auto envelope = codec::decode<model::Envelope>(bytes);
  if (!envelope) return complain(place, "a signed receipt", envelope.error().message);
  one.envelope = std::move(*envelope);
  auto receipt = codec::decode<model::Receipt>(one.envelope.payload);
  if (one.envelope.payload_type != model::kPayloadReceipt || !receipt)
    return complain(place, "a signed receipt", kind_of(one.envelope.payload_type));
  one.receipt = std::move(*receipt);
  const auto member = members_.find(one.receipt.agent);
  if (member == members_.end())
    return complain(place, "a receipt of a host that enrolled",
                    "one of agent " + one.receipt.agent.hex());
  if (one.envelope.signatures.size() != 1 ||
      !crypto::verify_envelope(member->second.enrolment.key.identity, one.envelope))
    return complain(place, "a signature of agent " + one.receipt.agent.hex(),
                    "one that does not hold");
  if (one.receipt.tenant != out_.tenant || !has_order(one.receipt.order))
    return complain(place, "a receipt for an order of this campaign",
                    "one for order " + one.receipt.order.hex());
  return one;
}

Held<void> Prover::check_chain(const std::string& place, const SignedReceipt& one, Member& member) {
  auto& chain = member.receipts;
  const auto at = std::ranges::lower_bound(
      chain, one.receipt.seq, {}, [](const SignedReceipt* held) { return held->receipt.seq; });
  const auto broken = [&](std::uint64_t seq) {
    return complain(
        place, fmt::format("receipts of agent {} that follow each other", one.receipt.agent.hex()),
        fmt::format("number {} names another one before it", seq));
  };
  if (at != chain.end() && (*at)->receipt.seq == one.receipt.seq)
    return complain(
        place, fmt::format("one receipt {} of agent {}", one.receipt.seq, one.receipt.agent.hex()),
        "a second one");
  if (at != chain.begin() && (*(at - 1))->receipt.seq + 1 == one.receipt.seq &&
      one.receipt.previous != crypto::document_id((*(at - 1))->envelope))
    return broken(one.receipt.seq);
  if (at != chain.end() && one.receipt.seq + 1 == (*at)->receipt.seq &&
      (*at)->receipt.previous != crypto::document_id(one.envelope))
    return broken((*at)->receipt.seq);
  chain.insert(at, &one);
  return {};
}

Held<void> Prover::read_receipts() {
  receipts_.reserve(evidence_.receipts.size());  // members point into it
  for (std::size_t i = 0; i < evidence_.receipts.size(); ++i) {
    const std::string place = fmt::format("evidence.receipts[{}]", i);
    FS_TRY(SignedReceipt one, read_receipt(evidence_.receipts[i], place));
    receipts_.push_back(std::move(one));
    FS_CHECK(check_chain(place, receipts_.back(), members_.at(receipts_.back().receipt.agent)));
  }
  return read_late();
}

Held<void> Prover::read_late() {
  std::set<DocumentId> seen;
  for (const SignedReceipt& one : receipts_) seen.insert(crypto::document_id(one.envelope));
  for (std::size_t i = 0; i < evidence_.late.size(); ++i) {
    const std::string place = fmt::format("evidence.late[{}]", i);
    FS_TRY(const SignedReceipt one, read_receipt(evidence_.late[i], place));
    if (!seen.insert(crypto::document_id(one.envelope)).second)
      return complain(place, "a receipt that came after the close", "one that is there already");
  }
  out_.late = evidence_.late.size();
  return {};
}

Held<void> Prover::read_silent() {
  for (std::size_t i = 0; i < evidence_.silent.size(); ++i)
    if (const AgentId& agent = evidence_.silent[i].agent; !silent_.emplace(agent, i).second)
      return complain(fmt::format("evidence.silent[{}]", i), "each host once",
                      "agent " + agent.hex() + " again");
  return {};
}

Held<void> Prover::check_results() {
  std::vector<Digest> leaves;
  for (const Bytes& receipt : evidence_.receipts) leaves.push_back(log::leaf_hash(receipt));
  out_.results_size = leaves.size();
  out_.results_root = log::tree_root(leaves);
  const auto said = [](std::uint64_t size, const Digest& root) {
    return fmt::format("{} with root {}", counted(size, "receipt"), root.hex());
  };
  if (out_.results_size != close_.results_size || out_.results_root != close_.results_root)
    return complain("evidence.receipts", said(close_.results_size, close_.results_root),
                    said(out_.results_size, out_.results_root));
  held("{} are signed by the host they name, follow each other, and are those that the Close names",
       counted(out_.results_size, "receipt"));
  for (OrderLine& line : out_.orders)
    if (const Digest& report = line.order.dry_run_report; !line.order.dry_run_order.is_zero())
      line.dry_run_report =
          Digested{report, receipts_named(receipts_, line.order.dry_run_order, report)};
  for (SteeringLine& line : out_.steering)
    if (line.evidence)
      line.evidence->receipts = receipts_named(receipts_, line.opened, line.evidence->digest);
  return {};
}

const OrderLine* Prover::newest_for(const Member& member) const {
  const OrderLine* newest = nullptr;
  const trust::Enrolment& host = member.enrolment;
  for (const OrderLine& line : out_.orders)
    if (host.key.issued <= line.order.schedule.not_after &&
        trust::in_scope(line.order.scope, host.agent, host.batch.jurisdiction, host.batch.groups))
      newest = &line;
  return newest;
}

// Whether the host's receipts say where it stands; what an undo has not reached yet is as it was.
bool Prover::is_told(const Member& member, const OrderLine& newest) {
  return std::ranges::any_of(member.receipts, [&](const SignedReceipt* one) {
    return one->receipt.order == newest.id || newest.order.mode == model::Mode::kUndo;
  });
}

Held<HostLine> Prover::host_line(const AgentId& agent, const Member& member,
                                 const OrderLine& newest) {
  const trust::Enrolment& host = member.enrolment;
  HostLine line{.agent = agent,
                .hostname = host.key.hostname,
                .jurisdiction = host.batch.jurisdiction,
                .wave = trust::wave_of(newest.order.waves, newest.id, agent) + 1u,
                .own_word = is_told(member, newest),
                .order = newest.id,
                .receipts = member.receipts.size()};
  for (const SignedReceipt* one : member.receipts) {
    // A rescan finds nothing and does nothing; that must not look as if nothing had been done.
    line.matched = std::max(line.matched, one->receipt.matched);
    line.acted = std::max(line.acted, one->receipt.acted);
  }
  if (!member.receipts.empty()) {
    const model::Receipt& last = member.receipts.back()->receipt;
    line.seq = last.seq;
    line.consent = last.consent;
    if (line.own_word) {
      line.state = last.state;
      line.reason = last.reason;
    }
  }
  const auto word = silent_.find(agent);
  if (line.own_word == (word != silent_.end()))
    return complain(
        "evidence.silent",
        fmt::format("{} on agent {}", line.own_word ? "no word" : "a word", agent.hex()),
        line.own_word ? "one, and its receipts say where it stands"
                      : "none, and it did not answer its newest order");
  if (line.own_word) return line;
  line.state = evidence_.silent[word->second].state;
  if (!is_controllers_word(line.state))
    return complain(fmt::format("evidence.silent[{}]", word->second),
                    "a state that a controller knows without a receipt",
                    std::string(name(line.state)));
  return line;
}

Held<void> Prover::place_hosts() {
  for (const auto& [agent, member] : members_) {
    const OrderLine* newest = newest_for(member);
    if (!newest) continue;  // it refused what was not for it
    FS_TRY(HostLine line, host_line(agent, member, *newest));
    ++out_.states[std::string(name(line.state))];
    out_.hosts.push_back(std::move(line));
  }
  const auto said = std::ranges::count_if(out_.hosts, &HostLine::own_word);
  for (const HostLine& line : out_.hosts) silent_.erase(line.agent);
  if (!silent_.empty())
    return complain(fmt::format("evidence.silent[{}]", silent_.begin()->second),
                    "a host that an order of the campaign is for",
                    "agent " + silent_.begin()->first.hex());
  held("{} of {} say in a receipt where they stand{}", said,
       counted(out_.hosts.size(), "targeted host"),
       static_cast<std::size_t>(said) == out_.hosts.size()
           ? ""
           : "; on the others stands the controller's word");
  return {};
}

}  // namespace

bool is_controllers_word(HostState state) {
  switch (state) {
    case HostState::kPending:
    case HostState::kOffered:
    case HostState::kScanning:
    case HostState::kWaiting:
    case HostState::kUnreachable:
    case HostState::kExpired:
      return true;
    default:
      return false;
  }
}

Held<CloseOut> prove(const Evidence& evidence, const std::string& campaign,
                     const model::Envelope& trusted) {
  FS_TRY(ProvenLog log, prove_log(evidence, campaign, trusted));
  return Prover(evidence, std::move(log)).run();
}

Held<std::vector<AgentId>> silent_hosts(const Evidence& evidence, const std::string& campaign,
                                        const model::Envelope& trusted) {
  FS_TRY(ProvenLog log, prove_log(evidence, campaign, trusted));
  return Prover(evidence, std::move(log)).silent();
}

}  // namespace fleetsweep::cli
