#include "witness/core.h"

#include <gtest/gtest.h>

#include "protocol/log/add_checkpoint.h"
#include "tests/witness/grown_log.h"

namespace fleetsweep::witness {
namespace {

class WitnessCore : public testing::Test {
 protected:
  Verdict judge(std::uint64_t old_size) const { return core_.judge(log_.request(old_size).text()); }
  void accept(std::uint64_t old_size) {
    const Verdict verdict = judge(old_size);
    ASSERT_EQ(verdict.status, 200) << verdict.text;
    core_.remember(verdict.checkpoint);
  }

  GrownLog log_;
  Core core_{{log_.verifier()}};
};

TEST_F(WitnessCore, AHonestLogIsRefused) {
  std::uint64_t seen = 0;
  for (const std::size_t entries : {1, 1, 3, 0, 20, 0, 7}) {
    log_.grow(entries);
    accept(seen);
    seen = log_.checkpoint().size;
    EXPECT_EQ(core_.seen("log.example/tenant"), (Seen{seen, log_.checkpoint().root}));
  }
}

TEST_F(WitnessCore, AnEmptyLogIsRefused) {
  accept(0);
  accept(0);
  log_.grow(2);
  accept(0);
}

TEST_F(WitnessCore, JudgingChangesWhatIsKnown) {
  log_.grow(3);
  EXPECT_EQ(judge(0).status, 200);
  EXPECT_EQ(core_.seen("log.example/tenant"), (Seen{0, log::empty_root()}));
}

TEST_F(WitnessCore, AFailedStartIsNotToldWhereToStart) {
  log_.grow(5);
  accept(0);
  log_.grow(4);
  for (const std::uint64_t old : {0, 3, 6, 9}) {
    const Verdict verdict = judge(old);
    EXPECT_EQ(verdict.status, 409);
    EXPECT_EQ(verdict.content_type, "text/x.tlog.size");
    EXPECT_EQ(verdict.text, "5\n");
    EXPECT_FALSE(verdict.alarming);
  }
  accept(5);
}

TEST_F(WitnessCore, AnotherRootForOneSizeIsCosigned) {
  log_.grow(5);
  accept(0);
  log_.shrink(4);
  log_.grow(1, "fork");
  const Verdict verdict = judge(5);
  EXPECT_EQ(verdict.status, 409);
  EXPECT_EQ(verdict.text, "5\n");
  EXPECT_TRUE(verdict.alarming);
}

TEST_F(WitnessCore, AForkThatGrewFurtherIsCosigned) {
  log_.grow(5);
  accept(0);
  log_.shrink(2);
  log_.grow(10, "fork");
  const Verdict verdict = judge(5);
  EXPECT_EQ(verdict.status, 422);
  EXPECT_TRUE(verdict.alarming);
  EXPECT_EQ(core_.seen("log.example/tenant").size, 5u);
}

TEST_F(WitnessCore, AShrunkenLogIsCosigned) {
  log_.grow(5);
  accept(0);
  log_.shrink(3);
  EXPECT_EQ(judge(5).status, 400) << "old size past the checkpoint";
  EXPECT_EQ(judge(3).status, 409);
  EXPECT_EQ(judge(0).status, 409);
}

TEST_F(WitnessCore, AChangedProofIsAccepted) {
  log_.grow(5);
  accept(0);
  log_.grow(6);
  const log::AddCheckpoint good = log_.request(5);
  ASSERT_FALSE(good.proof.empty());
  for (std::size_t i = 0; i < good.proof.size(); ++i) {
    log::AddCheckpoint bad = good;
    bad.proof[i].value[0] ^= 1;
    EXPECT_EQ(core_.judge(bad.text()).status, 422);
  }
  log::AddCheckpoint bad = good;
  bad.proof.pop_back();
  EXPECT_EQ(core_.judge(bad.text()).status, 422);
  bad = good;
  bad.proof.emplace_back();
  EXPECT_EQ(core_.judge(bad.text()).status, 422);
}

TEST_F(WitnessCore, AStrangersLogIsCosigned) {
  GrownLog stranger("log.example/other", 2);
  stranger.grow(1);
  EXPECT_EQ(core_.judge(stranger.request(0).text()).status, 404);
  GrownLog thief("log.example/tenant", 2);
  thief.grow(1);
  EXPECT_EQ(core_.judge(thief.request(0).text()).status, 403);
  log_.grow(1);
  log::AddCheckpoint changed = log_.request(0);
  changed.note.replace(changed.note.find("\n1\n"), 3, "\n2\n");
  EXPECT_EQ(core_.judge(changed.text()).status, 403);
}

// A log's key must not sign for the log of another tenant of the same controller.
TEST_F(WitnessCore, OneKeySignsForAnotherName) {
  const GrownLog other("log.example/other", 1);
  const Core core({log_.verifier(), other.verifier()});
  log_.grow(1);
  log::Note note = log::Note::parse(log_.note()).value();
  note.body.replace(0, note.body.find('\n'), "log.example/other");
  EXPECT_EQ(core.judge(log::AddCheckpoint{0, {}, note.text()}.text()).status, 403);
}

TEST_F(WitnessCore, AMalformedRequestIsJudged) {
  log_.grow(3);
  const std::string good = log_.request(0).text();
  ASSERT_EQ(core_.judge(good).status, 200);
  EXPECT_EQ(core_.judge("").status, 400);
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(core_.judge(good.substr(0, size)).status, 200) << size << " characters";
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 1;
    EXPECT_NE(core_.judge(bad).status, 200) << "character " << i;
  }
}

TEST_F(WitnessCore, StrangersLinesAreKeptWithTheCheckpoint) {
  log_.grow(3);
  log::Note note = log::Note::parse(log_.note()).value();
  note.signatures.push_back({"stranger", 7, Bytes(2000)});
  const Verdict verdict = core_.judge(log::AddCheckpoint{0, {}, note.text()}.text());
  ASSERT_EQ(verdict.status, 200);
  EXPECT_EQ(verdict.note.text(), log_.note());
}

TEST_F(WitnessCore, AForeignMemoryIsRestored) {
  log_.grow(3);
  EXPECT_TRUE(Core({log_.verifier()}).restore(log_.note()));
  GrownLog thief("log.example/tenant", 2);
  thief.grow(3);
  EXPECT_EQ(core_.restore(thief.note()).error().code, Code::kUntrusted);
  EXPECT_EQ(core_.restore("garbage").error().code, Code::kInvalid);
  ASSERT_TRUE(core_.restore(log_.note()));
  EXPECT_EQ(core_.restore(log_.note()).error().code, Code::kConflict);
  EXPECT_EQ(core_.seen("log.example/tenant"), (Seen{3, log_.checkpoint().root}));
}

}  // namespace
}  // namespace fleetsweep::witness
