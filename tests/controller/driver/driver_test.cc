// The core and its driver in one thread, with a store that can fail, a witness made by hand and no
// network.

#include "controller/driver/driver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "controller/driver/cosign.h"
#include "controller/driver/verify.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/log/merkle.h"
#include "tests/controller/store/forwarding_store.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::controller {
namespace {

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
    receipt.tenant = tenant_.id();
    receipt.agent = crypto::agent_id(host_key(number).public_key());
    receipt.seq = seq;
    receipt.order = order;
    receipt.kind = model::ReceiptKind::kScan;
    receipt.state = model::HostState::kFound;
    receipt.matched = matched;
    receipt.items = std::move(items);
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

TEST_F(DriverTest, FullDiskAcknowledgesNothingAndLosesNothing) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  work();
  const Bytes one = receipt(1, id, 1);
  store_.broken = true;
  driver_->on_message(host, model::Receipts{{one}}, now_);
  work();
  EXPECT_EQ(wire_.count<model::ReceiptAck>(), 0u);
  EXPECT_EQ(in(model::HostState::kFound), 0u) << "what is not durable is not shown";
  EXPECT_FALSE(driver_->health());
  model::Stop stop;
  stop.halt_all = true;
  stop.issued = to_timestamp(now_);
  stop.reason = "test";
  const auto refused = submit(tenant_.sign(stop, {"alice"}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);

  store_.broken = false;
  driver_->on_message(host, model::Receipts{{one}}, now_);
  work();
  EXPECT_EQ(wire_.count<model::ReceiptAck>(), 1u);
  EXPECT_EQ(in(model::HostState::kFound), 1u);
  EXPECT_TRUE(submit(tenant_.sign(stop, {"alice"})));
  EXPECT_TRUE(driver_->health());
}

class Inbox : public DriverTest {
 protected:
  Result<DocumentId> post(const Bytes& envelope) {
    return driver_->post_pending(tenant_.id(), envelope, "test", now_);
  }
  Bytes stop_because(const std::string& reason, std::initializer_list<std::string> people = {}) {
    model::Stop stop;
    stop.issued = fixture::start();
    stop.reason = reason;
    return tenant_.sign(stop, people);
  }
  const std::map<DocumentId, PendingDocument>& pending() const {
    return driver_->core().find(tenant_.id())->pending;
  }
};

TEST_F(Inbox, SignatureThatIsNotDurableIsShownAsThere) {
  ASSERT_TRUE(post(stop_because("x")));
  store_.broken = true;
  EXPECT_EQ(post(stop_because("x", {"alice"})).error().code, Code::kUnavailable);
  EXPECT_FALSE(pending().begin()->second.awaited->met());
  store_.broken = false;
  ASSERT_TRUE(post(stop_because("x", {"alice"})));
  EXPECT_TRUE(pending().begin()->second.awaited->met());
  load();
  EXPECT_TRUE(pending().begin()->second.awaited->met()) << "lost by a restart";
}

TEST_F(Inbox, SignatureInTheWayKeepsTheTrueOneOut) {
  ASSERT_TRUE(post(stop_because("x")));
  model::Envelope forged = *codec::decode<model::Envelope>(stop_because("x", {"alice"}));
  forged.signatures[0].signature[7] ^= 1;
  EXPECT_EQ(post(codec::encode(forged)).error().code, Code::kUntrusted);
  ASSERT_TRUE(post(stop_because("x", {"alice"})));
  EXPECT_EQ(*post(codec::encode(forged)), pending().begin()->first)
      << "a key that signed signs no second time";
  EXPECT_TRUE(pending().begin()->second.awaited->met());
}

TEST_F(Inbox, DocumentsFillTheStoreWithoutEnd) {
  for (std::size_t i = 0; i < kPendingMax; ++i) ASSERT_TRUE(post(stop_because(std::to_string(i))));
  EXPECT_EQ(post(stop_because("one more")).error().code, Code::kOverloaded);
  EXPECT_TRUE(post(stop_because("0", {"alice"}))) << "who is there may still be signed";
  const std::size_t commits = store_.commits;
  EXPECT_TRUE(post(stop_because("0", {"alice"})));
  EXPECT_EQ(store_.commits, commits) << "what changes nothing writes nothing";
  now_ += kPendingLife;
  driver_->on_time(now_);
  driver_->flush(now_);
  EXPECT_TRUE(pending().empty());
  EXPECT_TRUE(store_.pending(1)->empty());
  EXPECT_TRUE(post(stop_because("one more")));
}

TEST_F(Inbox, OrderThatIsOverIsStillAskedFor) {
  const DocumentId dry_run = order({{}});
  model::Order clean = fixture::apply(fixture::hash_policy(), dry_run);
  ASSERT_TRUE(post(tenant_.sign(clean, {"alice"})));
  now_ = Instant(clean.schedule.not_after);
  driver_->on_time(now_);
  driver_->flush(now_);
  EXPECT_TRUE(pending().empty());
}

TEST_F(Inbox, RootThatTheLogHasOvertakenIsStillAskedFor) {
  const auto next = [&](Seconds more) {
    return tenant_.next(tenant_.verified(), [&](model::Root& root) { root.expires += more; });
  };
  ASSERT_TRUE(post(tenant_.sign(next(Seconds{1}), {"alice"})));
  ASSERT_TRUE(post(tenant_.sign(next(Seconds{2}), {"alice"})));
  ASSERT_TRUE(submit(tenant_.sign(next(Seconds{2}), {"alice", "bob"})));
  ASSERT_EQ(pending().size(), 1u) << "what is in the log waits no longer";
  EXPECT_FALSE(pending().begin()->second.awaited);
}

// A commit is the slow part: a disk that has to be waited for.
TEST_F(DriverTest, EachReceiptTakesACommitOfItsOwn) {
  const HostRef host = enrol(1);
  const DocumentId order_id = order({{}});
  work();
  wire_.sent.clear();
  store_.commits = 0;
  constexpr std::size_t kReceipts = 2500;
  model::Receipt receipt;
  receipt.order = order_id;
  for (std::size_t sent = 0; sent < kReceipts;) {
    std::vector<VerifiedReceipt> batch;  // as a worker hands them over
    for (int i = 0; i < 10; ++i, ++sent) {
      ++receipt.seq;
      VerifiedReceipt one{.host = host, .receipt = receipt};
      one.id.value[0] = static_cast<std::uint8_t>(receipt.seq);
      one.id.value[1] = static_cast<std::uint8_t>(receipt.seq >> 8);
      receipt.previous = one.id;
      batch.push_back(std::move(one));
    }
    driver_->on_verified(std::move(batch), now_);
  }
  EXPECT_EQ(store_.commits, kReceipts / limits::kCommitReceipts) << "a turn may not grow for ever";
  driver_->flush(now_);
  EXPECT_LE(store_.commits, 4u);
  EXPECT_EQ(telemetry_.counts["fleetsweep_results_total"], kReceipts);
  std::size_t acknowledged = 0;
  for (const model::Message& message : wire_.sent)
    if (const auto* ack = std::get_if<model::ReceiptAck>(&message))
      acknowledged += ack->receipts.size();
  EXPECT_EQ(acknowledged, kReceipts);
}

TEST_F(DriverTest, RekeyedHostHasTwoKeysUntilTheNewOneIsHeardAndThenOne) {
  const HostRef host = enrol(1);
  const CurveKey old = key_of(1, 1);
  const CurveKey fresh = key_of(1, 2);
  driver_->on_message(host, model::Rekey{rekey(1, 2, Seconds(10))}, now_);
  work();
  EXPECT_EQ(wire_.count<model::Rekeyed>(), 1u);
  EXPECT_EQ(wire_.doors, (std::set{old, fresh}));
  ASSERT_EQ(store_.agent_rekeys(1)->size(), 1u);
  EXPECT_FALSE(store_.agent_rekeys(1)->at(0).used);
  load();  // a restart in the middle
  EXPECT_EQ(wire_.doors, (std::set{old, fresh}));
  driver_->on_message(host, model::Rekey{rekey(1, 2, Seconds(10))}, now_);
  work();
  EXPECT_EQ(wire_.count<model::Rekeyed>(), 2u) << "a lost answer is given again";
  driver_->on_key_used(host, old, now_);
  work();
  EXPECT_EQ(wire_.doors.size(), 2u) << "the old one is still good";
  driver_->on_key_used(host, fresh, now_);
  work();
  EXPECT_EQ(wire_.doors, std::set{fresh});
  EXPECT_TRUE(store_.agent_rekeys(1)->at(0).used);
  load();
  EXPECT_EQ(wire_.doors, std::set{fresh});
  EXPECT_EQ(driver_->core().agent(host)->key.curve, fresh);
}

TEST_F(DriverTest, RekeyThatIsNotDurableOpensOrClosesADoor) {
  const HostRef host = enrol(1);
  const CurveKey old = key_of(1, 1);
  work();
  store_.broken = true;
  driver_->on_message(host, model::Rekey{rekey(1, 2, Seconds(10))}, now_);
  work();
  EXPECT_EQ(wire_.count<model::Rekeyed>(), 0u);
  EXPECT_EQ(wire_.doors, std::set{old});
  store_.broken = false;
  driver_->on_message(host, model::Rekey{rekey(1, 2, Seconds(10))}, now_);
  work();
  store_.broken = true;
  driver_->on_key_used(host, key_of(1, 2), now_);
  work();
  EXPECT_EQ(wire_.doors.size(), 2u) << "the old one goes when that is durable, not before";
  store_.broken = false;
  driver_->on_key_used(host, key_of(1, 2), now_);
  work();
  EXPECT_EQ(wire_.doors, (std::set{key_of(1, 2)}));
}

TEST_F(DriverTest, RekeyBringsBackAnOldKeyOrAnothersOrComesWithoutEnd) {
  const HostRef host = enrol(1);
  enrol(2);
  const auto offered = [&](Bytes offer) {
    const std::size_t before = wire_.count<model::Rekeyed>();
    now_ += Seconds(2);
    driver_->on_message(host, model::Rekey{std::move(offer)}, now_);
    work();
    return wire_.count<model::Rekeyed>() > before;
  };
  EXPECT_FALSE(offered(rekey(1, 3, Seconds(0)))) << "not newer";
  EXPECT_FALSE(offered(rekey(2, 3, Seconds(10)))) << "of another host";
  EXPECT_FALSE(offered(rekey(1, 3, Seconds(10), &token_))) << "not signed by the identity";
  EXPECT_FALSE(offered({1, 2, 3}));
  EXPECT_TRUE(offered(rekey(1, 3, Seconds(20))));
  driver_->on_key_used(host, key_of(1, 3), now_);
  work();
  EXPECT_FALSE(offered(rekey(1, 1, Seconds(30)))) << "the key that was stolen";
  EXPECT_FALSE(offered(rekey(1, 3, Seconds(40)))) << "the same again";
  std::size_t taken = 0;
  for (std::uint8_t n = 10; n < 40; ++n) taken += offered(rekey(1, n, Seconds(100 + n)));
  EXPECT_EQ(taken, kRekeysPerDay - 1);
  EXPECT_EQ(wire_.doors.size(), 3u) << "an offer that was never used is replaced";
  EXPECT_EQ(store_.agent_rekeys(1)->size(), 2u);
  now_ += Seconds(86400);
  EXPECT_TRUE(offered(rekey(1, 50, Seconds(200)))) << "the next day";
}

TEST_F(DriverTest, CloneThatEnrolsAgainIsRefusedAndSeen) {
  const HostRef host = enrol(1);
  const auto again = [&](std::uint8_t identity, std::uint8_t machine) {
    return driver_->enrol(agent_key(identity, 7, machine, now_), key_of(identity, 7), now_);
  };
  const auto same_identity = again(1, 9);
  ASSERT_FALSE(same_identity);
  EXPECT_THAT(same_identity.error().message, testing::HasSubstr("cloned image"));
  const auto same_machine = again(3, 1);
  ASSERT_FALSE(same_machine);
  EXPECT_THAT(same_machine.error().message, testing::HasSubstr("this host is enrolled already"));
  EXPECT_EQ(driver_->core().agent(host)->clones, 2u);
  now_ += Seconds(60);
  load();
  EXPECT_EQ(driver_->core().agent(host)->clones, 2u) << "also after a restart";
  EXPECT_EQ(driver_->core().agent(host)->clone_last, fixture::start());
  EXPECT_FALSE(again(3, 1));
  EXPECT_EQ(store_.clones(1)->at(0), (store::Clone{1, host.host, 3, to_timestamp(now_)}));
}

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

TEST_F(DriverTest, TwoReceiptsWithOneNumberAreAForkAndCountOnce) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  driver_->on_message(host, model::Receipts{{receipt(1, id, 1, 1), receipt(1, id, 1, 2)}}, now_);
  work();
  EXPECT_EQ(store_.forks(1)->size(), 1u);
  EXPECT_TRUE(driver_->core().agent(host)->forked);
  EXPECT_EQ(telemetry_.counts["fleetsweep_results_total"], 1);
  EXPECT_EQ(telemetry_.counts["fleetsweep_receipt_forks_total"], 1);
}

