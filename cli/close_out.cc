#include "cli/close_out.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/describe.h"
#include "cli/log_history.h"
#include "cli/order_review.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/sign.h"
#include "protocol/log/merkle.h"
#include "protocol/trust/gates.h"
#include "protocol/trust/root_rules.h"
#include "protocol/trust/schedule.h"
#include "protocol/trust/token.h"

namespace fleetsweep::cli {
namespace {

using model::HostState;
using nlohmann::json;

// A digest is looked for among so many beginnings of the results log: it stands for what was there
// when people signed, which is all there is, or little less.
constexpr std::size_t kBeginningsMax = 256;

tl::unexpected<Complaint> complain(std::string place, std::string expected, std::string found) {
  return tl::unexpected(Complaint{std::move(place), std::move(expected), std::move(found)});
}

std::string shown(const DocumentId& id) {
  return id.hex().substr(0, 12);
}

// "order", of application/vnd.fleetsweep.order.v1+capnp.
std::string kind_of(const std::string& payload_type) {
  constexpr std::string_view kPrefix = "application/vnd.fleetsweep.";
  if (!payload_type.starts_with(kPrefix)) return escaped(payload_type);
  const std::string rest = payload_type.substr(kPrefix.size());
  return escaped(rest.substr(0, rest.find('.')));
}

struct Member {  // an enrolled host
  trust::Enrolment enrolment;
  std::vector<const SignedReceipt*> receipts;  // of the results log, by sequence number
};

class Prover {
 public:
  Prover(const Evidence& evidence, const std::string& campaign) : evidence_(evidence) {
    out_.campaign = campaign;
    for (std::size_t i = 0; i < evidence.silent.size(); ++i)
      silent_.emplace(evidence.silent[i].agent, i);
  }

  Held<CloseOut> run(const model::Envelope& trusted) {
    FS_CHECK(read(trusted));
    FS_CHECK(place_hosts());
    return std::move(out_);
  }
  Held<std::vector<AgentId>> silent(const model::Envelope& trusted) {
    FS_CHECK(read(trusted));
    std::vector<AgentId> agents;
    for (const auto& [agent, member] : members_)
      if (const OrderLine* newest = newest_for(member); newest && !is_told(member, *newest))
        agents.push_back(agent);
    return agents;
  }

 private:
  Held<void> read(const model::Envelope& trusted) {
    FS_CHECK(fold());
    FS_CHECK(compare_root(trusted));
    FS_CHECK(check_checkpoint());
    FS_CHECK(check_entries());
    FS_CHECK(read_orders());
    FS_CHECK(read_steering());
    FS_CHECK(read_enrolments());
    FS_CHECK(read_receipts());
    FS_CHECK(check_results());
    return {};
  }
  template <class... Args>
  void held(fmt::format_string<Args...> format, Args&&... args) {
    out_.held.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  static std::string log_place(std::size_t i) { return fmt::format("evidence.log[{}]", i); }

  Held<void> fold();
  Held<void> compare_root(const model::Envelope& trusted);
  Held<void> check_checkpoint();
  Held<void> check_entries();
  Held<void> read_orders();
  Held<void> check_class(const OrderLine& line, std::size_t place) const;
  Held<void> read_steering();
  Held<void> read_enrolments();
  Held<SignedReceipt> read_receipt(const Bytes& bytes, const std::string& place) const;
  Held<void> read_receipts();
  Held<void> check_chain(const std::string& place, const SignedReceipt& one, Member& member);
  Held<void> check_results();
  Held<void> place_hosts();
  Held<HostLine> host_line(const AgentId& agent, const Member& member, const OrderLine& newest);
  const OrderLine* order(const DocumentId& id) const;
  const OrderLine* newest_for(const Member& member) const;
  static bool is_told(const Member& member, const OrderLine& newest);
  Digested beginning_of(const Digest& digest, const DocumentId& order) const;

  const Evidence& evidence_;
  CloseOut out_;
  LogHistory history_;
  std::vector<model::Envelope> entries_;
  model::Close close_;
  std::map<AgentId, Member> members_;
  std::vector<SignedReceipt> receipts_;
  std::vector<std::pair<std::size_t, DocumentId>> releases_;  // lines of steering, their orders
  std::map<AgentId, std::size_t> silent_;                     // place in Evidence::silent
};

Held<void> Prover::fold() {
  std::vector<Bytes> entries;
  for (std::size_t i = 0; i < evidence_.log.size(); ++i) {
    const ProvenEntry& one = evidence_.log[i];
    const std::uint64_t least = i == 0 ? 0 : evidence_.log[i - 1].index + 1;
    if (i == 0 ? one.index != 0 : one.index < least)
      return complain(log_place(i) + ".index",
                      i == 0 ? "0, where Root version 1 is" : fmt::format("{} or more", least),
                      std::to_string(one.index));
    auto envelope = codec::decode<model::Envelope>(one.entry);
    if (!envelope) return complain(log_place(i), "an envelope", envelope.error().message);
    entries_.push_back(std::move(*envelope));
    entries.push_back(one.entry);
  }
  // Of the part of the log that is here; what was taken is not forgotten for having ended since.
  auto history = fold_log(entries, std::nullopt, timestamp(limits::kTimeMax));
  if (!history) return complain(log_place(0), "Root version 1", history.error().message);
  history_ = std::move(*history);
  out_.tenant = history_.state.tenant;
  out_.root = history_.state.root;
  return {};
}

Held<void> Prover::compare_root(const model::Envelope& trusted) {
  const auto root = codec::decode<model::Root>(trusted.payload);
  if (trusted.payload_type != model::kPayloadRoot || !root)
    return complain("root", "a signed root", kind_of(trusted.payload_type));
  const DocumentId id = crypto::document_id(trusted);
  if (root->version == 1 && trust::tenant_id(trusted.payload) != out_.tenant)
    return complain("root", "tenant " + trust::tenant_id(trusted.payload).hex(),
                    "a report of tenant " + out_.tenant.hex());
  std::string found = fmt::format("versions 1 to {}", out_.root->version());
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].payload_type != model::kPayloadRoot) continue;
    const auto here = codec::decode<model::Root>(entries_[i].payload);
    if (!here || here->version != root->version) continue;
    if (history_.notices[i].id == id && history_.notices[i].taken == trust::Taken::kAccepted) {
      held("the trusted root is version {} of tenant {}, and leads to version {}", root->version,
           out_.tenant.hex().substr(0, 16), out_.root->version());
      return {};
    }
    found = fmt::format("version {} with id {}", here->version, history_.notices[i].id.hex());
  }
  return complain("root", fmt::format("version {} with id {}", root->version, id.hex()), found);
}

