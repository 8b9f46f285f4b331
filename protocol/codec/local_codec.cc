// Messages between the processes of one agent.

#include "protocol/codec/shared.h"

namespace fleetsweep::codec {

void write(Out, const model::StartChild& start, schema::StartChild::Builder to) {
  using B = decltype(to);
  put(to, &B::setChild, start.child);
}
void read(In& in, schema::StartChild::Reader from, model::StartChild& start) {
  get(in, "child", from.getChild(), start.child);
}

void write(Out, const model::ChildStarted& started, schema::ChildStarted::Builder to) {
  using B = decltype(to);
  put(to, &B::setChild, started.child);
  to.setPid(started.pid);
  put(to, &B::setError, started.error);
}
void read(In& in, schema::ChildStarted::Reader from, model::ChildStarted& started) {
  get(in, "child", from.getChild(), started.child);
  started.pid = from.getPid();
  get(in, "error", from.getError(), started.error, limits::kDetailBytes);
}

void write(Out, const model::ChildExited& exited, schema::ChildExited::Builder to) {
  using B = decltype(to);
  put(to, &B::setChild, exited.child);
  to.setStatus(exited.status);
}
void read(In& in, schema::ChildExited::Reader from, model::ChildExited& exited) {
  get(in, "child", from.getChild(), exited.child);
  exited.status = from.getStatus();
}

void write(Out out, const model::ScanRequest& request, schema::ScanRequest::Builder to) {
  using B = decltype(to);
  put(to, &B::setPolicy, request.policy);
  write(out, request.facts, to.initFacts());
  to.setVerify(request.verify);
  put(to, &B::initOthers, request.others);
}
void read(In& in, schema::ScanRequest::Reader from, model::ScanRequest& request) {
  get(in, "policy", from.getPolicy(), request.policy, limits::kPolicyBytes);
  get(in, "facts", from.getFacts(), request.facts);
  request.verify = from.getVerify();
  list(in, "others", from.getOthers(), request.others, limits::kSweepPolicies - 1,
       limits::kPolicyBytes);
}

void write(Out, const model::ScanProgress& progress, schema::ScanProgress::Builder to) {
  to.setScanned(progress.scanned);
  to.setScannedBytes(progress.scanned_bytes);
  to.setFindings(progress.findings);
}
void read(In&, schema::ScanProgress::Reader from, model::ScanProgress& progress) {
  progress.scanned = from.getScanned();
  progress.scanned_bytes = from.getScannedBytes();
  progress.findings = from.getFindings();
}

void write(Out, const model::SealedFinding& sealed, schema::SealedFinding::Builder to) {
  using B = decltype(to);
  put(to, &B::setFinding, sealed.finding);
  put(to, &B::setMac, sealed.mac);
}
void read(In& in, schema::SealedFinding::Reader from, model::SealedFinding& sealed) {
  get(in, "finding", from.getFinding(), sealed.finding, limits::kFindingBytes);
  get(in, "mac", from.getMac(), sealed.mac);
}

void write(Out, const model::ScanResult& result, schema::ScanResult::Builder to) {
  using B = decltype(to);
  put(to, &B::setPolicy, result.policy);
  put(to, &B::initVerdicts, result.verdicts);
  to.setScanned(result.scanned);
  to.setScannedBytes(result.scanned_bytes);
  to.setUnscannable(result.unscannable);
  put(to, &B::initUnscannablePaths, result.unscannable_paths);
  to.setPartial(result.partial);
  put(to, &B::initPartialPaths, result.partial_paths);
  put(to, &B::initMismatches, result.mismatches);
}
void read(In& in, schema::ScanResult::Reader from, model::ScanResult& result) {
  get(in, "policy", from.getPolicy(), result.policy);
  list(in, "verdicts", from.getVerdicts(), result.verdicts, limits::kVerdicts);
  result.scanned = from.getScanned();
  result.scanned_bytes = from.getScannedBytes();
  result.unscannable = from.getUnscannable();
  list(in, "unscannablePaths", from.getUnscannablePaths(), result.unscannable_paths,
       limits::kUnscannablePaths, limits::kLineBytes);
  result.partial = from.getPartial();
  list(in, "partialPaths", from.getPartialPaths(), result.partial_paths, limits::kUnscannablePaths,
       limits::kLineBytes);
  list(in, "mismatches", from.getMismatches(), result.mismatches, limits::kMismatches,
       limits::kLineBytes);
}

void write(Out, const model::Origin& origin, schema::Origin::Builder to) {
  using B = decltype(to);
  to.setFinding(origin.finding);
  put(to, &B::setObject, origin.object);
  put(to, &B::setText, origin.text);
}
void read(In& in, schema::Origin::Reader from, model::Origin& origin) {
  origin.finding = from.getFinding();
  get(in, "object", from.getObject(), origin.object);
  get(in, "text", from.getText(), origin.text, limits::kLineBytes);
}

void write(Out, const model::HealthMark& mark, schema::HealthMark::Builder to) {
  using B = decltype(to);
  put(to, &B::setCheck, mark.check);
  put(to, &B::setHealth, mark.health);
  put(to, &B::setSeen, mark.seen);
}
void read(In& in, schema::HealthMark::Reader from, model::HealthMark& mark) {
  get(in, "check", from.getCheck(), mark.check);
  get(in, "health", from.getHealth(), mark.health);
  get(in, "seen", from.getSeen(), mark.seen, limits::kLineBytes);
}

void write(Out out, const model::ScanDone& done, schema::ScanDone::Builder to) {
  using B = decltype(to);
  put(to, &B::setReason, done.reason);
  put(to, &B::setDetail, done.detail);
  put(to, &B::setSandbox, done.sandbox);
  write(out, done.result, to.initResult());
  put(to, &B::initSealed, done.sealed);
  put(to, &B::initOrigins, done.origins);
  put(to, &B::initHealth, done.health);
}
void read(In& in, schema::ScanDone::Reader from, model::ScanDone& done) {
  get(in, "reason", from.getReason(), done.reason);
  get(in, "detail", from.getDetail(), done.detail, limits::kDetailBytes);
  get(in, "sandbox", from.getSandbox(), done.sandbox);
  get(in, "result", from.getResult(), done.result);
  list(in, "sealed", from.getSealed(), done.sealed, limits::kFindings);
  list(in, "origins", from.getOrigins(), done.origins, limits::kMismatches);
  list(in, "health", from.getHealth(), done.health, limits::kActionNames);
  for (std::size_t i = 0; i < done.sealed.size() && !in.failed(); ++i) {
    auto finding = decode<model::Finding>(done.sealed[i].finding);
    if (!finding) {
      in.refuse("finding", finding.error().message);
      return in.within(false, "sealed", i);
    }
    done.result.findings.push_back(std::move(*finding));
  }
}

void write(Out, const model::TimeProof& proof, schema::TimeProof::Builder to) {
  using B = decltype(to);
  put(to, &B::setStatement, proof.statement);
  to.setAskedSeconds(proof.asked.count());
  put(to, &B::setSalt, proof.salt);
}
void read(In& in, schema::TimeProof::Reader from, model::TimeProof& proof) {
  get(in, "statement", from.getStatement(), proof.statement, limits::kLogEntryBytes);
  get(in, "asked", from.getAskedSeconds(), proof.asked);
  get(in, "salt", from.getSalt(), proof.salt);
}

void write(Out out, const model::ActRequest& request, schema::ActRequest::Builder to) {
  using B = decltype(to);
  to.setResume(request.resume);
  put(to, &B::setOrder, request.order);
  put(to, &B::initRootChain, request.root_chain);
  put(to, &B::initStops, request.stops);
  put(to, &B::setPolicy, request.policy);
  put(to, &B::initFindings, request.findings);
  put(to, &B::initDryRun, request.dry_run);
  put(to, &B::initVerdicts, request.verdicts);
  to.setScanned(request.scanned);
  put(to, &B::setCheckpoint, request.checkpoint);
  write(out, request.time, to.initTime());
  to.setRound(request.round);
}
void read(In& in, schema::ActRequest::Reader from, model::ActRequest& request) {
  request.resume = from.getResume();
  get(in, "order", from.getOrder(), request.order, limits::kLogEntryBytes);
  list(in, "rootChain", from.getRootChain(), request.root_chain, limits::kRootChain,
       limits::kLogEntryBytes);
  list(in, "stops", from.getStops(), request.stops, limits::kBatchEntries, limits::kLogEntryBytes);
  get(in, "policy", from.getPolicy(), request.policy, limits::kPolicyBytes);
  list(in, "findings", from.getFindings(), request.findings, limits::kFindings);
  list(in, "dryRun", from.getDryRun(), request.dry_run, limits::kFindings);
  list(in, "verdicts", from.getVerdicts(), request.verdicts, limits::kVerdicts);
  request.scanned = from.getScanned();
  get(in, "checkpoint", from.getCheckpoint(), request.checkpoint, limits::kNoteBytes);
  get(in, "time", from.getTime(), request.time);
  request.round = from.getRound();
}

void write(Out out, const model::ActStep& step, schema::ActStep::Builder to) {
  using B = decltype(to);
  to.setNumber(step.number);
  to.setTotal(step.total);
  write(out, step.item, to.initItem());
  put(to, &B::setPath, step.path);
}
void read(In& in, schema::ActStep::Reader from, model::ActStep& step) {
  step.number = from.getNumber();
  step.total = from.getTotal();
  get(in, "item", from.getItem(), step.item);
  get(in, "path", from.getPath(), step.path, limits::kLineBytes);
}

void write(Out, const model::ActDone& done, schema::ActDone::Builder to) {
  using B = decltype(to);
  put(to, &B::setState, done.state);
  put(to, &B::setReason, done.reason);
  put(to, &B::setDetail, done.detail);
  put(to, &B::setOrder, done.order);
  to.setUndo(done.undo);
  to.setLocal(done.local);
  to.setActed(done.acted);
  put(to, &B::initItems, done.items);
  put(to, &B::initPaths, done.paths);
  put(to, &B::initRemoved, done.removed);
}
void read(In& in, schema::ActDone::Reader from, model::ActDone& done) {
  get(in, "state", from.getState(), done.state);
  get(in, "reason", from.getReason(), done.reason);
  get(in, "detail", from.getDetail(), done.detail, limits::kDetailBytes);
  get(in, "order", from.getOrder(), done.order);
  done.undo = from.getUndo();
  done.local = from.getLocal();
  done.acted = from.getActed();
  list(in, "items", from.getItems(), done.items, limits::kFindings);
  list(in, "paths", from.getPaths(), done.paths, limits::kFindings, limits::kLineBytes);
  list(in, "removed", from.getRemoved(), done.removed, limits::kFindings);
}

void write(Out, const model::LocalCommand& command, schema::LocalCommand::Builder to) {
  using B = decltype(to);
  put(to, &B::setVerb, command.verb);
  put(to, &B::setArgument, command.argument);
}
void read(In& in, schema::LocalCommand::Reader from, model::LocalCommand& command) {
  get(in, "verb", from.getVerb(), command.verb);
  get(in, "argument", from.getArgument(), command.argument, limits::kLogEntryBytes);
}

void write(Out, const model::LocalReply& reply, schema::LocalReply::Builder to) {
  using B = decltype(to);
  to.setOk(reply.ok);
  put(to, &B::setJson, reply.json);
}
void read(In& in, schema::LocalReply::Reader from, model::LocalReply& reply) {
  reply.ok = from.getOk();
  get(in, "json", from.getJson(), reply.json, limits::kLocalReplyBytes);
}

namespace {
struct WriteLocal {
  schema::LocalMessage::Builder to;
  void operator()(const model::StartChild& m) { write(Out{}, m, to.initStartChild()); }
  void operator()(const model::ChildStarted& m) { write(Out{}, m, to.initChildStarted()); }
  void operator()(const model::ChildExited& m) { write(Out{}, m, to.initChildExited()); }
  void operator()(const model::ScanRequest& m) { write(Out{}, m, to.initScanRequest()); }
  void operator()(const model::ScanProgress& m) { write(Out{}, m, to.initScanProgress()); }
  void operator()(const model::ScanDone& m) { write(Out{}, m, to.initScanDone()); }
  void operator()(const model::ActRequest& m) { write(Out{}, m, to.initActRequest()); }
  void operator()(const model::ActStep& m) { write(Out{}, m, to.initActStep()); }
  void operator()(const model::ActDone& m) { write(Out{}, m, to.initActDone()); }
  void operator()(const model::LocalCommand& m) { write(Out{}, m, to.initLocalCommand()); }
  void operator()(const model::LocalReply& m) { write(Out{}, m, to.initLocalReply()); }
};
}  // namespace

void write(Out, const model::LocalMessage& message, schema::LocalMessage::Builder to) {
  std::visit(WriteLocal{to}, message);
}
void read(In& in, schema::LocalMessage::Reader from, model::LocalMessage& message) {
  using Kind = schema::LocalMessage::Which;
  using namespace model;
  switch (from.which()) {
    case Kind::START_CHILD:
      return get(in, "startChild", from.getStartChild(), message.emplace<StartChild>());
    case Kind::CHILD_STARTED:
      return get(in, "childStarted", from.getChildStarted(), message.emplace<ChildStarted>());
    case Kind::CHILD_EXITED:
      return get(in, "childExited", from.getChildExited(), message.emplace<ChildExited>());
    case Kind::SCAN_REQUEST:
      return get(in, "scanRequest", from.getScanRequest(), message.emplace<ScanRequest>());
    case Kind::SCAN_PROGRESS:
      return get(in, "scanProgress", from.getScanProgress(), message.emplace<ScanProgress>());
    case Kind::SCAN_DONE:
      return get(in, "scanDone", from.getScanDone(), message.emplace<ScanDone>());
    case Kind::ACT_REQUEST:
      return get(in, "actRequest", from.getActRequest(), message.emplace<ActRequest>());
    case Kind::ACT_STEP:
      return get(in, "actStep", from.getActStep(), message.emplace<ActStep>());
    case Kind::ACT_DONE:
      return get(in, "actDone", from.getActDone(), message.emplace<ActDone>());
    case Kind::LOCAL_COMMAND:
      return get(in, "localCommand", from.getLocalCommand(), message.emplace<LocalCommand>());
    case Kind::LOCAL_REPLY:
      return get(in, "localReply", from.getLocalReply(), message.emplace<LocalReply>());
  }
  refuse_enum(in, "message", static_cast<unsigned>(from.which()),
              std::variant_size_v<model::LocalMessage>);
}

Bytes encode(const model::LocalMessage& message) {
  return encode_frame<schema::LocalMessage>(message);
}
template <>
Result<model::LocalMessage> decode(BytesView bytes) {
  return decode_frame<schema::LocalMessage, model::LocalMessage>("local message", bytes,
                                                                 limits::kLocalMessageBytes);
}

}  // namespace fleetsweep::codec
