#include "agent/local/enrol.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "agent/act/anchor.h"
#include "agent/driver/host.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/seal.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/loop/loop.h"
#include "protocol/runtime/net/net.h"
#include "protocol/trust/consent.h"
#include "protocol/trust/token.h"

namespace fleetsweep::agent {

namespace {

constexpr Duration kAskAgain = std::chrono::seconds(2);

Result<trust::EnrolToken> read_token(const EnrolOptions& options) {
  if (options.token_file.empty()) return trust::parse_token(options.token);
  FS_TRY(const Bytes content,
         files::read_file(options.token_file, limits::kTokenFileBytes, files::Links::kFollow));
  auto token = trust::parse_token(as_text(content));
  if (!token) return fail(token.error().within(options.token_file));
  return token;
}

// The owner's limits stand before anybody is spoken to.
Status place_consent(const EnrolOptions& options) {
  if (options.consent.empty()) return {};
  FS_TRY(const Bytes content,
         files::read_file(options.consent, limits::kConsentBytes, files::Links::kFollow));
  const auto consent = trust::parse_consent(as_text(content));
  if (!consent) return fail(consent.error().within(options.consent));
  return files::write_file_atomic(options.state + "/consent.conf", content, 0644);
}

Result<crypto::SecretKey> identity_key(const std::string& path) {
  auto kept = read_identity_key(path);
  if (kept || kept.error().code != Code::kNotFound) return kept;
  crypto::SecretKey key = crypto::SecretKey::generate();
  FS_CHECK(write_identity_key(path, key));
  return key;
}

Result<net::CurveKeyPair> curve_key(const std::string& path) {
  auto kept = net::read_curve_key(path);
  if (kept || kept.error().code != Code::kNotFound) return kept;
  const net::CurveKeyPair keys = net::generate_curve_keys();
  FS_CHECK(net::write_curve_key(path, keys));
  return keys;
}

Result<model::EnrolReply> ask(const EnrolOptions& options, const CurveKey& edge,
                              const net::CurveKeyPair& keys, const Bytes& request) {
  FS_TRY(const auto context, net::Context::create({}));
  FS_TRY(const auto socket,
         net::AgentSocket::connect(*context, {.connect = options.connect,
                                              .server = edge,
                                              .keys = keys,
                                              .receive_bytes_max = limits::kEnrolReplyBytes,
                                              .reconnect_min = std::chrono::milliseconds(200),
                                              .reconnect_max = std::chrono::seconds(5)}));
  loop::Loop loop;
  std::optional<Result<model::EnrolReply>> reply;
  std::string problem = "nobody answers there";
  const auto say = [&] {
    static_cast<void>(
        socket->send(net::Payload(codec::encode(model::Message(model::EnrolRequest{request})))));
  };
  std::function<void(Instant)> again = [&](Instant) {
    say();
    loop.after(kAskAgain, again);
  };
  loop.watch(
      socket->event_fd(),
      [&](Instant) {
        while (const auto event = socket->next_event()) {
          using Event = net::AgentSocket::Event;
          if (*event == Event::kConnected) say();
          if (*event == Event::kConnected) problem = "connected, but no answer came";
          if (*event == Event::kFailed)
            problem = "the handshake failed: is this the controller that made the token?";
          if (*event == Event::kRefused) problem = "the controller refuses to talk to this host";
        }
      },
      [&] { return socket->event_readable(); });
  loop.watch(
      socket->fd(),
      [&](Instant) {
        while (const auto payload = socket->receive()) {
          auto message = codec::decode<model::Message>(payload->view());
          if (!message) {
            reply = fail(Code::kInvalid,
                         "enrol at {}: the answer cannot be read: {}: is this agent of the "
                         "controller's version?",
                         options.connect, message.error().message);
            return loop.stop();
          }
          if (auto* busy = std::get_if<model::RetryAfter>(&*message))
            problem = "the controller is busy: " + escaped(busy->reason);
          if (auto* answer = std::get_if<model::EnrolReply>(&*message)) {
            reply = std::move(*answer);
            return loop.stop();
          }
        }
      },
      [&] { return socket->readable(); });
  loop.after(kAskAgain, again);
  loop.after(options.wait_max, [&](Instant) { loop.stop(); });
  FS_CHECK(loop.run());
  if (!reply)
    return fail(Code::kUnavailable, "enrol at {}: {} (waited {} s)", options.connect, problem,
                options.wait_max.count() / 1000);
  if (*reply && !(*reply)->error.empty())
    return fail(Code::kUntrusted, "enrol at {}: refused: {}", options.connect,
                escaped((*reply)->error));
  return std::move(*reply);
}

// The port below the enrolment's is the default of a controller (7600 and 7601).
Result<std::string> neighbour(const std::string& connect) {
  constexpr unsigned kPortMax = 65535;
  const std::size_t colon = connect.rfind(':');
  unsigned port = 0;
  const char* end = connect.data() + connect.size();
  if (!connect.starts_with("tcp://") || colon < std::string_view("tcp://").size() + 1 ||
      std::from_chars(connect.data() + colon + 1, end, port).ptr != end || port == 0 ||
      port > kPortMax)
    return fail(Code::kInvalid, "--connect {}: expected tcp://HOST:PORT, with a port of 1 to {}",
                connect, kPortMax);
  if (port == 1)
    return fail(Code::kInvalid,
                "--connect {}: agents connect to the port below, and below 1 there is none: is it "
                "7601, or must --agents tcp://HOST:PORT name theirs?",
                connect);
  return connect.substr(0, colon + 1) + std::to_string(port - 1);
}

// Where agents connect: what the tenant signed, else what the owner said, else the port below.
Status take_address(const EnrolOptions& options, const trust::VerifiedRoot& root,
                    Enrolment& enrolment) {
  if (!enrolment.endpoints.empty()) {
    FS_TRY(const auto envelope, codec::decode<model::Envelope>(enrolment.endpoints));
    if (envelope.payload_type != model::kPayloadEndpoints)
      return fail(Code::kUntrusted, "endpoints: another kind of document");
    FS_CHECK(trust::meets(root.root(), model::Role::kInfra, trust::signers(envelope, root.root())));
    FS_TRY(const auto endpoints, codec::decode<model::Endpoints>(envelope.payload));
    if (endpoints.tenant != root.tenant())
      return fail(Code::kUntrusted, "endpoints: of another tenant");
    const auto now = read_now().clock.local;
    for (const model::Endpoint& relay : endpoints.relays) {
      if (now < relay.valid_from || relay.valid_to <= now) continue;
      enrolment.address = relay.address;
      enrolment.edge = relay.curve;
      if (options.agents.empty()) return {};
      break;
    }
  }
  if (!options.agents.empty()) {
    enrolment.address = options.agents;
    return {};
  }
  FS_TRY(enrolment.address, neighbour(options.connect));
  return {};
}

Status not_enrolled(const std::string& state, const std::string& root) {
  const std::string path = state + "/enrolment";
  if (::access(path.c_str(), F_OK) != 0) return {};
  FS_TRY(const Enrolment old, read_enrolment(path));
  if (const Status same = check_machine(state, read_host_digest(root)); !same) return same;
  return fail(Code::kConflict,
              "this host is enrolled already, as {} of tenant {}: `fleetsweep-agent run`, or move "
              "{} away to enrol it anew{}",
              old.agent.hex(), old.tenant.hex(), state, way_to_undo(state));
}

}  // namespace

Result<Enrolment> enrol(const EnrolOptions& options) {
  FS_TRY(trust::EnrolToken token, read_token(options));
  const Timestamp now = read_now().clock.local;
  if (token.expires <= now)
    return fail(Code::kInvalid, "enrolment token: it ended {}; ask for a new one",
                to_rfc3339(token.expires));
  if (options.agents.empty()) {
    FS_TRY(const std::string unused, neighbour(options.connect));
  }
  // First: the folder of an agent that ran is open to its core, and that is not what is wrong.
  FS_CHECK(not_enrolled(options.state, options.root));
  FS_CHECK(files::make_private_directory(options.state));
  FS_TRY(const auto lock, files::StateLock::acquire(options.state, "fleetsweep-agent"));
  FS_CHECK(not_enrolled(options.state, options.root));
  FS_CHECK(place_consent(options));
  FS_TRY(const crypto::SecretKey identity, identity_key(options.state + "/identity.key"));
  FS_TRY(const net::CurveKeyPair curve, curve_key(options.state + "/curve.key"));
  const crypto::SecretKey token_key = crypto::SecretKey::from_seed(token.seed);
  crypto::wipe(token.seed);

  model::AgentKey agent_key;
  agent_key.tenant = token.tenant;
  agent_key.identity = identity.public_key();
  agent_key.curve = curve.pub;
  agent_key.host = read_host_digest(options.root);
  agent_key.token = token_key.public_key();
  agent_key.hostname = read_facts(options.root, {}).hostname;
  agent_key.issued = now;
  model::Envelope envelope =
      crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(agent_key), identity);
  FS_CHECK(crypto::add_signature(envelope, token_key));

  FS_TRY(model::EnrolReply reply, ask(options, token.edge, curve, codec::encode(envelope)));
  Enrolment enrolment;
  enrolment.tenant = token.tenant;
  enrolment.agent = crypto::agent_id(identity.public_key());
  enrolment.token = token_key.public_key();
  enrolment.enrolled = now;
  enrolment.edge = token.edge;
  enrolment.root_chain = std::move(reply.root_chain);
  enrolment.batch = std::move(reply.enrol_batch);
  enrolment.endpoints = std::move(reply.endpoints);
  // Version 1 proves that it is the tenant the token names: nothing is trusted on first use.
  auto membership = verify_membership(enrolment);
  if (!membership) return fail(membership.error().within("the controller's answer"));
  FS_CHECK(take_address(options, membership->root, enrolment));
  FS_CHECK(act::begin_anchor(options.state + "/act", token.tenant, membership->root.version()));
  FS_CHECK(write_machine(options.state, agent_key.host, options.root));
  FS_CHECK(write_enrolment(options.state + "/enrolment", enrolment));
  return enrolment;
}

}  // namespace fleetsweep::agent
