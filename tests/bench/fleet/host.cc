#include "tests/bench/fleet/host.h"

#include "agent/driver/host.h"
#include "agent/local/enrolment.h"
#include "protocol/base/version.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"
#include "protocol/trust/token.h"

namespace fleetsweep::bench {
namespace {

constexpr Duration kEnrolAgain = std::chrono::seconds(10);

std::string source_of(const FleetOptions& options, std::size_t number) {
  if (options.source_addresses == 0) return {};
  return fmt::format("127.0.1.{}", 1 + number % options.source_addresses);
}

}  // namespace

Host::Host(net::Context& context, const FleetOptions& options, std::size_t number)
    : context_(context),
      options_(options),
      number_(number),
      key_(crypto::SecretKey::generate()),
      curve_(net::generate_curve_keys()) {}

agent::Now Host::now() const {
  static const BootId boot = agent::read_boot_id();
  agent::Now now = agent::read_now();
  now.clock.boot = boot;
  return now;
}

Status Host::connect(const std::string& address, const CurveKey& edge) {
  FS_TRY(socket_, net::AgentSocket::connect(context_, {.connect = address,
                                                       .server = edge,
                                                       .keys = curve_,
                                                       .reconnect_min = std::chrono::seconds(1),
                                                       .reconnect_max = std::chrono::seconds(30),
                                                       .source = source_of(options_, number_)}));
  ++generation_;
  return {};
}

Status Host::start() {
  FS_TRY(const trust::EnrolToken token, trust::parse_token(options_.token));
  edge_ = token.edge;
  enrolled_ = now().clock.local;
  const crypto::SecretKey token_key = crypto::SecretKey::from_seed(token.seed);
  model::AgentKey agent_key;
  agent_key.tenant = token.tenant;
  agent_key.identity = key_.public_key();
  agent_key.curve = curve_.pub;
  agent_key.hostname = fmt::format("sim-{:05}", number_);
  agent_key.host = crypto::sha256(as_bytes(agent_key.hostname));
  agent_key.token = token_key.public_key();
  agent_key.issued = enrolled_;
  model::Envelope envelope =
      crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(agent_key), key_);
  FS_CHECK(crypto::add_signature(envelope, token_key));
  enrol_request_ = codec::encode(model::Message(model::EnrolRequest{codec::encode(envelope)}));
  return connect(options_.enrol, edge_);
}

void Host::ask_to_enrol() {
  static_cast<void>(socket_->send(net::Payload(enrol_request_)));
  ask_again_ = now().uptime + kEnrolAgain;
}

Status Host::on_enrolled(const model::EnrolReply& reply) {
  if (!reply.error.empty())
    return fail(Code::kUntrusted, "host {} is refused: {}", number_, escaped(reply.error));
  FS_TRY(const trust::EnrolToken token, trust::parse_token(options_.token));
  agent::Enrolment enrolment;
  enrolment.tenant = token.tenant;
  enrolment.token = crypto::SecretKey::from_seed(token.seed).public_key();
  enrolment.root_chain = reply.root_chain;
  enrolment.batch = reply.enrol_batch;
  FS_TRY(agent::Membership member, agent::verify_membership(enrolment));

  agent::Identity identity;
  identity.tenant = token.tenant;
  identity.host.agent = crypto::agent_id(key_.public_key());
  identity.host.jurisdiction = member.jurisdiction;
  identity.host.groups = member.groups;
  identity.host.sandbox = model::SandboxLevel::kFull;
  identity.facts = {.hostname = fmt::format("sim-{:05}", number_),
                    .os = "linux",
                    .os_id = "debian",
                    .os_version = "12",
                    .arch = "x86_64"};
  identity.version = std::string(kVersion);
  identity.boot = now().clock.boot;
  identity.enrolled = enrolled_;
  identity.seed = number_;
  auto core = agent::Core::load(
      std::move(identity), std::move(member.root), key_,
      [](const CurveKey& to, BytesView plain) { return crypto::seal(to, plain).value_or(Bytes{}); },
      {}, now());
  if (!core) return fail(Code::kUntrusted, "host {}: {}", number_, core.error().detail);
  core_ = std::move(*core);
  ask_again_.reset();
  phase_ = Phase::kConnecting;
  FS_CHECK(connect(options_.connect, edge_));
  return run(core_->on_start(now()));
}

