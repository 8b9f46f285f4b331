#include "protocol/trust/approvals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

model::Envelope stop_signed_by(const fixture::Tenant& tenant,
                               std::initializer_list<std::string> people) {
  model::Stop stop;
  stop.issued = fixture::start();
  return *codec::decode<model::Envelope>(tenant.sign(stop, people));
}

TEST(Approvals, SecondKeyOfOnePersonLooksMissing) {
  const fixture::Tenant tenant([](model::Root& root) {
    root.keys.push_back(
        {.pub = fixture::key_named("alice at home").public_key(), .holder = "alice"});
    for (model::RoleRule& rule : root.roles)
      if (rule.role == model::Role::kClean)
        rule.clauses[0].keys.push_back(static_cast<std::uint16_t>(root.keys.size() - 1));
  });
  const auto found =
      approvals(stop_signed_by(tenant, {"alice"}), tenant.root(), model::Role::kClean);
  ASSERT_EQ(found.clauses.size(), 1u);
  EXPECT_THAT(found.clauses[0].signed_by, ElementsAre("alice"));
  for (const Approver& one : found.clauses[0].missing) EXPECT_NE(one.holder, "alice");
  EXPECT_THAT(found.clauses[0].holders, ElementsAre("alice", "bob", "carol"));
}

TEST(Approvals, SealedClauseLooksLikeTheUsualOne) {
  model::Root root = fixture::Tenant().root();
  for (model::RoleRule& rule : root.roles)
    if (rule.role == model::Role::kClean) rule.sealed = {{.keys = {2}, .threshold = 1}};
  const auto found = approvals(stop_signed_by(fixture::Tenant(), {}), root, model::Role::kClean);
  ASSERT_EQ(found.clauses.size(), 2u);
  EXPECT_FALSE(found.clauses[0].sealed);
  EXPECT_TRUE(found.clauses[1].sealed);
  EXPECT_THAT(found.clauses[1].holders, ElementsAre("carol"));
}

TEST(Approvals, RoleOfNobodyIsMet) {
  model::Root root = fixture::Tenant().root();
  std::erase_if(root.roles, [](const auto& rule) { return rule.role == model::Role::kDestroy; });
  const auto found =
      approvals(stop_signed_by(fixture::Tenant(), {"alice"}), root, model::Role::kDestroy);
  EXPECT_FALSE(found.met());
  EXPECT_THAT(found.clauses, IsEmpty());
}

}  // namespace
}  // namespace fleetsweep::trust