// A host that doubts its clock asks a witness host; the controller carries both ways and no more.
TEST_F(DriverTest, AQuestionForTheTimeIsCarriedOnceAndItsAnswerGoesToWhoAsked) {
  const HostRef asker = enrol(1);
  const HostRef other = enrol(2);
  model::TimeRequest request;
  request.nonce.value.fill(5);
  wire_.sent.clear();
  for (int i = 0; i < 3; ++i) driver_->on_message(asker, request, now_);
  driver_->flush(now_);
  ASSERT_EQ(crew_.questions.size(), 1u) << "a host may not keep the witnesses busy";
  EXPECT_EQ(crew_.questions[0].host, asker);
  EXPECT_EQ(crew_.questions[0].query, (log::TimeQuery{tenant_.id(), request.nonce,
                                                      driver_->core().find(tenant_.id())->name}));
  driver_->on_message(other, request, now_);
  now_ += Seconds(20);
  driver_->on_message(asker, request, now_);
  driver_->flush(now_);
  EXPECT_EQ(crew_.questions.size(), 3u);

  driver_->on_time_told({asker, to_bytes("statement"), ""});
  driver_->on_time_told({other, {}, "no witness answered"});
  crew_.busy = true;
  now_ += Seconds(20);
  driver_->on_message(asker, request, now_);
  driver_->flush(now_);
  EXPECT_EQ(wire_.count<model::TimeReply>(), 1u);
  EXPECT_EQ(telemetry_.counts["fleetsweep_time_questions_total"], 5);
  for (const char* outcome : {"answered", "failed", "too_often"})
    EXPECT_TRUE(telemetry_.label_values.contains(outcome)) << outcome;
}

