#include "cli/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/close_out.h"
#include "cli/console.h"
#include "cli/describe.h"
#include "cli/documents.h"
#include "cli/json_text.h"
#include "cli/log_history.h"
#include "cli/root_change.h"
#include "protocol/codec/codec.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"
#include "protocol/trust/root_rules.h"
#include "protocol/trust/token.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

bool has_root(const LogHistory& history, const DocumentId& id) {
  return std::ranges::any_of(history.notices, [&](const trust::Notice& notice) {
    return notice.id == id && notice.taken == trust::Taken::kAccepted;
  });
}

// Folds the whole log from the root that the caller trusts, and holds it against the cosigned
// checkpoint.
Result<LogHistory> verified_log(Session& session, const std::string& root_file, Audit& audit) {
  FS_TRY(const std::string note, get_raw(session, "checkpoint"));
  FS_TRY(const std::vector<Bytes> entries, fetch_log(session));
  std::optional<KnownRoot> trusted;
  if (!root_file.empty()) {
    FS_TRY(const model::Envelope root, read_document(root_file, model::kPayloadRoot));
    FS_TRY(trusted, trusted_root(root));
  }
  FS_TRY(LogHistory history,
         fold_log(entries, trusted ? std::optional(trusted->tenant) : std::nullopt, now()));
  audit.held.push_back(fmt::format("entry 0 is Root version 1 of tenant {}",
                                   history.state.tenant.hex().substr(0, 16)));
  if (trusted) {
    if (!has_root(history, trusted->id))
      return fail(Code::kUntrusted, "the log has another root version {} than {}, or none",
                  trusted->root.version, root_file);
    audit.held.push_back(fmt::format("the root in {} is version {} of {} in the log", root_file,
                                     trusted->root.version, history.state.root->version()));
  }
  audit.entries = entries.size();
  const model::Root& newest = history.state.root->root();
  FS_TRY(const log::VerifiedCheckpoint head, covering_head(note, entries, newest));
  // What was logged since the checkpoint was cosigned is folded, and no witness vouches for it yet.
  const std::uint64_t covered = head.checkpoint.size;
  audit.held.push_back(fmt::format("{} log entries hash to the checkpoint's root {}", covered,
                                   head.checkpoint.root.hex().substr(0, 16)));
  if (covered < entries.size())
    audit.held.push_back(
        fmt::format("{} newer entries wait for a witness", entries.size() - covered));
  audit.held.push_back(
      fmt::format("the checkpoint is signed by the log and cosigned by {} of {} witnesses at {}",
                  newest.witness_quorum, newest.witnesses.size(), to_rfc3339(head.time)));
  if (history.refused > 0)
    return fail(Code::kUntrusted, "{} log entries are not authorised by the root", history.refused);
  audit.held.push_back("every entry is authorised by the root in force when it was logged");
  for (const auto& [id, type] : history.sealed)
    audit.held.push_back(fmt::format("BREAK-GLASS: {} {} has its quorum from sealed keys", type,
                                     id.hex().substr(0, 12)));
  return history;
}

void list_orders(const LogHistory& history, Audit& audit) {
  for (const auto& [id, entry] : history.state.orders) {
    audit.held.push_back(fmt::format("order {} ({} {}, class {}) was approved by {}",
                                     id.hex().substr(0, 12), mode_text(entry.order.mode),
                                     escaped(entry.order.campaign), name(entry.order.action_class),
                                     fmt::join(history.approvers.at(id), " and ")));
    ++audit.orders;
  }
}

Result<std::map<AgentId, PublicKey>> verified_agents(const json& enrolments,
                                                     const trust::State& state) {
  std::map<AgentId, PublicKey> keys;
  std::map<PublicKey, std::uint32_t> used;
  for (const json& entry : enrolments) {
    FS_TRY(const model::Envelope envelope,
           codec::from_dsse_json(entry.value("envelope", json()).dump()));
    const auto uses = [&](const PublicKey& token) { return used[token]; };
    auto enrolment = trust::check_enrolment(state, codec::encode(envelope), uses, Timestamp{});
    if (!enrolment)
      return fail(Error(enrolment.error()).within("enrolment of " + text_of(entry, "enrolled")));
    ++used[enrolment->key.token];
    keys[enrolment->agent] = enrolment->key.identity;
  }
  return keys;
}

