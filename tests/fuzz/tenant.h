#pragma once

// The tenant that fuzz_trust's inputs meet, and the seeds that are accepted there: a log with a
// root, an order with three waves, a Stop and a batch of tokens.

#include "protocol/base/assert.h"
#include "protocol/trust/token.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::fuzz {

inline constexpr std::string_view kTypes[] = {
    model::kPayloadRoot,       model::kPayloadOrder,  model::kPayloadRelease,
    model::kPayloadStop,       model::kPayloadResume, model::kPayloadEndpoints,
    model::kPayloadEnrolBatch, model::kPayloadClose,  model::kPayloadReceipt,
};

inline constexpr std::string_view kSshMessage = "DSSEv1 3 abc 5 order";

struct Tenant {
  Tenant() {
    model::Order waves = fixture::dry_run(world.policy);
    waves.waves = {{100, {}, model::Gate::kNone, {}},
                   {500, {}, model::Gate::kAuto, {}},
                   {1000, {}, model::Gate::kManual, {}}};
    order = world.submit(waves, {"alice"});
    model::Stop halt;
    halt.issued = fixture::start();
    halt.agents = {AgentId{}};
    stop = world.submit(halt, {"alice"});
    world.submit(batch(1), {"alice"});
    for (const Bytes& entry : world.log.entries()) log.replay(entry, fixture::start());
  }

  model::EnrolBatch batch(std::uint8_t number) const {
    model::EnrolBatch batch;
    batch.batch.value.fill(number);
    batch.not_after = fixture::start() + fixture::kDay;
    batch.tokens = {{fixture::key_named("token").public_key(), 2}};
    batch.groups = {"web"};
    batch.jurisdiction = "DE";
    return batch;
  }

  // By as many people as any document of these types needs.
  Bytes signed_by_all(std::uint8_t type, Bytes payload) const {
    return world.tenant.sign_bytes(kTypes[type % std::size(kTypes)], std::move(payload),
                                   {"alice", "bob", "carol"});
  }

  trust::Checked<trust::Enrolment> enrolment(BytesView envelope) const {
    return trust::check_enrolment(
        log.state(), envelope, [](const PublicKey&) { return 0u; }, fixture::start());
  }

  Bytes agent_key() const {
    model::AgentKey key;
    key.tenant = world.tenant.id();
    key.identity = fixture::key_named("host").public_key();
    key.curve.value.fill(8);
    key.token = fixture::key_named("token").public_key();
    key.hostname = "web1";
    key.issued = fixture::start();
    model::Envelope envelope{std::string(model::kPayloadAgentKey), codec::encode(key), {}};
    for (const char* name : {"host", "token"})
      FS_ASSERT(crypto::add_signature(envelope, fixture::key_named(name)));
    return codec::encode(envelope);
  }

  fixture::World world;
  trust::LogView log{world.tenant.verified(), trust::Fold::Keep::kForController};
  DocumentId order, stop;
};

}  // namespace fleetsweep::fuzz
