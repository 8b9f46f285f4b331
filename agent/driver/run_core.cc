#include "agent/driver/run_core.h"

#include <malloc.h>
#include <sys/prctl.h>

#include <algorithm>

#include "agent/driver/driver.h"
#include "agent/driver/host.h"
#include "agent/driver/reading.h"
#include "agent/local/enrolment.h"
#include "agent/plan/plan.h"
#include "protocol/base/version.h"
#include "protocol/crypto/seal.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/loop/idle_memory.h"
#include "protocol/runtime/loop/signals.h"
#include "protocol/runtime/sandbox/sandbox.h"

namespace fleetsweep::agent {

namespace {

constexpr Duration kTrimAfter = std::chrono::seconds(5);
constexpr Duration kFirstWordMax = std::chrono::seconds(20);

// The monitor says first whether the owner halted us: before that nothing may begin.
Result<bool> first_word(runtime::Pipe& monitor) {
  FS_TRY(const auto received, monitor.receive(kFirstWordMax));
  const auto* command = std::get_if<model::LocalCommand>(&received.message);
  if (!command || (command->verb != "halt" && command->verb != "resume"))
    return fail(Code::kInternal, "monitor: expected halt or resume first");
  return command->verb == "halt";
}

std::vector<std::string> capabilities(bool is_windows) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kCount<model::ActionKind>; ++i)
    names.emplace_back(name(static_cast<model::ActionKind>(i)));
  if (is_windows) names.emplace_back(name(model::ObjectKind::kWindowsRegistryKey));
  return names;
}

std::uint64_t random_seed() {
  std::array<std::uint8_t, 8> bytes{};
  crypto::random_bytes(bytes);
  std::uint64_t seed = 0;
  for (const std::uint8_t byte : bytes) seed = seed << 8 | byte;
  return seed;
}

// Before there is a thread and a byte from the network. The level is what a receipt may claim.
Result<model::SandboxLevel> confine(model::SandboxLevel most, const event_log::EventLog& log) {
  FS_CHECK(runtime::keep_capabilities({}));
  FS_CHECK(runtime::no_new_privileges());
  ::prctl(PR_SET_DUMPABLE, 0);
  if (auto filtered = runtime::filter_system_calls(runtime::Profile::kNetwork); !filtered) {
    log.warning("core_not_filtered", {{"why", filtered.error().message}});
    return std::min(most, model::SandboxLevel::kReduced);
  }
  return most;
}

}  // namespace

Status run_core(const CoreOptions& options, const event_log::EventLog& log) {
  FS_TRY(const loop::Signals signals, loop::Signals::block());
  // One arena: a second thread's heap would double what an idle agent holds.
  ::mallopt(M_ARENA_MAX, 1);
  FS_TRY(const model::SandboxLevel sandbox, confine(options.sandbox, log));

  runtime::Pipe monitor{UniqueFd(options.monitor_fd)};
  FS_TRY(const bool halted, first_word(monitor));
  FS_TRY(const Enrolment enrolment, read_enrolment(options.state + "/enrolment"));
  FS_TRY(const crypto::SecretKey key, read_identity_key(options.state + "/identity.key"));
  FS_TRY(const net::CurveKeyPair curve, net::read_curve_key(options.state + "/curve.key"));
  if (crypto::agent_id(key.public_key()) != enrolment.agent)
    return fail(Code::kInvalid, "{}/identity.key is not the key that was enrolled", options.state);
  FS_TRY(Membership membership, verify_membership(enrolment));
  FS_TRY(const auto store, open_store(options.state + "/core/core.db"));
  FS_TRY(const auto reading, Reading::open(options.state + "/core/reading", *store));
  FS_TRY(Stored stored, store->load());

  Identity identity;
  identity.tenant = enrolment.tenant;
  identity.host.agent = enrolment.agent;
  identity.host.jurisdiction = membership.jurisdiction;
  identity.host.groups = membership.groups;
  identity.facts = read_facts(options.root, options.labels);
  const bool is_windows = identity.facts.os == name(model::Platform::kWindows);
  identity.host.platform = is_windows ? model::Platform::kWindows : model::Platform::kLinux;
  identity.host.capabilities = capabilities(is_windows);
  identity.host.sandbox = sandbox;
  identity.host.halted = halted;
  const std::string consent_path = options.state + "/consent.conf";
  if (auto consent = read_consent(consent_path))
    identity.host.consent = *consent;
  else
    identity.host.halted = true;  // the driver says so, and looks again when the file changes
  identity.version = std::string(kVersion);
  identity.program = read_program_digest();
  identity.boot = read_boot_id();
  identity.enrolled = enrolment.enrolled;
  identity.transport = {curve.pub, curve.secret, enrolment.enrolled};
  identity.rekey_interval = options.rekey_interval;
  identity.machine = read_host_digest(options.root);
  identity.token = enrolment.token;
  identity.times.retry_min = options.reconnect_min;
  identity.times.retry_max = options.reconnect_max;
  identity.seed = random_seed();
  crypto::random_bytes(identity.secret.value);
  const BootId boot = identity.boot;

  Now now = read_now();
  now.clock.boot = boot;
  FS_TRY(const auto core, Core::load(
                              std::move(identity), std::move(membership.root), key,
                              [](const CurveKey& to, BytesView plain) {
                                // A root without a usable key gets hashes only.
                                return crypto::seal(to, plain).value_or(Bytes{});
                              },
                              std::move(stored), now, reading.get()));
  FS_TRY(const auto context, net::Context::create({}));
  FS_TRY(const auto socket,
         net::AgentSocket::connect(*context,
                                   {.connect = enrolment.address,
                                    .server = enrolment.edge,
                                    .keys = {core->transport().pub, core->transport().secret},
                                    .reconnect_min = options.reconnect_min,
                                    .reconnect_max = options.reconnect_max}));
  loop::Loop loop;
  loop.watch(signals.fd(), [&](Instant) {
    while (signals.next()) loop.stop();
  });
  Driver driver({.loop = loop,
                 .core = *core,
                 .store = *store,
                 .guard = *reading,
                 .socket = *socket,
                 .log = log,
                 .consent = consent_path,
                 .mirrors = options.mirrors,
                 .address = enrolment.address,
                 .edge = enrolment.edge,
                 .boot = boot,
                 .halted = halted},
                std::move(monitor));
  driver.start();
  loop::trim_when_idle(loop, kTrimAfter);
  if (!driver.outcome()) return driver.outcome();
  FS_CHECK(loop.run());
  return driver.outcome();
}

}  // namespace fleetsweep::agent