Status verify_signatures(const std::vector<SignedReceipt>& receipts,
                         const std::map<AgentId, PublicKey>& keys) {
  for (const SignedReceipt& one : receipts) {
    const std::string who = one.receipt.agent.hex().substr(0, 12);
    const auto key = keys.find(one.receipt.agent);
    if (key == keys.end())
      return fail(Code::kUntrusted, "receipt {} of agent {}: no signed enrolment for it",
                  one.receipt.seq, who);
    if (one.envelope.payload_type != model::kPayloadReceipt ||
        one.envelope.signatures.size() != 1 || !crypto::verify_envelope(key->second, one.envelope))
      return fail(Code::kUntrusted, "receipt {} of agent {}: its signature does not hold",
                  one.receipt.seq, who);
  }
  return {};
}

// All receipts of the tenant: none is missing between two of one host.
Status verify_chains(const std::vector<SignedReceipt>& receipts) {
  std::map<AgentId, std::map<std::uint64_t, const SignedReceipt*>> chains;
  for (const SignedReceipt& one : receipts) chains[one.receipt.agent][one.receipt.seq] = &one;
  for (const auto& [agent, chain] : chains)
    for (const auto& [seq, one] : chain) {
      const auto before = chain.find(seq - 1);
      if (before == chain.end() && !one->receipt.previous.is_zero())
        return fail(Code::kUntrusted,
                    "receipt {} of agent {} is missing, and receipt {} follows it", seq - 1,
                    agent.hex().substr(0, 12), seq);
      if (before != chain.end() &&
          one->receipt.previous != crypto::document_id(before->second->envelope))
        return fail(Code::kUntrusted, "receipt {} of agent {} does not follow receipt {}", seq,
                    agent.hex().substr(0, 12), seq - 1);
    }
  return {};
}

json order_json(const LogHistory& history, const DocumentId& id) {
  const trust::OrderEntry& entry = history.state.orders.at(id);
  json order = to_json(entry.order);
  order["id"] = id.hex();
  order["log_index"] = entry.logged.index;
  order["approved_by"] = history.approvers.at(id);
  order["by_sealed_keys"] = history.sealed.contains(id);
  return order;
}

// What a campaign was closed with is all still there: also a host's last receipt, which no later
// one names.
Status verify_closes(Session& session, const LogHistory& history, Audit& audit) {
  for (const auto& [campaign, close] : history.state.closes) {
    FS_TRY(const std::vector<SignedReceipt> receipts, fetch_receipts(session, campaign));
    std::vector<Digest> leaves;
    for (const SignedReceipt& one : receipts)
      if (leaves.size() < close.results_size)
        leaves.push_back(log::leaf_hash(codec::encode(one.envelope)));
    const Digest root = log::tree_root(leaves);
    if (leaves.size() != close.results_size || root != close.results_root)
      return fail(Code::kUntrusted,
                  "campaign {} was closed with {} and root {}, here are {} with root {}",
                  escaped(campaign), counted(close.results_size, "receipt"),
                  close.results_root.hex().substr(0, 16), leaves.size(), root.hex().substr(0, 16));
    audit.held.push_back(fmt::format("campaign {} has the {} that it was closed with",
                                     escaped(campaign), counted(leaves.size(), "receipt")));
  }
  return {};
}

// Which documents of the log a report of one campaign shows. What concerns others only stays out:
// reports leave the house.
struct Selection {
  const std::string& campaign;
  const std::set<PublicKey>& tokens;  // of its hosts
  std::set<DocumentId> orders, stops;
  std::set<Digest> policies;
  bool has_close = false;

  bool takes(const DocumentId& id, const model::Envelope& envelope) {
    if (envelope.payload_type == model::kPayloadRoot) return true;
    if (const auto order = read<model::Order>(envelope); order && order->campaign == campaign) {
      orders.insert(id);
      if (order->mode != model::Mode::kUndo) policies.insert(order->policy);
      return true;
    }
    if (const auto release = read<model::Release>(envelope)) return orders.contains(release->order);
    if (const auto batch = read<model::EnrolBatch>(envelope))
      return std::ranges::any_of(
          batch->tokens, [&](const model::Token& token) { return tokens.contains(token.pub); });
    if (const auto close = read<model::Close>(envelope); close && close->campaign == campaign)
      return has_close = true;
    if (const auto stop = read<model::Stop>(envelope); stop && bears(*stop)) {
      stops.insert(id);
      return true;
    }
    const auto resume = read<model::Resume>(envelope);
    return resume && std::ranges::any_of(resume->stops, [&](const DocumentId& stop) {
             return stops.contains(stop);
           });
  }