Status Host::on_event(net::AgentSocket::Event event) {
  using Event = net::AgentSocket::Event;
  if (event == Event::kFailed) return {};
  if (phase_ == Phase::kEnrolling) {
    if (event == Event::kConnected) ask_to_enrol();
    return {};
  }
  if (event == Event::kConnected) return run(core_->on_connected(now()));
  phase_ = Phase::kConnecting;
  return run(event == Event::kRefused ? core_->on_refused(now()) : core_->on_disconnected(now()));
}

Status Host::on_message(const model::Message& message) {
  if (phase_ == Phase::kEnrolling) {
    if (const auto* reply = std::get_if<model::EnrolReply>(&message)) return on_enrolled(*reply);
    if (const auto* busy = std::get_if<model::RetryAfter>(&message))
      ask_again_ = now().uptime + busy->wait;
    return {};
  }
  if (std::holds_alternative<model::Welcome>(message)) phase_ = Phase::kWelcomed;
  return run(core_->on_message(message, now()));
}

Status Host::pump() {
  bool is_quiet = false;
  while (!is_quiet) {
    is_quiet = true;
    while (const auto event = socket_->next_event()) {
      is_quiet = false;
      FS_CHECK(on_event(*event));
    }
    while (const auto payload = socket_->receive()) {
      is_quiet = false;
      FS_TRY(const model::Message message, codec::decode<model::Message>(payload->view()));
      FS_CHECK(on_message(message));
    }
    FS_CHECK(answer_scans());
  }
  return {};
}

std::optional<agent::Uptime> Host::next_deadline() const {
  return core_ ? core_->next_deadline() : ask_again_;
}

Status Host::on_deadline() {
  if (core_)
    FS_CHECK(run(core_->on_deadline(now())));
  else
    ask_to_enrol();
  return pump();  // sending may have swallowed the signal of what came in
}

Status Host::run(agent::Effects effects) {
  for (agent::Record& record : effects.records) keep(record);
  for (agent::Action& action : effects.actions) FS_CHECK(perform(action));
  return {};
}

void Host::keep(agent::Record& record) {
  if (auto* policy = std::get_if<agent::PutPolicy>(&record)) {
    policies_[policy->digest] = std::move(policy->bytes);
  } else if (const auto* dropped = std::get_if<agent::DropPolicy>(&record)) {
    policies_.erase(dropped->digest);
  } else if (auto* receipt = std::get_if<agent::PutReceipt>(&record)) {
    receipts_[receipt->seq] = std::move(receipt->envelope);
  } else if (const auto* acked = std::get_if<agent::DropReceipts>(&record)) {
    for (const std::uint64_t seq : acked->seqs) receipts_acked_ += receipts_.erase(seq);
  }
}

Status Host::perform(agent::Action& action) {
  if (const auto* one = std::get_if<agent::Send>(&action)) {
    // What the socket refuses is said again: the core has a timer for each.
    static_cast<void>(socket_->send(net::Payload(codec::encode(one->message))));
  } else if (const auto* receipts = std::get_if<agent::SendReceipts>(&action)) {
    model::Receipts message;
    for (const std::uint64_t seq : receipts->seqs) message.receipts.push_back(receipts_.at(seq));
    static_cast<void>(socket_->send(net::Payload(codec::encode(model::Message(message)))));
  } else if (const auto* scan = std::get_if<agent::StartScan>(&action)) {
    orders_begun_ += scan->policies.size();
    scans_.insert(scans_.begin(), scan->policies.rbegin(), scan->policies.rend());
  } else if (std::holds_alternative<agent::Reconnect>(action)) {
    phase_ = Phase::kConnecting;
    FS_CHECK(socket_->rebuild());
    ++generation_;
  } else {
    return fail(Code::kInvalid, "host {}: only dry runs are pretended", number_);
  }
  return {};
}

Status Host::answer_scans() {
  while (!scans_.empty()) {
    const Digest digest = scans_.back();
    scans_.pop_back();
    FS_TRY(const model::Policy policy, codec::decode<model::Policy>(policies_.at(digest)));
    model::ScanDone done;
    done.sandbox = model::SandboxLevel::kFull;
    done.result.policy = digest;
    done.result.scanned = 100'000;
    FS_CHECK(run(core_->on_scan_done(done, policy, now())));
  }
  return {};
}

}  // namespace fleetsweep::bench
