// Order.

#include "documents.capnp.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/frame.h"

namespace fleetsweep::codec {

void write(Out, const model::Scope& scope, schema::Scope::Builder to) {
  using B = decltype(to);
  put(to, &B::initJurisdictions, scope.jurisdictions);
  put(to, &B::initGroups, scope.groups);
  put(to, &B::initInclude, scope.include);
  put(to, &B::initExclude, scope.exclude);
}
void read(In& in, schema::Scope::Reader from, model::Scope& scope) {
  list(in, "jurisdictions", from.getJurisdictions(), scope.jurisdictions, limits::kScopeNames);
  list(in, "groups", from.getGroups(), scope.groups, limits::kScopeNames);
  list(in, "include", from.getInclude(), scope.include, limits::kScopeAgents);
  list(in, "exclude", from.getExclude(), scope.exclude, limits::kScopeAgents);
}

void write(Out, const model::Window& window, schema::Window::Builder to) {
  to.setDays(window.days);
  to.setFromMinute(window.from_minute);
  to.setToMinute(window.to_minute);
}
void read(In&, schema::Window::Reader from, model::Window& window) {
  window.days = from.getDays();
  window.from_minute = from.getFromMinute();
  window.to_minute = from.getToMinute();
}

void write(Out, const model::Schedule& schedule, schema::Schedule::Builder to) {
  using B = decltype(to);
  to.setNotBefore(unix_seconds(schedule.not_before));
  to.setNotAfter(unix_seconds(schedule.not_after));
  put(to, &B::setClock, schedule.clock);
  put(to, &B::initWindows, schedule.windows);
  to.setJitterSeconds(schedule.jitter.count());
  to.setRepeatSeconds(schedule.repeat.count());
  to.setScanAhead(schedule.scan_ahead);
  to.setOfflineGraceSeconds(schedule.offline_grace.count());
}
void read(In& in, schema::Schedule::Reader from, model::Schedule& schedule) {
  get(in, "notBefore", from.getNotBefore(), schedule.not_before);
  get(in, "notAfter", from.getNotAfter(), schedule.not_after);
  get(in, "clock", from.getClock(), schedule.clock);
  list(in, "windows", from.getWindows(), schedule.windows, limits::kWindows);
  get(in, "jitterSeconds", from.getJitterSeconds(), schedule.jitter);
  get(in, "repeatSeconds", from.getRepeatSeconds(), schedule.repeat);
  schedule.scan_ahead = from.getScanAhead();
  get(in, "offlineGraceSeconds", from.getOfflineGraceSeconds(), schedule.offline_grace);
}

void write(Out, const model::Wave& wave, schema::Wave::Builder to) {
  using B = decltype(to);
  to.setPermille(wave.permille);
  to.setDelayMinSeconds(wave.delay_min.count());
  put(to, &B::setGate, wave.gate);
  to.setDeadlineSeconds(wave.deadline.count());
}
void read(In& in, schema::Wave::Reader from, model::Wave& wave) {
  wave.permille = from.getPermille();
  get(in, "delayMinSeconds", from.getDelayMinSeconds(), wave.delay_min);
  get(in, "gate", from.getGate(), wave.gate);
  get(in, "deadlineSeconds", from.getDeadlineSeconds(), wave.deadline);
}

void write(Out, const model::OrderLimits& limits, schema::OrderLimits::Builder to) {
  to.setItems(limits.items);
  to.setBytes(limits.bytes);
  to.setPermilleOfScanned(limits.permille_of_scanned);
  to.setRuntimeSeconds(limits.runtime.count());
  to.setCpuPercent(limits.cpu_percent);
}
void read(In& in, schema::OrderLimits::Reader from, model::OrderLimits& limits) {
  limits.items = from.getItems();
  limits.bytes = from.getBytes();
  limits.permille_of_scanned = from.getPermilleOfScanned();
  get(in, "runtimeSeconds", from.getRuntimeSeconds(), limits.runtime);
  limits.cpu_percent = from.getCpuPercent();
}

void write(Out, const model::Breaker& breaker, schema::Breaker::Builder to) {
  to.setFailures(breaker.failures);
  to.setFailedPermille(breaker.failed_permille);
}
void read(In&, schema::Breaker::Reader from, model::Breaker& breaker) {
  breaker.failures = from.getFailures();
  breaker.failed_permille = from.getFailedPermille();
}

void write(Out, const model::Authority& authority, schema::Authority::Builder to) {
  using B = decltype(to);
  put(to, &B::setLegalBasis, authority.legal_basis);
  put(to, &B::setIssuer, authority.issuer);
  put(to, &B::setReference, authority.reference);
  put(to, &B::setContact, authority.contact);
}
void read(In& in, schema::Authority::Reader from, model::Authority& authority) {
  get(in, "legalBasis", from.getLegalBasis(), authority.legal_basis);
  get(in, "issuer", from.getIssuer(), authority.issuer);
  get(in, "reference", from.getReference(), authority.reference);
  get(in, "contact", from.getContact(), authority.contact);
}

void write(Out out, const model::Order& order, schema::Order::Builder to) {
  using B = decltype(to);
  to.setSchema(order.schema);
  put(to, &B::setTenant, order.tenant);
  to.setRootVersionMin(order.root_version_min);
  put(to, &B::setNonce, order.nonce);
  put(to, &B::setTitle, order.title);
  put(to, &B::setCampaign, order.campaign);
  put(to, &B::setMode, order.mode);
  put(to, &B::setActionClass, order.action_class);
  put(to, &B::setPolicy, order.policy);
  to.setPolicySize(order.policy_size);
  write(out, order.scope, to.initScope());
  write(out, order.schedule, to.initSchedule());
  put(to, &B::initWaves, order.waves);
  write(out, order.limits, to.initLimits());
  write(out, order.breaker, to.initBreaker());
  put(to, &B::setDryRunOrder, order.dry_run_order);
  put(to, &B::setDryRunReport, order.dry_run_report);
  put(to, &B::setUndoes, order.undoes);
  put(to, &B::setSupersedes, order.supersedes);
  write(out, order.authority, to.initAuthority());
  to.setAgentSchemaMin(order.agent_schema_min);
  to.setStanding(order.standing);
}
void read(In& in, schema::Order::Reader from, model::Order& order) {
  order.schema = from.getSchema();
  get(in, "tenant", from.getTenant(), order.tenant);
  order.root_version_min = from.getRootVersionMin();
  get(in, "nonce", from.getNonce(), order.nonce);
  get(in, "title", from.getTitle(), order.title);
  get(in, "campaign", from.getCampaign(), order.campaign, limits::kCampaignIdBytes);
  get(in, "mode", from.getMode(), order.mode);
  get(in, "actionClass", from.getActionClass(), order.action_class);
  get(in, "policy", from.getPolicy(), order.policy);
  order.policy_size = from.getPolicySize();
  get(in, "scope", from.getScope(), order.scope);
  get(in, "schedule", from.getSchedule(), order.schedule);
  list(in, "waves", from.getWaves(), order.waves, limits::kWaves);
  get(in, "limits", from.getLimits(), order.limits);
  get(in, "breaker", from.getBreaker(), order.breaker);
  get(in, "dryRunOrder", from.getDryRunOrder(), order.dry_run_order);
  get(in, "dryRunReport", from.getDryRunReport(), order.dry_run_report);
  get(in, "undoes", from.getUndoes(), order.undoes);
  get(in, "supersedes", from.getSupersedes(), order.supersedes);
  get(in, "authority", from.getAuthority(), order.authority);
  order.agent_schema_min = from.getAgentSchemaMin();
  order.standing = from.getStanding();
}

Bytes encode(const model::Order& order) {
  return encode_frame<schema::Order>(order);
}
template <>
Result<model::Order> decode(BytesView bytes) {
  return decode_frame<schema::Order, model::Order>("order", bytes, limits::kOrderBytes);
}
template <>
std::string_view payload_type<model::Order>() {
  return model::kPayloadOrder;
}

}  // namespace fleetsweep::codec
