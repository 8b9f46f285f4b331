// The documents that steer an order: Release, Stop, Resume, Close.

#include "documents.capnp.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/frame.h"

namespace fleetsweep::codec {

void write(Out, const model::Release& release, schema::Release::Builder to) {
  using B = decltype(to);
  to.setSchema(release.schema);
  put(to, &B::setTenant, release.tenant);
  put(to, &B::setOrder, release.order);
  to.setWave(release.wave);
  put(to, &B::setEvidence, release.evidence);
  to.setExpires(unix_seconds(release.expires));
}
void read(In& in, schema::Release::Reader from, model::Release& release) {
  release.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), release.tenant);
  get(in, "order", from.getOrder(), release.order);
  release.wave = from.getWave();
  get(in, "evidence", from.getEvidence(), release.evidence);
  get(in, "expires", from.getExpires(), release.expires);
}

void write(Out, const model::Stop& stop, schema::Stop::Builder to) {
  using B = decltype(to);
  to.setSchema(stop.schema);
  put(to, &B::setTenant, stop.tenant);
  put(to, &B::setNonce, stop.nonce);
  to.setIssued(unix_seconds(stop.issued));
  to.setHaltAll(stop.halt_all);
  to.setHaltClass(stop.halt_from_class.has_value());
  put(to, &B::setHaltFromClass, stop.halt_from_class.value_or(model::Class::kObserve));
  put(to, &B::initOrders, stop.orders);
  put(to, &B::initPolicies, stop.policies);
  put(to, &B::initKeys, stop.keys);
  put(to, &B::initAgents, stop.agents);
  put(to, &B::setReason, stop.reason);
}
void read(In& in, schema::Stop::Reader from, model::Stop& stop) {
  stop.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), stop.tenant);
  get(in, "nonce", from.getNonce(), stop.nonce);
  get(in, "issued", from.getIssued(), stop.issued);
  stop.halt_all = from.getHaltAll();
  if (from.getHaltClass())
    get(in, "haltFromClass", from.getHaltFromClass(), stop.halt_from_class.emplace());
  list(in, "orders", from.getOrders(), stop.orders, limits::kStopNames);
  list(in, "policies", from.getPolicies(), stop.policies, limits::kStopNames);
  list(in, "keys", from.getKeys(), stop.keys, limits::kStopNames);
  list(in, "agents", from.getAgents(), stop.agents, limits::kStopNames);
  get(in, "reason", from.getReason(), stop.reason);
}

void write(Out, const model::Resume& resume, schema::Resume::Builder to) {
  using B = decltype(to);
  to.setSchema(resume.schema);
  put(to, &B::setTenant, resume.tenant);
  put(to, &B::initStops, resume.stops);
  put(to, &B::setReason, resume.reason);
}
void read(In& in, schema::Resume::Reader from, model::Resume& resume) {
  resume.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), resume.tenant);
  list(in, "stops", from.getStops(), resume.stops, limits::kResumeStops);
  get(in, "reason", from.getReason(), resume.reason);
}

void write(Out, const model::Close& close, schema::Close::Builder to) {
  using B = decltype(to);
  to.setSchema(close.schema);
  put(to, &B::setTenant, close.tenant);
  put(to, &B::setCampaign, close.campaign);
  to.setResultsSize(close.results_size);
  put(to, &B::setResultsRoot, close.results_root);
}
void read(In& in, schema::Close::Reader from, model::Close& close) {
  close.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), close.tenant);
  get(in, "campaign", from.getCampaign(), close.campaign, limits::kCampaignIdBytes);
  close.results_size = from.getResultsSize();
  get(in, "resultsRoot", from.getResultsRoot(), close.results_root);
}

Bytes encode(const model::Release& release) {
  return encode_frame<schema::Release>(release);
}
template <>
Result<model::Release> decode(BytesView bytes) {
  return decode_frame<schema::Release, model::Release>("release", bytes, limits::kReleaseBytes);
}
template <>
std::string_view payload_type<model::Release>() {
  return model::kPayloadRelease;
}

Bytes encode(const model::Stop& stop) {
  return encode_frame<schema::Stop>(stop);
}
template <>
Result<model::Stop> decode(BytesView bytes) {
  return decode_frame<schema::Stop, model::Stop>("stop", bytes, limits::kStopBytes);
}
template <>
std::string_view payload_type<model::Stop>() {
  return model::kPayloadStop;
}

Bytes encode(const model::Resume& resume) {
  return encode_frame<schema::Resume>(resume);
}
template <>
Result<model::Resume> decode(BytesView bytes) {
  return decode_frame<schema::Resume, model::Resume>("resume", bytes, limits::kResumeBytes);
}
template <>
std::string_view payload_type<model::Resume>() {
  return model::kPayloadResume;
}

Bytes encode(const model::Close& close) {
  return encode_frame<schema::Close>(close);
}
template <>
Result<model::Close> decode(BytesView bytes) {
  return decode_frame<schema::Close, model::Close>("close", bytes, limits::kCloseBytes);
}
template <>
std::string_view payload_type<model::Close>() {
  return model::kPayloadClose;
}

}  // namespace fleetsweep::codec
