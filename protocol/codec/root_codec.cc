// Envelope and Root.

#include "documents.capnp.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/frame.h"

namespace fleetsweep::codec {

void write(Out, const model::EnvelopeSignature& signature, schema::EnvelopeSignature::Builder to) {
  using B = decltype(to);
  put(to, &B::setKeyId, signature.key);
  put(to, &B::setSignature, signature.signature);
}
void read(In& in, schema::EnvelopeSignature::Reader from, model::EnvelopeSignature& signature) {
  get(in, "keyId", from.getKeyId(), signature.key);
  get(in, "signature", from.getSignature(), signature.signature, limits::kSignatureBytes);
}

void write(Out, const model::Envelope& envelope, schema::Envelope::Builder to) {
  using B = decltype(to);
  put(to, &B::setPayloadType, envelope.payload_type);
  put(to, &B::setPayload, envelope.payload);
  put(to, &B::initSignatures, envelope.signatures);
}
void read(In& in, schema::Envelope::Reader from, model::Envelope& envelope) {
  get(in, "payloadType", from.getPayloadType(), envelope.payload_type);
  get(in, "payload", from.getPayload(), envelope.payload, limits::kLogEntryBytes);
  list(in, "signatures", from.getSignatures(), envelope.signatures, limits::kSignatures);
}

void write(Out, const model::Key& key, schema::Key::Builder to) {
  using B = decltype(to);
  put(to, &B::setPub, key.pub);
  put(to, &B::setScheme, key.scheme);
  put(to, &B::setHolder, key.holder);
  to.setOrg(key.org);
  put(to, &B::setSkApplication, key.sk_application);
}
void read(In& in, schema::Key::Reader from, model::Key& key) {
  get(in, "pub", from.getPub(), key.pub);
  get(in, "scheme", from.getScheme(), key.scheme);
  get(in, "holder", from.getHolder(), key.holder, limits::kHolderBytes);
  key.org = from.getOrg();
  get(in, "skApplication", from.getSkApplication(), key.sk_application);
}

void write(Out, const model::Clause& clause, schema::Clause::Builder to) {
  using B = decltype(to);
  to.setOrg(clause.org);
  put(to, &B::initKeys, clause.keys);
  to.setThreshold(clause.threshold);
}
void read(In& in, schema::Clause::Reader from, model::Clause& clause) {
  clause.org = from.getOrg();
  list(in, "keys", from.getKeys(), clause.keys, limits::kRootKeys);
  clause.threshold = from.getThreshold();
}

void write(Out, const model::RoleRule& rule, schema::RoleRule::Builder to) {
  using B = decltype(to);
  put(to, &B::setRole, rule.role);
  put(to, &B::initClauses, rule.clauses);
  put(to, &B::initSealed, rule.sealed);
}
void read(In& in, schema::RoleRule::Reader from, model::RoleRule& rule) {
  get(in, "role", from.getRole(), rule.role);
  list(in, "clauses", from.getClauses(), rule.clauses, limits::kRoleClauses);
  list(in, "sealed", from.getSealed(), rule.sealed, limits::kRoleClauses);
}

void write(Out, const model::LogOrigin& log, schema::LogOrigin::Builder to) {
  using B = decltype(to);
  put(to, &B::setVkey, log.vkey);
  to.setStartSize(log.start_size);
  put(to, &B::setStartRoot, log.start_root);
  put(to, &B::initFrontier, log.frontier);
}
void read(In& in, schema::LogOrigin::Reader from, model::LogOrigin& log) {
  get(in, "vkey", from.getVkey(), log.vkey);
  log.start_size = from.getStartSize();
  get(in, "startRoot", from.getStartRoot(), log.start_root);
  list(in, "frontier", from.getFrontier(), log.frontier, limits::kFrontier);
}

void write(Out, const model::PerClass& seconds, schema::SecondsPerClass::Builder to) {
  to.setObserve(seconds[0].count());
  to.setRead(seconds[1].count());
  to.setContain(seconds[2].count());
  to.setClean(seconds[3].count());
  to.setDestroy(seconds[4].count());
}
void read(In& in, schema::SecondsPerClass::Reader from, model::PerClass& seconds) {
  get(in, "observe", from.getObserve(), seconds[0]);
  get(in, "read", from.getRead(), seconds[1]);
  get(in, "contain", from.getContain(), seconds[2]);
  get(in, "clean", from.getClean(), seconds[3]);
  get(in, "destroy", from.getDestroy(), seconds[4]);
}

void write(Out out, const model::RootPolicy& policy, schema::RootPolicy::Builder to) {
  write(out, policy.checkpoint_age_max, to.initCheckpointAgeMax());
  write(out, policy.cool_off, to.initCoolOff());
  write(out, policy.order_life_max, to.initOrderLifeMax());
  write(out, policy.offline_grace_max, to.initOfflineGraceMax());
  to.setDryRunAgeMaxSeconds(policy.dry_run_age_max.count());
  to.setItemsMax(policy.items_max);
  to.setWave1PermilleMax(policy.wave1_permille_max);
  to.setStandingLifeMaxSeconds(policy.standing_life_max.count());
}
void read(In& in, schema::RootPolicy::Reader from, model::RootPolicy& policy) {
  get(in, "checkpointAgeMax", from.getCheckpointAgeMax(), policy.checkpoint_age_max);
  get(in, "coolOff", from.getCoolOff(), policy.cool_off);
  get(in, "orderLifeMax", from.getOrderLifeMax(), policy.order_life_max);
  get(in, "offlineGraceMax", from.getOfflineGraceMax(), policy.offline_grace_max);
  get(in, "dryRunAgeMaxSeconds", from.getDryRunAgeMaxSeconds(), policy.dry_run_age_max);
  policy.items_max = from.getItemsMax();
  policy.wave1_permille_max = from.getWave1PermilleMax();
  get(in, "standingLifeMaxSeconds", from.getStandingLifeMaxSeconds(), policy.standing_life_max);
}

void write(Out out, const model::Root& root, schema::Root::Builder to) {
  using B = decltype(to);
  to.setSchema(root.schema);
  put(to, &B::setTenant, root.tenant);
  to.setVersion(root.version);
  put(to, &B::setPrevious, root.previous);
  to.setIssued(unix_seconds(root.issued));
  to.setExpires(unix_seconds(root.expires));
  to.setAgentSchemaMin(root.agent_schema_min);
  put(to, &B::initKeys, root.keys);
  put(to, &B::initRoles, root.roles);
  put(to, &B::initLogs, root.logs);
  put(to, &B::initWitnesses, root.witnesses);
  to.setWitnessQuorum(root.witness_quorum);
  write(out, root.policy, to.initPolicy());
  put(to, &B::setEvidenceKey, root.evidence_key);
  put(to, &B::setPathSalt, root.path_salt);
  put(to, &B::initTimeKeys, root.time_keys);
}
void read(In& in, schema::Root::Reader from, model::Root& root) {
  root.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), root.tenant);
  root.version = from.getVersion();
  get(in, "previous", from.getPrevious(), root.previous);
  get(in, "issued", from.getIssued(), root.issued);
  get(in, "expires", from.getExpires(), root.expires);
  root.agent_schema_min = from.getAgentSchemaMin();
  list(in, "keys", from.getKeys(), root.keys, limits::kRootKeys);
  list(in, "roles", from.getRoles(), root.roles, kCount<model::Role>);
  list(in, "logs", from.getLogs(), root.logs, limits::kLogs);
  list(in, "witnesses", from.getWitnesses(), root.witnesses, limits::kWitnesses);
  root.witness_quorum = from.getWitnessQuorum();
  get(in, "policy", from.getPolicy(), root.policy);
  get(in, "evidenceKey", from.getEvidenceKey(), root.evidence_key);
  get(in, "pathSalt", from.getPathSalt(), root.path_salt);
  list(in, "timeKeys", from.getTimeKeys(), root.time_keys, limits::kWitnesses);
}

Bytes encode(const model::Envelope& envelope) {
  return encode_frame<schema::Envelope>(envelope);
}
template <>
Result<model::Envelope> decode(BytesView bytes) {
  return decode_frame<schema::Envelope, model::Envelope>("envelope", bytes, limits::kLogEntryBytes);
}

Bytes encode(const model::Root& root) {
  return encode_frame<schema::Root>(root);
}
template <>
Result<model::Root> decode(BytesView bytes) {
  return decode_frame<schema::Root, model::Root>("root", bytes, limits::kRootBytes);
}
template <>
std::string_view payload_type<model::Root>() {
  return model::kPayloadRoot;
}

}  // namespace fleetsweep::codec
