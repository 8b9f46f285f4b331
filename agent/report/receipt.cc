#include "agent/report/receipt.h"

#include <algorithm>
#include <set>

#include "agent/plan/binding.h"
#include "agent/verdict/verdict.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::agent {

namespace {

using model::ReceiptItem;

std::string path_of(const model::Identity& identity) {
  if (const auto* process = std::get_if<model::ProcessIdentity>(&identity))
    return process->exe.path.empty() ? process->name : process->exe.path;
  if (const auto* connection = std::get_if<model::ConnectionIdentity>(&identity))
    return connection->exe.path.empty() ? connection->remote_address : connection->exe.path;
  return plan::file_of(identity).path;
}

ReceiptItem item_of(const model::Policy& policy, const model::Finding& finding,
                    const std::string& verdict) {
  const model::Detection& detection = policy.detections[finding.detection];
  ReceiptItem item;
  item.detection = detection.id;
  item.verdict = verdict;
  item.object = detection.object;
  item.action = model::ActionKind::kReport;
  item.outcome = model::Outcome::kFound;
  const model::FileIdentity& file = plan::file_of(finding.identity);
  item.sha256 = file.sha256;
  item.size = file.size;
  if (const auto* entry = std::get_if<model::PersistenceIdentity>(&finding.identity))
    item.sha256 = entry->entry_sha256;
  return item;
}

// The longest path fits, but not with all that may be said of it.
constexpr std::size_t kPathBytes = limits::kSealedPathBytes - crypto::kSealOverheadBytes;
static_assert(kPathBytes >= limits::kPathBytes);

}  // namespace

std::vector<ReceiptItem> items_of_scan(const model::Policy& policy, const model::ScanResult& result,
                                       std::vector<std::string>& paths) {
  std::vector<ReceiptItem> items;
  std::set<std::uint32_t> listed;
  const auto verdicts = judge(policy, result.findings);
  if (!verdicts) return items;  // scan judged them too, and then gives no result
  for (const TrueVerdict& verdict : *verdicts) {
    for (const model::Finding& finding : result.findings) {
      const bool made_it_true =
          std::binary_search(verdict.findings.begin(), verdict.findings.end(), finding.number);
      if (!made_it_true || !listed.insert(finding.number).second) continue;
      items.push_back(item_of(policy, finding, policy.verdicts[verdict.verdict].id));
      paths.push_back(path_of(finding.identity));
      if (finding.left_alone.empty()) continue;
      items.back().reason = model::Reason::kProtected;
      paths.back() += ": only reported: " + finding.left_alone;
    }
  }
  return items;
}

void hide_paths(std::vector<ReceiptItem>& items, const std::vector<std::string>& paths,
                const model::Root& root, const Seal& seal) {
  for (std::size_t i = 0; i < items.size() && i < paths.size(); ++i) {
    const BytesView path = as_bytes(paths[i]).first(std::min(paths[i].size(), kPathBytes));
    items[i].path_hash = crypto::sha256({root.path_salt.view(), path});
    // Only the first few travel; sealing the others would be work for nobody.
    if (i < limits::kReceiptItems) items[i].sealed_path = seal(root.evidence_key, path);
  }
}

Digest items_root(const std::vector<ReceiptItem>& items) {
  std::vector<Digest> leaves;
  leaves.reserve(items.size());
  for (const ReceiptItem& item : items) {
    model::Receipt one;
    one.items.push_back(item);
    one.items.front().sealed_path.clear();
    leaves.push_back(log::leaf_hash(codec::encode(one)));
  }
  return log::tree_root(leaves);
}

SignedReceipt sign_receipt(model::Receipt receipt, std::vector<ReceiptItem> items,
                           const crypto::SecretKey& key) {
  receipt.items_root = items_root(items);
  receipt.items = std::move(items);
  if (receipt.items.size() > limits::kReceiptItems) receipt.items.resize(limits::kReceiptItems);
  Bytes payload = codec::encode(receipt);
  while (payload.size() > limits::kReceiptBytes && !receipt.items.empty()) {
    receipt.items.resize(receipt.items.size() / 2);
    payload = codec::encode(receipt);
  }
  const model::Envelope envelope =
      crypto::sign_envelope(model::kPayloadReceipt, std::move(payload), key);
  return {crypto::document_id(envelope), codec::encode(envelope), std::move(receipt)};
}

}  // namespace fleetsweep::agent
