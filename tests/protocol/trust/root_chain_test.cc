#include "protocol/trust/root_chain.h"

#include <gmock/gmock.h>

#include "protocol/base/prng.h"
#include "protocol/trust/root_rules.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::Tenant;
using model::Reason;
using model::Role;
using ::testing::HasSubstr;

model::Envelope open(const Bytes& bytes) {
  return *codec::decode<model::Envelope>(bytes);
}

model::RoleRule& rule(model::Root& root, Role role) {
  for (auto& candidate : root.roles)
    if (candidate.role == role) return candidate;
  std::abort();
}

TEST(RootRules, EveryMistakeOfARootIsReportedAtOnce) {
  model::Root root = Tenant().root();
  root.expires = root.issued;
  root.keys[1].holder = "Bob Smith";
  root.keys.push_back(root.keys[0]);
  rule(root, Role::kClean).clauses[0].threshold = 9;
  root.witness_quorum = 2;
  root.logs[0].vkey = "nonsense";
  const auto found = mistakes(root);
  EXPECT_THAT(found, ::testing::IsSupersetOf(
                         {HasSubstr("is not after issued"), HasSubstr("holder 'Bob Smith'"),
                          HasSubstr("the same key stands there twice"),
                          HasSubstr("org 0 needs 9 of 3 holders"),
                          HasSubstr("witness_quorum 2 of 1"), HasSubstr("logs[0]")}));
}

struct Mistake {
  const char* text;
  std::function<void(model::Root&)> make;
};

