// Rounds to witnesses made by hand: what each is asked, and what its answer is worth.

#include "controller/driver/cosign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/log/merkle.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CosignTest : public testing::Test {
 protected:
  // A log of so many entries, cosigned by `quorum` of the witnesses one and two.
  CosignLog log_of(std::uint64_t size, unsigned quorum = 1) const {
    CosignLog work{.tenant = 1, .quorum = quorum};
    for (std::uint64_t i = 0; i < size; ++i)
      work.leaves.push_back(log::leaf_hash(as_bytes(std::to_string(i))));
    work.checkpoint = {"log.example/one", size, log::tree_root(work.leaves)};
    for (const char* name : {"one", "two"}) work.witnesses.push_back(verifier(name).text());
    return work;
  }
  static log::VerifierKey verifier(const std::string& name) {
    return {name, log::KeyType::kCosignatureV1, fixture::key_named(name).public_key()};
  }
  // Signs whatever it is asked, if the request starts where it is; else says where that is.
  Result<WitnessAnswer> answer(const std::string& name, const log::AddCheckpoint& request) {
    asked_.push_back(request.old_size);
    last_ = request;
    if (down_ == name) return fail(Code::kUnavailable, "no answer");
    if (request.old_size != knows_[name]) return WitnessAnswer{{}, knows_[name]};
    const log::Note note = *log::Note::parse(request.note);
    knows_[name] = log::Checkpoint::parse(note.body)->size;
    const std::string signer = mallory_ == name ? "mallory" : name;
    return WitnessAnswer{
        {log::cosign(note.body, claims_.value_or(name), fixture::key_named(signer), kTime)},
        std::nullopt};
  }
  Cosigned cosign(const CosignLog& work) { return cosigner_.cosign(work, kTime + Seconds(9)); }

  static inline const Timestamp kTime = fixture::start();
  std::map<std::string, std::uint64_t> knows_;
  std::string down_, mallory_;
  std::optional<std::string> claims_;
  std::vector<std::uint64_t> asked_;
  log::AddCheckpoint last_;
  crypto::SecretKey log_key_ = fixture::key_named("log");
  Cosigner cosigner_{log_key_,
                     {"one", "two"},
                     [this](const std::string& witness, const log::AddCheckpoint& request) {
                       return answer(witness, request);
                     }};
};

TEST_F(CosignTest, RoundToWitnessesThatAreUpToDateTakesOneRequestEach) {
  const Cosigned first = cosign(log_of(3, 2));
  ASSERT_FALSE(first.note.empty()) << first.error;
  EXPECT_EQ(first.size, 3u);
  EXPECT_EQ(first.time, kTime) << "witness time, not ours";
  ASSERT_FALSE(cosign(log_of(5, 2)).note.empty());
  ASSERT_FALSE(cosign(log_of(5, 2)).note.empty()) << "unchanged: only its time is new";
  EXPECT_THAT(asked_, ElementsAre(0, 0, 3, 3, 5, 5));
}

TEST_F(CosignTest, WitnessThatKnowsUsFromBeforeIsGivenAProofFromThere) {
  knows_["one"] = 2;
  down_ = "two";
  const Cosigned cosigned = cosign(log_of(7));
  ASSERT_FALSE(cosigned.note.empty()) << cosigned.error;
  EXPECT_THAT(asked_, ElementsAre(0, 2, 0));
  knows_ = {{"one", 4}};
  down_ = "two";
  asked_.clear();
  ASSERT_FALSE(cosign(log_of(9)).note.empty()) << "it was set back, and says so";
  EXPECT_THAT(asked_, ElementsAre(7, 4, 0));
}

TEST_F(CosignTest, ProofDoesNotContinueWhatTheWitnessKnows) {
  knows_["two"] = 3;
  ASSERT_FALSE(cosign(log_of(8)).note.empty());
  EXPECT_EQ(last_.old_size, 3u);
  EXPECT_TRUE(log::verify_consistency(3, 8, log_of(3).checkpoint.root, log_of(8).checkpoint.root,
                                      last_.proof));
}

TEST_F(CosignTest, StoreThatWasRolledBackIsSaidAndNotCosigned) {
  ASSERT_FALSE(cosign(log_of(6)).note.empty());
  const Cosigned cosigned = cosign(log_of(4));
  EXPECT_EQ(cosigned.note, "");
  EXPECT_THAT(cosigned.error, HasSubstr("it has seen 6 entries of log.example/one, we have 4: was "
                                        "our store rolled back?"));
  EXPECT_THAT(asked_, ElementsAre(0, 0)) << "nobody is asked what must not be signed";
}

TEST_F(CosignTest, RestartAfterARollBackIsNoticedToo) {
  knows_ = {{"one", 6}, {"two", 6}};
  EXPECT_THAT(cosign(log_of(4)).error, HasSubstr("was our store rolled back?"));
}

TEST_F(CosignTest, WitnessThatNeverSettlesIsAskedTwiceOnly) {
  Cosigner cosigner(log_key_, {"one"}, [this](const std::string&, const log::AddCheckpoint& one) {
    asked_.push_back(one.old_size);
    return Result<WitnessAnswer>(WitnessAnswer{{}, one.old_size + 1});
  });
  EXPECT_THAT(cosigner.cosign(log_of(5), kTime).error, HasSubstr("knows another size"));
  EXPECT_THAT(asked_, ElementsAre(0, 1));
}

TEST_F(CosignTest, OneWitnessOfTwoIsNoQuorumOfTwo) {
  down_ = "two";
  EXPECT_FALSE(cosign(log_of(3, 1)).note.empty());
  const Cosigned cosigned = cosign(log_of(3, 2));
  EXPECT_EQ(cosigned.note, "");
  EXPECT_THAT(cosigned.error, HasSubstr("two: no answer"));
}

TEST_F(CosignTest, ForgedCosignatureCounts) {
  mallory_ = "two";
  EXPECT_EQ(cosign(log_of(3, 2)).note, "");
}

// A host refuses a note with too many signatures: a stranger could make every checkpoint useless.
TEST_F(CosignTest, SignatureOfAStrangerStaysInTheNote) {
  down_ = "two";
  claims_ = "stranger.example";
  EXPECT_EQ(cosign(log_of(3, 1)).note, "");
  const Cosigned cosigned = cosign(log_of(3, 0));
  ASSERT_FALSE(cosigned.note.empty());
  EXPECT_EQ(log::Note::parse(cosigned.note)->signatures.size(), 1u) << "our own";
  EXPECT_EQ(cosigned.time, kTime + Seconds(9)) << "without witnesses the time is ours";
}

TEST_F(CosignTest, TenantsShareWhatAWitnessKnows) {
  ASSERT_FALSE(cosign(log_of(6)).note.empty());
  CosignLog other = log_of(2);
  other.tenant = 2;
  other.checkpoint.origin = "log.example/two";
  knows_.clear();
  EXPECT_FALSE(cosign(other).note.empty());
  EXPECT_THAT(asked_, ElementsAre(0, 0, 0, 0));
}

}  // namespace
}  // namespace fleetsweep::controller
