#include "tests/agent/monitor/controller.h"

#include <poll.h>
#include <time.h>

#include "protocol/base/assert.h"
#include "protocol/crypto/digest.h"
#include "protocol/trust/token.h"

namespace fleetsweep::agent {

namespace {

Timestamp real_now() {
  return timestamp(::time(nullptr));
}

void shape_root(model::Root& root, Timestamp now) {
  root.issued = now - fixture::kDay;
  root.expires = now + 365 * fixture::kDay;
  root.policy.cool_off = {};  // a test does not wait an hour
}

}  // namespace

Controller::Controller(const Timestamp& now)
    : tenant([&](model::Root& root) { shape_root(root, now); }),
      token_key_(fixture::key_named("token")) {
  root_chain_ = {tenant.root_envelope()};
  log_.append(tenant.root_envelope());
  model::EnrolBatch batch;
  batch.not_after = now + fixture::kDay;
  batch.tokens = {{token_key_.public_key(), 1}};
  batch.groups = {"web"};
  batch.jurisdiction = "DE";
  batch_ = tenant.sign(batch, {"alice"});
  log_.append(batch_);
  context_ = std::move(*net::Context::create({}));
  zap_ = std::move(*net::ZapHandler::start(*context_, {{"agent", false}, {"enrol", true}}));
  zap_->replace("agent", {});
  const auto bind = [&](const char* domain) {
    return std::move(*net::EdgeSocket::bind(
        *context_, {.listen = "tcp://127.0.0.1:*", .keys = keys_, .domain = domain}));
  };
  agents_ = bind("agent");
  enrol_ = bind("enrol");
}

void Controller::grow_root_chain(std::size_t size) {
  trust::VerifiedRoot head = *trust::accept_root_chain(root_chain_, tenant.id());
  while (root_chain_.size() < size) {
    root_chain_.push_back(tenant.sign(tenant.next(head, {}), {"alice", "bob"}));
    head = *trust::accept_next_root(head, *codec::decode<model::Envelope>(root_chain_.back()));
    log_.append(root_chain_.back());
  }
}

std::string Controller::token() const {
  trust::EnrolToken token;
  token.tenant = tenant.id();
  token.edge = keys_.pub;
  token.seed = token_key_.seed();
  token.expires = real_now() + fixture::kDay;
  return trust::token_text(token);
}

bool Controller::serve_until(const std::function<bool()>& holds, Duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    serve_once();
  }
  return true;
}

void Controller::serve_once() {
  bool worked = false;
  for (net::EdgeSocket* socket : {agents_.get(), enrol_.get()})
    while (const auto received = socket->receive()) {
      on(*socket, *received);
      worked = true;
    }
  if (!worked) ::poll(nullptr, 0, 5);
}

void Controller::send(const net::Peer& peer, const model::Message& message) {
  static_cast<void>(agents_->send(peer, net::Payload(codec::encode(message))));
}

void Controller::push(const net::Peer& peer, std::uint64_t from) {
  const auto& all = log_.entries();
  const std::vector<Bytes> entries(all.begin() + static_cast<std::ptrdiff_t>(from), all.end());
  if (!entries.empty()) send(peer, model::Entries{from, entries});
  send(peer, model::Checkpoint{log_.note(real_now())});
  sessions_[peer] = all.size();
}

void Controller::on(net::EdgeSocket& socket, const net::Received& received) {
  const auto message = codec::decode<model::Message>(received.payload.view());
  FS_ASSERT(message);
  if (const auto* request = std::get_if<model::EnrolRequest>(&*message)) {
    const auto envelope = codec::decode<model::Envelope>(request->agent_key);
    const auto key = codec::decode<model::AgentKey>(envelope->payload);
    FS_ASSERT(key && key->curve == received.key && key->token == token_key_.public_key());
    agent_ = key->identity;
    zap_->allow("agent", key->curve);
    admitted_.push_back(key->curve);
    const model::EnrolReply reply{enrol_error, root_chain_, batch_, {}};
    static_cast<void>(socket.send(
        received.peer,
        net::Payload(enrol_noise.empty() ? codec::encode(model::Message(reply)) : enrol_noise)));
  } else if (const auto* hello = std::get_if<model::Hello>(&*message)) {
    ++hellos;
    if (std::exchange(last_key, received.key) != received.key && !last_key.is_zero())
      for (const CurveKey& old : admitted_)
        if (old != received.key) zap_->deny("agent", old);
    send(received.peer, model::Welcome{std::chrono::seconds(1), 16});
    push(received.peer, hello->log_size);
  } else if (const auto* want = std::get_if<model::Want>(&*message)) {
    push(received.peer, want->entries_from);
    if (!want->blob.is_zero()) {
      const Bytes& policy = policies_.at(want->blob);
      send(received.peer, model::Blob{want->blob, 0, policy.size(), policy});
    }
  } else if (const auto* batch = std::get_if<model::Receipts>(&*message)) {
    model::ReceiptAck ack;
    for (const Bytes& envelope : batch->receipts) take(envelope, ack);
    send(received.peer, ack);
  } else if (const auto* rekey = std::get_if<model::Rekey>(&*message)) {
    const auto key =
        codec::decode<model::AgentKey>(codec::decode<model::Envelope>(rekey->agent_key)->payload);
    FS_ASSERT(key && key->identity == agent_);
    zap_->allow("agent", key->curve);
    admitted_.push_back(key->curve);
    send(received.peer, model::Rekeyed{key->curve});
  } else if (std::holds_alternative<model::Beat>(*message)) {
    send(received.peer, model::Beat{});
    push(received.peer, log_.entries().size());
  }
}

void Controller::take(const Bytes& bytes, model::ReceiptAck& ack) {
  const auto envelope = codec::decode<model::Envelope>(bytes);
  FS_ASSERT(envelope &&
            crypto::verify(agent_, crypto::pae(envelope->payload_type, envelope->payload),
                           envelope->signatures.at(0).signature));
  const DocumentId id = crypto::document_id(*envelope);
  ack.receipts.push_back(id);
  if (seen_.insert(id).second)
    receipts.push_back(*codec::decode<model::Receipt>(envelope->payload));
}

DocumentId Controller::submit(Bytes envelope) {
  const DocumentId id = fixture::id_of(envelope);
  log_.append(std::move(envelope));
  for (const auto& [peer, size] : std::map(sessions_)) push(peer, size);
  return id;
}

void Controller::add_policy(const Bytes& policy) {
  policies_[crypto::sha256(policy)] = policy;
}

bool Controller::await(const DocumentId& order, model::HostState state) {
  return serve_until([&] {
    for (const model::Receipt& receipt : receipts)
      if (receipt.order == order && receipt.state == state) return true;
    return false;
  });
}

std::string Controller::last_words() const {
  std::string words = fmt::format("{} hellos", hellos);
  for (const model::Receipt& receipt : receipts)
    words += fmt::format("; {} {} {} {}", receipt.order.hex().substr(0, 8), name(receipt.kind),
                         name(receipt.state), name(receipt.reason));
  return words;
}

}  // namespace fleetsweep::agent