TEST_F(DriverTest, ForkedHostLooksWellAfterARestart) {
  const HostRef numbers = enrol(1);
  const HostRef chain = enrol(2);
  const DocumentId id = order({{}});
  driver_->on_message(numbers, model::Receipts{{receipt(1, id, 1, 1), receipt(1, id, 1, 2)}}, now_);
  // The second names no receipt before it, though there is one.
  driver_->on_message(chain, model::Receipts{{receipt(2, id, 1), receipt(2, id, 2)}}, now_);
  work();
  const auto before = telemetry_.counts;
  EXPECT_EQ(before.at("fleetsweep_receipt_forks_total"), 2);

  telemetry_ = {};
  load();
  for (const HostRef& host : {numbers, chain}) EXPECT_TRUE(driver_->core().agent(host)->forked);
  for (const char* metric : {"fleetsweep_receipt_forks_total", "fleetsweep_results_total"})
    EXPECT_EQ(telemetry_.counts[metric], before.at(metric)) << metric;
}

TEST_F(DriverTest, HostNamesASeriesOfItsOwn) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  model::ReceiptItem known, invented;
  known.verdict = fixture::hash_policy().verdicts.at(0).id;
  invented.verdict = "a word of the host";
  driver_->on_message(host, model::Receipts{{receipt(1, id, 1, 2, {known, invented})}}, now_);
  work();
  EXPECT_EQ(telemetry_.counts["fleetsweep_findings_total"], 2);
  EXPECT_TRUE(telemetry_.label_values.contains(known.verdict));
  EXPECT_TRUE(telemetry_.label_values.contains("other"));
  EXPECT_FALSE(telemetry_.label_values.contains(invented.verdict));
}

