#include "protocol/trust/quorum.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "protocol/base/prng.h"
#include "tests/protocol/crypto/ssh_identity.h"
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

TEST(Signers, AreTheRootsKeysThatSignedTheseBytesEachOnce) {
  const Tenant tenant;
  model::Envelope envelope =
      open(tenant.sign(fixture::dry_run(fixture::hash_policy()), {"alice", "dave", "bob"}));
  envelope.signatures.push_back(envelope.signatures[0]);
  EXPECT_EQ(holders(tenant.root(), signers(envelope, tenant.root())),
            (std::vector<std::string>{"alice", "bob"}));
}

TEST(Signers, ASignatureForAnotherPayloadTypeDoesNotCount) {
  const Tenant tenant;
  model::Envelope envelope = open(tenant.sign(fixture::dry_run(fixture::hash_policy()), {"alice"}));
  envelope.payload_type = model::kPayloadStop;
  EXPECT_THAT(signers(envelope, tenant.root()), ::testing::IsEmpty());
}

TEST(Signers, AWrongKeyIdNeverWinsASignature) {
  const Tenant tenant;
  model::Envelope envelope = open(tenant.sign(fixture::dry_run(fixture::hash_policy()), {"dave"}));
  envelope.signatures[0].key = crypto::key_id(tenant.key("alice").public_key());
  EXPECT_THAT(signers(envelope, tenant.root()), ::testing::IsEmpty());
}

// The scheme stands in the root: a signature cannot choose how it is looked at.
TEST(Signers, ApprovalThroughSshDoesNotCount) {
  const Tenant tenant;
  const auto ssh = [](const std::string& name, std::string application = "") {
    return test::SshIdentity(fixture::key_named(name), std::move(application));
  };
  model::Root root = tenant.root();
  root.keys[0].scheme = model::Scheme::kSshsig;
  root.keys[1].scheme = model::Scheme::kSshsigSk;
  root.keys[1].sk_application = "ssh:fleetsweep";
  model::Envelope envelope =
      open(tenant.sign(fixture::dry_run(fixture::hash_policy()), {"alice", "bob"}));
  EXPECT_THAT(signers(envelope, root), ::testing::IsEmpty()) << "a plain one is not an SSHSIG";

  const Bytes message = crypto::pae(envelope.payload_type, envelope.payload);
  envelope.signatures[0].signature = ssh("alice").sign(message);
  envelope.signatures[1].signature = ssh("bob").sign(message);
  EXPECT_EQ(holders(root, signers(envelope, root)), std::vector<std::string>{"alice"})
      << "bob's is not of his token";
  envelope.signatures[1].signature = ssh("bob", "ssh:fleetsweep").sign(message);
  EXPECT_EQ(holders(root, signers(envelope, root)), (std::vector<std::string>{"alice", "bob"}));
  EXPECT_THAT(signers(envelope, tenant.root()), ::testing::IsEmpty())
      << "where the root says plain, an SSHSIG does not count";
}

TEST(Signers, AnySingleBitChangeOfPayloadTypeOrSignatureIsRefused) {
  const Tenant tenant;
  const model::Envelope envelope =
      open(tenant.sign(fixture::dry_run(fixture::hash_policy()), {"alice"}));
  const auto flip = [](auto& bytes, std::size_t bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ (1u << (bit % 8)));
  };
  for (std::size_t bit = 0; bit < envelope.payload.size() * 8; ++bit) {
    model::Envelope changed = envelope;
    flip(changed.payload, bit);
    ASSERT_TRUE(signers(changed, tenant.root()).empty()) << "payload bit " << bit;
  }
  for (std::size_t bit = 0; bit < 64 * 8; ++bit) {
    model::Envelope changed = envelope;
    flip(changed.signatures[0].signature, bit);
    ASSERT_TRUE(signers(changed, tenant.root()).empty()) << "signature bit " << bit;
  }
  for (std::size_t bit = 0; bit < envelope.payload_type.size() * 8; ++bit) {
    model::Envelope changed = envelope;
    flip(changed.payload_type, bit);
    ASSERT_TRUE(signers(changed, tenant.root()).empty()) << "type bit " << bit;
  }
}

TEST(Quorum, NamesTheClauseAndWhoIsMissing) {
  const Tenant tenant;
  const auto verdict = meets(tenant.root(), Role::kClean, {tenant.key("bob").public_key()});
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().reason, Reason::kQuorum);
  EXPECT_THAT(verdict.error().detail, HasSubstr("role clean: org 0 has 1 of 2 approvals"));
  EXPECT_THAT(verdict.error().detail, HasSubstr("missing: alice, carol"));
}

TEST(Quorum, ARoleThatIsMissingOrEmptyIsNeverMet) {
  model::Root root = Tenant().root();
  Keys everybody;
  for (const auto& key : root.keys) everybody.push_back(key.pub);
  std::sort(everybody.begin(), everybody.end());
  EXPECT_TRUE(meets(root, Role::kInfra, everybody));
  for (auto& rule : root.roles)
    if (rule.role == Role::kInfra) rule.clauses.clear();
  EXPECT_FALSE(meets(root, Role::kInfra, everybody));
  std::erase_if(root.roles, [](const auto& rule) { return rule.role == Role::kInfra; });
  EXPECT_FALSE(meets(root, Role::kInfra, everybody));
  for (auto& rule : root.roles)
    if (rule.role == Role::kObserve) rule.clauses[0].threshold = 0;
  EXPECT_FALSE(meets(root, Role::kObserve, everybody));
}

