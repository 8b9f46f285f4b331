// What Prometheus is told about a core, a second at a time.

#include "controller/driver/telemetry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/metrics_names.h"
#include "controller/metrics_table.h"
#include "protocol/codec/codec.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

class TelemetryTest : public testing::Test {
 protected:
  TelemetryTest() {
    EXPECT_TRUE(core_.create_tenant(tenant_.root_envelope(), "test", now_, effects_));
    origin_ = core_.find(tenant_.id())->name;
    model::EnrolBatch batch;
    batch.not_after = fixture::start() + fixture::kDay;
    batch.tokens = {{token_.public_key(), 100}};
    batch.groups = {"web"};
    batch.jurisdiction = "DE";
    log(batch, {"alice"});
  }
  template <class T>
  DocumentId log(const T& document, std::initializer_list<std::string> people) {
    const auto logged =
        core_.submit(tenant_.id(), tenant_.sign(document, people), "test", now_, effects_);
    EXPECT_TRUE(logged) << logged.error().message;
    return logged ? logged->id : DocumentId{};
  }
  HostRef enrol(std::uint8_t number) {
    const crypto::SecretKey identity = fixture::key_named("host" + std::to_string(number));
    model::AgentKey key;
    key.tenant = tenant_.id();
    key.identity = identity.public_key();
    key.curve.value[0] = key.host.value[0] = number;
    key.token = token_.public_key();
    key.issued = to_timestamp(now_);
    auto envelope = crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), identity);
    EXPECT_TRUE(crypto::add_signature(envelope, token_));
    return core_.enrol(codec::encode(envelope), key.curve, now_, effects_)->host;
  }
  void beat(const HostRef& host, std::uint64_t log_size) {
    core_.on_message(host, model::Beat{log_size, "idle", 0, {}}, now_, effects_);
  }
  DocumentId order() {
    const model::Policy policy = fixture::hash_policy();
    EXPECT_TRUE(
        core_.put_policy(tenant_.id(), fixture::policy_bytes(policy), "test", now_, effects_));
    return log(fixture::dry_run(policy), {"alice"});
  }
  // The driver's part of a turn, and the tick after it.
  void tell() {
    for (const Notice& notice : std::exchange(effects_, {}).notice) {
      if (const auto* count = std::get_if<Count>(&notice)) telemetry_.on(*count);
      if (const auto* changed = std::get_if<CampaignChanged>(&notice))
        telemetry_.on_campaign(*core_.find(changed->tenant), rollout(changed->campaign), now_);
    }
    telemetry_.tick(core_, now_);
  }
  const campaign::Rollout& rollout(const std::string& name) const {
    return core_.find(tenant_.id())->campaigns.at(name);
  }
  std::uint64_t log_size() const { return core_.find(tenant_.id())->entries.size(); }
  std::string stop_ack() const {
    const std::string text = metrics_.text();
    const auto at = text.find("\nfleetsweep_stop_ack_ratio{");
    if (at == std::string::npos) return "none";
    const auto value = text.find("} ", at) + 2;
    return text.substr(value, text.find('\n', value) - value);
  }

  Instant now_ = Instant(fixture::start());
  fixture::Tenant tenant_;
  crypto::SecretKey token_ = fixture::key_named("token");
  Core core_{{.log_key = fixture::key_named("log").public_key()}, now_};
  Effects effects_;
  metrics::Metrics metrics_{kMetrics};
  event_log::EventLog log_{event_log::Level::kError};
  MetricsTelemetry telemetry_{metrics_, log_, {}};
  std::string origin_;
};

TEST_F(TelemetryTest, NobodySeesThatSignaturesAreWaitedFor) {
  const auto waits = [&](const std::string& number) {
    return HasSubstr("fleetsweep_pending_documents{tenant=\"" + origin_ + "\"} " + number + "\n");
  };
  tell();
  EXPECT_THAT(metrics_.text(), waits("0"));
  model::Stop stop;
  stop.issued = to_timestamp(now_);
  const Bytes unsigned_yet = tenant_.sign(stop, {});
  ASSERT_TRUE(core_.post_pending(tenant_.id(), unsigned_yet, "test", now_, effects_));
  tell();
  EXPECT_THAT(metrics_.text(), waits("1"));
  log(stop, {"alice"});
  tell();
  EXPECT_THAT(metrics_.text(), waits("0"));
}

