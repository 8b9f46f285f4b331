// Messages between agent and edge.

#include "protocol/codec/shared.h"

namespace fleetsweep::codec {

void write(Out, const model::Facts& facts, schema::Facts::Builder to) {
  using B = decltype(to);
  put(to, &B::setHostname, facts.hostname);
  put(to, &B::setOs, facts.os);
  put(to, &B::setOsId, facts.os_id);
  put(to, &B::setOsVersion, facts.os_version);
  put(to, &B::setKernel, facts.kernel);
  put(to, &B::setArch, facts.arch);
  put(to, &B::initLabels, facts.labels);
}
void read(In& in, schema::Facts::Reader from, model::Facts& facts) {
  get(in, "hostname", from.getHostname(), facts.hostname);
  get(in, "os", from.getOs(), facts.os);
  get(in, "osId", from.getOsId(), facts.os_id);
  get(in, "osVersion", from.getOsVersion(), facts.os_version);
  get(in, "kernel", from.getKernel(), facts.kernel);
  get(in, "arch", from.getArch(), facts.arch);
  list(in, "labels", from.getLabels(), facts.labels, limits::kLabels);
}

void write(Out out, const model::Hello& hello, schema::Hello::Builder to) {
  using B = decltype(to);
  put(to, &B::setTenant, hello.tenant);
  to.setLogSize(hello.log_size);
  to.setRootVersion(hello.root_version);
  put(to, &B::setAgentVersion, hello.agent_version);
  put(to, &B::setBoot, hello.boot);
  write(out, hello.facts, to.initFacts());
  put(to, &B::initCapabilities, hello.capabilities);
  put(to, &B::setSandbox, hello.sandbox);
}
void read(In& in, schema::Hello::Reader from, model::Hello& hello) {
  get(in, "tenant", from.getTenant(), hello.tenant);
  hello.log_size = from.getLogSize();
  hello.root_version = from.getRootVersion();
  get(in, "agentVersion", from.getAgentVersion(), hello.agent_version);
  get(in, "boot", from.getBoot(), hello.boot);
  get(in, "facts", from.getFacts(), hello.facts);
  list(in, "capabilities", from.getCapabilities(), hello.capabilities, limits::kActionNames);
  get(in, "sandbox", from.getSandbox(), hello.sandbox);
}

void write(Out, const model::Welcome& welcome, schema::Welcome::Builder to) {
  to.setHeartbeatMs(welcome.heartbeat.count());
  to.setInFlightMax(welcome.in_flight_max);
}
void read(In& in, schema::Welcome::Reader from, model::Welcome& welcome) {
  get(in, "heartbeatMs", from.getHeartbeatMs(), welcome.heartbeat);
  welcome.in_flight_max = from.getInFlightMax();
}

void write(Out, const model::RetryAfter& retry, schema::RetryAfter::Builder to) {
  using B = decltype(to);
  to.setWaitMs(retry.wait.count());
  put(to, &B::setReason, retry.reason);
}
void read(In& in, schema::RetryAfter::Reader from, model::RetryAfter& retry) {
  get(in, "waitMs", from.getWaitMs(), retry.wait);
  get(in, "reason", from.getReason(), retry.reason);
}

void write(Out, const model::Want& want, schema::Want::Builder to) {
  using B = decltype(to);
  to.setEntriesFrom(want.entries_from);
  put(to, &B::setBlob, want.blob);
  to.setBlobOffset(want.blob_offset);
}
void read(In& in, schema::Want::Reader from, model::Want& want) {
  want.entries_from = from.getEntriesFrom();
  get(in, "blob", from.getBlob(), want.blob);
  want.blob_offset = from.getBlobOffset();
}

void write(Out, const model::Entries& entries, schema::Entries::Builder to) {
  using B = decltype(to);
  to.setFrom(entries.from);
  put(to, &B::initEntries, entries.entries);
}
void read(In& in, schema::Entries::Reader from, model::Entries& entries) {
  entries.from = from.getFrom();
  list(in, "entries", from.getEntries(), entries.entries, limits::kBatchEntries,
       limits::kLogEntryBytes);
}

void write(Out, const model::Checkpoint& checkpoint, schema::Checkpoint::Builder to) {
  using B = decltype(to);
  put(to, &B::setNote, checkpoint.note);
}
void read(In& in, schema::Checkpoint::Reader from, model::Checkpoint& checkpoint) {
  get(in, "note", from.getNote(), checkpoint.note, limits::kNoteBytes);
}

void write(Out, const model::Blob& blob, schema::Blob::Builder to) {
  using B = decltype(to);
  put(to, &B::setDigest, blob.digest);
  to.setOffset(blob.offset);
  to.setTotal(blob.total);
  put(to, &B::setBytes, blob.bytes);
}
void read(In& in, schema::Blob::Reader from, model::Blob& blob) {
  get(in, "digest", from.getDigest(), blob.digest);
  blob.offset = from.getOffset();
  blob.total = from.getTotal();
  get(in, "bytes", from.getBytes(), blob.bytes, limits::kBlobChunkBytes);
}

void write(Out, const model::Receipts& receipts, schema::Receipts::Builder to) {
  using B = decltype(to);
  put(to, &B::initReceipts, receipts.receipts);
}
void read(In& in, schema::Receipts::Reader from, model::Receipts& receipts) {
  list(in, "receipts", from.getReceipts(), receipts.receipts, limits::kBatchEntries,
       limits::kLogEntryBytes);
}

void write(Out, const model::ReceiptAck& ack, schema::ReceiptAck::Builder to) {
  using B = decltype(to);
  put(to, &B::initReceipts, ack.receipts);
}
void read(In& in, schema::ReceiptAck::Reader from, model::ReceiptAck& ack) {
  list(in, "receipts", from.getReceipts(), ack.receipts, limits::kBatchEntries);
}

void write(Out, const model::Beat& beat, schema::Beat::Builder to) {
  using B = decltype(to);
  to.setLogSize(beat.log_size);
  put(to, &B::setState, beat.state);
  to.setRssBytes(beat.rss_bytes);
  to.setCpuMs(beat.cpu.count());
}
void read(In& in, schema::Beat::Reader from, model::Beat& beat) {
  beat.log_size = from.getLogSize();
  get(in, "state", from.getState(), beat.state);
  beat.rss_bytes = from.getRssBytes();
  get(in, "cpuMs", from.getCpuMs(), beat.cpu);
}

void write(Out, const model::EnrolRequest& request, schema::EnrolRequest::Builder to) {
  using B = decltype(to);
  put(to, &B::setAgentKey, request.agent_key);
}
void read(In& in, schema::EnrolRequest::Reader from, model::EnrolRequest& request) {
  get(in, "agentKey", from.getAgentKey(), request.agent_key, limits::kLogEntryBytes);
}

void write(Out, const model::EnrolReply& reply, schema::EnrolReply::Builder to) {
  using B = decltype(to);
  put(to, &B::setError, reply.error);
  put(to, &B::initRootChain, reply.root_chain);
  put(to, &B::setEnrolBatch, reply.enrol_batch);
  put(to, &B::setEndpoints, reply.endpoints);
}
void read(In& in, schema::EnrolReply::Reader from, model::EnrolReply& reply) {
  get(in, "error", from.getError(), reply.error);
  list(in, "rootChain", from.getRootChain(), reply.root_chain, limits::kRootChain,
       limits::kLogEntryBytes);
  get(in, "enrolBatch", from.getEnrolBatch(), reply.enrol_batch, limits::kLogEntryBytes);
  get(in, "endpoints", from.getEndpoints(), reply.endpoints, limits::kLogEntryBytes);
}

void write(Out, const model::TimeRequest& request, schema::TimeRequest::Builder to) {
  using B = decltype(to);
  put(to, &B::setNonce, request.nonce);
}
void read(In& in, schema::TimeRequest::Reader from, model::TimeRequest& request) {
  get(in, "nonce", from.getNonce(), request.nonce);
}

void write(Out, const model::TimeReply& reply, schema::TimeReply::Builder to) {
  using B = decltype(to);
  put(to, &B::setStatement, reply.statement);
}
void read(In& in, schema::TimeReply::Reader from, model::TimeReply& reply) {
  get(in, "statement", from.getStatement(), reply.statement, limits::kLogEntryBytes);
}

void write(Out, const model::Rekey& rekey, schema::Rekey::Builder to) {
  using B = decltype(to);
  put(to, &B::setAgentKey, rekey.agent_key);
}
void read(In& in, schema::Rekey::Reader from, model::Rekey& rekey) {
  get(in, "agentKey", from.getAgentKey(), rekey.agent_key, limits::kLogEntryBytes);
}

void write(Out, const model::Rekeyed& rekeyed, schema::Rekeyed::Builder to) {
  using B = decltype(to);
  put(to, &B::setCurve, rekeyed.curve);
}
void read(In& in, schema::Rekeyed::Reader from, model::Rekeyed& rekeyed) {
  get(in, "curve", from.getCurve(), rekeyed.curve);
}

namespace {
struct WriteMessage {
  schema::Message::Builder to;
  void operator()(const model::Hello& m) { write(Out{}, m, to.initHello()); }
  void operator()(const model::Welcome& m) { write(Out{}, m, to.initWelcome()); }
  void operator()(const model::RetryAfter& m) { write(Out{}, m, to.initRetryAfter()); }
  void operator()(const model::Want& m) { write(Out{}, m, to.initWant()); }
  void operator()(const model::Entries& m) { write(Out{}, m, to.initEntries()); }
  void operator()(const model::Checkpoint& m) { write(Out{}, m, to.initCheckpoint()); }
  void operator()(const model::Blob& m) { write(Out{}, m, to.initBlob()); }
  void operator()(const model::Receipts& m) { write(Out{}, m, to.initReceipts()); }
  void operator()(const model::ReceiptAck& m) { write(Out{}, m, to.initReceiptAck()); }
  void operator()(const model::Beat& m) { write(Out{}, m, to.initBeat()); }
  void operator()(const model::EnrolRequest& m) { write(Out{}, m, to.initEnrolRequest()); }
  void operator()(const model::EnrolReply& m) { write(Out{}, m, to.initEnrolReply()); }
  void operator()(const model::TimeRequest& m) { write(Out{}, m, to.initTimeRequest()); }
  void operator()(const model::TimeReply& m) { write(Out{}, m, to.initTimeReply()); }
  void operator()(const model::Rekey& m) { write(Out{}, m, to.initRekey()); }
  void operator()(const model::Rekeyed& m) { write(Out{}, m, to.initRekeyed()); }
};
}  // namespace

void write(Out, const model::Message& message, schema::Message::Builder to) {
  std::visit(WriteMessage{to}, message);
}
void read(In& in, schema::Message::Reader from, model::Message& message) {
  using Kind = schema::Message::Which;
  using namespace model;
  switch (from.which()) {
    case Kind::HELLO:
      return get(in, "hello", from.getHello(), message.emplace<Hello>());
    case Kind::WELCOME:
      return get(in, "welcome", from.getWelcome(), message.emplace<Welcome>());
    case Kind::RETRY_AFTER:
      return get(in, "retryAfter", from.getRetryAfter(), message.emplace<RetryAfter>());
    case Kind::WANT:
      return get(in, "want", from.getWant(), message.emplace<Want>());
    case Kind::ENTRIES:
      return get(in, "entries", from.getEntries(), message.emplace<Entries>());
    case Kind::CHECKPOINT:
      return get(in, "checkpoint", from.getCheckpoint(), message.emplace<Checkpoint>());
    case Kind::BLOB:
      return get(in, "blob", from.getBlob(), message.emplace<Blob>());
    case Kind::RECEIPTS:
      return get(in, "receipts", from.getReceipts(), message.emplace<Receipts>());
    case Kind::RECEIPT_ACK:
      return get(in, "receiptAck", from.getReceiptAck(), message.emplace<ReceiptAck>());
    case Kind::BEAT:
      return get(in, "beat", from.getBeat(), message.emplace<Beat>());
    case Kind::ENROL_REQUEST:
      return get(in, "enrolRequest", from.getEnrolRequest(), message.emplace<EnrolRequest>());
    case Kind::ENROL_REPLY:
      return get(in, "enrolReply", from.getEnrolReply(), message.emplace<EnrolReply>());
    case Kind::TIME_REQUEST:
      return get(in, "timeRequest", from.getTimeRequest(), message.emplace<TimeRequest>());
    case Kind::TIME_REPLY:
      return get(in, "timeReply", from.getTimeReply(), message.emplace<TimeReply>());
    case Kind::REKEY:
      return get(in, "rekey", from.getRekey(), message.emplace<Rekey>());
    case Kind::REKEYED:
      return get(in, "rekeyed", from.getRekeyed(), message.emplace<Rekeyed>());
  }
  refuse_enum(in, "message", static_cast<unsigned>(from.which()),
              std::variant_size_v<model::Message>);
}

Bytes encode(const model::Message& message) {
  return encode_frame<schema::Message>(message);
}
template <>
Result<model::Message> decode(BytesView bytes) {
  // An EnrolReply is the longest. What else a peer may send is bounded tighter by each socket.
  return decode_frame<schema::Message, model::Message>("message", bytes, limits::kEnrolReplyBytes);
}

}  // namespace fleetsweep::codec
