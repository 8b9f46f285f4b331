// A thief has one person's key, and the controller to bring what he signs past its door. The tenant
// is three people: any one may observe and stop, two are needed to contain, clean, resume and for a
// root, three to destroy.

#include "tests/stolen/world.h"

namespace fleetsweep::stolen {
namespace {

using model::Reason;

class StolenOperatorKey : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }
  void SetUp() override { world_->find(); }

  // What the thief makes of alice's key: alone, twice, and with the keys of the controller.
  static std::vector<Bytes> signed_alone(const model::Order& order) {
    const Bytes alone = world_->sign(order, {"alice"});
    auto twice = codec::decode<model::Envelope>(alone);
    twice->signatures.push_back(twice->signatures[0]);
    model::Order other = order;
    other.nonce.value[2] = 1;
    auto with_machines =
        codec::decode<model::Envelope>(world_->sign(other, {"alice", "conductor"}));
    for (const char* key : {"log", "witness", "mallory"})
      EXPECT_TRUE(crypto::add_signature(*with_machines, fixture::key_named(key)));
    return {alone, codec::encode(*twice), codec::encode(*with_machines)};
  }
  static void expect_refused(const std::vector<Bytes>& envelopes, const std::string& why) {
    std::vector<World::Refused> entries;
    for (const Bytes& envelope : envelopes) {
      EXPECT_FALSE(world_->controller.submit(envelope)) << "an honest door takes it";
      entries.push_back({envelope, why});
    }
    world_->expect_refused(entries);
  }

  static std::unique_ptr<World> world_;
};
std::unique_ptr<World> StolenOperatorKey::world_;

TEST_F(StolenOperatorKey, CannotClean) {
  World& world = *world_;
  const model::Order order = world.clean();
  expect_refused(signed_alone(order), "quorum: role clean");
  world.expect_cleaned(world.sign(order));  // with one more person
}

TEST_F(StolenOperatorKey, CannotContain) {
  World& world = *world_;
  const model::Order order = world.clean(world.policy(kBad, model::ActionKind::kSuspend));
  ASSERT_EQ(order.action_class, model::Class::kContain);
  expect_refused(signed_alone(order), "quorum: role contain");
}

TEST_F(StolenOperatorKey, CannotDestroyNorCanTwo) {
  World& world = *world_;
  const model::Order order = world.clean(world.policy(kBad, model::ActionKind::kPurge));
  ASSERT_EQ(order.action_class, model::Class::kDestroy);
  std::vector<Bytes> envelopes = signed_alone(order);
  envelopes.push_back(world.sign(order));
  expect_refused(envelopes, "quorum: role destroy");
}

TEST_F(StolenOperatorKey, CannotUndo) {
  World& world = *world_;
  const DocumentId cleaned = world.submit(world.sign(world.clean()));
  world.expect_cleaned(cleaned);
  model::Order undo = fixture::undo(cleaned);
  undo.schedule = world.clean().schedule;
  const Bytes alone = world.sign(undo, {"alice"});
  world.write_into_log({alone});
  world.expect_why(fixture::id_of(alone), "refused: quorum: role clean");
  EXPECT_FALSE(world.host().is_infected());
  world.submit(world.sign(undo));
  world.expect_why(fixture::id_of(alone), "undone: 1 put back");
  EXPECT_TRUE(world.host().is_infected());
}

// The class is what the policy makes it, whatever the order claims.
TEST_F(StolenOperatorKey, CannotPassACleanOrderOffAsObserving) {
  World& world = *world_;
  model::Order order = world.clean();
  order.action_class = model::Class::kObserve;
  const Bytes modest = world.sign(order, {"alice"});
  world.expect_refused({{modest, "class_mismatch: "}});
  world.expect_receipt(fixture::id_of(modest), Reason::kClassMismatch);
  world.expect_cleaned(world.sign(world.clean()));
}

TEST_F(StolenOperatorKey, CannotPassARoot) {
  World& world = *world_;
  const auto mine = [&](const std::function<void(model::Root&)>& change,
                        std::initializer_list<std::string> people) {
    return world.sign(world.tenant.next(world.tenant.verified(), change), people);
  };
  const Bytes keys = mine(
      [&](model::Root& root) {
        for (std::size_t i : {1u, 2u})
          root.keys[i].pub = world.tenant.key(i == 1 ? "dave" : "erin").public_key();
      },
      {"alice", "dave", "erin"});
  const Bytes thresholds = mine(
      [](model::Root& root) { root.policy.cool_off = {}, root.policy.items_max = 500; }, {"alice"});
  world.expect_refused({{keys, "quorum: "}, {thresholds, "quorum: "}});
  EXPECT_EQ(world.host().status()["root_version"], 1);
  world.expect_refused({{world.sign(world.clean(), {"dave", "erin"}), "untrusted: "}});
}

// What it can: look, where one signature is enough to look. Nothing on the host changes.
TEST_F(StolenOperatorKey, CanObserveAndTouchesNothing) {
  World& world = *world_;
  const DocumentId order = world.submit(world.sign(world.dry_run(), {"alice"}));
  world.expect_why(order, "done: found");
  world.expect_untouched();
}

// A wave of what a quorum signed, in its time: where the tenant lets one person release.
TEST_F(StolenOperatorKey, CanOpenAWaveThatAQuorumOrderedAndNotBeforeItsDelay) {
  World& world = *world_;
  const DocumentId later =
      world.submit(world.signed_for_second_wave(model::Gate::kManual, Seconds(3600)));
  world.submit(world.release(later, 1));
  world.expect_why(later, "waiting for wave-delay: ");
  world.expect_untouched();
  const DocumentId order =
      world.submit(world.signed_for_second_wave(model::Gate::kManual, Seconds(0)));
  world.expect_why(order, "waiting for release: ");
  world.submit(world.release(order, 1));
  world.expect_cleaned(order);
}

TEST_F(StolenOperatorKey, CanStopAndCannotLiftAStop) {
  World& world = *world_;
  const DocumentId stopped = world.submit(world.stop_all("alice"));
  const DocumentId order = world.submit(world.sign(world.clean()));
  world.expect_why(order, "refused: stopped: ");
  const model::Resume resume{.stops = {stopped}};
  world.expect_refused({{world.sign(resume, {"alice"}), "quorum: role resume"}});
  world.expect_why(order, "refused: stopped: ");
  world.submit(world.sign(resume, {"bob", "carol"}));
  world.expect_cleaned(order);
}

TEST_F(StolenOperatorKey, ThatAStopNamesCountsNoMore) {
  World& world = *world_;
  const Bytes held = world.signed_for_second_wave(model::Gate::kManual, Seconds(0));
  const DocumentId order = world.submit(held);
  world.expect_why(order, "waiting for release: ");
  model::Stop stop;
  stop.nonce.value.fill(7);
  stop.keys = {world.tenant.key("alice").public_key()};
  const DocumentId stopped = world.submit(world.sign(stop, {"bob"}));
  world.expect_why(order, "refused: quorum: ");
  world.expect_refused({{world.release(order, 1), "quorum: "},
                        {world.sign(world.dry_run(), {"alice"}), "quorum: "},
                        {world.sign(model::Endpoints{.version = 9}, {"alice"}), "quorum: "}});
  const Bytes without_her = world.sign(world.clean(), {"bob", "carol"});
  world.expect_cleaned(without_her);
  world.submit(world.sign(model::Resume{.stops = {stopped}}, {"bob", "carol"}));
}

}  // namespace
}  // namespace fleetsweep::stolen