TEST_F(DriverTest, HealthyCanaryLetsTheConductorOpenTheNextWave) {
  for (std::uint8_t number = 1; number <= 8; ++number) enrol(number);
  const DocumentId id = order(
      {{.permille = 500}, {.permille = 1000, .delay_min = Seconds(3), .gate = model::Gate::kAuto}});
  work();
  for (const auto& standing : rollout().standings()) {
    const auto number = static_cast<std::uint8_t>(standing.host);
    if (standing.wave == 0)
      driver_->on_message({1, standing.host}, model::Receipts{{receipt(number, id, 1)}}, now_);
  }
  work();
  EXPECT_FALSE(rollout().orders()[0].released[1]) << "before its delay";
  now_ += Seconds(4);
  driver_->on_time(now_);
  work();
  EXPECT_TRUE(rollout().orders()[0].released[1]);
  EXPECT_EQ(driver_->core().find(tenant_.id())->state().releases.size(), 1u);
}

// The root that was there did not name the conductor; one that does is logged later.
TEST_F(DriverTest, WaveHangsAlthoughTheRootHasGainedAConductor) {
  tenant_ = fixture::Tenant([](model::Root& root) {
    root.keys.pop_back();
    root.roles.pop_back();
    ASSERT_EQ(root.keys.back().holder, "carol");
  });
  store_ = {};
  load();
  found_tenant();
  enrol(1);
  order({{.permille = 1, .gate = model::Gate::kAuto},
         {.permille = 1000, .gate = model::Gate::kAuto}});
  work();
  EXPECT_FALSE(rollout().orders()[0].released[0]);
  EXPECT_NE(rollout().orders()[0].refused[0], "") << "and it is said why";
  const fixture::Tenant complete;
  const model::Root next = tenant_.next(tenant_.verified(), [&](model::Root& root) {
    root.keys = complete.root().keys;
    root.roles = complete.root().roles;
  });
  ASSERT_TRUE(submit(tenant_.sign(next, {"alice", "bob", "conductor"})));
  now_ += Seconds(1);
  driver_->on_time(now_);
  work();
  EXPECT_TRUE(rollout().orders()[0].released[0]);
  EXPECT_EQ(rollout().orders()[0].refused[0], "");
}

