// The log, the edge, and receipts on their way.

#include "agent/core/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/crypto/digest.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::Reason;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_F(AgentCore, ReceiptIsSentUntilAckedAndNotAfterwards) {
  host.connect();
  dry_run_found();
  ASSERT_EQ(host.sent_receipts.size(), 1u);
  host.disconnect();
  host.connect();
  ASSERT_EQ(host.sent_receipts.size(), 2u) << "the first may be lost";
  host.ack_all();
  host.ack_all();
  host.disconnect();
  host.connect();
  EXPECT_EQ(host.sent_receipts.size(), 2u);
  EXPECT_EQ(host.core->status().outbox, 0u);
}

TEST_F(AgentCore, ForkedLogStopsEverything) {
  host.connect();
  const DocumentId id = host.order(fixture::apply(host.policy, dry_run_found()), {"alice", "bob"});
  fixture::Log other;
  other.append(host.tenant.root_envelope());
  other.append(host.tenant.sign(fixture::dry_run(host.policy), {"bob"}));
  while (other.entries().size() < host.log.entries().size()) other.append(to_bytes("noise"));
  host.pass(hours(1));
  host.run(host.core->on_message(model::Checkpoint{other.note(host.clock.local)}, host.now()));
  host.crash();
  EXPECT_TRUE(host.core->status().forked);
  EXPECT_EQ(host.scans(), 0u);
  EXPECT_THAT(host.core->why(id), testing::HasSubstr("log_fork"));
}

TEST_F(AgentCore, GapInTheLogIsAskedForOnce) {
  host.connect();
  host.sent.clear();
  host.log.append(host.tenant.sign(fixture::dry_run(host.policy), {"alice"}));
  const std::vector<Bytes> tail = {host.log.entries().back()};
  host.run(host.core->on_message(model::Entries{1, tail}, host.now()));
  host.run(host.core->on_message(model::Entries{1, tail}, host.now()));
  const auto wants = of_kind<model::Want>(host.sent);
  ASSERT_EQ(wants.size(), 1u);
  EXPECT_EQ(wants[0].entries_from, 0u);
}

TEST_F(AgentCore, AnswerThatGotLostIsWaitedForUntilTheNextConnection) {
  host.connect();
  host.log.append(host.tenant.sign(fixture::dry_run(host.policy), {"alice"}));
  host.sent.clear();
  host.run(host.core->on_message(model::Checkpoint{host.log.note(host.clock.local)}, host.now()));
  ASSERT_EQ(of_kind<model::Want>(host.sent).size(), 1u);
  host.pass(seconds(29));
  EXPECT_EQ(of_kind<model::Want>(host.sent).size(), 1u);
  host.pass(seconds(1));
  ASSERT_EQ(of_kind<model::Want>(host.sent).size(), 2u);
  host.pass(minutes(1));
  EXPECT_EQ(of_kind<model::Want>(host.sent).size(), 4u) << "and so on, not faster";
  host.deliver();
  const std::size_t asked = of_kind<model::Want>(host.sent).size();
  host.pass(minutes(2));
  EXPECT_EQ(of_kind<model::Want>(host.sent).size(), asked) << "it has them";
}

// A broken relay, or a thief who was driven out: the honest edge must be able to go on.
TEST_F(AgentCore, EntriesOfAnotherTreeAreAskedForAgainAtEachCheckpoint) {
  host.connect();
  host.log.append(host.tenant.sign(fixture::dry_run(host.policy), {"alice"}));
  const auto note = [&] { return model::Checkpoint{host.log.note(host.clock.local)}; };
  host.run(host.core->on_message(note(), host.now()));
  for (std::size_t times = 1; times <= 3; ++times) {
    ASSERT_EQ(of_kind<model::Want>(host.sent).size(), times);
    std::vector<Bytes> changed = host.log.entries();
    changed.back().back() ^= 1;
    host.run(host.core->on_message(model::Entries{0, changed}, host.now()));
    EXPECT_EQ(host.core->status().log_size, 0u);
    host.run(host.core->on_message(note(), host.now()));
  }
  EXPECT_EQ(of_kind<model::Want>(host.sent).back().entries_from, 0u);
  host.deliver();
  EXPECT_EQ(host.core->status().log_size, host.log.entries().size());
  EXPECT_FALSE(host.core->status().forked);
}

TEST_F(AgentCore, AReceiptDoesNotSayWhichConsentItWasGivenUnder) {
  host.connect();
  const auto consent = trust::parse_consent("max_class = read\n");
  ASSERT_TRUE(consent);
  host.run(host.core->on_consent(*consent, host.now()));
  const DocumentId dry = dry_run_found();
  EXPECT_EQ(host.last().consent, crypto::sha256(as_bytes("max_class = read\n")));
  host.order(fixture::apply(host.policy, dry), {"alice", "bob"});
  EXPECT_EQ(host.last().reason, Reason::kConsent);
  EXPECT_EQ(host.last().consent, consent->digest);
  EXPECT_EQ(host.core->status().consent, *consent);
}

}  // namespace
}  // namespace fleetsweep::agent
