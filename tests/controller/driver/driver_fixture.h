#pragma once

// The core and its driver in one thread, with a store that can fail, a witness made by hand and no
// network.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "controller/driver/cosign.h"
#include "controller/driver/driver.h"
#include "controller/driver/verify.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/log/merkle.h"
#include "tests/controller/store/forwarding_store.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::controller {

// A disk that is full while `broken`.
class FaultyStore final : public store::ForwardingStore {
 public:
  bool broken = false;
  bool edited = false;  // somebody exchanged the last two entries
  std::size_t commits = 0;
  Status commit(std::span<const store::Record> records) override {
    if (broken) return fail(Code::kInternal, "disk full");
    ++commits;
    return ForwardingStore::commit(records);
  }
  Result<std::vector<store::Entry>> entries(TenantNo tenant) override {
    auto all = ForwardingStore::entries(tenant);
    if (all && edited) std::swap(all->end()[-1].envelope, all->end()[-2].envelope);
    return all;
  }
};

class Wire final : public Outlet {
 public:
  Taken taken = Taken::kOk;
  std::vector<model::Message> sent;
  Taken send(const HostRef&, const Frame& frame) override {
    if (taken == Taken::kOk) sent.push_back(*codec::decode<model::Message>(*frame));
    return taken;
  }
  std::set<CurveKey> doors;
  void admit(const HostRef&, const CurveKey& key) override { doors.insert(key); }
  void retire(const CurveKey& key) override { doors.erase(key); }
  void replace(const std::vector<std::pair<CurveKey, HostRef>>& admitted) override {
    doors.clear();
    for (const auto& [key, host] : admitted) doors.insert(key);
  }
  template <class T>
  std::size_t count() const {
    return static_cast<std::size_t>(std::count_if(
        sent.begin(), sent.end(), [](const auto& m) { return std::holds_alternative<T>(m); }));
  }
};

class SlowCrew final : public Crew {
 public:
  std::vector<VerifyReceipts> receipts;
  std::vector<CosignLog> logs;
  bool verify(VerifyReceipts work) override {
    receipts.push_back(std::move(work));
    return true;
  }
  bool cosign(CosignLog work) override {
    logs.push_back(std::move(work));
    return true;
  }
  std::vector<AskTime> questions;
  bool ask_time(AskTime work) override {
    if (busy) return false;
    questions.push_back(std::move(work));
    return true;
  }
  bool busy = false;
};

class Quiet final : public Telemetry {
 public:
  std::map<std::string, double, std::less<>> counts;
  std::set<std::string> label_values;
  void on(const Count& count) override {
    counts[std::string(count.metric)] += count.value;
    for (const auto& [name, value] : count.labels) label_values.insert(value);
  }
  void on(const Event&) override {}
  void on_campaign(const Tenant&, const campaign::Rollout& rollout, Instant) override {
    EXPECT_TRUE(campaign::conserved(rollout.tally()));
  }
  void on_commit(std::size_t, bool) override {}
};

