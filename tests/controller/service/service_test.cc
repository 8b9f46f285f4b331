// A whole controller over loopback: real sockets, CURVE, SQLite and HTTP, and a host made by hand.

#include "controller/service/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "controller/api/api.h"
#include "controller/service/keys.h"
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
#include "tests/protocol/runtime/net/raw_peer.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::controller {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto kDeadline = 20s;

Timestamp now() {
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
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (socket->send(payload) != net::Sent::kOk && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
  }
  // The next message of type T, whatever comes before it.
  template <class T>
  std::optional<T> receive(std::chrono::steady_clock::duration patience = kDeadline) {
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

TEST_F(ServiceTest, HostEnrolsStreamsAndItsReceiptIsAcknowledgedOnceDurable) {
  create_tenant();
  const crypto::SecretKey token = log_batch(1);
  Host host(*context_, edge_);
  const auto reply = enrol(host, token, 1);
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->error, "");
  EXPECT_EQ(reply->root_chain.size(), 1u);
  ASSERT_TRUE(enrol(host, token, 1)) << "a lost answer is asked for again";
  Host thief(*context_, edge_);
  EXPECT_THAT(enrol(thief, token, 2)->error, HasSubstr("used")) << "a token used twice";

  hello(host);
  EXPECT_EQ(host.receive<model::Entries>()->entries.size(), 2u);
  EXPECT_TRUE(host.receive<model::Checkpoint>());
  const DocumentId order = order_dry_run();
  const auto pushed = host.receive<model::Entries>();
  ASSERT_TRUE(pushed);
  EXPECT_EQ(pushed->from, 2u);
  EXPECT_THAT(get(base() + "/campaigns/" + campaign_).body, HasSubstr("\"offered\":1"));
  host.send(model::Want{3, fixture::dry_run(fixture::hash_policy()).policy, 0});
  EXPECT_GT(host.receive<model::Blob>()->total, 0u);

  const crypto::SecretKey stranger = crypto::SecretKey::generate();
  const Bytes good = receipt(host, order, 1, host.identity);
  host.send(model::Receipts{{receipt(host, order, 1, stranger), good}});
  const auto ack = host.receive<model::ReceiptAck>();
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->receipts, std::vector{fixture::id_of(good)}) << "the forged one is not";
  host.send(model::Receipts{{good, good}});
  ASSERT_TRUE(host.receive<model::ReceiptAck>());
  const std::string text = metrics();
  EXPECT_THAT(text, HasSubstr("fleetsweep_results_total{outcome=\"found\",phase=\"scan\","
                              "tenant=\"test.example/log\"} 1"));
  EXPECT_THAT(text, HasSubstr("fleetsweep_results_rejected_total{reason=\"signature\"} 1"));
  EXPECT_THAT(text, HasSubstr("fleetsweep_signature_failures_total{document=\"receipt\"} 1"));
  EXPECT_THAT(text, HasSubstr("fleetsweep_signature_failures_total{document=\"order\"} 0"))
      << "or its first failure would not be an increase";
  EXPECT_THAT(text, HasSubstr("fleetsweep_results_duplicate_total 2"));

  // What was acknowledged is there after a restart, and counted the same.
  stop();
  EXPECT_EQ(*rebuild(options_.state), 1u);
  start();
  EXPECT_THAT(get(base() + "/campaigns/" + campaign_).body, HasSubstr("\"found\":1"));
  EXPECT_THAT(metrics(), HasSubstr("phase=\"scan\",tenant=\"test.example/log\"} 1"));
  EXPECT_THAT(get(base() + "/receipts?campaign=" + campaign_).body, HasSubstr(to_base64(good)));
  EXPECT_THAT(get(base() + "/receipts").body, HasSubstr(to_base64(good)));
  EXPECT_EQ(get(base() + "/receipts?after=1").body, "[]\n");
  EXPECT_EQ(get(base() + "/receipts?campaign=another").body, "[]\n");
  EXPECT_EQ(get(base() + "/receipts?after=x").status, 400);
}

TEST_F(ServiceTest, AForeignToolCannotReadTheLog) {
  create_tenant();
  for (int i = 0; i < 130; ++i) log_batch(1);
  make_token("second operator", "operator");  // one token writes 200 times at once
  tokens_["operator"] = tokens_["second operator"];
  for (int i = 0; i < 130; ++i) log_batch(1);
  const std::string tiles = base() + "/tiles/";
  const auto size_of = [&] {
    const http::Response response = get(tiles + "checkpoint");
    if (response.status != 200) return std::uint64_t{0};
    EXPECT_EQ(response.content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(response.header("Cache-Control"), "no-cache");
    const auto note = log::Note::parse(response.body);
    EXPECT_TRUE(note) << response.body;
    return log::Checkpoint::parse(note->body)->size;
  };
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (size_of() < 261 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  ASSERT_EQ(size_of(), 261u);

  // Entries hash to level 0, level 0 to level 1, and all to the checkpoint's root.
  log::CompactRange range;
  std::string hashes;
  for (const char* path : {"entries/000", "entries/001.p/5"}) {
    const http::Response response = get(tiles + "tile/" + path);
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.content_type, "application/octet-stream");
    EXPECT_THAT(*response.header("Cache-Control"), HasSubstr("immutable"));
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(response.body[at]); };
    for (std::size_t at = 0; at < response.body.size();) {
      const std::size_t length = byte(at) * 256u + byte(at + 1);
      const Digest leaf = log::leaf_hash(as_bytes(response.body.substr(at + 2, length)));
      range.append(leaf);
      hashes += as_text(leaf.view());
      at += 2 + length;
    }
  }
  EXPECT_EQ(range.size(), 261u);
  EXPECT_EQ(get(tiles + "tile/0/000").body + get(tiles + "tile/0/001.p/5").body, hashes);
  EXPECT_EQ(get(tiles + "tile/1/000.p/1").body, as_text(range.frontier().front().view()));
  EXPECT_THAT(get(tiles + "checkpoint").body, HasSubstr("\n" + to_base64(range.root().view())));
  for (const char* path :
       {"0/001", "0/001.p/6", "1/000", "1/000.p/2", "2/000.p/1", "entries/001", "entries/002.p/1"})
    EXPECT_EQ(get(tiles + "tile/" + path).status, 404) << path;
  for (const char* path : {"0/1", "0/000.p/256", "0/x000/001", "8/0/000", "entries/x"})
    EXPECT_EQ(get(tiles + "tile/" + path).status, 400) << path;
  EXPECT_EQ(call("GET", tiles + "tile/0/000", "", "").status, 401);
}