// The log's key was lost: this controller has another, and the next root names its log.
TEST_F(TelemetryTest, TenantOfANewLogIsStillShownUnderTheOldOne) {
  order();
  telemetry_.on(Count{kReceiptForks, {{"tenant", origin_}}});
  tell();
  ASSERT_THAT(metrics_.text(), HasSubstr("tenant=\"" + origin_ + "\""));
  const log::VerifierKey second{"log.example/second", log::KeyType::kEd25519,
                                fixture::key_named("second log").public_key()};
  SavedTenant saved{.tenant = {1, tenant_.id(), origin_, to_timestamp(now_)}};
  log::CompactRange tree;
  for (const Bytes& entry : core_.find(tenant_.id())->entries) {
    saved.entries.push_back({1, tree.size(), entry, to_timestamp(now_)});
    tree.append(log::leaf_hash(entry));
  }
  saved.policies = {fixture::policy_bytes(fixture::hash_policy())};
  core_ = Core({.log_key = second.key}, now_);
  ASSERT_TRUE(core_.restore(saved, effects_));
  tell();
  log(tenant_.next(tenant_.verified(),
                   [&](model::Root& root) {
                     root.logs = {{second.text(), tree.size(), tree.root(), tree.frontier()}};
                   }),
      {"alice", "bob"});
  tell();
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("tenant=\"" + origin_ + "\"")));
  EXPECT_EQ(metrics_.value(kReceiptForks, {{"tenant", second.name}}), 1) << "counters go on";
  EXPECT_THAT(metrics_.text(), HasSubstr("fleetsweep_campaign_info{"));
  EXPECT_EQ(metrics_.value(kLogSize, {{"tenant", second.name}}), tree.size() + 1);
}

TEST_F(TelemetryTest, NobodySeesWhetherAStopHasArrived) {
  const HostRef quick = enrol(1);
  const HostRef slow = enrol(2);
  enrol(3);  // never connected: it is not waited for
  order();
  for (const HostRef& host : {quick, slow}) beat(host, log_size());
  tell();
  EXPECT_EQ(stop_ack(), "none") << "nothing is stopped";

  model::Stop stop;
  stop.halt_all = true;
  stop.issued = to_timestamp(now_);
  stop.reason = "test";
  const DocumentId stopped = log(stop, {"alice"});
  tell();
  EXPECT_EQ(stop_ack(), "0") << "it was sent to both, and neither has said that it read it";
  beat(quick, log_size());
  tell();
  EXPECT_EQ(stop_ack(), "0.5");
  beat(slow, log_size());
  tell();
  EXPECT_EQ(stop_ack(), "1");

  model::Resume resume;
  resume.stops = {stopped};
  resume.reason = "test";
  log(resume, {"alice", "bob"});
  tell();
  EXPECT_EQ(stop_ack(), "none");
}

TEST_F(TelemetryTest, SeriesOfOldCampaignsStayForEver) {
  enrol(1);
  order();
  const std::string name = core_.find(tenant_.id())->campaigns.begin()->first;
  const std::string label = "campaign=\"" + name + "\"";
  const Count refusal{kRefusals, {{"tenant", origin_}, {"campaign", name}, {"reason", "scope"}}};
  telemetry_.on(refusal);
  model::Close close;
  close.campaign = name;
  log(close, {"alice", "bob"});
  tell();
  EXPECT_THAT(metrics_.text(), HasSubstr("phase=\"closed\""));
  EXPECT_THAT(metrics_.text(), Not(HasSubstr("phase=\"scan\"")));
  now_ += kClosedSeriesKept - Seconds(1);
  tell();
  EXPECT_THAT(metrics_.text(), HasSubstr(label));
  now_ += Seconds(1);
  tell();
  EXPECT_THAT(metrics_.text(), Not(HasSubstr(label)));
  EXPECT_THAT(metrics_.text(), HasSubstr("fleetsweep_log_size{tenant=\"" + origin_)) << "others do";
  // A late word does not bring them back.
  telemetry_.on(refusal);
  telemetry_.on_campaign(*core_.find(tenant_.id()), rollout(name), now_);
  tell();
  EXPECT_THAT(metrics_.text(), Not(HasSubstr(label)));
}

}  // namespace
}  // namespace fleetsweep::controller
