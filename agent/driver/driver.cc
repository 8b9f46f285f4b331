#include "agent/driver/driver.h"

#include <sys/stat.h>

#include <algorithm>

#include "agent/driver/host.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/runtime/files/files.h"

namespace fleetsweep::agent {

namespace {

constexpr int kMessagesPerTurn = 64;
// Handshakes that broke off before the next address is tried.
constexpr unsigned kFailuresMax = 3;

}  // namespace

Result<trust::Consent> read_consent(const std::string& path) {
  const auto content = files::read_file(path, limits::kConsentBytes, files::Links::kFollow);
  if (!content && content.error().code == Code::kNotFound) return trust::Consent{};
  if (!content) return fail(content.error());
  auto consent = trust::parse_consent(as_text(*content));
  if (!consent) return fail(consent.error().within(path));
  return consent;
}

Driver::Driver(Parts parts, runtime::Pipe monitor)
    : parts_(std::move(parts)), monitor_(std::move(monitor)), halted_(parts_.halted) {}

Now Driver::now() const {
  Now now = read_now();
  now.clock.boot = parts_.boot;
  return now;
}

void Driver::start() {
  parts_.loop.watch(monitor_.fd(), [this](Instant) { on_monitor(); });
  parts_.loop.on_clock_set([this](Instant) { run(parts_.core.on_deadline(now())); });
  watch_socket();
  refresh_consent();
  run(parts_.core.on_start(now()));
  if (!parts_.mirrors.empty()) watch_mirrors();
}

void Driver::stop(Error error) {
  parts_.log.error("core_stops", {{"why", error.message}});
  outcome_ = fail(std::move(error));
  parts_.loop.stop();
}

// Commit, then act, then tell. Nothing of a turn that could not be committed reaches the world.
void Driver::run(Effects effects) {
  if (!outcome_) return;
  if (!effects.records.empty())
    if (auto committed = parts_.store.commit(effects.records); !committed)
      return stop(committed.error().within("store"));
  for (Action& action : effects.actions) perform(action);
  for (const Note& note : effects.notes) {
    std::vector<event_log::Field> fields;
    for (const auto& [key, value] : note.fields) fields.emplace_back(key, value);
    const auto level = note.is_warning ? event_log::Level::kWarning : event_log::Level::kInfo;
    parts_.log.write(level, note.event, fields);
  }
  arm();
}

void Driver::arm() {
  if (timer_) parts_.loop.cancel(*timer_);
  timer_.reset();
  if (!outcome_) return;
  const auto deadline = parts_.core.next_deadline();
  if (!deadline) return;
  timer_ = parts_.loop.after(*deadline - read_now().uptime, [this](Instant) {
    timer_.reset();
    refresh_consent();
    run(parts_.core.on_deadline(now()));
  });
}

void Driver::perform(Action& action) {
  std::visit([this](auto& one) { perform(one); }, action);
}

void Driver::send(const model::Message& message) {
  // What the socket refuses is said again: hello, beat, want and receipts all have their timers.
  if (parts_.socket.send(net::Payload(codec::encode(message))) != net::Sent::kOk)
    parts_.log.debug("send_refused");
}

void Driver::perform(Send& one) {
  if (auto* beat = std::get_if<model::Beat>(&one.message)) {
    const Usage usage = read_usage();
    beat->rss_bytes = usage.rss_bytes;
    beat->cpu = usage.cpu - cpu_before_;
    cpu_before_ = usage.cpu;
  }
  send(one.message);
}

void Driver::perform(SendReceipts& one) {
  auto envelopes = parts_.store.receipts(one.seqs);
  if (!envelopes) return stop(envelopes.error().within("store"));
  send(model::Receipts{std::move(*envelopes)});
}

void Driver::perform(StartScan& one) {
  model::ScanRequest request;
  request.facts = parts_.core.facts();
  request.verify = one.verify;
  for (const Digest& digest : one.policies) {
    auto policy = parts_.store.policy(digest);
    if (!policy) return stop(policy.error().within("store"));
    Bytes& place = request.policy.empty() ? request.policy : request.others.emplace_back();
    place = std::move(*policy);
  }
  scan_.policies.assign(one.policies.begin(), one.policies.end());
  ask_for(model::Child::kScan, std::move(request));
}

void Driver::perform(StartAct& one) {
  if (act_remembers_) {
    act_next_ = std::move(one);
    return;
  }
  if (!one.policy.is_zero()) {
    auto policy = parts_.store.policy(one.policy);
    if (policy) one.request.policy = std::move(*policy);
  }
  if (!one.dry_run.is_zero()) {
    auto findings = parts_.store.dry_run(one.dry_run);
    if (!findings) return stop(findings.error().within("store"));
    one.request.dry_run = std::move(*findings);
  }
  ask_for(model::Child::kAct, std::move(one.request));
}

// It notices that nobody listens, and the monitor reaps it. One that is being started finds its
// pipe closed.
void Driver::perform(EndScan&) {
  if (scan_.pipe) parts_.loop.unwatch(scan_.watch);
  scan_.pipe.reset();
  scan_.request.reset();
}

void Driver::perform(RememberStops&) {
  remember_next_ = act_.request || act_.pipe;
  if (remember_next_) return;
  act_remembers_ = true;
  ask_for(model::Child::kAct, parts_.core.stops_request());
}

void Driver::perform(AskActToStop&) {
  stop_act_next_ = act_remembers_ || act_.request;
  if (act_.pipe) static_cast<void>(act_.pipe->send(model::LocalCommand{"stop", ""}));
}

// The next address in turn; with one address, the same again.
void Driver::perform(Reconnect&) {
  std::vector<std::pair<std::string, CurveKey>> addresses = {{parts_.address, parts_.edge}};
  const Timestamp time = now().clock.local;
  for (const model::Endpoint& relay : parts_.core.relays())
    if (relay.valid_from <= time && time < relay.valid_to)
      addresses.emplace_back(relay.address, relay.curve);
  const auto& [address, key] = addresses[++next_address_ % addresses.size()];
  is_connected_ = false;
  failures_ = 0;
  unwatch_socket();
  if (auto rebuilt = parts_.socket.rebuild(address, key); !rebuilt) {
    // A bad address in Endpoints must not keep us from the good one.
    parts_.log.warning("rebuild_failed", {{"why", rebuilt.error().message}});
    if (auto home = parts_.socket.rebuild(parts_.address, parts_.edge); !home)
      return stop(home.error());
  }
  watch_socket();
}

void Driver::perform(MakeTransportKey&) {
  const net::CurveKeyPair keys = net::generate_curve_keys();
  run(parts_.core.on_transport_key({.pub = keys.pub, .secret = keys.secret}, now()));
}

void Driver::perform(UseTransport& one) {
  parts_.socket.use({one.key.pub, one.key.secret});
}

// The edge.

void Driver::watch_socket() {
  socket_watch_ = parts_.loop.watch(
      parts_.socket.fd(), [this](Instant) { on_socket(); },
      [this] { return parts_.socket.readable(); });
  event_watch_ = parts_.loop.watch(
      parts_.socket.event_fd(), [this](Instant) { on_socket_event(); },
      [this] { return parts_.socket.event_readable(); });
}

void Driver::unwatch_socket() {
  parts_.loop.unwatch(socket_watch_);
  parts_.loop.unwatch(event_watch_);
}

void Driver::on_socket_event() {
  while (const auto event = parts_.socket.next_event()) {
    switch (*event) {
      case net::AgentSocket::Event::kConnected:
        is_connected_ = true;
        failures_ = 0;
        run(parts_.core.on_connected(now()));
        break;
      case net::AgentSocket::Event::kDisconnected:
        if (std::exchange(is_connected_, false)) run(parts_.core.on_disconnected(now()));
        break;
      case net::AgentSocket::Event::kRefused:
        is_connected_ = false;
        run(parts_.core.on_refused(now()));
        break;
      case net::AgentSocket::Event::kFailed:
        if (++failures_ < kFailuresMax) break;
        Reconnect other;
        perform(other);
        return;
    }
  }
}

void Driver::on_socket() {
  for (int i = 0; i < kMessagesPerTurn; ++i) {
    const auto payload = parts_.socket.receive();
    if (!payload) return;
    if (!parts_.guard.begin(crypto::sha256(payload->view()))) {
      parts_.log.warning("poison", {{"what", "a message of the edge"}});
      continue;
    }
    const auto message = codec::decode<model::Message>(payload->view());
    parts_.guard.end();
    if (!message) {
      parts_.log.warning("edge_talks_nonsense", {{"why", message.error().message}});
      continue;
    }
    on_edge_message(*message);
    if (!outcome_) return;
  }
}

void Driver::on_edge_message(const model::Message& message) {
  refresh_consent();
  run(parts_.core.on_message(message, now()));
}

// The owner's word is read again before every turn that might begin something.
void Driver::refresh_consent() {
  struct stat status {};
  std::string mark = "none";
  if (::stat(parts_.consent.c_str(), &status) == 0)
    mark = fmt::format("{}.{}.{}.{}", status.st_ino, status.st_size, status.st_mtim.tv_sec,
                       status.st_mtim.tv_nsec);
  if (mark == consent_mark_) return;
  const bool is_first = consent_mark_.empty();
  consent_mark_ = mark;
  auto consent = read_consent(parts_.consent);
  const bool was_broken = std::exchange(consent_broken_, !consent);
  if (!consent) {
    // A mistake must not be read as a wider permission.
    parts_.log.error("consent_broken", {{"why", consent.error().message}});
    if (!halted_) run(parts_.core.on_halt(true, now()));
    return;
  }
  if (!is_first) run(parts_.core.on_consent(*consent, now()));
  if (was_broken && !halted_) run(parts_.core.on_halt(false, now()));
}

}  // namespace fleetsweep::agent