TEST_F(ServiceTest, AReceiptThatCameAfterTheCloseLooksClosed) {
  create_tenant();
  Host host(*context_, edge_);
  ASSERT_TRUE(enrol(host, log_batch(1), 1));
  hello(host);
  const DocumentId order = order_dry_run();
  std::vector<Digest> leaves;
  std::vector<Bytes> receipts;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    receipts.push_back(receipt(host, order, seq, host.identity));
    leaves.push_back(log::leaf_hash(receipts.back()));
    host.send(model::Receipts{{receipts.back()}});
    ASSERT_TRUE(host.receive<model::ReceiptAck>());
  }
  const std::string results = base() + "/campaigns/" + campaign_ + "/results";
  EXPECT_THAT(get(results).body, HasSubstr(R"("closed":null)"));
  EXPECT_THAT(get(results).body, HasSubstr(to_base64(log::tree_root(leaves).view())));
  model::Close close;
  close.campaign = campaign_;
  close.results_size = 2;
  close.results_root = log::tree_root({leaves[0], leaves[1]});
  const auto closed =
      call("POST", base() + "/documents", dsse(tenant_->sign(close, {"alice"})), "operator");
  ASSERT_EQ(closed.status, 201) << closed.body;
  EXPECT_THAT(get(results).body, HasSubstr(R"("late":1)"));
  EXPECT_THAT(get(results).body, HasSubstr(R"("size":3)"));
  const auto id = [&](std::size_t i) { return "/" + fixture::id_of(receipts[i]).hex(); };
  EXPECT_THAT(get(results + id(1)).body,
              HasSubstr(R"("proof":[")" + to_base64(leaves[0].view()) + R"("])"));
  EXPECT_THAT(get(results + id(1)).body, HasSubstr(to_base64(close.results_root.view())));
  EXPECT_THAT(get(results + id(2)).body, HasSubstr("after the close"));
  EXPECT_EQ(get(results + id(2)).status, 404);
  EXPECT_EQ(get(results + id(2) + "?size=3").status, 200);
  EXPECT_EQ(get(results + id(2) + "?size=4").status, 404);
  EXPECT_EQ(get(results + "/00").status, 400);
  EXPECT_EQ(get(base() + "/campaigns/another/results").status, 404);
}

// Two people sign in their own time; nothing of it is in the log before somebody submits it.
TEST_F(ServiceTest, InboxLosesASignatureOrStartsByItself) {
  create_tenant();
  const model::Policy policy = fixture::hash_policy();
  call("POST", base() + "/policies", to_text(fixture::policy_bytes(policy)), "operator");
  const DocumentId dry_run = order_dry_run();
  model::Order order = fixture::apply(policy, dry_run);
  order.schedule.not_before = now();
  order.schedule.not_after = now() + Seconds(3600);
  const std::string drafted = dsse(tenant_->sign(order, {}));
  EXPECT_EQ(call("POST", base() + "/pending", drafted, "viewer").status, 403);
  const auto posted = call("POST", base() + "/pending", drafted, "operator");
  ASSERT_EQ(posted.status, 201) << posted.body;
  EXPECT_THAT(posted.body, HasSubstr("\"met\":false"));
  const std::string by_alice = dsse(tenant_->sign(order, {"alice"}));
  const std::string by_bob = dsse(tenant_->sign(order, {"bob"}));
  EXPECT_EQ(call("POST", base() + "/pending", by_alice, "operator").status, 201);
  EXPECT_EQ(call("POST", base() + "/pending", by_alice, "operator").status, 201) << "once more";
  const std::string id = fixture::id_of(tenant_->sign(order, {})).hex();
  EXPECT_THAT(get("/v1/pending").body, HasSubstr("\"missing\":[{\"holder\":\"bob\""));

  model::Envelope forged = *codec::decode<model::Envelope>(tenant_->sign(order, {"bob"}));
  forged.signatures[0].signature[9] ^= 1;
  EXPECT_EQ(call("POST", base() + "/pending", codec::to_dsse_json(forged), "operator").status, 403);
  model::Order other = order;
  other.tenant.value.fill(3);
  EXPECT_EQ(
      call("POST", base() + "/pending", dsse(tenant_->sign(other, {"bob"})), "operator").status,
      403);

  stop();
  start();
  const auto met = call("POST", base() + "/pending", by_bob, "operator");
  EXPECT_THAT(met.body, HasSubstr("\"met\":true")) << "alice's was kept over the restart";
  EXPECT_THAT(get(base() + "/pending").body, HasSubstr(id));
  EXPECT_EQ(get(base() + "/documents/" + id).status, 404) << "it starts by itself";
  const auto whole = get(base() + "/pending/" + id);
  ASSERT_EQ(whole.status, 200);
  ASSERT_EQ(call("POST", base() + "/documents", whole.body, "operator").status, 201);
  EXPECT_EQ(get(base() + "/pending").body, "[]\n");
  EXPECT_EQ(get(base() + "/pending/" + id).status, 404);
  EXPECT_EQ(call("POST", base() + "/pending", drafted, "operator").status, 409)
      << "it is in the log";
}

