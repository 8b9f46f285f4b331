// Documents on their way: into the inbox, the log, and to who checks them.

#include "tests/controller/service/service_fixture.h"
#include "tests/wait.h"

namespace fleetsweep::controller {
namespace {

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
  ASSERT_TRUE(until([&] { return size_of() == 261; }));

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

}  // namespace
}  // namespace fleetsweep::controller