Held<void> Prover::check_checkpoint() {
  const auto head = verified_head(evidence_.checkpoint, out_.root->root());
  if (!head)
    return complain("evidence.checkpoint",
                    fmt::format("a checkpoint that the log of root version {} signed and {} of its "
                                "witnesses cosigned",
                                out_.root->version(), out_.root->root().witness_quorum),
                    head.error().message);
  out_.origin = head->checkpoint.origin;
  out_.log_size = head->checkpoint.size;
  out_.log_root = head->checkpoint.root;
  out_.witnessed = head->time;
  out_.witnesses = out_.root->root().witnesses.size();
  out_.witness_quorum = out_.root->root().witness_quorum;
  held("the checkpoint of {} entries is signed by {} and cosigned by {} of {} witnesses at {}",
       out_.log_size, escaped(out_.origin), out_.witness_quorum, out_.witnesses,
       to_rfc3339(out_.witnessed));
  return {};
}

Held<void> Prover::check_entries() {
  for (std::size_t i = 0; i < evidence_.log.size(); ++i) {
    const ProvenEntry& one = evidence_.log[i];
    const Status included = log::verify_inclusion(log::leaf_hash(one.entry), one.index,
                                                  out_.log_size, one.proof, out_.log_root);
    if (!included)
      return complain(log_place(i),
                      fmt::format("entry {} of the log, with a proof that leads to root {}",
                                  one.index, out_.log_root.hex()),
                      included.error().message);
    const trust::Notice& notice = history_.notices[i];
    if (notice.taken == trust::Taken::kRefused)
      return complain(
          log_place(i), "a document signed by those who may, when it was logged",
          fmt::format("{}: {}", kind_of(notice.payload_type), Error(notice.refusal).message));
  }
  held("{} documents are in the log, each with the signatures that it needed when it was logged",
       evidence_.log.size());
  return {};
}

Held<void> Prover::read_orders() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].payload_type != model::kPayloadOrder) continue;
    const auto order = codec::decode<model::Order>(entries_[i].payload);
    if (!order || order->campaign != out_.campaign) continue;
    const DocumentId id = history_.notices[i].id;
    out_.orders.push_back({.id = id,
                           .index = evidence_.log[i].index,
                           .order = *order,
                           .approved_by = history_.approvers[id]});
    FS_CHECK(check_class(out_.orders.back(), i));
  }
  if (out_.orders.empty())
    return complain("evidence.log", "an order of campaign " + escaped(out_.campaign), "none");
  held("{} met the quorum of what their policy really does", counted(out_.orders.size(), "order"));
  return {};
}

