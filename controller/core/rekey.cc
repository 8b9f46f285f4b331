// New transport keys of hosts. The offer is durable before it is answered, both keys open the door
// until the new one was heard, and then the old one goes: from the door when that is durable.

#include <algorithm>

#include "controller/core/core.h"
#include "controller/metrics_names.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/trust/token.h"

namespace fleetsweep::controller {
namespace {

constexpr Seconds kDay{86400};
// One signature to check a second, whatever a host sends.
constexpr Duration kOfferSpacing = Seconds(1);

}  // namespace

bool Core::is_known_key(const CurveKey& key) const {
  return std::ranges::any_of(tenants_, [&](const auto& one) { return one->registry.had(key); });
}

void Core::on(Tenant& owner, HostNo host, const model::Rekey& rekey, Instant now,
              Effects& effects) {
  fleet::Agent& agent = *owner.registry.find(host);
  const HostRef ref{owner.no, host};
  const auto refused = [&](const std::string& why) {
    effects.notice.push_back(Count{kRekeys, {{"outcome", "refused"}}});
    effects.notice.push_back(
        Event{"rekey_refused", {{"agent", agent.id.hex()}, {"error", why}}, true});
  };
  Session& session = owner.session(host);
  if (now < session.rekey_at && session.rekey_at <= now + kOfferSpacing) return;  // it asks again
  session.rekey_at = now + kOfferSpacing;
  if (rekey.agent_key.size() > limits::kAgentKeyBytes + limits::kSignatures * 128)
    return refused("the offer is too large");
  const auto envelope = codec::decode<model::Envelope>(rekey.agent_key);
  if (!envelope) return refused(envelope.error().message);
  // An answer that got lost is asked for again.
  const auto repeated = codec::decode<model::AgentKey>(envelope->payload);
  if (repeated && (*repeated == agent.key || (agent.next && *repeated == *agent.next))) {
    effects.send.push_back(Send{{ref}, model::Rekeyed{repeated->curve}});
    return;
  }
  const auto key = trust::check_rekey(agent.next.value_or(agent.key), rekey.agent_key);
  if (!key) return refused(Error(key.error()).message);
  if (is_known_key(key->curve)) return refused("a key that was in use before");
  const Timestamp time = to_timestamp(now);
  std::erase_if(agent.rekey_times, [&](Timestamp one) { return time - one >= kDay; });
  if (agent.rekey_times.size() >= kRekeysPerDay)
    return refused(fmt::format("{} keys in a day are enough", kRekeysPerDay));
  agent.rekey_times.push_back(time);
  if (agent.next) effects.send.push_back(Retire{agent.next->curve});
  owner.registry.offer(host, *key);
  effects.persist.push_back(
      store::AgentRekey{owner.no, host, agent.rekeys + 1, rekey.agent_key, time, std::nullopt});
  effects.send.push_back(Admit{ref, key->curve});
  effects.send.push_back(Send{{ref}, model::Rekeyed{key->curve}});
  effects.notice.push_back(Count{kRekeys, {{"outcome", "offered"}}});
}

void Core::on_key_used(const HostRef& ref, const CurveKey& key, Instant now, Effects& effects) {
  Tenant& owner = tenant(ref.tenant);
  fleet::Agent& agent = *owner.registry.find(ref.host);
  if (!agent.next || agent.next->curve != key) return;
  effects.send.push_back(Retire{owner.registry.settle(ref.host)});
  effects.persist.push_back(
      store::AgentRekeyUsed{owner.no, ref.host, agent.rekeys, to_timestamp(now)});
  effects.persist.push_back(store::Audit{to_timestamp(now), agent.id.hex(), "agent_rekeyed",
                                         fmt::format("{} {}", owner.name, key.hex())});
  effects.notice.push_back(Count{kRekeys, {{"outcome", "used"}}});
  effects.notice.push_back(
      Event{"agent_rekeyed",
            {{"tenant", owner.name}, {"agent", agent.id.hex()}, {"hostname", agent.key.hostname}}});
}

}  // namespace fleetsweep::controller
