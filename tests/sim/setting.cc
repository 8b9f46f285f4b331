#include "tests/sim/setting.h"

#include "protocol/base/assert.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::sim {
namespace {

constexpr Seconds kCoolOff{30};
constexpr Seconds kWaveDelay{30};

// A campaign in minutes, so that a thousand hosts do not beat for hours; and a witness host that
// tells the time.
void hasten(model::Root& root) {
  root.time_keys = {fixture::key_named("time").public_key()};
  root.policy.cool_off[static_cast<std::size_t>(model::Class::kContain)] = kCoolOff;
  root.policy.cool_off[static_cast<std::size_t>(model::Class::kClean)] = kCoolOff;
}

model::Policy policy_of_the_fleet() {
  model::Policy policy = fixture::hash_policy();
  policy.verify.rescans = {Seconds(0), Seconds(20)};
  policy.verify.respawn_rounds = kRounds;
  return policy;
}

}  // namespace

Setting::Setting()
    : tenant(hasten),
      root(tenant.verified()),
      policy(policy_of_the_fleet()),
      policy_bytes(fixture::policy_bytes(policy)),
      digest(crypto::sha256(policy_bytes)),
      token_(fixture::key_named("token")) {
  model::EnrolBatch enrol;
  enrol.batch.value.fill(3);
  enrol.not_after = fixture::start() + fixture::kDay;
  enrol.tokens = {{token_.public_key(), 5000}};
  enrol.groups = {"web"};
  enrol.jurisdiction = "DE";
  batch = tenant.sign(enrol, {"alice"});
}

HostKeys Setting::host_keys(std::size_t number) const {
  const std::string name = fmt::format("host {}", number);
  HostKeys keys{fixture::key_named(name), {}, {}};
  keys.curve.value = crypto::sha256(as_bytes("curve of " + name)).value;
  model::AgentKey request;
  request.tenant = tenant.id();
  request.identity = keys.identity.public_key();
  request.curve = keys.curve;
  request.host = crypto::sha256(as_bytes("machine of " + name));
  request.token = token_.public_key();
  request.hostname = fmt::format("host-{:04}", number);
  request.issued = fixture::start();
  model::Envelope envelope =
      crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(request), keys.identity);
  // Not add_signature(): it verifies what it signed, a thousand times.
  const Signature by_token = token_.sign(crypto::pae(envelope.payload_type, envelope.payload));
  envelope.signatures.push_back({crypto::key_id(token_.public_key()), to_bytes(by_token.view())});
  keys.request = codec::encode(envelope);
  return keys;
}

model::Order Setting::dry_run() const {
  model::Order order = fixture::dry_run(policy);
  order.campaign = "sweep";
  return order;
}

model::Order Setting::apply(const DocumentId& dry_run, std::uint16_t canary) const {
  model::Order order = fixture::apply(policy, dry_run);
  order.campaign = "sweep";
  if (canary < 1000)
    order.waves = {{canary, Seconds(0), model::Gate::kNone, Seconds(0)},
                   {1000, kWaveDelay, model::Gate::kAuto, Seconds(0)}};
  return order;
}

const Setting& setting() {
  static const Setting made;
  return made;
}

}  // namespace fleetsweep::sim
