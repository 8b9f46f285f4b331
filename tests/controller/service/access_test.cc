// Tokens of the API: what they open, and for whom.

#include "tests/controller/service/service_fixture.h"
#include "tests/wait.h"

namespace fleetsweep::controller {
namespace {

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
  ASSERT_TRUE(until([&] { return get(base() + "/tiles/tile/entries/000.p/1").status == 200; }));
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
    until([&] { return status(name) != 200; });
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

}  // namespace
}  // namespace fleetsweep::controller
