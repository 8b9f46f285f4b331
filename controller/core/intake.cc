// Receipts: verified ones become rows, tallies and counters, once each.

#include <algorithm>
#include <map>

#include "controller/core/core.h"
#include "controller/metrics_names.h"
#include "protocol/base/assert.h"

namespace fleetsweep::controller {
namespace {

using model::ReceiptKind;

}  // namespace

// The tallies and counters of one receipt; live and at a replay, so that both say the same.
bool Core::count(Tenant& owner, HostNo host, const DocumentId& id, const model::Receipt& receipt,
                 Instant now, Effects& effects) {
  const auto add = [&](std::string_view metric,
                       std::vector<std::pair<std::string_view, std::string>> labels,
                       double value = 1) {
    labels.insert(labels.begin(), {"tenant", owner.name});
    effects.notice.push_back(Count{metric, std::move(labels), value});
  };
  std::string campaign;
  std::string family = "none";
  const PolicyInfo* policy = nullptr;
  bool newest = false;
  if (const auto found = owner.campaign_of.find(receipt.order); found != owner.campaign_of.end()) {
    campaign = found->second;
    campaign::Rollout& rollout = owner.campaigns.at(campaign);
    if (!rollout.family().empty()) family = rollout.family();
    const auto order = owner.state().orders.find(receipt.order);
    if (order != owner.state().orders.end()) policy = owner.policy(order->second.order.policy);
    newest = rollout.on_report({host, receipt.seq, id, receipt.order, receipt.kind, receipt.state,
                                receipt.reason, receipt.matched, receipt.acted, receipt.finished},
                               now);
  }
  add(kResults,
      {{"phase", std::string(name(receipt.kind))}, {"outcome", std::string(name(receipt.state))}});
  if (receipt.kind == ReceiptKind::kRefused)
    add(kRefusals, {{"campaign", campaign}, {"reason", std::string(name(receipt.reason))}});
  if (receipt.kind == ReceiptKind::kUndo)
    add(kUndo, {{"outcome", std::string(name(receipt.state))}});
  // Its first cleaning finds what the dry run found; what had come back is another round's.
  if (receipt.kind == ReceiptKind::kClean && (receipt.reason == model::Reason::kRespawned ||
                                              receipt.state == model::HostState::kRespawned))
    add(kRespawnRounds, {{"outcome", std::string(name(receipt.state))}});

  // All that a dry run matched, although the receipt lists the first items only: the sum over the
  // verdicts is the sum of `matched`. The verdict is a host's word: only those of the policy are
  // told apart.
  if (receipt.kind == ReceiptKind::kScan) {
    std::map<std::string, std::uint32_t> by_verdict;
    std::uint32_t listed = 0;
    for (const model::ReceiptItem& item : receipt.items) {
      if (listed == receipt.matched) break;
      const bool is_known = policy && policy->verdicts.contains(item.verdict);
      ++by_verdict[is_known ? item.verdict : item.verdict.empty() ? "none" : "other"];
      ++listed;
    }
    if (receipt.matched > listed) by_verdict["unlisted"] += receipt.matched - listed;
    for (const auto& [verdict, matched] : by_verdict)
      add(kFindings, {{"family", family}, {"verdict", verdict}}, matched);
  }
  // A host that only asks to be isolated counts as found.
  for (const model::ReceiptItem& item : receipt.items)
    if (item.outcome != model::Outcome::kFound || item.action == model::ActionKind::kIsolate)
      add(kActions, {{"action", std::string(name(item.action))},
                     {"outcome", std::string(name(item.outcome))}});
  return newest;
}

void Core::mark_forked(Tenant& owner, HostNo host, Effects& effects) {
  owner.registry.find(host)->forked = true;
  effects.notice.push_back(Count{kReceiptForks, {{"tenant", owner.name}}});
}

void Core::on_verified(std::vector<VerifiedReceipt> receipts, Instant now, Effects& effects) {
  std::map<HostRef, std::vector<DocumentId>> acks;
  std::set<TenantNo> touched;
  for (VerifiedReceipt& one : receipts) {
    if (!one.receipt) {
      effects.notice.push_back(Count{kResultsRejected, {{"reason", one.rejected}}});
      if (one.rejected == "signature")
        effects.notice.push_back(Count{kSignatureFailures, {{"document", "receipt"}}});
      continue;
    }
    Tenant& owner = tenant(one.host.tenant);
    const model::Receipt& receipt = *one.receipt;
    Chain& chain = owner.chains[one.host.host - 1];
    if (one.stored && *one.stored == one.id) {
      effects.notice.push_back(Count{kResultsDuplicate, {}});
      acks[one.host].push_back(one.id);
      continue;
    }
    if (one.stored || chain.is_broken_by(receipt)) {
      mark_forked(owner, one.host.host, effects);
      effects.notice.push_back(
          Event{"receipt_fork",
                {{"agent", receipt.agent.hex()}, {"seq", std::to_string(receipt.seq)}},
                true});
    }
    acks[one.host].push_back(one.id);
    if (one.stored) {
      // Kept as evidence, never counted: which of the two is the host's nobody can say.
      effects.persist.push_back(store::Fork{owner.no, one.host.host, receipt.seq, one.id,
                                            to_timestamp(now), std::move(one.envelope)});
      continue;
    }
    if (receipt.seq > chain.seq) chain = {receipt.seq, one.id};
    touched.insert(owner.no);
    const bool newest = count(owner, one.host.host, one.id, receipt, now, effects);
    const auto campaign = owner.campaign_of.find(receipt.order);
    const std::string name = campaign == owner.campaign_of.end() ? "" : campaign->second;
    if (newest)
      effects.persist.push_back(store::CampaignHost{owner.no, name, one.host.host, receipt.seq,
                                                    receipt.order, receipt.kind, receipt.state,
                                                    receipt.reason});
    effects.persist.push_back(store::Receipt{owner.no, one.host.host, receipt.seq, one.id,
                                             receipt.order, name, receipt.kind, receipt.state,
                                             receipt.reason, receipt.matched, receipt.acted,
                                             to_timestamp(now), std::move(one.envelope)});
    effects.notice.push_back(
        Count{kResultLag,
              {},
              std::max(0.0, std::chrono::duration<double>(now - receipt.finished).count()),
              true});
  }
  for (auto& [host, ids] : acks)
    effects.send.push_back(Send{{host}, model::ReceiptAck{std::move(ids)}});
  for (const TenantNo no : touched) settle(tenant(no), now, effects);
}

}  // namespace fleetsweep::controller
