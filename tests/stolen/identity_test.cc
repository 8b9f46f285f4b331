// Hosts that are none, and hosts that are two.

#include "protocol/crypto/digest.h"
#include "tests/stolen/world.h"

namespace fleetsweep::stolen {
namespace {

using model::HostState;
using testing::HasSubstr;

// A host that only the thief has seen: an identity, a key of a token that he made himself, and the
// receipt he would like to show.
struct Ghost {
  explicit Ghost(const TenantId& of) : tenant(of) {}

  Bytes agent_key(const crypto::SecretKey& token) const {
    model::AgentKey key;
    key.tenant = tenant;
    key.identity = identity.public_key();
    key.curve.value.fill(7);
    key.host.value.fill(7);
    key.token = token.public_key();
    key.hostname = "ghost";
    model::Envelope envelope =
        crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(key), identity);
    EXPECT_TRUE(crypto::add_signature(envelope, signs_with));
    return codec::encode(envelope);
  }
  store::Receipt receipt(store::HostNo host, const DocumentId& order) const {
    model::Receipt receipt;
    receipt.tenant = tenant;
    receipt.agent = crypto::agent_id(identity.public_key());
    receipt.seq = 1;
    receipt.order = order;
    receipt.kind = model::ReceiptKind::kVerify;
    receipt.state = HostState::kVerified;
    receipt.acted = 3;
    const model::Envelope envelope =
        crypto::sign_envelope(model::kPayloadReceipt, codec::encode(receipt), identity);
    return {
        1, host, 1,  crypto::document_id(envelope), order, "test", receipt.kind, receipt.state, {},
        0, 3,    {}, codec::encode(envelope)};
  }

  TenantId tenant;
  crypto::SecretKey identity = fixture::key_named("ghost");
  crypto::SecretKey signs_with = fixture::key_named("a token of the thief");
};

class StolenControllerThatInventsHosts : public testing::Test {
 protected:
  void SetUp() override {
    world_.find();
    order_ = world_.submit(world_.sign(world_.clean()));
    world_.expect_cleaned(order_);
    ASSERT_TRUE(world_.serve_until([&] { return world_.has_folded(); }));
    const World::Audit honest = world_.audit();
    ASSERT_TRUE(honest.holds) << honest.text;
  }
  void expect_found(const std::string& what) {
    world_.controller.restart();
    const World::Audit audit = world_.audit();
    EXPECT_FALSE(audit.holds);
    EXPECT_THAT(audit.text, HasSubstr(what));
  }

  World world_;
  Ghost ghost_{world_.tenant.id()};
  DocumentId order_;
};

TEST_F(StolenControllerThatInventsHosts, WithATokenThatNoOperatorSigned) {
  world_.controller.write(
      {store::Agent{1, 2, ghost_.agent_key(ghost_.signs_with), {}, {}}, ghost_.receipt(2, order_)});
  expect_found("the token is in no batch of this tenant");
}

// The public halves of tokens stand in the log, and their seeds with nobody but the hosts.
TEST_F(StolenControllerThatInventsHosts, WithTheNameOfASignedToken) {
  world_.controller.write(
      {store::Agent{1, 2, ghost_.agent_key(fixture::key_named("token-0")), {}, {}},
       ghost_.receipt(2, order_)});
  expect_found("the token's key did not sign");
}

// A seed that leaked makes as many hosts as the token has uses, whatever the controller says of it.
TEST_F(StolenControllerThatInventsHosts, WithATokenThatIsUsedUp) {
  ghost_.signs_with = fixture::key_named("token-0");
  world_.controller.write(
      {store::Agent{1, 2, ghost_.agent_key(ghost_.signs_with), {}, {}}, ghost_.receipt(2, order_)});
  expect_found("the token was used 1 time(s), which is all");
}

TEST_F(StolenControllerThatInventsHosts, WithAReceiptInTheNameOfARealOne) {
  const std::uint64_t next = world_.controller.receipts.back().seq + 1;
  store::Receipt row = ghost_.receipt(1, order_);
  auto envelope = codec::decode<model::Envelope>(row.envelope);
  auto receipt = codec::decode<model::Receipt>(envelope->payload);
  receipt->agent = world_.controller.receipts.back().agent;
  receipt->seq = row.seq = next;
  *envelope =
      crypto::sign_envelope(model::kPayloadReceipt, codec::encode(*receipt), ghost_.identity);
  row.envelope = codec::encode(*envelope);
  row.id = crypto::document_id(*envelope);
  world_.controller.write({row});
  expect_found(fmt::format("receipt {} of agent {}: its signature does not hold", next,
                           receipt->agent.hex().substr(0, 12)));
}

// An image of a host that was enrolled, started a second time beside it.
class ClonedAgent : public testing::Test {
 protected:
  // The host and its copy, both running; nothing was reported in between.
  void copy() {
    world_.host().stop();
    copy_.become_copy_of(world_.host());
    before_ = copy_.everything();
    world_.host().start();
    copy_.start();
    ASSERT_TRUE(world_.serve_until([&] {
      return world_.has_folded() &&
             copy_.status().value("log_size", std::size_t{0}) == world_.controller.log().size();
    }));
  }
  void expect_copy_says(const DocumentId& order, const std::string& begins) {
    std::string said;
    EXPECT_TRUE(world_.serve_until([&] { return (said = copy_.why(order)).starts_with(begins); }))
        << said << copy_.log();
  }