// An order that understates what it does would need fewer people.
Held<void> Prover::check_class(const OrderLine& line, std::size_t place) const {
  BytesView policy;
  for (const Bytes& bytes : evidence_.policies)
    if (crypto::sha256(bytes) == line.order.policy) policy = bytes;
  const auto computed = computed_class(line.order, policy);
  if (!computed)
    return complain("evidence.policies", fmt::format("policy {}", line.order.policy.hex()),
                    computed.error().message);
  if (*computed != line.order.action_class)
    return complain(log_place(place),
                    fmt::format("class {}, as its policy makes it", name(*computed)),
                    fmt::format("class {}", name(line.order.action_class)));
  return {};
}

const OrderLine* Prover::order(const DocumentId& id) const {
  const auto found = std::ranges::find(out_.orders, id, &OrderLine::id);
  return found == out_.orders.end() ? nullptr : &*found;
}

Held<void> Prover::read_steering() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const model::Envelope& envelope = entries_[i];
    SteeringLine line{.id = history_.notices[i].id,
                      .index = evidence_.log[i].index,
                      .type = kind_of(envelope.payload_type),
                      .signed_by = history_.approvers[history_.notices[i].id]};
    if (envelope.payload_type == model::kPayloadRelease) {
      const auto release = codec::decode<model::Release>(envelope.payload);
      if (!release || !order(release->order)) continue;
      line.says = fmt::format("wave {} of order {}", release->wave + 1, shown(release->order));
      line.evidence = Digested{release->evidence, std::nullopt};
      releases_.emplace_back(out_.steering.size(), release->order);
    } else if (envelope.payload_type == model::kPayloadStop) {
      const auto stop = codec::decode<model::Stop>(envelope.payload);
      if (!stop) continue;
      line.says = stop->reason;
    } else if (envelope.payload_type == model::kPayloadResume) {
      const auto resume = codec::decode<model::Resume>(envelope.payload);
      if (!resume) continue;
      line.says = resume->reason;
    } else if (envelope.payload_type == model::kPayloadClose) {
      const auto close = codec::decode<model::Close>(envelope.payload);
      if (!close || close->campaign != out_.campaign) continue;
      line.says = fmt::format("{} with root {}", counted(close->results_size, "receipt"),
                              close->results_root.hex());
    } else {
      continue;
    }
    out_.steering.push_back(std::move(line));
  }
  const auto close = history_.state.closes.find(out_.campaign);
  if (close == history_.state.closes.end())
    return complain("evidence.log", "the Close of campaign " + escaped(out_.campaign), "none");
  close_ = close->second;
  return {};
}