class DriverTest : public testing::Test {
 protected:
  DriverTest() {
    options_.log_key = log_key_.public_key();
    load();
    found_tenant();
  }
  void found_tenant() {
    const auto created = driver_->create_tenant(tenant_.root_envelope(), "admin", now_);
    ASSERT_TRUE(created) << created.error().message;
    model::EnrolBatch batch;
    batch.not_after = fixture::start() + fixture::kDay;
    batch.tokens = {{token_.public_key(), 100}};
    batch.groups = {"web"};
    batch.jurisdiction = "DE";
    EXPECT_TRUE(submit(tenant_.sign(batch, {"alice"})));
  }
  void load() {
    driver_ = std::move(*Driver::load(
        options_, {store_, wire_, crew_, telemetry_, tenant_.key("conductor")}, now_));
  }
  Result<Submitted> submit(const Bytes& envelope) {
    return driver_->submit(tenant_.id(), envelope, "test", now_);
  }
  // All that workers would do.
  void work() {
    for (int round = 0; round < 5; ++round) {
      driver_->flush(now_);
      for (CosignLog& one : std::exchange(crew_.logs, {}))
        driver_->on_cosigned(cosigner_.cosign(one, to_timestamp(now_)), now_);
      for (VerifyReceipts& one : std::exchange(crew_.receipts, {}))
        driver_->on_verified(verify(one), now_);
    }
    driver_->flush(now_);
  }
  static CurveKey key_of(std::uint8_t host, std::uint8_t number) {
    CurveKey key;
    key.value[0] = host;
    key.value[1] = number;
    return key;
  }
  Bytes agent_key(std::uint8_t number, std::uint8_t curve, std::uint8_t machine, Instant issued,
                  std::optional<TenantId> tenant = {}) {
    const crypto::SecretKey identity = host_key(number);
    model::AgentKey key;
    key.tenant = tenant.value_or(tenant_.id());
    key.identity = identity.public_key();
    key.curve = key_of(number, curve);
    key.host.value[0] = machine;
    key.token = token_.public_key();
    key.issued = to_timestamp(issued);
    auto envelope = crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), identity);
    EXPECT_TRUE(crypto::add_signature(envelope, token_));
    return codec::encode(envelope);
  }
  Bytes rekey(std::uint8_t number, std::uint8_t curve, Seconds later,
              const crypto::SecretKey* signer = nullptr) {
    const auto envelope = *codec::decode<model::Envelope>(
        agent_key(number, curve, number, Instant(fixture::start() + later)));
    const crypto::SecretKey own = host_key(number);
    return codec::encode(
        crypto::sign_envelope(model::kPayloadAgentKey, envelope.payload, signer ? *signer : own));
  }
  HostRef enrol(std::uint8_t number) {
    const CurveKey curve = key_of(number, 1);
    const auto enrolled = driver_->enrol(agent_key(number, 1, number, now_), curve, now_);
    EXPECT_TRUE(enrolled) << enrolled.error().message;
    model::Hello hello;
    hello.tenant = tenant_.id();
    driver_->on_message(enrolled->host, hello, now_);
    return enrolled->host;
  }
  static crypto::SecretKey host_key(std::uint8_t number) {
    return fixture::key_named("host" + std::to_string(number));
  }
  DocumentId order(std::vector<model::Wave> waves) {
    const model::Policy policy = fixture::hash_policy();
    EXPECT_TRUE(driver_->put_policy(tenant_.id(), fixture::policy_bytes(policy), "operator", now_));
    model::Order order = fixture::dry_run(policy);
    order.waves = std::move(waves);
    campaign_ = order.campaign;
    const auto logged = submit(tenant_.sign(order, {"alice", "bob"}));
    EXPECT_TRUE(logged) << logged.error().message;
    return logged->id;
  }
  Bytes receipt(std::uint8_t number, const DocumentId& order, std::uint64_t seq,
                std::uint32_t matched = 1, std::vector<model::ReceiptItem> items = {}) {
    model::Receipt receipt;
    receipt.seq = seq;
    receipt.order = order;
    receipt.kind = model::ReceiptKind::kScan;
    receipt.state = model::HostState::kFound;
    receipt.matched = matched;
    receipt.items = std::move(items);
    return signed_by(number, std::move(receipt));
  }
  Bytes signed_by(std::uint8_t number, model::Receipt receipt) {
    receipt.tenant = tenant_.id();
    receipt.agent = crypto::agent_id(host_key(number).public_key());
    receipt.finished = to_timestamp(now_);
    return codec::encode(
        crypto::sign_envelope(model::kPayloadReceipt, codec::encode(receipt), host_key(number)));
  }
  const campaign::Rollout& rollout() const {
    return driver_->core().find(tenant_.id())->campaigns.at(campaign_);
  }
  std::uint32_t in(model::HostState state) const {
    return rollout().tally().states[static_cast<std::size_t>(state)];
  }

  Instant now_ = Instant(fixture::start());
  fixture::Tenant tenant_;
  crypto::SecretKey log_key_ = fixture::key_named("log");
  crypto::SecretKey token_ = fixture::key_named("token");
  bool witness_up_ = true;
  Cosigner cosigner_{
      log_key_,
      {"witness"},
      [this](const std::string&, const log::AddCheckpoint& request) -> Result<WitnessAnswer> {
        if (!witness_up_) return fail(Code::kUnavailable, "down");
        FS_TRY(const log::Note note, log::Note::parse(request.note));
        FS_TRY(const auto key, log::VerifierKey::parse(tenant_.root().witnesses[0]));
        return WitnessAnswer{
            {log::cosign(note.body, key.name, fixture::key_named("witness"), to_timestamp(now_))},
            std::nullopt};
      }};
  CoreOptions options_;
  FaultyStore store_;
  Wire wire_;
  SlowCrew crew_;
  Quiet telemetry_;
  std::unique_ptr<Driver> driver_;
  std::string campaign_;
  std::uint16_t stops_ = 0;
};

}  // namespace fleetsweep::controller
