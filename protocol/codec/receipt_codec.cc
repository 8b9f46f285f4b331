// Receipt: the message of which there are most.

#include "protocol/codec/shared.h"

namespace fleetsweep::codec {

void write(Out, const model::ReceiptItem& item, schema::ReceiptItem::Builder to) {
  using B = decltype(to);
  put(to, &B::setDetection, item.detection);
  put(to, &B::setVerdict, item.verdict);
  put(to, &B::setObject, item.object);
  put(to, &B::setAction, item.action);
  put(to, &B::setOutcome, item.outcome);
  put(to, &B::setReason, item.reason);
  put(to, &B::setPathHash, item.path_hash);
  put(to, &B::setSha256, item.sha256);
  to.setSize(item.size);
  put(to, &B::setSealedPath, item.sealed_path);
}
void read(In& in, schema::ReceiptItem::Reader from, model::ReceiptItem& item) {
  get(in, "detection", from.getDetection(), item.detection);
  get(in, "verdict", from.getVerdict(), item.verdict);
  get(in, "object", from.getObject(), item.object);
  get(in, "action", from.getAction(), item.action);
  get(in, "outcome", from.getOutcome(), item.outcome);
  get(in, "reason", from.getReason(), item.reason);
  get(in, "pathHash", from.getPathHash(), item.path_hash);
  get(in, "sha256", from.getSha256(), item.sha256);
  item.size = from.getSize();
  get(in, "sealedPath", from.getSealedPath(), item.sealed_path, limits::kSealedPathBytes);
}

void write(Out, const model::Receipt& receipt, schema::Receipt::Builder to) {
  using B = decltype(to);
  to.setSchema(receipt.schema);
  put(to, &B::setTenant, receipt.tenant);
  put(to, &B::setAgent, receipt.agent);
  to.setSeq(receipt.seq);
  put(to, &B::setPrevious, receipt.previous);
  put(to, &B::setOrder, receipt.order);
  put(to, &B::setPolicy, receipt.policy);
  put(to, &B::setKind, receipt.kind);
  put(to, &B::setState, receipt.state);
  put(to, &B::setReason, receipt.reason);
  to.setWave(receipt.wave);
  to.setLogSize(receipt.log_size);
  to.setRootVersion(receipt.root_version);
  to.setStarted(unix_seconds(receipt.started));
  to.setFinished(unix_seconds(receipt.finished));
  put(to, &B::setBoot, receipt.boot);
  put(to, &B::setClock, receipt.clock);
  put(to, &B::setSandbox, receipt.sandbox);
  put(to, &B::setAgentVersion, receipt.agent_version);
  put(to, &B::setAgentSha256, receipt.agent_sha256);
  put(to, &B::setConsent, receipt.consent);
  to.setLab(receipt.lab);
  to.setLocal(receipt.local);
  to.setScanned(receipt.scanned);
  to.setScannedBytes(receipt.scanned_bytes);
  to.setUnscannable(receipt.unscannable);
  to.setMatched(receipt.matched);
  to.setActed(receipt.acted);
  put(to, &B::initVerdicts, receipt.verdicts);
  put(to, &B::setItemsRoot, receipt.items_root);
  put(to, &B::initItems, receipt.items);
}
void read(In& in, schema::Receipt::Reader from, model::Receipt& receipt) {
  receipt.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), receipt.tenant);
  get(in, "agent", from.getAgent(), receipt.agent);
  receipt.seq = from.getSeq();
  get(in, "previous", from.getPrevious(), receipt.previous);
  get(in, "order", from.getOrder(), receipt.order);
  get(in, "policy", from.getPolicy(), receipt.policy);
  get(in, "kind", from.getKind(), receipt.kind);
  get(in, "state", from.getState(), receipt.state);
  get(in, "reason", from.getReason(), receipt.reason);
  receipt.wave = from.getWave();
  receipt.log_size = from.getLogSize();
  receipt.root_version = from.getRootVersion();
  get(in, "started", from.getStarted(), receipt.started);
  get(in, "finished", from.getFinished(), receipt.finished);
  get(in, "boot", from.getBoot(), receipt.boot);
  get(in, "clock", from.getClock(), receipt.clock);
  get(in, "sandbox", from.getSandbox(), receipt.sandbox);
  get(in, "agentVersion", from.getAgentVersion(), receipt.agent_version);
  get(in, "agentSha256", from.getAgentSha256(), receipt.agent_sha256);
  get(in, "consent", from.getConsent(), receipt.consent);
  receipt.lab = from.getLab();
  receipt.local = from.getLocal();
  receipt.scanned = from.getScanned();
  receipt.scanned_bytes = from.getScannedBytes();
  receipt.unscannable = from.getUnscannable();
  receipt.matched = from.getMatched();
  receipt.acted = from.getActed();
  list(in, "verdicts", from.getVerdicts(), receipt.verdicts, limits::kVerdicts);
  get(in, "itemsRoot", from.getItemsRoot(), receipt.items_root);
  list(in, "items", from.getItems(), receipt.items, limits::kReceiptItems);
}

Bytes encode(const model::Receipt& receipt) {
  return encode_frame<schema::Receipt>(receipt);
}
template <>
Result<model::Receipt> decode(BytesView bytes) {
  return decode_frame<schema::Receipt, model::Receipt>("receipt", bytes, limits::kReceiptBytes);
}
template <>
std::string_view payload_type<model::Receipt>() {
  return model::kPayloadReceipt;
}

}  // namespace fleetsweep::codec
