#include "cli/order_review.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/log/merkle.h"
#include "protocol/trust/order_class.h"

namespace fleetsweep::cli {

using model::HostState;
using nlohmann::json;

Result<model::Class> computed_class(const model::Order& order, BytesView policy) {
  if (order.mode == model::Mode::kUndo) return model::Class::kClean;
  if (crypto::sha256(policy) != order.policy)
    return fail(Code::kUntrusted, "the policy at hand is not the one that the order names");
  FS_TRY(const trust::PolicyFacts facts, trust::policy_facts(policy));
  return order.mode == model::Mode::kApply ? facts.apply : facts.dry_run;
}

QuorumStatus quorum_status(const model::Envelope& envelope, const model::Root& root,
                           model::Class action_class) {
  const trust::Keys signers = trust::signers(envelope, root);
  QuorumStatus status{.role = trust::role_for(action_class)};
  status.met = trust::meets(root, status.role, signers);
  for (const model::RoleRule& rule : root.roles) {
    if (rule.role != status.role) continue;
    for (const model::Clause& clause : rule.clauses) {
      std::set<std::string> holders, signed_by;
      for (const std::uint16_t index : clause.keys) {
        if (index >= root.keys.size()) continue;
        const model::Key& key = root.keys[index];
        holders.insert(key.holder);
        if (std::ranges::binary_search(signers, key.pub)) signed_by.insert(key.holder);
      }
      status.clauses.push_back({clause.threshold,
                                {holders.begin(), holders.end()},
                                {signed_by.begin(), signed_by.end()}});
    }
  }
  return status;
}

Digest report_digest(const std::vector<SignedReceipt>& receipts, const DocumentId& dry_run) {
  std::map<DocumentId, Digest> leaves;
  for (const SignedReceipt& one : receipts)
    if (one.receipt.order == dry_run)
      leaves[crypto::document_id(one.envelope)] = log::leaf_hash(codec::encode(one.envelope));
  std::vector<Digest> hashes;
  for (const auto& [id, hash] : leaves) hashes.push_back(hash);
  return log::tree_root(hashes);
}

DryRunNumbers dry_run_numbers(const std::vector<SignedReceipt>& receipts,
                              const model::Order& order) {
  std::map<AgentId, const model::Receipt*> newest;
  for (const SignedReceipt& one : receipts) {
    if (one.receipt.order != order.dry_run_order) continue;
    const model::Receipt*& held = newest[one.receipt.agent];
    if (!held || held->seq < one.receipt.seq) held = &one.receipt;
  }
  DryRunNumbers numbers{.hosts = newest.size()};
  for (const auto& [agent, receipt] : newest) {
    numbers.found += receipt->state == HostState::kFound;
    numbers.clean += receipt->state == HostState::kClean;
    numbers.refused +=
        receipt->state == HostState::kRefused || receipt->state == HostState::kFailed;
    numbers.matched += receipt->matched;
  }
  numbers.is_reported = report_digest(receipts, order.dry_run_order) == order.dry_run_report;
  return numbers;
}

Result<model::Envelope> combine(const std::vector<model::Envelope>& copies,
                                const std::vector<std::string>& names) {
  model::Envelope all{copies.front().payload_type, copies.front().payload, {}};
  for (std::size_t i = 0; i < copies.size(); ++i) {
    if (copies[i].payload != all.payload || copies[i].payload_type != all.payload_type)
      return fail(Code::kInvalid,
                  "{} is another document than {}; only signatures of the same bytes can be "
                  "combined",
                  escaped(names[i]), escaped(names.front()));
    for (const model::EnvelopeSignature& signature : copies[i].signatures)
      if (std::ranges::find(all.signatures, signature) == all.signatures.end())
        all.signatures.push_back(signature);
  }
  return all;
}

json to_json(const OrderReview& review, const model::Order& order) {
  json result = json::object();
  if (review.computed)
    result["class"] = {{"computed", name(*review.computed)},
                       {"matches", !review.class_differs(order)}};
  if (review.quorum) {
    json clauses = json::array();
    for (const ClauseStatus& clause : review.quorum->clauses)
      clauses.push_back({{"threshold", clause.threshold},
                         {"holders", clause.holders},
                         {"signed_by", clause.signed_by}});
    result["quorum"] = {{"role", name(review.quorum->role)},
                        {"met", review.quorum->met.has_value()},
                        {"clauses", clauses}};
  }
  if (review.dry_run)
    result["dry_run"] = {
        {"hosts", review.dry_run->hosts},     {"found", review.dry_run->found},
        {"clean", review.dry_run->clean},     {"refused", review.dry_run->refused},
        {"matched", review.dry_run->matched}, {"is_reported", review.dry_run->is_reported}};
  return result;
}

}  // namespace fleetsweep::cli