TEST_F(DriverTest, StandingOrderIsFiredAndNobodyHears) {
  const model::Policy policy = fixture::hash_policy();
  ASSERT_TRUE(driver_->put_policy(tenant_.id(), fixture::policy_bytes(policy), "operator", now_));
  model::Order standing = fixture::dry_run(policy);
  standing.standing = true;
  standing.scope.groups = {"web"};
  standing.waves[0].gate = model::Gate::kManual;
  const auto logged = submit(tenant_.sign(standing, {"alice"}));
  ASSERT_TRUE(logged) << logged.error().message;
  EXPECT_EQ(telemetry_.counts["fleetsweep_break_glass_total"], 0);
  model::Release release;
  release.order = logged->id;
  release.expires = fixture::start() + fixture::kDay;
  ASSERT_TRUE(submit(tenant_.sign(release, {"carol"})));
  work();
  EXPECT_EQ(telemetry_.counts["fleetsweep_break_glass_total"], 1);
  EXPECT_TRUE(telemetry_.label_values.contains("standing"));
}

TEST_F(DriverTest, NewLogKeyLosesTheTenant) {
  order({{}});
  work();
  const auto owner = [&]() -> const Tenant& { return *driver_->core().find(tenant_.id()); };
  const log::VerifierKey second{"log.example/second", log::KeyType::kEd25519,
                                fixture::key_named("second log").public_key()};
  options_.log_key = second.key;
  load();
  const auto root = [&](std::uint64_t start, const Digest& start_root) {
    log::CompactRange tree;
    for (std::uint64_t i = 0; i < start; ++i) tree.append(owner().leaves[i]);
    return tenant_.sign(
        tenant_.next(tenant_.verified(),
                     [&](model::Root& next) {
                       next.logs = {{second.text(), start, start_root, tree.frontier()}};
                     }),
        {"alice", "bob"});
  };
  const auto refused = submit(root(0, {}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("does not take over"));
  const std::uint64_t size = owner().leaves.size();
  const auto taken = submit(root(size, log::tree_root(owner().leaves)));
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_EQ(owner().name, second.name);
  work();
  load();
  EXPECT_EQ(owner().name, second.name);
  EXPECT_EQ(owner().state().root->version(), 2u);
}

TEST_F(DriverTest, WithoutItsWitnessNoCheckpointIsShown) {
  witness_up_ = false;
  const HostRef host = enrol(1);
  work();
  EXPECT_EQ(wire_.count<model::Checkpoint>(), 0u);
  EXPECT_GT(telemetry_.counts["fleetsweep_witness_failures_total"], 0);
  witness_up_ = true;
  now_ += Seconds(6);
  driver_->on_time(now_);
  work();
  EXPECT_EQ(wire_.count<model::Checkpoint>(), 1u);
  EXPECT_EQ(driver_->core().find(tenant_.id())->note_size, 2u);
  EXPECT_TRUE(driver_->core().agent(host));
}

TEST_F(DriverTest, RefusedSendIsRepeated) {
  enrol(1);
  work();
  wire_.sent.clear();
  wire_.taken = Outlet::Taken::kFull;
  order({{}});
  EXPECT_EQ(in(model::HostState::kOffered), 0u) << "nothing has left yet";
  wire_.taken = Outlet::Taken::kOk;
  now_ += Seconds(1);
  driver_->on_time(now_);
  work();
  EXPECT_EQ(wire_.count<model::Entries>(), 1u);
  EXPECT_EQ(in(model::HostState::kOffered), 1u);
}

TEST_F(DriverTest, RestartShowsTheSameStatesAndCounters) {
  for (std::uint8_t number = 1; number <= 5; ++number) enrol(number);
  const DocumentId id = order({{}});
  for (std::uint8_t number = 1; number <= 3; ++number)
    driver_->on_message({1, number}, model::Receipts{{receipt(number, id, 1)}}, now_);
  work();
  const auto rows = driver_->core().campaign_hosts();
  EXPECT_EQ(*store_.campaign_hosts(1), rows) << "the derived table says what a rebuild would";
  const double results = telemetry_.counts["fleetsweep_results_total"];
  telemetry_.counts.clear();
  load();
  EXPECT_EQ(driver_->core().campaign_hosts(), rows);
  EXPECT_EQ(telemetry_.counts["fleetsweep_results_total"], results);
  EXPECT_EQ(in(model::HostState::kFound), 3u);
}

TEST_F(DriverTest, ForgedEntryInTheLogDoesNotKeepTheControllerFromPassingOnAStop) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  work();
  const std::uint64_t size = store_.entries(1)->size();
  model::Stop stop;
  stop.tenant = tenant_.id();
  stop.halt_all = true;
  stop.reason = "test";
  const Bytes forged = codec::encode(crypto::sign_envelope(model::kPayloadStop, codec::encode(stop),
                                                           fixture::key_named("mallory")));
  ASSERT_TRUE(
      store_.commit(std::vector<store::Record>{store::Entry{1, size, forged, to_timestamp(now_)}}));
  load();
  const Tenant& tenant = *driver_->core().find(tenant_.id());
  EXPECT_EQ(tenant.entries.size(), size + 1) << "what was witnessed cannot be taken back";
  EXPECT_TRUE(tenant.state().stops.empty()) << "and yet it means nothing";
  const auto logged = submit(tenant_.sign(stop, {"alice"}));
  ASSERT_TRUE(logged) << logged.error().message;
  EXPECT_EQ(logged->index, size + 1);
  EXPECT_TRUE(rollout().orders().at(0).stopped);
  static_cast<void>(host);
  static_cast<void>(id);
}

