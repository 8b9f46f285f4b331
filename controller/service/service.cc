#include "controller/service/service.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "controller/api/api.h"
#include "controller/driver/telemetry.h"
#include "controller/gateway/gateway.h"
#include "controller/metrics_table.h"
#include "controller/service/crew.h"
#include "controller/service/keys.h"
#include "protocol/codec/codec.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/http/http.h"
#include "protocol/runtime/loop/loop.h"
#include "protocol/runtime/witness_client/witness_client.h"

namespace fleetsweep::controller {
namespace {

constexpr std::size_t kCallsWaiting = 1024;
constexpr Duration kWitnessTimeout = Seconds(5);
constexpr Duration kTickMax = Seconds(1);
constexpr Duration kTickMin = std::chrono::milliseconds(20);
constexpr std::string_view kProgram = "fleetsweep-controller";

Result<WitnessAnswer> ask_witness(const std::string& url, const log::AddCheckpoint& request) {
  // Witnesses live on other machines; what they sign is verified, not the line.
  http::ClientOptions options{.timeout = kWitnessTimeout, .allow_remote = true};
  FS_TRY(witness_client::Answer answer, witness_client::add_checkpoint(url, request, options));
  return WitnessAnswer{std::move(answer.cosignatures), answer.known_size};
}

// The first witness that answers. What it said is the host's to judge.
Result<Bytes> ask_time(const std::vector<std::string>& witnesses, const log::TimeQuery& query) {
  http::ClientOptions options{.timeout = kWitnessTimeout, .allow_remote = true};
  std::string errors;
  for (const std::string& witness : witnesses) {
    const auto answer = witness_client::ask_time(witness, query, options);
    if (answer) return codec::encode(*answer);
    errors += (errors.empty() ? "" : "; ") + answer.error().message;
  }
  return fail(Code::kUnavailable, "{}", errors.empty() ? "no witness is configured" : errors);
}

CoreOptions core_options(const ServiceOptions& options, const Keys& keys) {
  CoreOptions core;
  core.log_key = keys.log.public_key();
  core.heartbeat = options.heartbeat;
  core.checkpoint_interval = options.checkpoint_interval;
  core.agents_max = options.agents_max;
  core.tenant_quotas = options.tenant_quotas;
  return core;
}

// For a driver without a network: `rebuild`.
class NoOutlet final : public Outlet {
 public:
  Taken send(const HostRef&, const Frame&) override { return Taken::kGone; }
  void admit(const HostRef&, const CurveKey&) override {}
  void retire(const CurveKey&) override {}
  void replace(const std::vector<std::pair<CurveKey, HostRef>>&) override {}
};
class NoCrew final : public Crew {
 public:
  bool verify(VerifyReceipts) override { return false; }
  bool cosign(CosignLog) override { return false; }
  bool ask_time(AskTime) override { return false; }
};
class NoTelemetry final : public Telemetry {
 public:
  void on(const Count&) override {}
  void on(const Event&) override {}
  void on_campaign(const Tenant&, const campaign::Rollout&, Instant) override {}
  void on_commit(std::size_t, bool) override {}
};

}  // namespace

// In the order of construction; what comes later uses what stands above it.
struct Service::Parts {
  Parts(ServiceOptions service_options, files::StateLock state_lock, Keys own_keys)
      : options(std::move(service_options)),
        lock(std::move(state_lock)),
        keys(std::move(own_keys)),
        metrics(kMetrics),
        telemetry(metrics, options.log,
                  [this](const TenantId& tenant, const std::string& campaign) {
                    hub.changed(tenant.hex() + "/" + campaign);
                  }),
        crew(
            Cosigner(keys.log, options.witnesses, ask_witness),
            [this](const log::TimeQuery& query) { return ask_time(options.witnesses, query); },
            std::max(2u, std::thread::hardware_concurrency())),
        calls(kCallsWaiting),
        api([this](Call call) { return open && calls.push(std::move(call)); }, hub) {}

  void arm();
  void turn_end(Instant now);