TEST_F(ServiceTest, WithdrawnDocumentIsStillAskedFor) {
  create_tenant();
  model::Stop stop;
  stop.issued = now();
  stop.reason = "perhaps";
  ASSERT_EQ(call("POST", base() + "/pending", dsse(tenant_->sign(stop, {})), "operator").status,
            201);
  const std::string id = fixture::id_of(tenant_->sign(stop, {})).hex();
  EXPECT_EQ(call("DELETE", base() + "/pending/" + id, "", "viewer").status, 403);
  EXPECT_EQ(call("DELETE", base() + "/pending/" + id, "", "operator").status, 200);
  EXPECT_EQ(call("DELETE", base() + "/pending/" + id, "", "operator").status, 404);
  EXPECT_EQ(get("/v1/pending").body, "[]\n");
}

TEST_F(ServiceTest, TokenOfOneTenantSeesWhatWaitsForAnother) {
  create_tenant();
  const auto other = make_tenant("test.example/customer");
  ASSERT_EQ(call("POST", "/v1/tenants", dsse(other->root_envelope())).status, 201);
  make_token("customer", "operator", other->id().hex());
  for (const auto* tenant : {tenant_.get(), other.get()}) {
    model::Stop stop;
    stop.issued = now();
    stop.reason = "of " + tenant->id().hex();
    EXPECT_EQ(call("POST", "/v1/tenants/" + tenant->id().hex() + "/pending",
                   dsse(tenant->sign(stop, {})), "operator")
                  .status,
              201);
  }
  const std::string all = get("/v1/pending").body;
  EXPECT_THAT(all, HasSubstr("of " + tenant_->id().hex()));
  EXPECT_THAT(all, HasSubstr("of " + other->id().hex()));
  const std::string one = call("GET", "/v1/pending", "", "customer").body;
  EXPECT_THAT(one, testing::Not(HasSubstr("of " + tenant_->id().hex())));
  EXPECT_THAT(one, HasSubstr("of " + other->id().hex()));
  EXPECT_EQ(call("GET", base() + "/pending", "", "customer").status, 403);
}

TEST_F(ServiceTest, HostThatIsNotEnrolledIsRefusedAtTheDoor) {
  create_tenant();
  Host stranger(*context_, edge_);
  stranger.connect(service_->agent_endpoint());
  EXPECT_FALSE(stranger.receive<model::Welcome>());
  EXPECT_TRUE(stranger.refused);
}

TEST_F(ServiceTest, SameHostEnrolledTwiceIsToldWhoItIs) {
  create_tenant();
  const crypto::SecretKey token = log_batch(2);
  Host host(*context_, edge_);
  ASSERT_EQ(enrol(host, token, 1)->error, "");
  Host clone(*context_, edge_);
  EXPECT_THAT(enrol(clone, token, 1)->error, HasSubstr("this host is enrolled already"));
}

TEST_F(ServiceTest, ApiRefusesBadInputAndSaysWhatToDo) {
  EXPECT_EQ(call("GET", "/v1/tenants", "", "").status, 401);
  EXPECT_EQ(call("POST", "/v1/tenants", "{bad").status, 400);
  EXPECT_EQ(call("POST", "/v1/tenants", dsse(tenant_->root_envelope()), "viewer").status, 403);
  create_tenant();
  model::Order order = fixture::dry_run(fixture::hash_policy());
  order.schedule.not_before = now();
  order.schedule.not_after = now() + Seconds(3600);
  const auto without_policy =
      call("POST", base() + "/documents", dsse(tenant_->sign(order, {"alice"})), "operator");
  EXPECT_GE(without_policy.status, 400);
  EXPECT_THAT(without_policy.body, HasSubstr("\"next\""));
  model::Stop stop;
  stop.halt_all = true;
  stop.issued = now();
  stop.reason = "test";
  EXPECT_EQ(
      call("POST", base() + "/documents", dsse(tenant_->sign(stop, {"dave"})), "operator").status,
      403)
      << "dave is nobody here";
  EXPECT_EQ(
      call("POST", base() + "/documents", dsse(tenant_->sign(stop, {"alice"})), "viewer").status,
      403);
  EXPECT_EQ(get("/v1/tenants/" + std::string(64, '0') + "/agents").status, 404);
  EXPECT_EQ(get("/v1/tenants/xyz/agents").status, 400);
  EXPECT_EQ(get(base() + "/campaigns/none").status, 404);
  EXPECT_EQ(get(base() + "/log?from=abc").status, 400);
  EXPECT_EQ(call("POST", base() + "/policies", "no policy", "operator").status, 400);
  EXPECT_EQ(call("POST", base() + "/documents", std::string(6 << 20, 'x'), "operator").status, 413);
  EXPECT_EQ(get("/readyz").status, 200);
}

// In a pod the API stays on loopback, so the kubelet can reach only the metrics listener.
TEST_F(ServiceTest, MetricsListenerSaysWhetherTheControllerIsAliveAndReadyAndNothingElse) {
  const auto asked = [&](const std::string& path) {
    return http::request("GET", "http://" + service_->metrics_address() + path, {}, "")->status;
  };
  EXPECT_EQ(asked("/healthz"), 200);
  EXPECT_EQ(asked("/readyz"), 200);
  EXPECT_EQ(asked("/v1/tenants"), 404);
}

// A pod runs it at each of its starts, and people when they lost what it printed.
TEST_F(ServiceTest, RepeatedInitKeepsTheKeysAndRefusesAnotherOrigin) {
  ASSERT_TRUE(init_keys(options_.state, "test.example/log"));
  EXPECT_EQ(read_keys(options_.state)->edge.pub, edge_);
  const auto other = init_keys(options_.state, "other.example");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("test.example/log"));
  EXPECT_EQ(read_keys(options_.state)->origin, "test.example/log");
}

