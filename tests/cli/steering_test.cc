#include "cli/steering.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/log_history.h"
#include "protocol/log/merkle.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::cli {
namespace {

using testing::ElementsAre;

class Steering : public testing::Test {
 protected:
  template <class T>
  DocumentId log(const T& document, std::initializer_list<std::string> people) {
    entries_.push_back(tenant_.sign(document, people));
    return fixture::id_of(entries_.back());
  }
  DocumentId order(const std::string& campaign, std::uint8_t nonce, model::Gate gate) {
    model::Order order = fixture::dry_run(fixture::hash_policy());
    order.campaign = campaign;
    order.nonce.value[0] = nonce;
    order.waves = {{.permille = 100}, {.gate = gate}};
    return log(order, {"alice"});
  }
  trust::State state() const { return fold_log(entries_, tenant_.id(), fixture::start())->state; }

  fixture::Tenant tenant_;
  std::vector<Bytes> entries_{tenant_.root_envelope()};
};

TEST_F(Steering, AManualGateCanNeverBeOpened) {
  order("web-1", 1, model::Gate::kManual);
  const DocumentId newest = order("web-1", 2, model::Gate::kManual);
  order("web-1", 3, model::Gate::kNone);
  order("web-2", 4, model::Gate::kManual);
  const auto release = draft_release(state(), "web-1", 2);
  ASSERT_TRUE(release) << release.error().message;
  EXPECT_EQ(release->order, newest);
  EXPECT_EQ(release->wave, 1);
  log(*release, {"alice"});
  EXPECT_EQ(state().releases.size(), 1u);
  EXPECT_EQ(draft_release(state(), "web-1", 2).error().code, Code::kConflict);
  for (const unsigned wave : {0u, 1u, 3u})
    EXPECT_EQ(draft_release(state(), "web-1", wave).error().code, Code::kNotFound) << wave;
}

TEST_F(Steering, AStopOfAPersonMissesOneOfTheirKeys) {
  const auto stop = draft_key_stop(state(), "alice", "laptop stolen", fixture::start());
  ASSERT_TRUE(stop) << stop.error().message;
  EXPECT_THAT(stop->keys, ElementsAre(tenant_.key("alice").public_key()));
  EXPECT_EQ(draft_key_stop(state(), tenant_.key("bob").public_key().hex(), "", {})->keys.size(),
            1u);
  EXPECT_EQ(draft_key_stop(state(), "mallory", "", {}).error().code, Code::kNotFound);

  EXPECT_EQ(draft_key_resume(state(), "alice", "").error().code, Code::kNotFound);
  const DocumentId id = log(*stop, {"bob"});
  const auto resume = draft_key_resume(state(), "alice", "found again");
  ASSERT_TRUE(resume) << resume.error().message;
  EXPECT_THAT(resume->stops, ElementsAre(id));
  EXPECT_EQ(draft_key_resume(state(), "bob", "").error().code, Code::kNotFound);
}

TEST_F(Steering, AResumeLiftsTheStopsOfOthers) {
  const DocumentId ours = order("web-1", 1, model::Gate::kNone);
  const DocumentId theirs = order("web-2", 2, model::Gate::kNone);
  const DocumentId by_order = log(model::Stop{.orders = {ours}}, {"alice"});
  log(model::Stop{.orders = {theirs}}, {"alice"});
  const auto resume = draft_resume(state(), "web-1", "mended");
  ASSERT_TRUE(resume) << resume.error().message;
  EXPECT_THAT(resume->stops, ElementsAre(by_order));
  log(*resume, {"alice", "bob"});
  EXPECT_EQ(state().stops.size(), 1u);
  EXPECT_EQ(draft_resume(state(), "web-1", "mended").error().code, Code::kNotFound);
}

// Whoever lifts the stop of one campaign does not set all others free by the way.
TEST_F(Steering, ResumingOneCampaignLiftsAHaltOfEverything) {
  const DocumentId ours = order("web-1", 1, model::Gate::kNone);
  order("web-2", 2, model::Gate::kNone);
  const DocumentId named = log(model::Stop{.orders = {ours}}, {"alice"});
  const DocumentId all = log(model::Stop{.halt_all = true}, {"bob"});
  const DocumentId from_class =
      log(model::Stop{.halt_from_class = model::Class::kObserve}, {"bob"});
  log(model::Stop{.halt_from_class = model::Class::kDestroy}, {"bob"});
  const auto resume = draft_resume(state(), "web-1", "mended");
  ASSERT_FALSE(resume);
  EXPECT_EQ(resume.error().code, Code::kConflict);
  EXPECT_THAT(resume.error().message, testing::HasSubstr("fleetsweep stop lift"));
  for (const DocumentId& id : {named, all, from_class})
    EXPECT_THAT(resume.error().message, testing::HasSubstr(id.hex()));
  log(model::Resume{.stops = {all, from_class}}, {"alice", "bob"});
  const auto rest = draft_resume(state(), "web-1", "mended");
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_THAT(rest->stops, ElementsAre(named));
}

TEST_F(Steering, AnOrderThatTheControllerHidSlipsThroughAStop) {
  const DocumentId shown = order("web-1", 1, model::Gate::kNone);
  const DocumentId hidden = order("web-1", 2, model::Gate::kNone);
  order("web-2", 3, model::Gate::kNone);
  log(model::Stop{.orders = {shown}}, {"alice"});
  EXPECT_THAT(not_stopped(state(), "web-1"), ElementsAre(hidden.hex()));
  log(model::Stop{.orders = {hidden}}, {"alice"});
  EXPECT_THAT(not_stopped(state(), "web-1"), testing::IsEmpty());
}

TEST_F(Steering, ACampaignIsClosedTwice) {
  order("web-1", 1, model::Gate::kNone);
  const std::vector<Digest> leaves = {log::leaf_hash(to_bytes("a")), log::leaf_hash(to_bytes("b"))};
  const auto close = draft_close(state(), "web-1", leaves);
  ASSERT_TRUE(close) << close.error().message;
  EXPECT_EQ(close->results_size, 2u);
  EXPECT_EQ(close->results_root, log::tree_root(leaves));
  log(*close, {"alice"});
  EXPECT_EQ(draft_close(state(), "web-1", leaves).error().code, Code::kConflict);
  EXPECT_TRUE(draft_close(state(), "web-2", {})) << "of a campaign without a receipt";
}

}  // namespace
}  // namespace fleetsweep::cli