  ServiceOptions options;
  files::StateLock lock;
  Keys keys;
  metrics::Metrics metrics;
  Hub hub;
  MetricsTelemetry telemetry;
  std::unique_ptr<store::Store> store;
  loop::Loop loop;
  std::unique_ptr<Gateway> gateway;
  ThreadCrew crew;
  std::unique_ptr<Driver> driver;
  loop::Mailbox<Call> calls;
  std::atomic<bool> open = true;
  Api api;
  http::Server api_server;
  http::Server metrics_server;
};

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

void Service::Parts::turn_end(Instant now) {
  driver->flush(now);
}

void Service::Parts::arm() {
  const Duration wait =
      std::clamp<Duration>(driver->next_deadline() - loop::wall_now(), kTickMin, kTickMax);
  loop.after(wait, [this](Instant now) {
    driver->on_time(now);
    gateway->tick();
    telemetry.tick(driver->core(), now);
    metrics.set(kQueueDepth, {{"queue", "verify"}}, static_cast<double>(crew.verify_queued()));
    metrics.set(kQueueDepth, {{"queue", "answers"}}, static_cast<double>(crew.answers().size()));
    metrics.set(kQueueDepth, {{"queue", "calls"}}, static_cast<double>(calls.size()));
    arm();
  });
}

Result<std::unique_ptr<Service>> Service::start(const ServiceOptions& options) {
  FS_TRY(Keys keys, read_keys(options.state));
  FS_TRY(files::StateLock lock, files::StateLock::acquire(options.state, kProgram));
  FS_CHECK(net::check_descriptors(Gateway::connections_max(options.agents_max)));
  auto owned = std::make_unique<Parts>(options, std::move(lock), std::move(keys));
  Parts& parts = *owned;
  FS_TRY(parts.store, store::open_sqlite_store(database_path(options.state)));
  FS_TRY(parts.gateway, Gateway::open({.agent_listen = options.agent_listen,
                                       .enrol_listen = options.enrol_listen,
                                       .keys = parts.keys.edge,
                                       .io_threads = options.io_threads,
                                       .agents_max = options.agents_max},
                                      parts.metrics));
  const auto timed = [&parts](const std::function<void()>& work) {
    const auto begun = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
    parts.metrics.observe(kStoreCommit, {}, taken.count());
  };
  FS_TRY(parts.driver, Driver::load(core_options(options, parts.keys),
                                    {*parts.store, *parts.gateway, parts.crew, parts.telemetry,
                                     parts.keys.conductor, timed},
                                    loop::wall_now()));
  for (const std::string_view document : kSignedDocuments)
    parts.metrics.add(kSignatureFailures, {{"document", document}}, 0);
  parts.gateway->attach(*parts.driver, parts.loop);
  parts.loop.watch(parts.crew.answers().fd(), [&parts](Instant now) {
    for (ThreadCrew::Answer& answer : parts.crew.answers().take()) {
      if (auto* receipts = std::get_if<std::vector<VerifiedReceipt>>(&answer))
        parts.driver->on_verified(std::move(*receipts), now);
      else if (auto* told = std::get_if<TimeTold>(&answer))
        parts.driver->on_time_told(*told);
      else
        parts.driver->on_cosigned(std::get<Cosigned>(answer), now);
    }
  });
  parts.loop.watch(parts.calls.fd(), [&parts](Instant now) {
    for (Call& call : parts.calls.take()) call(*parts.driver, now);
  });
  parts.loop.on_turn_end([&parts](Instant now) { parts.turn_end(now); });
  parts.arm();

  parts.api.serve(parts.api_server);
  parts.api.serve_health(parts.metrics_server);
  parts.metrics_server.route("GET", "/metrics", [&parts](const http::Request&) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = parts.metrics.text();
    return response;
  });
  std::unique_ptr<Service> service(new Service(std::move(owned)));
  // Tokens travel to the API: what may be allowed there is that clients show no certificates.
  const bool open_api = options.allow_remote && options.api_tls;
  if (const Status up = parts.api_server.start(
          {.listen = options.api_listen, .allow_remote = open_api, .tls = options.api_tls});
      !up)
    return fail(up.error().within("api_listen"));
  if (const Status up = parts.metrics_server.start(
          {.listen = options.metrics_listen, .allow_remote = options.allow_remote});
      !up)
    return fail(up.error().within("metrics_listen"));
  parts.options.log.info("started", {{"agents", parts.gateway->agent_endpoint()},
                                     {"enrolment", parts.gateway->enrol_endpoint()},
                                     {"api", parts.api_server.address()},
                                     {"metrics", parts.metrics_server.address()},
                                     {"tenants", parts.driver->core().tenants().size()},
                                     {"enrolled", parts.driver->core().agents()}});
  return service;
}

Service::~Service() {
  Parts& parts = *parts_;
  // HTTP threads wait for calls: break what waits, take no more, then join them.
  parts.open = false;
  while (!parts.calls.take().empty()) {
  }
  parts.api_server.stop();
  parts.metrics_server.stop();
  parts.crew.stop();
}

Status Service::run(int signals) {
  if (signals >= 0)
    parts_->loop.watch(signals, [this](Instant) {
      parts_->options.log.info("stopping", {{"why", "signal"}});
      stop();
    });
  return parts_->loop.run();
}

void Service::stop() {
  parts_->loop.stop();
}

std::string Service::agent_endpoint() const {
  return parts_->gateway->agent_endpoint();
}
std::string Service::enrol_endpoint() const {
  return parts_->gateway->enrol_endpoint();
}
std::string Service::api_address() const {
  return parts_->api_server.address();
}
std::string Service::metrics_address() const {
  return parts_->metrics_server.address();
}

Result<std::size_t> rebuild(const std::string& state) {
  FS_TRY(const Keys keys, read_keys(state));
  FS_TRY(const files::StateLock lock, files::StateLock::acquire(state, kProgram));
  FS_TRY(const auto store, store::open_sqlite_store(database_path(state)));
  NoOutlet outlet;
  NoCrew crew;
  NoTelemetry telemetry;
  FS_TRY(const auto driver,
         Driver::load(core_options({}, keys), {*store, outlet, crew, telemetry, keys.conductor},
                      loop::wall_now()));
  const std::vector<store::CampaignHost> rows = driver->core().campaign_hosts();
  FS_CHECK(store->replace_campaign_hosts(rows));
  return rows.size();
}

}  // namespace fleetsweep::controller