TEST(RootRules, EachMistakeIsSeen) {
  const std::vector<Mistake> table = {
      {"version 0", [](auto& r) { r.version = 0; }},
      {"must be zero in version 1", [](auto& r) { r.tenant.value[0] = 1; }},
      {"version 1 has none", [](auto& r) { r.previous.value[0] = 1; }},
      {"evidence_key", [](auto& r) { r.evidence_key = {}; }},
      {"keys[0] (alice)", [](auto& r) { r.keys[0].pub = {}; }},
      {"with application ''; \"ssh:...\" goes with sshsig-sk",
       [](auto& r) { r.keys[0].scheme = model::Scheme::kSshsigSk; }},
      {"with application 'ssh:'; \"ssh:...\" goes with sshsig-sk",
       [](auto& r) { r.keys[0].sk_application = "ssh:"; }},
      {"has scheme sshsig, a program signs with ed25519",
       [](auto& r) {
         r.keys[rule(r, Role::kConductor).clauses[0].keys[0]].scheme = model::Scheme::kSshsig;
       }},
      {"is in org 0 and in org 1",
       [](auto& r) {
         r.keys.push_back({fixture::key_named("dave").public_key(), {}, "alice", 1, ""});
       }},
      {"is in org 1, the clause is for org 0", [](auto& r) { r.keys[2].org = 1; }},
      {"two clauses for org 0",
       [](auto& r) {
         auto& clauses = rule(r, Role::kClean).clauses;
         clauses.push_back(clauses[0]);
       }},
      {"names key 0 twice",
       [](auto& r) {
         rule(r, Role::kClean).clauses[0].keys = {0, 0, 1};
       }},
      {"names key 9, there are 4",
       [](auto& r) {
         rule(r, Role::kClean).clauses[0].keys = {0, 1, 9};
       }},
      {"threshold 0", [](auto& r) { rule(r, Role::kObserve).clauses[0].threshold = 0; }},
      {"role clean: 1 holder(s) would be enough, the floor is 2",
       [](auto& r) { rule(r, Role::kClean).clauses[0].threshold = 1; }},
      {"role destroy: 2 holder(s) would be enough, the floor is 3",
       [](auto& r) { rule(r, Role::kDestroy).clauses[0].threshold = 2; }},
      {"role stop: missing", [](auto& r) { rule(r, Role::kStop).clauses.clear(); }},
      {"role clean: stands there twice", [](auto& r) { r.roles.push_back(rule(r, Role::kClean)); }},
      {"role conductor: key 3",
       [](auto& r) {
         rule(r, Role::kRelease).clauses[0].keys = {0, 3};
       }},
      {"logs: none", [](auto& r) { r.logs.clear(); }},
      {"logs[0]: frontier", [](auto& r) { r.logs[0].start_size = 5; }},
      {"makes another root than startRoot", [](auto& r) { r.logs[0].start_root.value[0] = 1; }},
      {"makes another root than startRoot",
       [](auto& r) {
         r.logs[0].start_size = 2, r.logs[0].frontier = {Digest{}},
         r.logs[0].start_root.value[0] = 1;
       }},
      {"role clean, sealed: key 0 stands in the usual clauses too",
       [](auto& r) {
         rule(r, Role::kClean).sealed = {{0, {0, 1}, 2}};
       }},
      {"role clean, sealed: 1 holder(s) would be enough, the usual clauses ask 2",
       [](auto& r) {
         r.keys.push_back({fixture::key_named("dave").public_key(), {}, "dave", 0, ""});
         rule(r, Role::kClean).sealed = {{0, {4}, 1}};
       }},
      {"role clean, sealed: org 0 needs 2 of 1 holders",
       [](auto& r) {
         r.keys.push_back({fixture::key_named("dave").public_key(), {}, "dave", 0, ""});
         rule(r, Role::kClean).sealed = {{0, {4}, 2}};
       }},
      {"role enrol: sealed clauses, where nobody has the role",
       [](auto& r) {
         rule(r, Role::kEnrol).sealed = rule(r, Role::kEnrol).clauses;
         rule(r, Role::kEnrol).clauses.clear();
       }},
      {"role conductor: sealed clauses, where a program signs",
       [](auto& r) {
         rule(r, Role::kConductor).sealed = {{0, {0}, 1}};
       }},
      {"role conductor: key 3 also stands in another role",
       [](auto& r) {
         rule(r, Role::kClean).sealed = {{0, {3}, 2}};
       }},
      {"standing_life_max is -1", [](auto& r) { r.policy.standing_life_max = Seconds{-1}; }},
      {"the key is of another type", [](auto& r) { r.witnesses[0] = r.logs[0].vkey; }},
      {"this key has another use here", [](auto& r) { r.witnesses.push_back(r.witnesses[0]); }},
      {"checkpoint_age_max[clean] is 0", [](auto& r) { r.policy.checkpoint_age_max[3] = {}; }},
      {"cool_off[read] is -1", [](auto& r) { r.policy.cool_off[1] = Seconds{-1}; }},
      {"time_keys[1]: this key has another use here",
       [](auto& r) {
         r.time_keys = {fixture::key_named("time").public_key(),
                        fixture::key_named("alice").public_key()};
       }},
      {"time_keys[0]: this key has another use here",
       [](auto& r) { r.time_keys = {fixture::key_named("witness").public_key()}; }},
      {"time_keys[0]", [](auto& r) { r.time_keys = {PublicKey{}}; }},
      {"dry_run_age_max", [](auto& r) { r.policy.dry_run_age_max = {}; }},
      {"items_max 501", [](auto& r) { r.policy.items_max = 501; }},
      {"wave1_permille_max 1001", [](auto& r) { r.policy.wave1_permille_max = 1001; }},
  };
  EXPECT_THAT(mistakes(Tenant().root()), ::testing::IsEmpty());
  for (const auto& [text, make] : table) {
    model::Root root = Tenant().root();
    make(root);
    EXPECT_THAT(mistakes(root), ::testing::Contains(HasSubstr(text))) << text;
  }
}

TEST(RootRules, OnePersonWithTwoKeysIsStillOnePerson) {
  model::Root root = Tenant().root();
  root.keys.push_back({fixture::key_named("dave").public_key(), {}, "alice", 0, ""});
  auto& clause = rule(root, Role::kClean).clauses[0];
  clause.keys = {0, 4};
  clause.threshold = 2;
  EXPECT_THAT(mistakes(root), ::testing::Contains(HasSubstr("org 0 needs 2 of 1 holders")));
}

TEST(RootChain, TheTenantIsTheHashOfItsFirstRoot) {
  const Tenant tenant;
  EXPECT_EQ(tenant.verified().tenant(), tenant.id());
  auto other = accept_first_root(open(tenant.root_envelope()), TenantId{});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().reason, Reason::kTenant);
}