 private:
  template <class T>
  static std::optional<T> read(const model::Envelope& envelope) {
    if (envelope.payload_type != codec::payload_type<T>()) return std::nullopt;
    const auto document = codec::decode<T>(envelope.payload);
    return document ? std::optional<T>(*document) : std::nullopt;
  }
  // A stop of keys or hosts decides who could approve or act, whatever the campaign.
  bool bears(const model::Stop& stop) const {
    const auto names = [](const auto& set) {
      return [&set](const auto& id) { return set.contains(id); };
    };
    return stop.halt_all || stop.halt_from_class || !stop.keys.empty() || !stop.agents.empty() ||
           std::ranges::any_of(stop.orders, names(orders)) ||
           std::ranges::any_of(stop.policies, names(policies));
  }
};

}  // namespace

Result<Audit> audit_tenant(Session& session, const std::string& root_file) {
  // What rests on something is fetched before it: a tenant at work may be audited.
  FS_TRY(const std::vector<SignedReceipt> receipts, fetch_receipts(session, ""));
  FS_TRY(const json enrolments, get(session, "enrolments"));
  Audit audit;
  FS_TRY(const LogHistory history, verified_log(session, root_file, audit));
  list_orders(history, audit);
  FS_TRY(const auto keys, verified_agents(enrolments, history.state));
  audit.held.push_back(
      fmt::format("{} agents enrolled with a token that an operator signed", keys.size()));
  FS_CHECK(verify_signatures(receipts, keys));
  FS_CHECK(verify_chains(receipts));
  audit.receipts = receipts.size();
  audit.held.push_back(fmt::format(
      "{} receipts are signed by the agent they name, and follow each other", audit.receipts));
  FS_CHECK(verify_closes(session, history, audit));
  return audit;
}

Status check_signatures(Session& session, const trust::State& state,
                        const std::vector<SignedReceipt>& receipts) {
  FS_TRY(const json enrolments, get(session, "enrolments"));
  FS_TRY(const auto keys, verified_agents(enrolments, state));
  return verify_signatures(receipts, keys);
}

Result<Evidence> gather_evidence(Session& session, const std::string& campaign) {
  Evidence evidence;
  FS_TRY(evidence.checkpoint, get_raw(session, "checkpoint"));
  FS_TRY(const std::vector<SignedReceipt> receipts, fetch_receipts(session, campaign));
  FS_TRY(const json hosts, get(session, "campaigns/" + campaign + "/hosts"));
  FS_TRY(const json enrolments, get(session, "enrolments"));
  FS_TRY(const std::string tenant, tenant_of(session));
  FS_TRY(const TenantId id, TenantId::parse_hex(tenant));
  FS_TRY(std::vector<Bytes> entries, fetch_log(session));
  FS_TRY(const LogHistory history, fold_log(entries, id, now()));
  FS_TRY(const log::VerifiedCheckpoint head,
         verified_head(evidence.checkpoint, history.state.root->root()));
  const auto close = history.state.closes.find(campaign);
  if (close == history.state.closes.end())
    return fail(Code::kConflict,
                "campaign {} is not closed: a report is about what cannot change any more\nnext:  "
                "fleetsweep campaign close {} --key YOUR.key",
                escaped(campaign), escaped(campaign));

  std::set<AgentId> agents;
  for (const SignedReceipt& one : receipts) {
    agents.insert(one.receipt.agent);
    auto& part =
        evidence.receipts.size() < close->second.results_size ? evidence.receipts : evidence.late;
    part.push_back(codec::encode(one.envelope));
  }
  for (const json& host : hosts) {
    FS_TRY(const AgentId agent, AgentId::parse_hex(text_of(host, "agent")));
    const auto state = from_name<model::HostState>(text_of(host, "state"));
    agents.insert(agent);
    // A state that the host itself told, and too late for the close, is none of the controller's.
    evidence.silent.push_back(
        {agent, state && is_controllers_word(*state) ? *state : model::HostState::kPending});
  }
  std::set<PublicKey> tokens;
  for (const json& entry : enrolments) {
    FS_TRY(const model::Envelope envelope,
           codec::from_dsse_json(entry.value("envelope", json()).dump()));
    FS_TRY(const auto key, codec::decode<model::AgentKey>(envelope.payload));
    if (!agents.contains(crypto::agent_id(key.identity))) continue;
    tokens.insert(key.token);
    evidence.enrolments.push_back(codec::encode(envelope));
  }

  const std::size_t covered = std::min<std::size_t>(head.checkpoint.size, entries.size());
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < covered; ++i) leaves.push_back(log::leaf_hash(entries[i]));
  Selection selection{campaign, tokens};
  for (std::size_t i = 0; i < covered; ++i)
    if (history.notices[i].taken == trust::Taken::kAccepted &&
        selection.takes(history.notices[i].id, *codec::decode<model::Envelope>(entries[i])))
      evidence.log.push_back({i, entries[i], log::inclusion_proof(leaves, i, covered)});
  if (!selection.has_close)
    return fail(Code::kUnavailable,
                "no witness vouches for the close of campaign {} yet\nnext:  try again in a moment",
                escaped(campaign));
  for (const Digest& policy : selection.policies) {
    FS_TRY(const std::string bytes, get_raw(session, "policies/" + policy.hex()));
    evidence.policies.push_back(to_bytes(bytes));
  }
  FS_TRY(const model::Envelope root, codec::decode<model::Envelope>(entries.front()));
  FS_TRY(const std::vector<AgentId> silent, silent_hosts(evidence, campaign, root));
  std::erase_if(evidence.silent, [&](const SilentHost& host) {
    return !std::ranges::binary_search(silent, host.agent);
  });
  for (const AgentId& agent : silent)
    if (std::ranges::find(evidence.silent, agent, &SilentHost::agent) == evidence.silent.end())
      evidence.silent.push_back({agent, model::HostState::kPending});
  return evidence;
}

