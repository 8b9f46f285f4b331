// Receipts at the door: what is stored and acknowledged, and under which name the rest is counted.

#include "controller/driver/verify.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::controller {
namespace {

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    good_.tenant.value[0] = 7;
    good_.agent = crypto::agent_id(key_.public_key());
    good_.seq = 1;
    good_.kind = model::ReceiptKind::kScan;
    good_.state = model::HostState::kClean;
    good_.finished = fixture::start();
  }
  model::Envelope signed_by(const crypto::SecretKey& key, const model::Receipt& receipt) const {
    return crypto::sign_envelope(model::kPayloadReceipt, codec::encode(receipt), key);
  }
  Bytes sent(const model::Receipt& receipt) const {
    return codec::encode(signed_by(key_, receipt));
  }
  VerifiedReceipt judged(const Bytes& bytes) const {
    const VerifyReceipts work{{1, 4}, good_.tenant, good_.agent, key_.public_key(), {bytes}};
    return verify(work).at(0);
  }
  std::string rejected(const Bytes& bytes) const {
    const VerifiedReceipt one = judged(bytes);
    EXPECT_FALSE(one.receipt);
    return one.rejected;
  }

  crypto::SecretKey key_ = fixture::key_named("host");
  model::Receipt good_;
};

TEST_F(VerifyTest, GoodReceiptComesThroughWithItsIdAndItsBytes) {
  const Bytes bytes = sent(good_);
  const VerifiedReceipt one = judged(bytes);
  EXPECT_EQ(one.receipt, good_);
  EXPECT_EQ(one.rejected, "");
  EXPECT_EQ(one.id, fixture::id_of(bytes));
  EXPECT_EQ(one.envelope, bytes);
  EXPECT_EQ(one.host, (HostRef{1, 4}));
}

TEST_F(VerifyTest, OneBadReceiptSpoilsItsBatch) {
  const VerifyReceipts work{
      {1, 4}, good_.tenant, good_.agent, key_.public_key(), {{1, 2, 3}, sent(good_)}};
  const auto results = verify(work);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_FALSE(results[0].receipt);
  EXPECT_TRUE(results[1].receipt);
}

TEST_F(VerifyTest, OneBitIsChangedAndItIsStored) {
  const Bytes bytes = sent(good_);
  const auto honest = codec::decode<model::Envelope>(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    if (!judged(changed).receipt) continue;
    // The key id is a hint: it may change, and changes nothing.
    auto envelope = codec::decode<model::Envelope>(changed);
    envelope->signatures.at(0).key = honest->signatures.at(0).key;
    ASSERT_EQ(*envelope, *honest) << bit;
  }
}

TEST_F(VerifyTest, NonsenseIsMalformed) {
  EXPECT_EQ(rejected({}), "malformed");
  EXPECT_EQ(rejected({1, 2, 3}), "malformed");
  EXPECT_EQ(rejected(Bytes(limits::kLogEntryBytes + 1, 0)), "malformed");
  Bytes cut = sent(good_);
  cut.resize(cut.size() - 8);
  EXPECT_EQ(rejected(cut), "malformed");
  model::Envelope other = signed_by(key_, good_);
  other.payload_type = model::kPayloadStop;
  EXPECT_EQ(rejected(codec::encode(other)), "malformed") << "another document's name";
  const Bytes nonsense = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(rejected(codec::encode(crypto::sign_envelope(model::kPayloadReceipt, nonsense, key_))),
            "malformed")
      << "signed, and still no receipt";
  good_.seq = 0;
  EXPECT_EQ(rejected(sent(good_)), "malformed") << "numbers begin with 1";
}

TEST_F(VerifyTest, ReceiptLargerThanAllowedIsRead) {
  const Bytes large(limits::kReceiptBytes + 8, 0);
  EXPECT_EQ(rejected(codec::encode(crypto::sign_envelope(model::kPayloadReceipt, large, key_))),
            "malformed");
}

TEST_F(VerifyTest, SignatureOfAnotherKeyCounts) {
  EXPECT_EQ(rejected(codec::encode(signed_by(fixture::key_named("stranger"), good_))), "signature");
  model::Envelope edited = signed_by(key_, good_);
  good_.matched = 99;
  edited.payload = codec::encode(good_);
  EXPECT_EQ(rejected(codec::encode(edited)), "signature") << "one number of it was changed";
}

TEST_F(VerifyTest, SecondSignatureMakesUsWork) {
  model::Envelope two = signed_by(key_, good_);
  ASSERT_TRUE(crypto::add_signature(two, fixture::key_named("second")));
  EXPECT_EQ(rejected(codec::encode(two)), "signature");
  model::Envelope none = signed_by(key_, good_);
  none.signatures.clear();
  EXPECT_NE(rejected(codec::encode(none)), "");
}

TEST_F(VerifyTest, ReceiptOfAnotherTenantIsStored) {
  model::Receipt other = good_;
  other.tenant.value[0] = 8;
  EXPECT_EQ(rejected(sent(other)), "tenant");
}

TEST_F(VerifyTest, HostSpeaksForAnother) {
  model::Receipt other = good_;
  other.agent.value[0] ^= 1;
  EXPECT_EQ(rejected(sent(other)), "agent");
}

TEST_F(VerifyTest, HostClaimsWhatOnlyTheControllerCanKnow) {
  for (const auto state :
       {model::HostState::kPending, model::HostState::kOffered, model::HostState::kUnreachable}) {
    good_.state = state;
    EXPECT_EQ(rejected(sent(good_)), "state") << name(state);
  }
}

}  // namespace
}  // namespace fleetsweep::controller