TEST(RootChain, AFirstRootThatOneOfItsKeysDidNotSignIsRefused) {
  const Tenant tenant;
  auto root = accept_first_root(open(tenant.sign(tenant.root(), {"alice", "bob"})), {});
  ASSERT_FALSE(root);
  EXPECT_EQ(root.error().reason, Reason::kUntrusted);
  EXPECT_THAT(root.error().detail, HasSubstr("new key 2 of carol"));
}

TEST(RootChain, ASuccessorNeedsTheOldAndTheNewQuorumAndItsNewKeys) {
  const Tenant tenant;
  const VerifiedRoot first = tenant.verified();
  const model::Root second = tenant.next(first, [&](model::Root& root) {
    root.keys[2] = {tenant.key("dave").public_key(), {}, "dave", 0, ""};  // carol leaves
  });
  const auto reason = [&](std::initializer_list<std::string> people) {
    auto next = accept_next_root(first, open(tenant.sign(second, people)));
    return next ? Reason::kNone : next.error().reason;
  };
  EXPECT_EQ(reason({"alice", "bob", "dave"}), Reason::kNone);
  EXPECT_EQ(reason({"alice", "carol", "dave"}), Reason::kNone);
  EXPECT_EQ(reason({"alice", "bob"}), Reason::kUntrusted);  // dave proves nothing
  EXPECT_EQ(reason({"alice", "dave"}), Reason::kQuorum);    // one of the old
  EXPECT_EQ(reason({"carol", "bob"}), Reason::kQuorum);     // one of the new
  EXPECT_EQ(reason({"dave", "erin"}), Reason::kUntrusted);  // nobody known
}

TEST(RootChain, VersionsGoUpByOneAndNameTheirPredecessor) {
  const Tenant tenant;
  const VerifiedRoot first = tenant.verified();
  const auto reason = [&](const std::function<void(model::Root&)>& change) {
    auto next = accept_next_root(
        first, open(tenant.sign(tenant.next(first, change), {"alice", "bob", "carol"})));
    return next ? Reason::kNone : next.error().reason;
  };
  EXPECT_EQ(reason([](auto&) {}), Reason::kNone);
  EXPECT_EQ(reason([](auto& root) { root.version = 3; }), Reason::kRootVersion);
  EXPECT_EQ(reason([](auto& root) { root.previous.value[3] ^= 1; }), Reason::kUntrusted);
  EXPECT_EQ(reason([](auto& root) { root.tenant.value[3] ^= 1; }), Reason::kTenant);
  EXPECT_EQ(reason([](auto& root) { root.agent_schema_min = 2; }), Reason::kSchema);
  EXPECT_EQ(reason([](auto& root) { root.schema = 2; }), Reason::kSchema);
  EXPECT_EQ(reason([](auto& root) { root.expires = root.issued; }), Reason::kMalformed);
}

TEST(RootChain, ARollbackToAnOlderRootIsRefused) {
  const Tenant tenant;
  const VerifiedRoot first = tenant.verified();
  const Bytes bytes = tenant.sign(tenant.next(first, {}), {"alice", "bob"});
  const auto second = accept_next_root(first, open(bytes));
  ASSERT_TRUE(second);
  EXPECT_EQ(accept_next_root(*second, open(bytes)).error().reason, Reason::kRootVersion);
  EXPECT_EQ(accept_root_chain({tenant.root_envelope(), bytes}, tenant.id())->version(), 2u);
  EXPECT_FALSE(accept_root_chain({bytes}, {}));
  EXPECT_FALSE(accept_root_chain({}, {}));
}

TEST(RootChain, AnySingleBitChangeOfASignedRootIsRefused) {
  const Tenant tenant;
  const model::Envelope envelope = open(tenant.root_envelope());
  Prng prng(1);
  for (int i = 0; i < 300; ++i) {
    model::Envelope changed = envelope;
    const std::size_t bit = prng.below(changed.payload.size() * 8);
    changed.payload[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(accept_first_root(changed, tenant.id())) << bit;
    EXPECT_FALSE(accept_first_root(changed, {})) << bit;
  }
}

}  // namespace
}  // namespace fleetsweep::trust