Held<void> Prover::read_enrolments() {
  std::map<PublicKey, std::uint32_t> uses;
  for (std::size_t i = 0; i < evidence_.enrolments.size(); ++i) {
    const auto used = [&](const PublicKey& token) { return uses[token]; };
    // When it enrolled the controller knows; the batch was in the log, and bounds it.
    auto enrolment =
        trust::check_enrolment(history_.state, evidence_.enrolments[i], used, Timestamp{});
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
  if (one.receipt.tenant != out_.tenant || !order(one.receipt.order))
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
  for (std::size_t i = 0; i < evidence_.late.size(); ++i)
    FS_CHECK(read_receipt(evidence_.late[i], fmt::format("evidence.late[{}]", i)));
  out_.late = evidence_.late.size();
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
    if (!line.order.dry_run_order.is_zero())
      line.dry_run_report = beginning_of(line.order.dry_run_report, line.order.dry_run_order);
  for (const auto& [line, order] : releases_)
    out_.steering[line].evidence = beginning_of(out_.steering[line].evidence->digest, order);
  return {};
}

// People sign the digest of an order's receipts as they were then (report_digest()).
Digested Prover::beginning_of(const Digest& digest, const DocumentId& order) const {
  std::map<DocumentId, Digest> leaves;
  std::vector<DocumentId> seen;  // in the order of the results log
  for (const SignedReceipt& one : receipts_) {
    if (one.receipt.order != order) continue;
    seen.push_back(crypto::document_id(one.envelope));
    leaves.emplace(seen.back(), log::leaf_hash(codec::encode(one.envelope)));
  }
  for (std::size_t tries = 0; tries < kBeginningsMax && !seen.empty(); ++tries) {
    std::vector<Digest> hashes;
    for (const auto& [id, leaf] : leaves) hashes.push_back(leaf);
    if (log::tree_root(hashes) == digest) return {digest, seen.size()};
    leaves.erase(seen.back());
    seen.pop_back();
  }
  return {digest, std::nullopt};
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

json digested_json(const std::optional<Digested>& digested) {
  if (!digested) return nullptr;
  return {{"digest", digested->digest.hex()},
          {"receipts", digested->receipts ? json(*digested->receipts) : json(nullptr)}};
}

json to_json(const OrderLine& line) {
  const model::Authority& authority = line.order.authority;
  return {{"id", line.id.hex()},
          {"index", line.index},
          {"title", line.order.title},
          {"mode", mode_text(line.order.mode)},
          {"class", name(line.order.action_class)},
          {"role", name(trust::role_for(line.order.action_class))},
          {"approved_by", line.approved_by},
          {"policy", line.order.policy.hex()},
          {"jurisdictions", line.order.scope.jurisdictions},
          {"not_before", to_rfc3339(line.order.schedule.not_before)},
          {"not_after", to_rfc3339(line.order.schedule.not_after)},
          {"legal_basis", authority.legal_basis},
          {"issuer", authority.issuer},
          {"reference", authority.reference},
          {"contact", authority.contact},
          {"dry_run", line.order.dry_run_order.is_zero() ? json(nullptr)
                                                         : json(line.order.dry_run_order.hex())},
          {"dry_run_report", digested_json(line.dry_run_report)}};
}

json to_json(const HostLine& line) {
  return {{"agent", line.agent.hex()},
          {"hostname", escaped(line.hostname)},
          {"jurisdiction", line.jurisdiction},
          {"wave", line.wave},
          {"state", name(line.state)},
          {"reason", name(line.reason)},
          {"said_by", line.own_word ? "host" : "controller"},
          {"order", line.order.hex()},
          {"seq", line.seq},
          {"matched", line.matched},
          {"acted", line.acted},
          {"consent", line.consent.hex()},
          {"receipts", line.receipts}};
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

Complaint::operator Error() const {
  return {Code::kUntrusted, fmt::format("{}: expected {}; found {}", place, expected, found)};
}

Held<CloseOut> prove(const Evidence& evidence, const std::string& campaign,
                     const model::Envelope& trusted) {
  return Prover(evidence, campaign).run(trusted);
}

Held<std::vector<AgentId>> silent_hosts(const Evidence& evidence, const std::string& campaign,
                                        const model::Envelope& trusted) {
  return Prover(evidence, campaign).silent(trusted);
}

json to_json(const CloseOut& out) {
  json orders = json::array(), steering = json::array(), hosts = json::array();
  for (const OrderLine& line : out.orders) orders.push_back(to_json(line));
  for (const SteeringLine& line : out.steering)
    steering.push_back({{"id", line.id.hex()},
                        {"index", line.index},
                        {"type", line.type},
                        {"signed_by", line.signed_by},
                        {"says", line.says},
                        {"evidence", digested_json(line.evidence)}});
  for (const HostLine& line : out.hosts) hosts.push_back(to_json(line));
  return {{"tenant", out.tenant.hex()},
          {"campaign", out.campaign},
          {"root", {{"version", out.root->version()}, {"id", out.root->id().hex()}}},
          {"log",
           {{"origin", out.origin},
            {"size", out.log_size},
            {"root", out.log_root.hex()},
            {"witnessed", to_rfc3339(out.witnessed)},
            {"witnesses", out.witnesses},
            {"witness_quorum", out.witness_quorum}}},
          {"orders", orders},
          {"steering", steering},
          {"targeted", out.hosts.size()},
          {"states", out.states},
          {"hosts", hosts},
          {"results",
           {{"size", out.results_size}, {"root", out.results_root.hex()}, {"late", out.late}}}};
}

std::optional<Complaint> first_difference(const json& worked_out, const json& stated,
                                          const std::string& place) {
  const auto differ = [&](const json& expected, const json& found, const std::string& at) {
    constexpr std::size_t kShown = 200;
    const auto text = [](const json& value) {
      return escaped(value.dump(-1, ' ', true, json::error_handler_t::replace)).substr(0, kShown);
    };
    return Complaint{at, text(expected), text(found)};
  };
  if (worked_out == stated) return std::nullopt;
  if (worked_out.is_object() && stated.is_object()) {
    for (const auto& [name, value] : worked_out.items()) {
      const std::string at = place + "." + escaped(name);
      if (!stated.contains(name)) return differ(value, nullptr, at);
      if (auto found = first_difference(value, stated[name], at)) return found;
    }
    for (const auto& [name, value] : stated.items())
      if (!worked_out.contains(name)) return differ(nullptr, value, place + "." + escaped(name));
  }
  if (worked_out.is_array() && stated.is_array()) {
    for (std::size_t i = 0; i < std::min(worked_out.size(), stated.size()); ++i)
      if (auto found = first_difference(worked_out[i], stated[i], fmt::format("{}[{}]", place, i)))
        return found;
    return Complaint{place, fmt::format("a list of {}", worked_out.size()),
                     fmt::format("a list of {}", stated.size())};
  }
  return differ(worked_out, stated, place);
}

}  // namespace fleetsweep::cli