Result<std::string> campaign_report(Session& session, const std::string& campaign, bool as_json) {
  Audit audit;
  FS_TRY(const LogHistory history, verified_log(session, "", audit));
  FS_TRY(const json status, get(session, "campaigns/" + campaign));
  FS_TRY(const json results, get(session, "campaigns/" + campaign + "/results"));
  json orders = json::array();
  std::string text = fmt::format("Campaign {}\n\nOrders\n", escaped(campaign));
  std::map<std::uint64_t, DocumentId> in_log_order;
  for (const auto& [id, entry] : history.state.orders)
    if (entry.order.campaign == campaign) in_log_order[entry.logged.index] = id;
  for (const auto& [index, id] : in_log_order) {
    const trust::OrderEntry& entry = history.state.orders.at(id);
    orders.push_back(order_json(history, id));
    text += fmt::format(
        "  {} {:<7} class {:<8} {}  approved by {}{}{}\n          {}; {}; {}\n",
        id.hex().substr(0, 12), mode_text(entry.order.mode), name(entry.order.action_class),
        escaped(entry.order.title), fmt::join(history.approvers.at(id), " and "),
        history.sealed.contains(id) ? " with SEALED keys" : "",
        entry.order.standing ? "; a STANDING order" : "",
        escaped(entry.order.authority.legal_basis), escaped(entry.order.authority.issuer),
        escaped(entry.order.authority.reference));
  }
  std::uint64_t sum = 0;
  text += "\nHosts\n";
  const json states = status.value("states", json::object());
  for (const auto& [state_name, count] : states.items()) {
    const std::uint64_t hosts = count.is_number() ? count.get<std::uint64_t>() : 0;
    sum += hosts;
    if (hosts > 0) text += fmt::format("  {:<14}{}\n", escaped(state_name), hosts);
  }
  const std::uint64_t targeted = status.value("targeted", std::uint64_t{0});
  const std::uint64_t receipts = count_of(results, "size");
  const std::uint64_t unread = count_of(status, "unscannable");
  const std::string in_full =
      unread == 0 ? "" : fmt::format("\n  {} of them not read in full (unscannable)", unread);
  text += fmt::format("  {:<14}{}{}{}\n\n{} receipts, {} log entries\n", "targeted", targeted,
                      sum == targeted ? "" : "  DOES NOT ADD UP", in_full, receipts, audit.entries);
  if (const json closed = results.value("closed", json()); closed.is_object())
    text += fmt::format("closed at {} receipts{}\n", count_of(closed, "size"),
                        count_of(results, "late") == 0
                            ? ""
                            : fmt::format("; {} came later and are not in the closed log",
                                          count_of(results, "late")));
  else
    text += "not closed: more may come\n";
  if (as_json)
    return json{{"campaign", campaign}, {"orders", orders},   {"status", status},
                {"receipts", receipts}, {"results", results}, {"adds_up", sum == targeted}}
        .dump();
  return text;
}

}  // namespace fleetsweep::cli