TEST_F(ServiceTest, TokenOpensADoorThatIsNotItsOwn) {
  create_tenant();
  tokens_["unknown"] = "fsapi-" + std::string(64, '0');
  EXPECT_EQ(call("GET", "/v1/tenants", "", "unknown").status, 401);
  EXPECT_EQ(call("GET", base() + "/campaigns/c/events", "", "").status, 401);
  EXPECT_EQ(call("GET", base() + "/campaigns/c/events", "", "unknown").status, 401);
  const auto other = make_tenant("test.example/log/other");
  const std::string root = dsse(other->root_envelope());
  EXPECT_EQ(call("POST", "/v1/tenants", root, "operator").status, 403);

  const std::string hex = tenant_->id().hex();
  make_token("our admin", "admin", hex);
  make_token("our viewer", "viewer", hex);
  EXPECT_EQ(call("POST", "/v1/tenants", root, "our admin").status, 403) << "of one tenant only";
  EXPECT_EQ(call("POST", "/v1/tenants", root).status, 201);
  const std::string elsewhere = "/v1/tenants/" + other->id().hex();
  for (const char* path : {"/agents", "/log", "/receipts", "/campaigns", "/campaigns/c/events"}) {
    EXPECT_EQ(call("GET", elsewhere + path, "", "our viewer").status, 403) << path;
    EXPECT_NE(call("GET", base() + path, "", "our viewer").status, 403) << path;
  }
  EXPECT_EQ(call("POST", elsewhere + "/policies", "x", "our admin").status, 403);
  EXPECT_THAT(call("GET", "/v1/tenants", "", "viewer").body, HasSubstr(other->id().hex()));
  EXPECT_THAT(call("GET", "/v1/tenants", "", "our viewer").body,
              testing::AllOf(HasSubstr(hex), testing::Not(HasSubstr(other->id().hex()))));
}

// Every route that there is, with everything real in its path: whoever adds one is held to this.
TEST_F(ServiceTest, TokenOfOneTenantReadsAnotherThroughSomeRoute) {
  create_tenant();
  const auto other = make_tenant("test.example/log/other");
  create_tenant(*other);
  const crypto::SecretKey token = log_batch(1);
  Host host(*context_, edge_);
  ASSERT_EQ(enrol(host, token, 1)->error, "");
  hello(host);
  const DocumentId order = order_dry_run();
  const Bytes said = receipt(host, order, 1, host.identity);
  host.send(model::Receipts{{said}});
  ASSERT_TRUE(host.receive<model::ReceiptAck>());
  const auto witnessed_by = std::chrono::steady_clock::now() + kDeadline;
  while (get(base() + "/tiles/tile/entries/000.p/1").status != 200 &&
         std::chrono::steady_clock::now() < witnessed_by)
    std::this_thread::yield();
  const Bytes waits = tenant_->sign(model::Stop{.reason = "perhaps"}, {});
  ASSERT_EQ(call("POST", base() + "/pending", dsse(waits), "operator").status, 201);
  const std::map<std::string, std::string> real = {
      {"/pending/{id}", "/pending/" + fixture::id_of(waits).hex()},  // before "{id}"
      {"{path...}", "entries/000.p/1"},
      {"{receipt}", fixture::id_of(said).hex() + "?size=1"},
      {"{tenant}", tenant_->id().hex()},
      {"{id}", order.hex()},
      {"{digest}", fixture::dry_run(fixture::hash_policy()).policy.hex()},
      {"{agent}", crypto::agent_id(host.identity.public_key()).hex()},
      {"{campaign}", campaign_}};
  for (const char* role : {"viewer", "operator", "admin"}) {
    make_token(std::string("theirs ") + role, role, other->id().hex());
    make_token(std::string("ours ") + role, role, tenant_->id().hex());
  }

  Hub hub;
  Api api([](Call) { return false; }, hub);
  http::Server table;
  api.serve(table);
  std::size_t of_tenants = 0;
  for (const auto& [method, pattern, is_stream] : table.routes()) {
    std::string path = pattern;
    for (const auto& [name, value] : real)
      if (const auto at = path.find(name); at != std::string::npos)
        path.replace(at, name.size(), value);
    EXPECT_EQ(path.find('{'), std::string::npos) << pattern << ": give its parameter a value here";
    if (!pattern.starts_with("/v1/")) continue;
    EXPECT_EQ(call(method, path, "", "").status, 401) << method << " " << pattern;
    // Who reads does not write, and who submits founds no tenant and sets no quota.
    constexpr const char* kRoles[] = {"viewer", "operator", "admin"};
    const bool is_admins = pattern.ends_with("/quotas") || pattern == "/v1/tenants";
    const int least = method == "GET" ? 0 : is_admins ? 2 : 1;
    for (int role = 0; role < least; ++role)
      for (const std::string& whose : {std::string(), std::string("ours ")}) {
        const auto answer = call(method, path, "{}", whose + kRoles[role]);
        EXPECT_EQ(answer.status, 403) << method << " " << pattern << " as " << kRoles[role];
        EXPECT_THAT(answer.body, HasSubstr(std::string("role ") + kRoles[least] + " is needed"));
      }
    if (pattern.find("{tenant}") == std::string::npos) continue;
    ++of_tenants;
    for (const char* role : kRoles) {
      const auto answer = call(method, path, "{}", std::string("theirs ") + role);
      EXPECT_EQ(answer.status, 403) << method << " " << pattern << " as " << role << answer.body;
      EXPECT_THAT(answer.body, testing::Not(HasSubstr("host-1")));
    }
    const bool is_page = !is_stream && pattern.find("checkpoint") == std::string::npos;
    if (method == "GET" && is_page) {
      EXPECT_EQ(call(method, path, "", "ours viewer").status, 200) << pattern << ": is it real?";
    }
  }
  EXPECT_EQ(get(base() + "/pending/" + fixture::id_of(waits).hex()).status, 200)
      << "nobody of those took it away";
  EXPECT_GE(of_tenants, 14u) << "the test sees no routes";
  EXPECT_THAT(call("GET", "/v1/tenants", "", "theirs viewer").body,
              testing::Not(HasSubstr(tenant_->id().hex())));
  EXPECT_EQ(call("POST", "/v1/tenants", dsse(tenant_->root_envelope()), "theirs admin").status,
            403);
}

