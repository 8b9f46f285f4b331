#include "cli/log_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::cli {
namespace {

using testing::ElementsAre;

class LogHistoryTest : public testing::Test {
 protected:
  DocumentId log(const Bytes& entry) {
    entries_.push_back(entry);
    return fixture::id_of(entry);
  }

  fixture::Tenant tenant_;
  std::vector<Bytes> entries_{tenant_.root_envelope()};
};

TEST_F(LogHistoryTest, AnOrderWhoseSignerLeftSinceFailsTheAudit) {
  const model::Policy policy = fixture::hash_policy();
  const DocumentId dry = log(tenant_.sign(fixture::dry_run(policy), {"alice"}));
  const DocumentId order = log(tenant_.sign(fixture::apply(policy, dry), {"bob", "carol"}));
  const model::Root without_carol = tenant_.next(tenant_.verified(), [&](model::Root& root) {
    const auto carol = std::ranges::find(root.keys, "carol", &model::Key::holder);
    *carol = {tenant_.key("dave").public_key(), {}, "dave", 0, ""};
  });
  log(tenant_.sign(without_carol, {"alice", "bob", "dave"}));

  const auto history = fold_log(entries_, tenant_.id(), fixture::start());
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_EQ(history->state.root->version(), 2u);
  EXPECT_EQ(history->refused, 0u);
  EXPECT_THAT(history->approvers.at(order), ElementsAre("bob", "carol"));
}

TEST_F(LogHistoryTest, AReleaseThatEndedSinceFailsTheAudit) {
  model::Order order = fixture::dry_run(fixture::hash_policy());
  order.waves = {{.permille = 100}, {.gate = model::Gate::kManual}};
  const DocumentId id = log(tenant_.sign(order, {"alice"}));
  log(tenant_.sign(
      model::Release{.order = id, .wave = 1, .expires = fixture::start() + fixture::kHour},
      {"alice"}));

  const auto history = fold_log(entries_, tenant_.id(), fixture::start() + 400 * fixture::kDay);
  ASSERT_TRUE(history) << history.error().message;
  EXPECT_EQ(history->refused, 0u);
  EXPECT_EQ(history->state.releases.size(), 1u);
}

TEST_F(LogHistoryTest, AnEntryWithoutAuthorityIsTakenForHonest) {
  log(tenant_.sign(fixture::dry_run(fixture::hash_policy()), {"erin"}));
  EXPECT_EQ(fold_log(entries_, tenant_.id(), fixture::start())->refused, 1u);
  EXPECT_FALSE(fold_log(entries_, TenantId{}, fixture::start()));
  EXPECT_FALSE(fold_log({}, tenant_.id(), fixture::start()));
}

}  // namespace
}  // namespace fleetsweep::cli
