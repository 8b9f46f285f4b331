#pragma once

// A whole controller over loopback: real sockets, CURVE, SQLite and HTTP, and a host made by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "controller/api/api.h"
#include "controller/service/keys.h"
#include "controller/service/service.h"
#include "controller/service/tokens.h"
#include "controller/store/store.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/log/merkle.h"
#include "protocol/log/note.h"
#include "protocol/runtime/files/files.h"
#include "protocol/runtime/http/http.h"
#include "protocol/runtime/loop/loop.h"
#include "protocol/runtime/net/net.h"
#include "tests/protocol/trust/fixture.h"
#include "tests/wait.h"

namespace fleetsweep::controller {

using testing::HasSubstr;
using namespace std::chrono_literals;

inline Timestamp now() {
  return to_timestamp(loop::wall_now());
}

// A host: its keys, and one connection at a time.
struct Host {
  Host(net::Context& context, const CurveKey& edge) : context(context), edge(edge) {}
  void connect(const std::string& endpoint) {
    socket.reset();
    socket = std::move(*net::AgentSocket::connect(context, {.connect = endpoint,
                                                            .server = edge,
                                                            .keys = curve,
                                                            .reconnect_min = 50ms,
                                                            .reconnect_max = 500ms}));
  }
  void send(const model::Message& message) {
    const net::Payload payload(codec::encode(message));
    until([&] { return socket->send(payload) == net::Sent::kOk; });
  }
  // The next message of type T, whatever comes before it.
  template <class T>
  std::optional<T> receive(std::chrono::steady_clock::duration patience = kPatience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end) {
      while (auto event = socket->next_event())
        if (*event == net::AgentSocket::Event::kRefused) refused = true;
      if (refused) return std::nullopt;
      const auto payload = socket->receive();
      if (!payload) {
        std::this_thread::yield();
        continue;
      }
      const auto message = codec::decode<model::Message>(payload->view());
      if (message && std::holds_alternative<T>(*message)) return std::get<T>(*message);
    }
    return std::nullopt;
  }