TEST_F(ServiceTest, StoreOrLogHoldsATokenInClear) {
  testing::internal::CaptureStderr();
  create_tenant();
  EXPECT_EQ(call("GET", "/v1/tenants", "", "viewer").status, 200);
  ASSERT_TRUE(rotate_token(options_.state, id_of_token("viewer"), "1h", directory_ + "/next"));
  read_token("next", directory_ + "/next");
  EXPECT_EQ(call("GET", "/v1/tenants", "", "next").status, 200);
  stop();
  std::string everything = testing::internal::GetCapturedStderr() + *tokens_json(options_.state);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.state))
    if (entry.is_regular_file()) {
      ++files;
      everything += to_text(*fleetsweep::files::read_file(entry.path(), 64 << 20));
    }
  EXPECT_GE(files, 4u);
  for (const auto& [name, text] : tokens_) {
    const std::string secret = text.substr(text.find('-') + 1);
    EXPECT_EQ(everything.find(secret), std::string::npos) << name;
    const auto raw = Digest::parse_hex(secret);
    ASSERT_TRUE(raw) << "a token's secret has 32 bytes";
    EXPECT_EQ(everything.find(as_text(raw->view())), std::string::npos) << name << ", raw";
  }
}

TEST_F(ServiceTest, RotatedTokenOpensAfterItsOverlapOrAnEndedOneAfterItsEnd) {
  create_tenant();
  make_token("shortlived", "viewer", "", "3s");  // times are whole seconds
  const auto status = [&](const std::string& name) {
    return call("GET", "/v1/tenants", "", name).status;
  };
  EXPECT_EQ(status("shortlived"), 200);
  ASSERT_TRUE(rotate_token(options_.state, id_of_token("viewer"), "1s", directory_ + "/next"));
  read_token("next", directory_ + "/next");
  EXPECT_EQ(status("next"), 200);
  const auto until_closed = [&](const std::string& name) {
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (status(name) == 200 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return status(name);
  };
  EXPECT_EQ(until_closed("viewer"), 401);
  EXPECT_EQ(until_closed("shortlived"), 401);
  EXPECT_EQ(status("next"), 200);
  // At once, with the same rights: another secret for our operator of one tenant.
  make_token("ours", "operator", tenant_->id().hex(), "30d");
  ASSERT_TRUE(rotate_token(options_.state, id_of_token("ours"), "", directory_ + "/ours2"));
  read_token("ours2", directory_ + "/ours2");
  EXPECT_EQ(status("ours"), 401);
  const auto list = nlohmann::json::parse(*tokens_json(options_.state));
  auto row = list.begin();
  while (row != list.end() && (*row)["id"] != id_of_token("ours2")) ++row;
  ASSERT_NE(row, list.end());
  EXPECT_EQ((*row)["role"], "operator");
  EXPECT_EQ((*row)["tenant"], tenant_->id().hex());
  EXPECT_EQ((*row)["last_used"], "");
  EXPECT_GT(*from_rfc3339((*row)["expires"].get<std::string>()), now() + Seconds(29 * 86400));
  EXPECT_EQ(status("ours2"), 200);
  EXPECT_THAT(*tokens_json(options_.state), HasSubstr("\"last_used\": \"20"));
  EXPECT_EQ(
      rotate_token(options_.state, id_of_token("shortlived"), "", directory_ + "/x").error().code,
      Code::kConflict);
  EXPECT_FALSE(create_token(options_.state, "viewer", "", "soon", directory_ + "/y"));
  const Status nobodys =
      create_token(options_.state, "viewer", TenantId{}.hex(), "", directory_ + "/z");
  ASSERT_FALSE(nobodys);
  EXPECT_THAT(nobodys.error().message, HasSubstr("tenant list"));
}

TEST_F(ServiceTest, PlainHttpOfTheApiIsServedBeyondLoopback) {
  stop();
  options_.api_listen = "0.0.0.0:0";
  const auto open = Service::start(options_);
  ASSERT_FALSE(open);
  EXPECT_THAT(open.error().message, HasSubstr("api_listen"));
  EXPECT_THAT(open.error().message, HasSubstr("HTTP without TLS is for loopback"));
  // Not even if it is allowed: that is for metrics, which carry no token.
  options_.allow_remote = true;
  const auto allowed = Service::start(options_);
  ASSERT_FALSE(allowed);
  EXPECT_THAT(allowed.error().message, HasSubstr("api_listen"));
  EXPECT_THAT(allowed.error().message, HasSubstr("set up TLS"));
  options_.api_listen = "127.0.0.1:0";
  options_.metrics_listen = "[::]:0";
  EXPECT_TRUE(Service::start(options_));
  options_.allow_remote = false;
  EXPECT_FALSE(Service::start(options_));
}

TEST_F(ServiceTest, QuotaIsTheTenantsToSetOrIsForgotten) {
  create_tenant();
  make_token("ours", "admin", tenant_->id().hex());
  EXPECT_EQ(call("POST", base() + "/quotas", R"({"agents": 1})", "ours").status, 403);
  EXPECT_EQ(call("POST", base() + "/quotas", R"({"agent": 1})").status, 400);
  EXPECT_EQ(call("POST", base() + "/quotas", R"({"agents": -1})").status, 400);
  const auto set = call("POST", base() + "/quotas", R"({"agents": 1})");
  EXPECT_EQ(set.status, 200) << set.body;
  EXPECT_THAT(set.body, HasSubstr(R"("agents":{"most":1,"used":0})"));
  const crypto::SecretKey token = log_batch(5);
  Host first(*context_, edge_), second(*context_, edge_);
  ASSERT_EQ(enrol(first, token, 1)->error, "");
  EXPECT_THAT(enrol(second, token, 2)->error, HasSubstr("quota agents"));
  stop();
  start();
  EXPECT_THAT(get("/v1/tenants").body, HasSubstr(R"("agents":{"most":1,"used":1})"));
  EXPECT_THAT(enrol(second, token, 2)->error, HasSubstr("quota agents"));
  EXPECT_THAT(metrics(),
              HasSubstr("fleetsweep_quota_exceeded_total{quota=\"agents\",tenant=\"test"));
}

TEST_F(ServiceTest, StolenOldTransportKeyStillConnects) {
  create_tenant();
  const crypto::SecretKey token = log_batch(1);
  Host host(*context_, edge_);
  ASSERT_EQ(enrol(host, token, 1)->error, "");
  Host thief(*context_, edge_);
  thief.curve = host.curve;
  hello(host);

  const net::CurveKeyPair fresh = net::generate_curve_keys();
  const Bytes enrolled = agent_key(host, token, 1);
  auto key = *codec::decode<model::AgentKey>(codec::decode<model::Envelope>(enrolled)->payload);
  key.curve = fresh.pub;
  key.issued = now() + Seconds(1);
  host.send(model::Rekey{codec::encode(
      crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), host.identity))});
  const auto rekeyed = host.receive<model::Rekeyed>();
  ASSERT_TRUE(rekeyed);
  EXPECT_EQ(rekeyed->curve, fresh.pub);
  hello(thief);  // both open until the new one was used
  stop();
  start();  // and a restart forgets neither
  hello(thief);
  host.curve = fresh;
  hello(host);
  host.send(model::Beat{});
  ASSERT_TRUE(host.receive<model::Beat>()) << "the turn in which the old key goes is over";
  EXPECT_FALSE(thief.receive<model::Welcome>()) << "cut, and not let in again";
  EXPECT_TRUE(thief.refused);
  const auto shown = nlohmann::json::parse(get(base() + "/enrolments").body);
  ASSERT_EQ(shown.size(), 1u);
  ASSERT_EQ(shown[0]["rekeys"].size(), 1u) << "auditors see the chain";
  EXPECT_NE(shown[0]["rekeys"][0]["used"], "");
  EXPECT_THAT(get(base() + "/agents").body, HasSubstr(fresh.pub.hex()));
  EXPECT_THAT(metrics(), HasSubstr("fleetsweep_agent_rekeys_total{outcome=\"used\"} 1"));
}

