// How it starts, where it listens, and what it says to nonsense.

#include "tests/controller/service/service_fixture.h"

namespace fleetsweep::controller {
namespace {

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

}  // namespace
}  // namespace fleetsweep::controller