TEST(Quorum, EveryClauseMustHold) {
  const Tenant tenant([](model::Root& root) {
    root.keys[2].org = 1;  // carol is the provider's
    for (auto& rule : root.roles) {
      if (rule.role == Role::kConductor) continue;
      const bool alone = floor(rule.role) == 1;
      rule.clauses = {{0, {0, 1}, 1}};
      if (!alone) rule.clauses.push_back({1, {2}, 1});
      if (rule.role == Role::kDestroy) rule.clauses[0].threshold = 2;
    }
  });
  const auto ok = [&](std::initializer_list<std::string> people) {
    Keys keys;
    for (const auto& person : people) keys.push_back(tenant.key(person).public_key());
    std::sort(keys.begin(), keys.end());
    return meets(tenant.root(), Role::kClean, keys).has_value();
  };
  EXPECT_TRUE(ok({"alice", "carol"}));
  EXPECT_FALSE(ok({"alice", "bob"}));
  EXPECT_FALSE(ok({"carol"}));
}

TEST(Quorum, AStoppedKeyCountsOnlyForRootResumeAndStop) {
  const Tenant tenant;
  const Keys stopped = {tenant.key("alice").public_key()};
  Keys signed_by = {tenant.key("alice").public_key(), tenant.key("bob").public_key(),
                    tenant.key("carol").public_key(), tenant.key("conductor").public_key()};
  std::sort(signed_by.begin(), signed_by.end());
  Keys alice_and_bob = {tenant.key("alice").public_key(), tenant.key("bob").public_key()};
  std::sort(alice_and_bob.begin(), alice_and_bob.end());
  for (std::size_t i = 0; i < kCount<Role>; ++i) {
    const auto role = static_cast<Role>(i);
    ASSERT_TRUE(meets(tenant.root(), role, signed_by)) << name(role);
    const bool exempt = role == Role::kRoot || role == Role::kResume || role == Role::kStop;
    if (exempt) {
      EXPECT_TRUE(meets(tenant.root(), role, alice_and_bob, stopped)) << name(role);
    } else if (role != Role::kConductor) {
      EXPECT_FALSE(meets(tenant.root(), role, stopped, stopped)) << name(role);
    }
  }
  EXPECT_FALSE(meets(tenant.root(), Role::kClean, alice_and_bob, stopped));
}

TEST(Quorum, SealedKeysDoTheSameAndDoNotAddUpWithTheUsualOnes) {
  const Tenant tenant([](model::Root& root) {
    for (const char* name : {"dave", "erin"})
      root.keys.push_back({fixture::key_named(name).public_key(), {}, name, 0, ""});
    for (auto& rule : root.roles)
      if (rule.role == Role::kClean) rule.sealed = {{0, {4, 5}, 2}};
  });
  const auto by = [&](std::initializer_list<std::string> people, const Keys& stopped = {}) {
    Keys keys;
    for (const auto& person : people) keys.push_back(tenant.key(person).public_key());
    std::sort(keys.begin(), keys.end());
    return meets(tenant.root(), Role::kClean, keys, stopped);
  };
  EXPECT_EQ(by({"alice", "bob"}), Approval::kUsual);
  EXPECT_EQ(by({"alice", "bob", "dave", "erin"}), Approval::kUsual);
  EXPECT_EQ(by({"dave", "erin"}), Approval::kSealed);
  const auto mixed = by({"alice", "dave"});
  ASSERT_FALSE(mixed);
  EXPECT_THAT(mixed.error().detail, HasSubstr("role clean: org 0 has 1 of 2 approvals (missing: "
                                              "bob, carol); nor do the sealed keys do: role clean: "
                                              "org 0 has 1 of 2 approvals (missing: erin)"));
  EXPECT_FALSE(by({"dave", "erin"}, {tenant.key("dave").public_key()}));
}

// Random roots with several keys a person and several organisations: whoever meets a role is never
// fewer people than its floor, nor than the thresholds of its clauses.
TEST(Quorum, IsNeverMetByFewerPeopleThanItsFloor) {
  Prng prng(7);
  std::vector<PublicKey> pool;
  for (int i = 0; i < 8; ++i)
    pool.push_back(fixture::key_named(fmt::format("key {}", i)).public_key());
  int met = 0;
  for (int round = 0; round < 3000; ++round) {
    model::Root root = Tenant().root();
    root.keys.clear();
    root.roles.clear();
    for (const PublicKey& key : pool) {
      const auto person = prng.below(5);
      root.keys.push_back(
          {key, {}, fmt::format("person{}", person), static_cast<std::uint8_t>(person % 2), ""});
    }
    const auto role = static_cast<Role>(prng.below(kCount<Role>));
    model::RoleRule rule{role, {}};
    unsigned thresholds = 0;
    for (std::uint8_t org : {0, 1}) {
      if (prng.chance(0.3)) continue;
      model::Clause clause{org, {}, static_cast<std::uint8_t>(prng.below(4))};
      for (std::uint16_t i = 0; i < pool.size(); ++i)
        if (root.keys[i].org == org && prng.chance(0.8)) clause.keys.push_back(i);
      thresholds += clause.threshold;
      rule.clauses.push_back(clause);
    }
    root.roles.push_back(rule);
    Keys signed_by;
    std::set<std::string> people;
    for (const auto& key : root.keys)
      if (prng.chance(0.6)) {
        signed_by.push_back(key.pub);
        people.insert(key.holder);
      }
    std::sort(signed_by.begin(), signed_by.end());
    if (!meets(root, role, signed_by)) continue;
    ++met;
    EXPECT_GE(people.size(), floor(role));
    EXPECT_GE(people.size(), thresholds);
    EXPECT_FALSE(rule.clauses.empty());
  }
  EXPECT_GT(met, 100);
}

}  // namespace
}  // namespace fleetsweep::trust