// The tenant next door, whose people are others although they have the same names.
struct Neighbour {
  explicit Neighbour(model::Root root) {
    for (model::Key& key : root.keys) key.pub = theirs(key.holder).public_key();
    envelope = sign(root, {"alice", "bob", "carol", "conductor"});
    id = trust::tenant_id(codec::decode<model::Envelope>(envelope)->payload);
  }
  static crypto::SecretKey theirs(const std::string& holder) {
    return fixture::key_named("next door, " + holder);
  }
  template <class T>
  static Bytes sign(const T& document, std::initializer_list<std::string> people) {
    model::Envelope envelope{std::string(codec::payload_type<T>()), codec::encode(document), {}};
    for (const std::string& person : people)
      EXPECT_TRUE(crypto::add_signature(envelope, theirs(person)));
    return codec::encode(envelope);
  }
  Bytes envelope;
  TenantId id;
};

// Everything that tenant A has: an admin's token, every key of its root, a host. B is next door.
TEST_F(ServiceTest, MaliciousTenantAdminTouchesAnotherTenant) {
  create_tenant();
  const Neighbour victim(make_tenant("test.example/log/victim")->root());
  ASSERT_EQ(call("POST", "/v1/tenants", dsse(victim.envelope)).status, 201);
  const std::string theirs = "/v1/tenants/" + victim.id.hex();
  make_token("a", "admin", tenant_->id().hex());
  make_token("b", "operator", victim.id.hex());

  const crypto::SecretKey token = crypto::SecretKey::generate();
  model::EnrolBatch batch;
  batch.tenant = victim.id;
  batch.not_after = now() + Seconds(3600);
  batch.tokens = {{token.public_key(), 1}};
  batch.jurisdiction = "DE";
  const auto batched =
      call("POST", theirs + "/documents", dsse(victim.sign(batch, {"alice"})), "b");
  ASSERT_EQ(batched.status, 201) << batched.body;
  const auto size = [&](const std::string& path) {
    return nlohmann::json::parse(call("GET", path + "/log", "").body)["size"].get<std::size_t>();
  };
  const std::size_t before = size(theirs);

  // Documents for B, signed by all of A's people.
  model::Order order = fixture::dry_run(fixture::hash_policy());
  order.schedule.not_before = now();
  order.schedule.not_after = now() + Seconds(3600);
  model::Stop stop;
  stop.halt_all = true;
  stop.issued = now();
  stop.reason = "mine";
  const auto signed_by_a = [&](auto document) {
    document.tenant = victim.id;
    return dsse(tenant_->sign(document, {"alice", "bob", "carol"}));
  };
  batch.batch.value[0] = 77;
  for (const std::string& document : {signed_by_a(order), signed_by_a(stop), signed_by_a(batch)}) {
    EXPECT_EQ(call("POST", theirs + "/documents", document, "a").status, 403) << "by its token";
    const auto refused = call("POST", theirs + "/documents", document);
    EXPECT_EQ(refused.status, 403) << "even with everybody's: " << refused.body;
    EXPECT_THAT(refused.body, HasSubstr("untrusted"));
    const auto at_home = call("POST", base() + "/documents", document, "a");
    EXPECT_GE(at_home.status, 400) << at_home.body;
    EXPECT_THAT(at_home.body, HasSubstr("tenant"));
  }

  // A's own good documents, in B's log.
  for (const Bytes& document : {tenant_->sign(stop, {"alice"}), tenant_->root_envelope()}) {
    const auto refused = call("POST", theirs + "/documents", dsse(document));
    EXPECT_GE(refused.status, 400) << refused.body;
  }
  EXPECT_EQ(size(theirs), before) << "nothing of it is in B's log";

  // A's host: enrolled with A, it asks for what is B's.
  const crypto::SecretKey own_token = log_batch(2);
  Host mole(*context_, edge_);
  ASSERT_EQ(enrol(mole, own_token, 1)->error, "");
  mole.connect(service_->agent_endpoint());
  model::Hello hello;
  hello.tenant = victim.id;
  mole.send(hello);
  const auto shown_out = mole.receive<model::RetryAfter>();
  ASSERT_TRUE(shown_out);
  EXPECT_THAT(shown_out->reason, HasSubstr("another tenant"));
  const Bytes secret = fixture::policy_bytes(fixture::hash_policy());
  ASSERT_EQ(call("POST", theirs + "/policies", to_text(secret), "b").status, 201);
  mole.send(model::Want{0, crypto::sha256(secret), 0});
  const auto blob = mole.receive<model::Blob>();
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->total, 0u) << "B's policy is not A's";
  const auto entries = mole.receive<model::Entries>(2s);
  ASSERT_TRUE(entries);
  for (const Bytes& entry : entries->entries)
    EXPECT_EQ(to_text(entry).find(to_text(victim.id.view())), std::string::npos);

  // B's token key is not in A's hands: a host of A for B, by a token of A.
  Host intruder(*context_, edge_);
  model::AgentKey key;
  key.tenant = victim.id;
  key.identity = intruder.identity.public_key();
  key.curve = intruder.curve.pub;
  key.host.value[0] = 9;
  key.token = own_token.public_key();
  key.issued = now();
  model::Envelope request =
      crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), intruder.identity);
  ASSERT_TRUE(crypto::add_signature(request, own_token));
  intruder.connect(service_->enrol_endpoint());
  intruder.send(model::EnrolRequest{codec::encode(request)});
  EXPECT_THAT(intruder.receive<model::EnrolReply>()->error, HasSubstr("in no batch"));

  // An order of A that names B's host: it is in A's log and counts nobody.
  Host target(*context_, edge_);
  key.identity = target.identity.public_key();
  key.curve = target.curve.pub;
  key.host.value[0] = 10;
  key.token = token.public_key();
  request = crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), target.identity);
  ASSERT_TRUE(crypto::add_signature(request, token));
  target.connect(service_->enrol_endpoint());
  target.send(model::EnrolRequest{codec::encode(request)});
  ASSERT_EQ(target.receive<model::EnrolReply>()->error, "");
  ASSERT_EQ(call("POST", base() + "/policies", to_text(secret), "a").status, 201);
  order.tenant = {};
  order.scope.include = {crypto::agent_id(target.identity.public_key())};
  const auto logged =
      call("POST", base() + "/documents", dsse(tenant_->sign(order, {"alice", "bob"})), "a");
  ASSERT_EQ(logged.status, 201) << logged.body;
  const auto campaign =
      nlohmann::json::parse(call("GET", base() + "/campaigns/" + order.campaign, "", "a").body);
  EXPECT_EQ(campaign["targeted"], 0);
  // And a receipt of A's host for B's order is nothing.
  mole.send(model::Receipts{{receipt(mole, DocumentId{}, 1, mole.identity)}});
  ASSERT_TRUE(mole.receive<model::ReceiptAck>());
  EXPECT_EQ(call("GET", theirs + "/receipts", "", "b").body, "[]\n");
}