TEST_F(DriverTest, LogThatIsNotTheWitnessedOneIsNotServed) {
  order({{}});
  work();
  store_.edited = true;
  const auto loaded =
      Driver::load(options_, {store_, wire_, crew_, telemetry_, tenant_.key("conductor")}, now_);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, testing::HasSubstr("are not those that were witnessed"));
}

TEST_F(DriverTest, ACloseNamesOtherReceiptsThanThoseThatAreStored) {
  const HostRef host = enrol(1);
  const DocumentId id = order({{}});
  work();
  std::vector<Bytes> receipts = {receipt(1, id, 1), receipt(1, id, 2)};
  driver_->on_message(host, model::Receipts{receipts}, now_);
  work();
  const std::vector<Digest> leaves = {log::leaf_hash(receipts[0]), log::leaf_hash(receipts[1])};
  const auto close = [&](std::uint64_t size, const Digest& root) {
    model::Close close;
    close.campaign = campaign_;
    close.results_size = size;
    close.results_root = root;
    return submit(tenant_.sign(close, {"alice"}));
  };
  const Digest root = log::tree_root(leaves);
  EXPECT_EQ(close(3, root).error().code, Code::kConflict) << "more than there are";
  EXPECT_EQ(close(1, root).error().code, Code::kConflict);
  EXPECT_EQ(close(2, leaves[0]).error().code, Code::kConflict);
  model::Close other;
  other.campaign = "nobody-knows-it";
  EXPECT_EQ(submit(tenant_.sign(other, {"alice"})).error().code, Code::kNotFound);
  EXPECT_TRUE(driver_->core().find(tenant_.id())->state().closes.empty());

  // What comes after it was signed does not make it wrong: that receipt is late.
  const Bytes late = receipt(1, id, 3);
  driver_->on_message(host, model::Receipts{{late}}, now_);
  work();
  ASSERT_TRUE(close(2, root));
  EXPECT_EQ(rollout().phase(), "closed");
  const auto log = driver_->results_log(*driver_->core().find(tenant_.id()), campaign_);
  ASSERT_TRUE(log);
  EXPECT_THAT((*log)->leaves, testing::ElementsAre(leaves[0], leaves[1], log::leaf_hash(late)));
  EXPECT_EQ((*log)->index.at(fixture::id_of(receipts[1])), 1u);
  // Once more, with what came late: only the first one counts, and saying so kills nobody.
  const auto again = close(3, log::tree_root((*log)->leaves));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
  EXPECT_THAT(again.error().message, testing::HasSubstr("changes nothing"));
}