  net::Context& context;
  CurveKey edge;
  crypto::SecretKey identity = crypto::SecretKey::generate();
  net::CurveKeyPair curve = net::generate_curve_keys();
  std::unique_ptr<net::AgentSocket> socket;
  bool refused = false;
};

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/fs-controller-XXXXXX";
    directory_ = mkdtemp(pattern);
    options_.state = directory_ + "/state";
    options_.agent_listen = options_.enrol_listen = "tcp://127.0.0.1:0";
    options_.api_listen = options_.metrics_listen = "127.0.0.1:0";
    options_.checkpoint_interval = Seconds(1);
    options_.agents_max = 100;
    ASSERT_TRUE(init_keys(options_.state, "test.example/log"));
    edge_ = read_keys(options_.state)->edge.pub;
    tenant_ = make_tenant("test.example/log");
    for (const char* role : {"admin", "operator", "viewer"}) make_token(role, role);
    context_ = std::move(*net::Context::create({}));
    start();
  }
  void TearDown() override {
    stop();
    context_.reset();
    std::filesystem::remove_all(directory_);
  }
  std::unique_ptr<fixture::Tenant> make_tenant(const std::string& origin) {
    const log::VerifierKey vkey{origin, log::KeyType::kEd25519,
                                read_keys(options_.state)->log.public_key()};
    return std::make_unique<fixture::Tenant>([&](model::Root& root) {
      root.logs = {{vkey.text(), 0, {}, {}}};
      root.witnesses.clear();
      root.witness_quorum = 0;
      root.issued = now() - Seconds(60);
      root.expires = now() + Seconds(86400);
    });
  }
  void make_token(const std::string& name, const std::string& role, const std::string& tenant = "",
                  const std::string& life = "") {
    const std::string file = directory_ + "/" + name;
    ASSERT_TRUE(create_token(options_.state, role, tenant, life, file));
    read_token(name, file);
  }
  void read_token(const std::string& name, const std::string& file) {
    tokens_[name] = to_text(*files::read_file(file, 1000));
    tokens_[name].pop_back();
  }
  std::string id_of_token(const std::string& name) const {
    return crypto::sha256(as_bytes(tokens_.at(name))).hex().substr(0, 16);
  }
  // As the store's audit names the callers, in the order of `token list`.
  std::vector<std::string> token_ids() {
    std::vector<std::string> ids;
    const std::string text = *tokens_json(options_.state);
    constexpr std::string_view kKey = "\"id\": \"";
    for (std::size_t at = text.find(kKey); at != std::string::npos; at = text.find(kKey, at + 1))
      ids.push_back(text.substr(at + kKey.size(), 16));
    return ids;
  }
  void start() {
    auto service = Service::start(options_);
    ASSERT_TRUE(service) << service.error().message;
    service_ = std::move(*service);
    thread_ = std::thread([this] { EXPECT_TRUE(service_->run()); });
  }
  void stop() {
    if (!service_) return;
    service_->stop();
    thread_.join();
    service_.reset();
  }

  http::Response call(const std::string& method, const std::string& path, const std::string& body,
                      const std::string& role = "admin") {
    std::vector<http::Header> headers;
    if (!role.empty()) headers.push_back({"Authorization", "Bearer " + tokens_[role]});
    auto response =
        http::request(method, "http://" + service_->api_address() + path, headers, body);
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{.status = 0};
  }
  http::Response get(const std::string& path) { return call("GET", path, "", "viewer"); }
  std::string metrics() {
    return http::request("GET", "http://" + service_->metrics_address() + "/metrics", {}, "")->body;
  }
  std::string base() const { return "/v1/tenants/" + tenant_->id().hex(); }
  static std::string dsse(const Bytes& envelope) {
    return codec::to_dsse_json(*codec::decode<model::Envelope>(envelope));
  }
  void create_tenant() { create_tenant(*tenant_); }
  void create_tenant(const fixture::Tenant& tenant) {
    const auto created = call("POST", "/v1/tenants", dsse(tenant.root_envelope()));
    ASSERT_EQ(created.status, 201) << created.body;
  }
  // A batch with one token, for so many hosts.
  crypto::SecretKey log_batch(std::uint16_t uses) {
    crypto::SecretKey token = crypto::SecretKey::generate();
    model::EnrolBatch batch;
    ++batches_;
    batch.batch.value[0] = static_cast<std::uint8_t>(batches_);
    batch.batch.value[1] = static_cast<std::uint8_t>(batches_ >> 8);
    batch.not_after = now() + Seconds(3600);
    batch.tokens = {{token.public_key(), uses}};
    batch.groups = {"web"};
    batch.jurisdiction = "DE";
    const auto logged =
        call("POST", base() + "/documents", dsse(tenant_->sign(batch, {"alice"})), "operator");
    EXPECT_EQ(logged.status, 201) << logged.body;
    return token;
  }
  Bytes agent_key(const Host& host, const crypto::SecretKey& token, std::uint8_t machine) {
    model::AgentKey key;
    key.tenant = tenant_->id();
    key.identity = host.identity.public_key();
    key.curve = host.curve.pub;
    key.host.value[0] = machine;
    key.token = token.public_key();
    key.hostname = "host-" + std::to_string(machine);
    key.issued = now();
    model::Envelope envelope =
        crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), host.identity);
    EXPECT_TRUE(crypto::add_signature(envelope, token));
    return codec::encode(envelope);
  }
  std::optional<model::EnrolReply> enrol(Host& host, const crypto::SecretKey& token,
                                         std::uint8_t machine) {
    host.connect(service_->enrol_endpoint());
    host.send(model::EnrolRequest{agent_key(host, token, machine)});
    return host.receive<model::EnrolReply>();
  }
  void hello(Host& host) {
    host.connect(service_->agent_endpoint());
    model::Hello hello;
    hello.tenant = tenant_->id();
    hello.agent_version = "1.0";
    hello.facts.hostname = "claimed";
    hello.facts.os = "linux";
    host.send(hello);
    ASSERT_TRUE(host.receive<model::Welcome>());
  }
  DocumentId order_dry_run() {
    const model::Policy policy = fixture::hash_policy();
    const Bytes bytes = fixture::policy_bytes(policy);
    EXPECT_EQ(call("POST", base() + "/policies", to_text(bytes), "operator").status, 201);
    model::Order order = fixture::dry_run(policy);
    order.schedule.not_before = now();
    order.schedule.not_after = now() + Seconds(3600);
    campaign_ = order.campaign;
    const Bytes signed_order = tenant_->sign(order, {"alice", "bob"});
    const auto logged = call("POST", base() + "/documents", dsse(signed_order), "operator");
    EXPECT_EQ(logged.status, 201) << logged.body;
    return fixture::id_of(signed_order);
  }
  Bytes receipt(const Host& host, const DocumentId& order, std::uint64_t seq,
                const crypto::SecretKey& signer) {
    model::Receipt receipt;
    receipt.tenant = tenant_->id();
    receipt.agent = crypto::agent_id(host.identity.public_key());
    receipt.seq = seq;
    receipt.order = order;
    receipt.kind = model::ReceiptKind::kScan;
    receipt.state = model::HostState::kFound;
    receipt.matched = 3;
    receipt.started = receipt.finished = now();
    return codec::encode(
        crypto::sign_envelope(model::kPayloadReceipt, codec::encode(receipt), signer));
  }

  std::string directory_;
  ServiceOptions options_;
  CurveKey edge_;
  std::unique_ptr<fixture::Tenant> tenant_;
  std::map<std::string, std::string> tokens_;
  std::unique_ptr<net::Context> context_;
  std::unique_ptr<Service> service_;
  std::thread thread_;
  std::string campaign_;
  std::uint16_t batches_ = 0;
};

}  // namespace fleetsweep::controller