// They have no token, and all keys they want.
TEST_F(ServiceTest, StrangersKeepAHostFromEnrolling) {
  create_tenant();
  const crypto::SecretKey token = log_batch(1);
  const crypto::SecretKey made_up = crypto::SecretKey::generate();
  const std::string enrol_at = service_->enrol_endpoint();
  Host stranger(*context_, edge_);
  const Bytes request =
      codec::encode(model::Message(model::EnrolRequest{agent_key(stranger, made_up, 9)}));
  testing::internal::CaptureStderr();
  std::atomic<bool> floods = true;
  std::atomic<int> asked = 0, cut = 0;
  std::thread flood([&] {
    while (floods) {
      net::RawPeer peer(enrol_at, 5);
      if (!peer.is_connected() ||
          !peer.shake_hands(edge_, net::generate_curve_keys(), net::RawPeer::dealer()))
        continue;
      while (floods && peer.write(peer.message(request))) ++asked;
      ++cut;
    }
  });
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while ((asked < 2000 || cut < 5) && std::chrono::steady_clock::now() < end)
    std::this_thread::yield();
  EXPECT_GE(asked, 2000);
  EXPECT_GE(cut, 5) << "a visit is a request and some patience";
  Host host(*context_, edge_);
  host.connect(service_->enrol_endpoint());
  std::optional<model::EnrolReply> reply;
  for (int i = 0; i < 40 && !reply; ++i) {  // as it does when it is told to wait
    host.send(model::EnrolRequest{agent_key(host, token, 1)});
    reply = host.receive<model::EnrolReply>(500ms);
  }
  floods = false;
  flood.join();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->error, "");
  stop();
  const std::string log = testing::internal::GetCapturedStderr();
  std::size_t lines = 0;
  for (auto at = log.find("enrolment_refused"); at != std::string::npos;
       at = log.find("enrolment_refused", at + 1))
    ++lines;
  EXPECT_GE(lines, 1u);
  EXPECT_LE(lines, 60u) << "they fill the log";
}

