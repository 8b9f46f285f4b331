// How hosts come in and where they go: Endpoints, EnrolBatch, AgentKey, TimeStatement.

#include "documents.capnp.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/frame.h"

namespace fleetsweep::codec {

void write(Out, const model::Endpoint& endpoint, schema::Endpoint::Builder to) {
  using B = decltype(to);
  put(to, &B::setAddress, endpoint.address);
  put(to, &B::setCurve, endpoint.curve);
  to.setValidFrom(unix_seconds(endpoint.valid_from));
  to.setValidTo(unix_seconds(endpoint.valid_to));
}
void read(In& in, schema::Endpoint::Reader from, model::Endpoint& endpoint) {
  get(in, "address", from.getAddress(), endpoint.address);
  get(in, "curve", from.getCurve(), endpoint.curve);
  get(in, "validFrom", from.getValidFrom(), endpoint.valid_from);
  get(in, "validTo", from.getValidTo(), endpoint.valid_to);
}

void write(Out, const model::Endpoints& endpoints, schema::Endpoints::Builder to) {
  using B = decltype(to);
  to.setSchema(endpoints.schema);
  put(to, &B::setTenant, endpoints.tenant);
  to.setVersion(endpoints.version);
  put(to, &B::initRelays, endpoints.relays);
  put(to, &B::initMirrors, endpoints.mirrors);
}
void read(In& in, schema::Endpoints::Reader from, model::Endpoints& endpoints) {
  endpoints.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), endpoints.tenant);
  endpoints.version = from.getVersion();
  list(in, "relays", from.getRelays(), endpoints.relays, limits::kEndpoints);
  list(in, "mirrors", from.getMirrors(), endpoints.mirrors, limits::kEndpoints);
}

void write(Out, const model::Token& token, schema::Token::Builder to) {
  using B = decltype(to);
  put(to, &B::setPub, token.pub);
  to.setUsesMax(token.uses_max);
}
void read(In& in, schema::Token::Reader from, model::Token& token) {
  get(in, "pub", from.getPub(), token.pub);
  token.uses_max = from.getUsesMax();
}

void write(Out, const model::EnrolBatch& batch, schema::EnrolBatch::Builder to) {
  using B = decltype(to);
  to.setSchema(batch.schema);
  put(to, &B::setTenant, batch.tenant);
  put(to, &B::setBatch, batch.batch);
  to.setNotAfter(unix_seconds(batch.not_after));
  put(to, &B::initTokens, batch.tokens);
  put(to, &B::initGroups, batch.groups);
  put(to, &B::setJurisdiction, batch.jurisdiction);
}
void read(In& in, schema::EnrolBatch::Reader from, model::EnrolBatch& batch) {
  batch.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), batch.tenant);
  get(in, "batch", from.getBatch(), batch.batch);
  get(in, "notAfter", from.getNotAfter(), batch.not_after);
  list(in, "tokens", from.getTokens(), batch.tokens, limits::kTokens);
  list(in, "groups", from.getGroups(), batch.groups, limits::kScopeNames);
  get(in, "jurisdiction", from.getJurisdiction(), batch.jurisdiction);
}

void write(Out, const model::AgentKey& key, schema::AgentKey::Builder to) {
  using B = decltype(to);
  to.setSchema(key.schema);
  put(to, &B::setTenant, key.tenant);
  put(to, &B::setIdentity, key.identity);
  put(to, &B::setCurve, key.curve);
  put(to, &B::setHost, key.host);
  put(to, &B::setToken, key.token);
  put(to, &B::setHostname, key.hostname);
  to.setIssued(unix_seconds(key.issued));
}
void read(In& in, schema::AgentKey::Reader from, model::AgentKey& key) {
  key.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), key.tenant);
  get(in, "identity", from.getIdentity(), key.identity);
  get(in, "curve", from.getCurve(), key.curve);
  get(in, "host", from.getHost(), key.host);
  get(in, "token", from.getToken(), key.token);
  get(in, "hostname", from.getHostname(), key.hostname);
  get(in, "issued", from.getIssued(), key.issued);
}

void write(Out, const model::TimeStatement& statement, schema::TimeStatement::Builder to) {
  using B = decltype(to);
  to.setSchema(statement.schema);
  put(to, &B::setTenant, statement.tenant);
  put(to, &B::setNonce, statement.nonce);
  to.setTime(unix_seconds(statement.time));
  to.setSize(statement.size);
  put(to, &B::setRoot, statement.root);
}
void read(In& in, schema::TimeStatement::Reader from, model::TimeStatement& statement) {
  statement.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), statement.tenant);
  get(in, "nonce", from.getNonce(), statement.nonce);
  get(in, "time", from.getTime(), statement.time);
  statement.size = from.getSize();
  get(in, "root", from.getRoot(), statement.root);
}

Bytes encode(const model::Endpoints& endpoints) {
  return encode_frame<schema::Endpoints>(endpoints);
}
template <>
Result<model::Endpoints> decode(BytesView bytes) {
  return decode_frame<schema::Endpoints, model::Endpoints>("endpoints", bytes,
                                                           limits::kEndpointsBytes);
}
template <>
std::string_view payload_type<model::Endpoints>() {
  return model::kPayloadEndpoints;
}

Bytes encode(const model::EnrolBatch& batch) {
  return encode_frame<schema::EnrolBatch>(batch);
}
template <>
Result<model::EnrolBatch> decode(BytesView bytes) {
  return decode_frame<schema::EnrolBatch, model::EnrolBatch>("enrol batch", bytes,
                                                             limits::kEnrolBatchBytes);
}
template <>
std::string_view payload_type<model::EnrolBatch>() {
  return model::kPayloadEnrolBatch;
}

Bytes encode(const model::AgentKey& key) {
  return encode_frame<schema::AgentKey>(key);
}
template <>
Result<model::AgentKey> decode(BytesView bytes) {
  return decode_frame<schema::AgentKey, model::AgentKey>("agent key", bytes,
                                                         limits::kAgentKeyBytes);
}
template <>
std::string_view payload_type<model::AgentKey>() {
  return model::kPayloadAgentKey;
}

Bytes encode(const model::TimeStatement& statement) {
  return encode_frame<schema::TimeStatement>(statement);
}
template <>
Result<model::TimeStatement> decode(BytesView bytes) {
  return decode_frame<schema::TimeStatement, model::TimeStatement>("time statement", bytes,
                                                                   limits::kTimeBytes);
}
template <>
std::string_view payload_type<model::TimeStatement>() {
  return model::kPayloadTime;
}

}  // namespace fleetsweep::codec
