// A tenant's own people are the thieves: they have every key of their tenant, and the controller
// that serves another tenant's hosts, too. What those hosts see.

#include <time.h>

#include "tests/stolen/world.h"

namespace fleetsweep::stolen {
namespace {

// Another tenant of the same controller, and to make it worse of the same people with the same
// keys. Its root and its log are its own.
fixture::Tenant neighbour() {
  return fixture::Tenant([](model::Root& root) {
    root.path_salt.value.fill(1);
    root.issued = timestamp(::time(nullptr)) - fixture::kDay;
    root.expires = root.issued + 365 * fixture::kDay;
    root.policy.cool_off = {};
    const auto log = log::VerifierKey::parse(root.logs[0].vkey);
    root.logs[0].vkey = log::VerifierKey{log->name + "/neighbour", log->type, log->key}.text();
  });
}

class MaliciousTenantAdmin : public testing::Test {
 protected:
  static void SetUpTestSuite() { world_ = std::make_unique<World>(); }
  static void TearDownTestSuite() { world_.reset(); }
  void SetUp() override { world_->find(); }

  static std::unique_ptr<World> world_;
};
std::unique_ptr<World> MaliciousTenantAdmin::world_;

TEST_F(MaliciousTenantAdmin, OrdersNothingOnAnotherTenantsHosts) {
  World& world = *world_;
  const fixture::Tenant other = neighbour();
  const Bytes own = other.sign(world.clean(), {"alice", "bob", "carol"});
  const Bytes in_their_name = world.sign(world.clean(), {"dave", "erin"});
  world.expect_refused({{own, "tenant: for tenant " + other.id().hex()},
                        {in_their_name, "untrusted: "},
                        {other.sign(model::Stop{.halt_all = true}, {"alice"}), "tenant: "}});
  world.expect_cleaned(world.sign(world.clean()));
}

TEST_F(MaliciousTenantAdmin, MakesItsRootNoRootOfAnotherTenant) {
  World& world = *world_;
  const fixture::Tenant other = neighbour();
  const Bytes first = other.root_envelope();
  const Bytes second = other.sign(other.next(other.verified(), {}), {"alice", "bob", "carol"});
  world.expect_refused({{first, "root_version: "}, {second, "tenant: "}});
  EXPECT_EQ(world.host().status()["root_version"], 1);
  world.expect_cleaned(world.sign(world.clean()));
}

// Its own log, signed by the same log key and cosigned by the same witness, under its own name.
TEST_F(MaliciousTenantAdmin, ShowsItsOwnLogToAnotherTenantsHosts) {
  World& world = *world_;
  const fixture::Tenant other = neighbour();
  const Bytes order = world.sign(world.clean());
  std::vector<Bytes> log = world.controller.log();
  const std::uint64_t from = log.size();
  log.push_back(order);
  std::vector<Digest> leaves;
  for (const Bytes& entry : log) leaves.push_back(log::leaf_hash(entry));
  const auto name = log::VerifierKey::parse(other.root().logs[0].vkey);
  const auto witness = log::VerifierKey::parse(other.root().witnesses[0]);
  log::Note note = log::sign_checkpoint({name->name, log.size(), log::tree_root(leaves)},
                                        fixture::key_named("log"));
  note.signatures.push_back(log::cosign(note.body, witness->name, fixture::key_named("witness"),
                                        timestamp(::time(nullptr))));
  const Bytes frame = frame_of(model::Checkpoint{note.text()});
  world.expect_log("untrusted: checkpoint: ", [&] {
    world.controller.push(model::Entries{from, {order}});
    world.controller.push(frame);
  });
  EXPECT_TRUE(world.controller.record().has_entry(order));
  EXPECT_TRUE(world.controller.record().has_frame(frame));
  EXPECT_EQ(world.host().status()["log_size"], from);
  world.expect_untouched();
  world.expect_cleaned(order);
}

// A provider's staff: cleaning needs one of the customer's people and one of the provider's.
TEST(MaliciousProvider, CannotActWithoutTheCustomersClause) {
  World world({.shape_root = [](model::Root& root) {
    root.keys[1].org = root.keys[2].org = 1;  // bob and carol are the provider's
    for (model::RoleRule& rule : root.roles) {
      if (rule.role == model::Role::kConductor) continue;
      rule.clauses = {{0, {0}, 1}};
      if (trust::floor(rule.role) > 1 || rule.role == model::Role::kRead)
        rule.clauses.push_back({1, {1, 2}, 1});
      if (rule.role == model::Role::kDestroy) rule.clauses[1].threshold = 2;
    }
  }});
  world.find();
  const model::Order order = world.clean();
  world.expect_refused({{world.sign(order, {"bob", "carol"}), "quorum: role clean: org 0"}});
  world.expect_cleaned(world.sign(order, {"alice", "bob"}));
}

}  // namespace
}  // namespace fleetsweep::stolen