// One host that was taken: it sends without end, and comes back each time that it is cut.
TEST_F(ServiceTest, FloodOfOneHostKeepsAnotherWaiting) {
  create_tenant();
  const crypto::SecretKey token = log_batch(2);
  Host mole(*context_, edge_), honest(*context_, edge_);
  ASSERT_EQ(enrol(mole, token, 1)->error, "");
  ASSERT_EQ(enrol(honest, token, 2)->error, "");
  mole.socket.reset();
  const std::string agents_at = service_->agent_endpoint();
  testing::internal::CaptureStderr();
  std::atomic<bool> floods = true;
  std::atomic<int> cuts = 0;
  std::thread flood([&] {
    model::Hello hello;
    hello.tenant = tenant_->id();
    const Bytes words = codec::encode(model::Message(hello));
    while (floods) {
      net::RawPeer peer(agents_at, 5);
      if (!peer.is_connected() || !peer.shake_hands(edge_, mole.curve, net::RawPeer::dealer()))
        continue;
      while (floods && peer.write(peer.message(words))) {
      }
      cuts += floods;
    }
  });
  const auto end = std::chrono::steady_clock::now() + kDeadline;
  while (cuts < 3 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_GE(cuts, 3) << "it is told when to come again, goes on and is cut";
  hello(honest);
  honest.send(model::Beat{});
  EXPECT_TRUE(honest.receive<model::Beat>());
  floods = false;
  flood.join();
  const std::string cut = "fleetsweep_connections_cut_total{reason=\"flooding\",socket=\"agent\"}";
  EXPECT_THAT(metrics(), HasSubstr(cut));
  stop();
  const std::string log = testing::internal::GetCapturedStderr();
  const std::string said = "host_floods detail=\"tenant=test.example/log agent=" +
                           crypto::agent_id(mole.identity.public_key()).hex();
  EXPECT_THAT(log, HasSubstr(said));
  EXPECT_EQ(log.find("host_floods"), log.rfind("host_floods")) << "once a minute, not at each cut";
}

TEST_F(ServiceTest, RevokedTokenStillOpens) {
  create_tenant();
  order_dry_run();
  const auto before = token_ids();
  make_token("lost", "viewer");
  EXPECT_EQ(call("GET", "/v1/tenants", "", "lost").status, 200);
  std::string id;
  for (const std::string& one : token_ids())
    if (std::ranges::find(before, one) == before.end()) id = one;

  int events = 0;
  const std::string url =
      "http://" + service_->api_address() + base() + "/campaigns/" + campaign_ + "/events";
  EXPECT_TRUE(http::follow_events(
      url, {{"Authorization", "Bearer " + tokens_["lost"]}}, {}, [&](const http::Event&) {
        if (++events == 1) {
          EXPECT_TRUE(revoke_token(options_.state, id)) << "while the controller runs";
          model::Stop stop;  // another event, for those who may still see it
          stop.halt_all = true;
          stop.issued = now();
          stop.reason = "test";
          EXPECT_EQ(
              call("POST", base() + "/documents", dsse(tenant_->sign(stop, {"alice"}))).status,
              201);
        }
        return events < 2;
      }));
  EXPECT_EQ(events, 1) << "a stream that is open ends";
  EXPECT_EQ(call("GET", "/v1/tenants", "", "lost").status, 401);
  EXPECT_EQ(call("GET", "/v1/tenants", "", "viewer").status, 200);
  EXPECT_EQ(token_ids(), before);
  const Status again = revoke_token(options_.state, id);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kNotFound);
  EXPECT_THAT(again.error().message, HasSubstr("token list"));
  stop();
  const auto store = *store::open_sqlite_store(database_path(options_.state));
  std::string audited;
  const std::vector<store::Audit> audit = *store->audit();
  for (const store::Audit& row : audit)
    if (row.what == "api_token_revoked") audited += row.who + " " + row.detail;
  EXPECT_EQ(audited, "local viewer " + id);
}

TEST_F(ServiceTest, OneTokenWritesWithoutEnd) {
  create_tenant();
  int taken = 0;
  std::string refused;
  while (taken < 1000 && refused.empty()) {
    const auto answer = call("POST", base() + "/policies", "no policy", "operator");
    if (answer.status == 429)
      refused = answer.body;
    else
      ++taken;
  }
  EXPECT_GE(taken, 200);
  EXPECT_LT(taken, 1000);
  EXPECT_THAT(refused, HasSubstr("this token writes too much"));
  EXPECT_EQ(call("GET", base() + "/agents", "", "operator").status, 200) << "it may still look";
  EXPECT_EQ(call("POST", base() + "/policies", "no policy", "admin").status, 400) << "and others";
}

TEST_F(ServiceTest, PortInUseIsBlamedOnTheWitness) {
  create_tenant();
  stop();
  http::Server other;
  ASSERT_TRUE(other.start({.listen = "127.0.0.1:0"}));
  options_.api_listen = other.address();
  testing::internal::CaptureStderr();
  EXPECT_FALSE(Service::start(options_));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "nothing else went wrong";
  other.stop();
}

TEST_F(ServiceTest, SecondControllerOnTheSameStateOrPortIsRefused) {
  const auto same_state = Service::start(options_);
  ASSERT_FALSE(same_state);
  EXPECT_THAT(same_state.error().message, HasSubstr("another"));
  ServiceOptions other = options_;
  other.state = directory_ + "/other";
  ASSERT_TRUE(init_keys(other.state, "other.example"));
  other.api_listen = service_->api_address();
  const auto same_port = Service::start(other);
  ASSERT_FALSE(same_port);
  EXPECT_THAT(same_port.error().message, HasSubstr("api_listen"));
}

}  // namespace
}  // namespace fleetsweep::controller