TEST_F(DriverTest, ReleaseThatEndsSoonerThanTheOneInTheLogKillsTheController) {
  enrol(1);
  const DocumentId id = order({{.permille = 500}, {.gate = model::Gate::kManual}});
  const auto release = [&](Seconds life) {
    model::Release release;
    release.order = id;
    release.wave = 1;
    release.expires = to_timestamp(now_) + life;
    return submit(tenant_.sign(release, {"alice"}));
  };
  const auto first = release(Seconds(3600));
  ASSERT_TRUE(first) << first.error().message;
  const auto shorter = release(Seconds(60));
  ASSERT_FALSE(shorter);
  EXPECT_EQ(shorter.error().code, Code::kConflict);
  EXPECT_TRUE(release(Seconds(7200))) << "a longer one is news";
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

TEST_F(DriverTest, AResultsLogForgetsItsOrderAtARestart) {
  const HostRef one = enrol(1), two = enrol(2);
  const DocumentId id = order({{}});
  work();
  // In the order of arrival, which is neither that of the hosts nor that of the numbers.
  const std::vector<Bytes> receipts = {receipt(2, id, 1), receipt(1, id, 2), receipt(2, id, 2),
                                       receipt(1, id, 1)};
  std::vector<Digest> leaves;
  for (const Bytes& bytes : receipts) {
    const auto host = bytes == receipts[0] || bytes == receipts[2] ? two : one;
    driver_->on_message(host, model::Receipts{{bytes}}, now_);
    work();
    leaves.push_back(log::leaf_hash(bytes));
    const auto log = driver_->results_log(*driver_->core().find(tenant_.id()), campaign_);
    EXPECT_EQ((*log)->leaves, leaves) << "grown one by one";
  }
  load();
  const auto log = driver_->results_log(*driver_->core().find(tenant_.id()), campaign_);
  EXPECT_EQ((*log)->leaves, leaves) << "read anew";
  const auto none = driver_->results_log(*driver_->core().find(tenant_.id()), "another");
  EXPECT_TRUE((*none)->leaves.empty());
}

}  // namespace
}  // namespace fleetsweep::controller
