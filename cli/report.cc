#include "cli/report.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/describe.h"
#include "cli/documents.h"
#include "cli/json_text.h"
#include "cli/log_history.h"
#include "protocol/codec/codec.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"
#include "protocol/trust/root_rules.h"
#include "protocol/trust/token.h"

namespace fleetsweep::cli {
namespace {

using nlohmann::json;

// Folds the whole log from the root that the caller trusts, and holds it against the cosigned
// checkpoint.
Result<LogHistory> verified_log(Session& session, const std::string& root_file, Audit& audit) {
  FS_TRY(const std::string note, get_raw(session, "checkpoint"));
  FS_TRY(const std::vector<Bytes> entries, fetch_log(session));
  std::optional<TenantId> expected;
  if (!root_file.empty()) {
    FS_TRY(const model::Envelope root, read_document(root_file, model::kPayloadRoot));
    expected = trust::tenant_id(root.payload);
  }
  FS_TRY(LogHistory history, fold_log(entries, expected, now()));
  audit.held.push_back(fmt::format("entry 0 is Root version 1 of tenant {}{}",
                                   history.state.tenant.hex().substr(0, 16),
                                   root_file.empty() ? "" : ", the one in " + root_file));
  std::vector<Digest> leaves;
  for (const Bytes& entry : entries) leaves.push_back(log::leaf_hash(entry));
  audit.entries = entries.size();
  const model::Root& newest = history.state.root->root();
  if (newest.logs.empty()) return fail(Code::kUntrusted, "the root names no log");
  FS_TRY(const log::VerifierKey log_key, log::VerifierKey::parse(newest.logs.back().vkey));
  std::vector<log::VerifierKey> witnesses;
  for (const std::string& text : newest.witnesses) {
    FS_TRY(log::VerifierKey witness, log::VerifierKey::parse(text));
    witnesses.push_back(std::move(witness));
  }
  FS_TRY(const log::VerifiedCheckpoint head,
         log::verify_checkpoint(note, log_key, witnesses, newest.witness_quorum));
  // What was logged since the checkpoint was cosigned is folded, and no witness vouches for it yet.
  const std::uint64_t covered = std::min<std::uint64_t>(head.checkpoint.size, leaves.size());
  leaves.resize(covered);
  const Digest root_hash = log::tree_root(leaves);
  if (head.checkpoint.size != covered || head.checkpoint.root != root_hash)
    return fail(Code::kUntrusted,
                "the checkpoint covers {} entries with root {}, the log has {} with root {}",
                head.checkpoint.size, head.checkpoint.root.hex().substr(0, 16), covered,
                root_hash.hex().substr(0, 16));
  audit.held.push_back(fmt::format("{} log entries hash to the checkpoint's root {}", covered,
                                   root_hash.hex().substr(0, 16)));
  if (covered < entries.size())
    audit.held.push_back(
        fmt::format("{} newer entries wait for a witness", entries.size() - covered));
  audit.held.push_back(
      fmt::format("the checkpoint is signed by the log and cosigned by {} of {} witnesses at {}",
                  newest.witness_quorum, witnesses.size(), to_rfc3339(head.time)));
  if (history.refused > 0)
    return fail(Code::kUntrusted, "{} log entries are not authorised by the root", history.refused);
  audit.held.push_back("every entry is authorised by the root in force when it was logged");
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

Status verify_receipts(const std::vector<SignedReceipt>& receipts,
                       const std::map<AgentId, PublicKey>& keys, Audit& audit) {
  std::map<AgentId, std::map<std::uint64_t, const SignedReceipt*>> chains;
  for (const SignedReceipt& one : receipts) {
    const std::string who = one.receipt.agent.hex().substr(0, 12);
    const auto key = keys.find(one.receipt.agent);
    if (key == keys.end())
      return fail(Code::kUntrusted, "receipt {} of agent {}: no signed enrolment for it",
                  one.receipt.seq, who);
    const Bytes message = crypto::pae(one.envelope.payload_type, one.envelope.payload);
    if (one.envelope.payload_type != model::kPayloadReceipt ||
        one.envelope.signatures.size() != 1 ||
        !crypto::verify(key->second, message, one.envelope.signatures.front().signature))
      return fail(Code::kUntrusted, "receipt {} of agent {}: its signature does not hold",
                  one.receipt.seq, who);
    chains[one.receipt.agent][one.receipt.seq] = &one;
    ++audit.receipts;
  }
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
  return order;
}

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
  FS_CHECK(verify_receipts(receipts, keys, audit));
  audit.held.push_back(fmt::format(
      "{} receipts are signed by the agent they name, and follow each other", audit.receipts));
  return audit;
}

Result<std::string> campaign_report(Session& session, const std::string& campaign, bool as_json) {
  Audit audit;
  FS_TRY(const LogHistory history, verified_log(session, "", audit));
  FS_TRY(const json status, get(session, "campaigns/" + campaign));
  FS_TRY(const std::vector<SignedReceipt> receipts, fetch_receipts(session, campaign));
  json orders = json::array();
  std::string text = fmt::format("Campaign {}\n\nOrders\n", escaped(campaign));
  std::map<std::uint64_t, DocumentId> in_log_order;
  for (const auto& [id, entry] : history.state.orders)
    if (entry.order.campaign == campaign) in_log_order[entry.logged.index] = id;
  for (const auto& [index, id] : in_log_order) {
    const trust::OrderEntry& entry = history.state.orders.at(id);
    orders.push_back(order_json(history, id));
    text += fmt::format(
        "  {} {:<7} class {:<8} {}  approved by {}\n          {}; {}; {}\n", id.hex().substr(0, 12),
        mode_text(entry.order.mode), name(entry.order.action_class), escaped(entry.order.title),
        fmt::join(history.approvers.at(id), " and "), escaped(entry.order.authority.legal_basis),
        escaped(entry.order.authority.issuer), escaped(entry.order.authority.reference));
  }
  std::uint64_t sum = 0;
  text += "\nHosts\n";
  const json states = status.value("states", json::object());
  for (const auto& [state_name, count] : states.items()) {
    const std::uint64_t hosts = count.is_number() ? count.get<std::uint64_t>() : 0;
    sum += hosts;
    if (hosts > 0) text += fmt::format("  {:<14}{}\n", state_name, hosts);
  }
  const std::uint64_t targeted = status.value("targeted", std::uint64_t{0});
  text += fmt::format("  {:<14}{}{}\n\n{} receipts, {} log entries\n", "targeted", targeted,
                      sum == targeted ? "" : "  DOES NOT ADD UP", receipts.size(), audit.entries);
  if (as_json)
    return json{{"campaign", campaign},
                {"orders", orders},
                {"status", status},
                {"receipts", receipts.size()},
                {"adds_up", sum == targeted}}
        .dump();
  return text;
}

}  // namespace fleetsweep::cli
