// Hosts at both of its ports: those that belong there, and those that do not.

#include <atomic>

#include "tests/controller/service/service_fixture.h"
#include "tests/protocol/runtime/net/raw_peer.h"
#include "tests/wait.h"

namespace fleetsweep::controller {
namespace {

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
  until([&] { return asked >= 2000 && cut >= 5; });
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
  until([&] { return cuts >= 3; });
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

}  // namespace
}  // namespace fleetsweep::controller
