// Rescans at the times that the policy says, whatever happens to the host meanwhile.

#include <gtest/gtest.h>

#include "agent/core/core.h"
#include "protocol/base/prng.h"
#include "protocol/crypto/digest.h"
#include "tests/agent/core/agent_core.h"

namespace fleetsweep::agent {
namespace {

using model::HostState;
using model::Reason;
using model::ReceiptKind;
using std::chrono::hours;
using std::chrono::minutes;

const std::vector<Seconds> kRescans = {Seconds(0), Seconds(90), minutes(20), hours(24), hours(144)};

// One host for a week after its cleaning. Scans take up to four hours, and between two of them it
// may crash or be started anew.
class Week : public AgentCore {
 protected:
  void clean(std::uint64_t seed) {
    prng = Prng(seed);
    host.policy.verify.rescans = kRescans;
    host.policy.verify.after_reboot = true;
    host.digest = crypto::sha256(fixture::policy_bytes(host.policy));
    host.connect();
    const DocumentId dry = host.order(fixture::dry_run(host.policy), {"alice"});
    host.scan_answers(host.found());
    order = host.order(fixture::apply(host.policy, dry), {"alice", "bob"});
    cool_off();
    host.scan_answers(host.found());
    answered = host.scans();
    host.act_answers(HostState::kCleaned);
    cleaned = host.clock.local;
  }
  void go_on(bool is_back) {
    if (host.scans() > answered) {
      answered = host.scans();
      looks.push_back(host.clock.local);
      host.scan_answers(is_back ? host.found() : host.clean());
    }
    host.pass(minutes(1 + static_cast<int>(prng.below(240))));
    if (prng.chance(0.4)) return;
    if (prng.chance(0.5)) ++host.clock.boot.value[0];
    host.crash();
    answered = 0;
    // A scan that begins with the process is one of this life.
  }
  std::vector<model::Receipt> words() const {
    std::vector<model::Receipt> words;
    for (const model::Receipt& receipt : host.receipts())
      if (receipt.kind == ReceiptKind::kVerify) words.push_back(receipt);
    return words;
  }

  Prng prng{1};
  DocumentId order;
  Timestamp cleaned;
  std::size_t answered = 0;
  std::vector<Timestamp> looks;
};

class AWeek : public Week, public testing::WithParamInterface<std::uint64_t> {};

TEST_P(AWeek, OfCrashesAndRebootsLosesARescanOrMakesOneTooEarly) {
  clean(GetParam());
  while (host.clock.local < cleaned + hours(24 * 8)) go_on(false);
  ASSERT_EQ(words().size(), 1u) << host.core->why(order);
  EXPECT_EQ(words()[0].state, HostState::kVerified);
  EXPECT_GE(words()[0].finished, cleaned + kRescans.back());
  ASSERT_GE(looks.size(), kRescans.size());
  for (std::size_t i = 0; i < kRescans.size(); ++i) EXPECT_GE(looks[i], cleaned + kRescans[i]) << i;
}

TEST_P(AWeek, HidesWhatComesBackInTheMiddle) {
  clean(GetParam());
  const Timestamp back = cleaned + hours(60);
  while (host.clock.local < cleaned + hours(24 * 8)) go_on(host.clock.local >= back);
  ASSERT_EQ(words().size(), 1u) << host.core->why(order);
  EXPECT_EQ(words()[0].state, HostState::kRespawned);
  EXPECT_GE(words()[0].finished, back);
}

INSTANTIATE_TEST_SUITE_P(Each, AWeek, testing::Range<std::uint64_t>(1, 41));

}  // namespace
}  // namespace fleetsweep::agent
