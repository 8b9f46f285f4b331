// One who takes too much, and what is left for the others.

#include <gmock/gmock.h>

#include "protocol/crypto/digest.h"
#include "protocol/hash_set/hash_set.h"
#include "tests/controller/driver/driver_fixture.h"

namespace fleetsweep::controller {
namespace {

TEST_F(DriverTest, TenantTakesMoreThanItsQuota) {
  const auto set = [&](store::QuotaKind kind, std::uint64_t most) {
    ASSERT_TRUE(driver_->set_quota(tenant_.id(), kind, most, "admin", now_));
  };
  const auto code = [](const auto& result) {
    return result ? Code::kInternal : result.error().code;
  };
  enrol(1);
  set(store::QuotaKind::kAgents, 1);
  load();  // what an admin set holds after a restart
  EXPECT_EQ(code(driver_->enrol(agent_key(2, 2, 2, now_), key_of(2, 2), now_)), Code::kOverloaded);
  EXPECT_EQ(telemetry_.counts["fleetsweep_quota_exceeded_total"], 1);
  set(store::QuotaKind::kAgents, 2);
  enrol(2);

  const Bytes policy = fixture::policy_bytes(fixture::hash_policy());
  set(store::QuotaKind::kPolicyBytes, policy.size() - 1);
  EXPECT_EQ(code(driver_->put_policy(tenant_.id(), policy, "operator", now_)), Code::kOverloaded);
  set(store::QuotaKind::kPolicyBytes, policy.size());
  EXPECT_TRUE(driver_->put_policy(tenant_.id(), policy, "operator", now_));
  EXPECT_TRUE(driver_->put_policy(tenant_.id(), policy, "operator", now_)) << "it is there already";

  // Of hash sets too, which every policy that names them shares.
  model::Policy with_set = fixture::hash_policy();
  const Bytes part = hash_set::encode_hash_set({hash_set::HashRecord{}}, 32).front();
  with_set.detections[0].any_of = {
      {{.field = model::Field::kFileSha256,
        .parts = {{crypto::sha256(part), static_cast<std::uint32_t>(part.size())}}}}};
  const Bytes named = fixture::policy_bytes(with_set);
  set(store::QuotaKind::kPolicyBytes, policy.size() + part.size() - 1);
  EXPECT_EQ(code(driver_->put_policy(tenant_.id(), part, "operator", now_)), Code::kOverloaded);
  set(store::QuotaKind::kPolicyBytes, policy.size() + part.size() + named.size());
  const auto missing = driver_->put_policy(tenant_.id(), named, "operator", now_);
  EXPECT_EQ(code(missing), Code::kNotFound);
  EXPECT_THAT(missing.error().message, testing::HasSubstr(crypto::sha256(part).hex()));
  EXPECT_TRUE(driver_->put_policy(tenant_.id(), part, "operator", now_));
  load();  // a restart knows which parts there are
  EXPECT_TRUE(driver_->put_policy(tenant_.id(), part, "operator", now_));
  EXPECT_TRUE(driver_->put_policy(tenant_.id(), named, "operator", now_));
  Bytes damaged = part;
  damaged[12] = 2;
  EXPECT_EQ(code(driver_->put_policy(tenant_.id(), damaged, "operator", now_)), Code::kInvalid);
  // A policy that gives the part another size would be waited for by every host in vain.
  with_set.detections[0].any_of[0][0].parts[0].bytes += 40;
  EXPECT_EQ(
      code(driver_->put_policy(tenant_.id(), fixture::policy_bytes(with_set), "operator", now_)),
      Code::kNotFound);

  // 98 of the first batch are still open.
  model::EnrolBatch batch;
  batch.batch.value[0] = 9;
  batch.not_after = fixture::start() + fixture::kDay;
  batch.tokens = {{fixture::key_named("more").public_key(), 10}};
  batch.jurisdiction = "DE";
  const Bytes more = tenant_.sign(batch, {"alice"});
  set(store::QuotaKind::kEnrolmentsPending, 107);
  EXPECT_EQ(code(submit(more)), Code::kOverloaded);
  set(store::QuotaKind::kEnrolmentsPending, 108);
  EXPECT_TRUE(submit(more));
}

TEST_F(DriverTest, FloodOfOneTenantsReceiptsKeepsAnotherTenantsWaiting) {
  const HostRef loud = enrol(1);
  const DocumentId id = order({{}});
  // A neighbour with a log of its own.
  const log::VerifierKey vkey{"other.example/log", log::KeyType::kEd25519, log_key_.public_key()};
  const fixture::Tenant other([&](model::Root& root) { root.logs[0].vkey = vkey.text(); });
  ASSERT_TRUE(driver_->create_tenant(other.root_envelope(), "admin", now_));
  model::EnrolBatch batch;
  batch.not_after = fixture::start() + fixture::kDay;
  batch.tokens = {{token_.public_key(), 10}};
  batch.jurisdiction = "DE";
  ASSERT_TRUE(driver_->submit(other.id(), other.sign(batch, {"alice"}), "test", now_));
  const auto enrolled =
      driver_->enrol(agent_key(50, 50, 50, now_, other.id()), key_of(50, 50), now_);
  ASSERT_TRUE(enrolled) << enrolled.error().message;
  ASSERT_EQ(enrolled->host.tenant, 2u);
  work();

  // Hellos without end leave the neighbour his.
  model::Hello hello;
  hello.tenant = tenant_.id();
  for (int i = 0; i < 10'000; ++i) driver_->on_message(loud, hello, now_);
  driver_->flush(now_);
  wire_.sent.clear();
  hello.tenant = other.id();
  driver_->on_message(enrolled->host, hello, now_);
  driver_->flush(now_);
  EXPECT_EQ(wire_.count<model::Welcome>(), 1u);

  const Bytes one = receipt(1, id, 1);
  ASSERT_TRUE(driver_->set_quota(tenant_.id(), store::QuotaKind::kIntakeBytes, 10 * one.size(),
                                 "admin", now_));
  std::size_t verified = 0;
  std::size_t neighbours = 0;
  for (int second = 0; second < 10; ++second, now_ += Seconds(1)) {
    for (int i = 0; i < 500; ++i) driver_->on_message(loud, model::Receipts{{one, one}}, now_);
    driver_->on_message(enrolled->host, model::Receipts{{one}}, now_);
    driver_->flush(now_);
    for (const VerifyReceipts& work : std::exchange(crew_.receipts, {}))
      (work.host.tenant == 1 ? verified : neighbours) += work.receipts.size();
  }
  EXPECT_EQ(neighbours, 10u) << "each of the neighbour's, in its second";
  EXPECT_LE(verified, 10u * 10 + 4 * 10 + 2) << "ten a second, and what may come at once";
  EXPECT_GE(verified, 10u * 10);
  EXPECT_GT(wire_.count<model::RetryAfter>(), 1000u) << "the others are told when to come again";
  EXPECT_TRUE(telemetry_.label_values.contains("intake_bytes"));
}

// One operator's token and key, or a whole tenant's: a day takes so much, and a Stop all the same.
TEST_F(DriverTest, OneTenantFillsItsLogOrKeepsAStopFromIt) {
  const auto endpoints = [&](std::uint64_t version) {
    model::Endpoints endpoints;
    endpoints.version = version;
    endpoints.relays = {{"tcp://10.0.0.1:7600", key_of(9, 9), to_timestamp(now_),
                         to_timestamp(now_) + Seconds(86400)}};
    return submit(tenant_.sign(endpoints, {"alice"}));
  };
  ASSERT_TRUE(driver_->set_quota(tenant_.id(), store::QuotaKind::kLogBytes,
                                 10 * kDocumentBytesLeast, "admin", now_));
  std::uint64_t version = 0;
  while (endpoints(version + 1)) ASSERT_LE(++version, 100u);
  EXPECT_EQ(version, 10u);
  const auto full = endpoints(11);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::kOverloaded);
  EXPECT_THAT(full.error().message, testing::HasSubstr("fleetsweep tenant quota"));
  EXPECT_TRUE(telemetry_.label_values.contains("log_bytes"));
  load();
  EXPECT_EQ(endpoints(11).error().code, Code::kOverloaded) << "a restart makes no room";

  const auto stop = [&](const std::string& who) {
    model::Stop stop;
    stop.nonce.value[1] = static_cast<std::uint8_t>(stops_ >> 8);
    stop.nonce.value[2] = static_cast<std::uint8_t>(stops_++);
    stop.issued = to_timestamp(now_);
    stop.policies = {Digest{{1}}};
    return submit(tenant_.sign(stop, {who}));
  };
  EXPECT_TRUE(stop("bob")) << "whatever the quota says";
  std::size_t stolen = 0;
  while (stop("alice")) ASSERT_LE(++stolen, 2 * kSteeringPerKeyDay);
  EXPECT_EQ(stolen, kSteeringPerKeyDay) << "one stolen key does not fill the log";
  const auto refused = stop("alice");
  EXPECT_EQ(refused.error().code, Code::kOverloaded);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("another key's signature"));
  load();
  EXPECT_FALSE(stop("alice")) << "nor after a restart";
  EXPECT_TRUE(stop("bob")) << "nor does it keep the others' Stop out";
  now_ += Seconds(86400);
  EXPECT_TRUE(stop("alice")) << "the next day";
  EXPECT_TRUE(endpoints(11));
}

}  // namespace
}  // namespace fleetsweep::controller
