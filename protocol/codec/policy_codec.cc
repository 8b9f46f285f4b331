// Policy.

#include "policy.capnp.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/frame.h"

namespace fleetsweep::codec {

template <>
inline constexpr std::size_t kEnumCount<model::Condition::Kind> = 4;
template <>
inline constexpr std::size_t kEnumCount<model::Selector::Kind> = 5;

void write(Out, const model::Precondition& precondition, schema::Precondition::Builder to) {
  using B = decltype(to);
  put(to, &B::setFact, precondition.fact);
  put(to, &B::setOperation, precondition.operation);
  put(to, &B::setValue, precondition.value);
}
void read(In& in, schema::Precondition::Reader from, model::Precondition& precondition) {
  get(in, "fact", from.getFact(), precondition.fact);
  get(in, "operation", from.getOperation(), precondition.operation);
  get(in, "value", from.getValue(), precondition.value);
}

void write(Out, const model::Rule& rule, schema::Rule::Builder to) {
  using B = decltype(to);
  put(to, &B::setId, rule.id);
  put(to, &B::setSource, rule.source);
  put(to, &B::setLicense, rule.license);
  put(to, &B::setMagic, rule.magic);
  to.setSizeMin(rule.size_min);
  to.setSizeMax(rule.size_max);
}
void read(In& in, schema::Rule::Reader from, model::Rule& rule) {
  get(in, "id", from.getId(), rule.id);
  get(in, "source", from.getSource(), rule.source, limits::kRuleBytes);
  get(in, "license", from.getLicense(), rule.license);
  get(in, "magic", from.getMagic(), rule.magic);
  rule.size_min = from.getSizeMin();
  rule.size_max = from.getSizeMax();
}

void write(Out, const model::FileScope& scope, schema::FileScope::Builder to) {
  using B = decltype(to);
  put(to, &B::initPaths, scope.paths);
  to.setDepth(scope.depth);
  to.setDeletedExe(scope.deleted_exe);
  to.setMemfd(scope.memfd);
  to.setArchives(scope.archives);
}
void read(In& in, schema::FileScope::Reader from, model::FileScope& scope) {
  list(in, "paths", from.getPaths(), scope.paths, limits::kScopePaths);
  scope.depth = from.getDepth();
  scope.deleted_exe = from.getDeletedExe();
  scope.memfd = from.getMemfd();
  scope.archives = from.getArchives();
}

void write(Out, const model::Value& value, schema::Value::Builder to) {
  using B = decltype(to);
  put(to, &B::setText, value.text);
  to.setNumber(value.number);
  to.setTemplated(value.templated);
}
void read(In& in, schema::Value::Reader from, model::Value& value) {
  get(in, "text", from.getText(), value.text, limits::kPatternBytes);
  value.number = from.getNumber();
  value.templated = from.getTemplated();
}

void write(Out, const model::HashPart& part, schema::HashPart::Builder to) {
  using B = decltype(to);
  put(to, &B::setDigest, part.digest);
  to.setBytes(part.bytes);
}
void read(In& in, schema::HashPart::Reader from, model::HashPart& part) {
  get(in, "digest", from.getDigest(), part.digest);
  part.bytes = from.getBytes();
}

void write(Out, const model::Predicate& predicate, schema::Predicate::Builder to) {
  using B = decltype(to);
  put(to, &B::setField, predicate.field);
  put(to, &B::setMatch, predicate.match);
  to.setCased(predicate.cased);
  to.setAll(predicate.all);
  to.setToleranceMs(predicate.tolerance_ms);
  put(to, &B::initValues, predicate.values);
  put(to, &B::initParts, predicate.parts);
  to.setExpires(unix_seconds(predicate.expires));
}
void read(In& in, schema::Predicate::Reader from, model::Predicate& predicate) {
  get(in, "field", from.getField(), predicate.field);
  get(in, "match", from.getMatch(), predicate.match);
  predicate.cased = from.getCased();
  predicate.all = from.getAll();
  predicate.tolerance_ms = from.getToleranceMs();
  list(in, "values", from.getValues(), predicate.values, limits::kPredicateValues);
  list(in, "parts", from.getParts(), predicate.parts, limits::kHashParts);
  get(in, "expires", from.getExpires(), predicate.expires);
}

void write(Out, const model::Selection& selection, schema::Selection::Builder to) {
  using B = decltype(to);
  put(to, &B::initPredicates, selection);
}
void read(In& in, schema::Selection::Reader from, model::Selection& selection) {
  list(in, "predicates", from.getPredicates(), selection, limits::kPredicates);
}

void write(Out out, const model::Detection& detection, schema::Detection::Builder to) {
  using B = decltype(to);
  put(to, &B::setId, detection.id);
  put(to, &B::setObject, detection.object);
  write(out, detection.scope, to.initScope());
  put(to, &B::initAnyOf, detection.any_of);
  put(to, &B::initNoneOf, detection.none_of);
  to.setForEach(detection.for_each);
  to.setRule(detection.rule);
  to.setScore(detection.score);
}
void read(In& in, schema::Detection::Reader from, model::Detection& detection) {
  get(in, "id", from.getId(), detection.id);
  get(in, "object", from.getObject(), detection.object);
  get(in, "scope", from.getScope(), detection.scope);
  list(in, "anyOf", from.getAnyOf(), detection.any_of, limits::kSelections);
  list(in, "noneOf", from.getNoneOf(), detection.none_of, limits::kSelections);
  detection.for_each = from.getForEach();
  detection.rule = from.getRule();
  detection.score = from.getScore();
}

void write(Out, const model::Condition& condition, schema::Condition::Builder to) {
  using B = decltype(to);
  put(to, &B::setKind, condition.kind);
  to.setCount(condition.count);
  put(to, &B::initDetections, condition.detections);
  put(to, &B::initChildren, condition.children);
}
// A condition that is too deep is refused before it is followed: evaluation is recursive.
void read_at(In& in, schema::Condition::Reader from, model::Condition& condition,
             std::size_t depth) {
  get(in, "kind", from.getKind(), condition.kind);
  condition.count = from.getCount();
  list(in, "detections", from.getDetections(), condition.detections, limits::kDetections);
  const auto children = from.getChildren();
  if (children.size() > 0 && depth >= limits::kConditionDepth)
    return in.refuse("children", fmt::format("deeper than {} levels", limits::kConditionDepth));
  if (children.size() > limits::kConditionChildren)
    return check_size(in, "children", children.size(), limits::kConditionChildren, "elements");
  condition.children.resize(children.size());
  for (unsigned i = 0; i < children.size() && !in.failed(); ++i) {
    read_at(in, children[i], condition.children[i], depth + 1);
    if (in.failed()) in.within(false, "children", i);
  }
}
void read(In& in, schema::Condition::Reader from, model::Condition& condition) {
  read_at(in, from, condition, 1);
}

void write(Out out, const model::Verdict& verdict, schema::Verdict::Builder to) {
  using B = decltype(to);
  put(to, &B::setId, verdict.id);
  write(out, verdict.condition, to.initCondition());
  to.setConfidence(verdict.confidence);
  put(to, &B::setLevel, verdict.level);
}
void read(In& in, schema::Verdict::Reader from, model::Verdict& verdict) {
  get(in, "id", from.getId(), verdict.id);
  get(in, "condition", from.getCondition(), verdict.condition);
  verdict.confidence = from.getConfidence();
  get(in, "level", from.getLevel(), verdict.level);
}

void write(Out, const model::Selector& selector, schema::Selector::Builder to) {
  using B = decltype(to);
  put(to, &B::setKind, selector.kind);
  put(to, &B::initDetections, selector.detections);
  put(to, &B::initValues, selector.values);
  to.setExpires(unix_seconds(selector.expires));
}
void read(In& in, schema::Selector::Reader from, model::Selector& selector) {
  get(in, "kind", from.getKind(), selector.kind);
  list(in, "detections", from.getDetections(), selector.detections, limits::kDetections);
  list(in, "values", from.getValues(), selector.values, limits::kActionNames);
  get(in, "expires", from.getExpires(), selector.expires);
}

void write(Out, const model::Action& action, schema::Action::Builder to) {
  using B = decltype(to);
  put(to, &B::setKind, action.kind);
  put(to, &B::initSelect, action.select);
  to.setTree(action.tree);
  to.setByLine(action.by_line);
  put(to, &B::initWhat, action.what);
  to.setBytesMax(action.bytes_max);
  put(to, &B::initClearFlags, action.clear_flags);
  put(to, &B::setIfLocked, action.if_locked);
  put(to, &B::setDirection, action.direction);
  to.setTtlSeconds(action.ttl.count());
  put(to, &B::initAllow, action.allow);
}
void read(In& in, schema::Action::Reader from, model::Action& action) {
  get(in, "kind", from.getKind(), action.kind);
  list(in, "select", from.getSelect(), action.select, limits::kActionNames);
  action.tree = from.getTree();
  action.by_line = from.getByLine();
  list(in, "what", from.getWhat(), action.what, limits::kActionNames);
  action.bytes_max = from.getBytesMax();
  list(in, "clearFlags", from.getClearFlags(), action.clear_flags, limits::kActionNames);
  get(in, "ifLocked", from.getIfLocked(), action.if_locked);
  get(in, "direction", from.getDirection(), action.direction);
  get(in, "ttlSeconds", from.getTtlSeconds(), action.ttl);
  list(in, "allow", from.getAllow(), action.allow, limits::kActionNames);
}

void write(Out, const model::Response& response, schema::Response::Builder to) {
  using B = decltype(to);
  put(to, &B::initVerdicts, response.verdicts);
  to.setConfidenceMin(response.confidence_min);
  put(to, &B::initActions, response.actions);
}
void read(In& in, schema::Response::Reader from, model::Response& response) {
  list(in, "verdicts", from.getVerdicts(), response.verdicts, limits::kVerdicts);
  response.confidence_min = from.getConfidenceMin();
  list(in, "actions", from.getActions(), response.actions, limits::kActions);
}

void write(Out, const model::PolicyLimits& limits, schema::PolicyLimits::Builder to) {
  using B = decltype(to);
  to.setItems(limits.items);
  to.setBytes(limits.bytes);
  to.setFiles(limits.files);
  to.setProcesses(limits.processes);
  to.setPersistence(limits.persistence);
  to.setIndependentMin(limits.independent_min);
  put(to, &B::setPackageOwned, limits.package_owned);
  put(to, &B::initProtect, limits.protect);
  to.setTimeoutSeconds(limits.timeout.count());
  to.setCpuPercent(limits.cpu_percent);
  to.setIops(limits.iops);
  to.setRows(limits.rows);
  to.setUndoTtlSeconds(limits.undo_ttl.count());
}
void read(In& in, schema::PolicyLimits::Reader from, model::PolicyLimits& policy_limits) {
  policy_limits.items = from.getItems();
  policy_limits.bytes = from.getBytes();
  policy_limits.files = from.getFiles();
  policy_limits.processes = from.getProcesses();
  policy_limits.persistence = from.getPersistence();
  policy_limits.independent_min = from.getIndependentMin();
  get(in, "packageOwned", from.getPackageOwned(), policy_limits.package_owned);
  list(in, "protect", from.getProtect(), policy_limits.protect, limits::kScopePaths);
  get(in, "timeoutSeconds", from.getTimeoutSeconds(), policy_limits.timeout);
  policy_limits.cpu_percent = from.getCpuPercent();
  policy_limits.iops = from.getIops();
  policy_limits.rows = from.getRows();
  get(in, "undoTtlSeconds", from.getUndoTtlSeconds(), policy_limits.undo_ttl);
}

void write(Out, const model::Verify& verify, schema::Verify::Builder to) {
  using B = decltype(to);
  put(to, &B::initRescansSeconds, verify.rescans);
  to.setAfterReboot(verify.after_reboot);
  put(to, &B::initExpectNoneOf, verify.expect_none_of);
  put(to, &B::initHealth, verify.health);
  to.setRespawnRounds(verify.respawn_rounds);
  to.setAsksIsolation(verify.asks_isolation);
}
void read(In& in, schema::Verify::Reader from, model::Verify& verify) {
  list(in, "rescansSeconds", from.getRescansSeconds(), verify.rescans, limits::kRescans);
  verify.after_reboot = from.getAfterReboot();
  list(in, "expectNoneOf", from.getExpectNoneOf(), verify.expect_none_of, limits::kVerdicts);
  list(in, "health", from.getHealth(), verify.health, limits::kActionNames);
  verify.respawn_rounds = from.getRespawnRounds();
  verify.asks_isolation = from.getAsksIsolation();
}

void write(Out out, const model::Policy& policy, schema::Policy::Builder to) {
  using B = decltype(to);
  to.setSchema(policy.schema);
  put(to, &B::setId, policy.id);
  put(to, &B::setTitle, policy.title);
  put(to, &B::setFamily, policy.family);
  put(to, &B::setPlatform, policy.platform);
  put(to, &B::initPreconditions, policy.preconditions);
  put(to, &B::initRules, policy.rules);
  put(to, &B::initDetections, policy.detections);
  put(to, &B::initVerdicts, policy.verdicts);
  put(to, &B::initResponses, policy.responses);
  write(out, policy.limits, to.initLimits());
  write(out, policy.verify, to.initVerify());
}
void read(In& in, schema::Policy::Reader from, model::Policy& policy) {
  policy.schema = from.getSchema();
  if (policy.schema != kSchema) return refuse_enum(in, "schema", policy.schema, kSchema + 1);
  get(in, "id", from.getId(), policy.id);
  get(in, "title", from.getTitle(), policy.title);
  get(in, "family", from.getFamily(), policy.family);
  get(in, "platform", from.getPlatform(), policy.platform);
  list(in, "preconditions", from.getPreconditions(), policy.preconditions, limits::kPreconditions);
  list(in, "rules", from.getRules(), policy.rules, limits::kRules);
  list(in, "detections", from.getDetections(), policy.detections, limits::kDetections);
  list(in, "verdicts", from.getVerdicts(), policy.verdicts, limits::kVerdicts);
  list(in, "responses", from.getResponses(), policy.responses, limits::kResponses);
  get(in, "limits", from.getLimits(), policy.limits);
  get(in, "verify", from.getVerify(), policy.verify);
}

Bytes encode(const model::Policy& policy) {
  return encode_frame<schema::Policy>(policy);
}
template <>
Result<model::Policy> decode(BytesView bytes) {
  return decode_frame<schema::Policy, model::Policy>("policy", bytes, limits::kPolicyBytes);
}

}  // namespace fleetsweep::codec