  World world_;
  Host copy_{world_.folder(), 1};
  std::string before_;
};

TEST_F(ClonedAgent, DoesNotDoAgainWhatItsImageHadDone) {
  world_.find();
  const DocumentId order = world_.submit(world_.sign(world_.clean()));
  world_.expect_cleaned(order);
  copy();
  expect_copy_says(order, "done: verified");
  EXPECT_TRUE(copy_.is_infected());
  EXPECT_EQ(copy_.everything(), before_);
}

// Both are ordered to clean what the image had found. The objects of the copy are others than those
// of the dry run, whatever is in them.
TEST_F(ClonedAgent, ActsOnNothingThatItDidNotFindItselfAndIsNoticed) {
  world_.find();
  copy();
  const DocumentId order = world_.submit(world_.sign(world_.clean()));
  world_.expect_cleaned(order);
  expect_copy_says(order, "failed: changed: ");
  EXPECT_TRUE(copy_.is_infected());
  EXPECT_TRUE(world_.serve_until([&] { return world_.controller.forks() > 0; }));
  std::size_t acted = 0;
  for (const model::Receipt& receipt : world_.controller.receipts)
    if (receipt.order == order && receipt.acted > 0) ++acted;
  EXPECT_EQ(acted, 1u);
}

// A virtual machine that was set back to what it was before it found and cleaned: it knows nothing
// of that. What it does is what the log still allows, and the controller sees that its numbers
// begin again.
class RestoredSnapshot : public testing::Test {
 protected:
  void SetUp() override {
    world_.host().stop();
    world_.host().take_snapshot();
    world_.host().start();
    world_.find();
    order_ = world_.submit(world_.sign(world_.clean()));
    world_.expect_cleaned(order_);
  }
  void go_back() {
    world_.host().stop();
    world_.host().go_back();
    before_ = world_.host().everything();
    world_.host().start();
    ASSERT_TRUE(world_.serve_until([&] { return world_.has_folded(); }));
  }

  World world_;
  DocumentId order_;
  std::string before_;
};

TEST_F(RestoredSnapshot, DoesAgainWhatStillHoldsAndIsNoticed) {
  go_back();
  EXPECT_EQ(world_.controller.forks(), 0u);
  world_.expect_cleaned(order_);
  EXPECT_TRUE(world_.serve_until([&] { return world_.controller.forks() > 0; }));
}

TEST_F(RestoredSnapshot, DoesNothingThatWasStoppedMeanwhile) {
  const DocumentId stop = world_.submit(world_.stop_all());
  ASSERT_TRUE(world_.serve_until([&] { return world_.has_folded(); }));
  go_back();
  world_.expect_why(order_, "refused: stopped: ");
  EXPECT_TRUE(world_.host().is_infected());
  EXPECT_EQ(world_.host().everything(), before_);
  world_.submit(world_.sign(model::Resume{.stops = {stop}}));
  world_.expect_cleaned(order_);
}

}  // namespace
}  // namespace fleetsweep::stolen
