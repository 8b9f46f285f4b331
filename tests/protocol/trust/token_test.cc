#include "protocol/trust/token.h"

#include <gmock/gmock.h>

#include "protocol/base/assert.h"
#include "protocol/crypto/digest.h"
#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kDay;
using fixture::start;
using model::Reason;
using ::testing::HasSubstr;

EnrolToken token() {
  EnrolToken result;
  result.tenant.value.fill(1);
  result.edge.value.fill(2);
  result.seed = crypto::sha256(as_bytes("token")).value;
  result.expires = start() + kDay;
  return result;
}

TEST(Token, TextAndBack) {
  const std::string text = token_text(token());
  EXPECT_TRUE(text.starts_with("fs1-"));
  const auto parsed = parse_token(text + "\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, token());
}

TEST(Token, EveryMistypedLetterIsNoticed) {
  const std::string text = token_text(token());
  for (std::size_t i = 4; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(parse_token(changed)) << i;
  }
}

TEST(Token, SaysWhatIsWrongWithTheLine) {
  const std::string text = token_text(token());
  EXPECT_THAT(parse_token("hello").error().message, HasSubstr("starts with fs1-"));
  EXPECT_THAT(parse_token(text.substr(0, 4 + 64)).error().message, HasSubstr("was it cut?"));
  EXPECT_THAT(parse_token(text.substr(0, 4 + 65)).error().message, HasSubstr("was it cut?"));
  std::string changed = text;
  changed[10] = changed[10] == 'a' ? 'b' : 'a';
  EXPECT_THAT(parse_token(changed).error().message, HasSubstr("mistyped"));
  EXPECT_FALSE(parse_token("fs1-!!!"));
  EXPECT_FALSE(parse_token(""));
}

class Enrolling : public ::testing::Test {
 protected:
  Enrolling() : fold_(tenant_.id(), Fold::Keep::kForController) {
    fold_.append(tenant_.root_envelope(), start());
    batch_.batch.value.fill(5);
    batch_.not_after = start() + kDay;
    batch_.tokens = {{token_key_.public_key(), 2}};
    batch_.groups = {"web"};
    batch_.jurisdiction = "DE";
    batch_bytes_ = tenant_.sign(batch_, {"alice"});
    EXPECT_EQ(fold_.append(batch_bytes_, start()).taken, Taken::kAccepted);
    key_.tenant = tenant_.id();
    key_.identity = identity_.public_key();
    key_.curve.value.fill(8);
    key_.token = token_key_.public_key();
    key_.hostname = "web1";
    key_.issued = start();
  }

  Bytes signed_key(bool by_identity = true, bool by_token = true) const {
    model::Envelope envelope{std::string(model::kPayloadAgentKey), codec::encode(key_), {}};
    if (by_identity) FS_ASSERT(crypto::add_signature(envelope, identity_));
    if (by_token) FS_ASSERT(crypto::add_signature(envelope, token_key_));
    return codec::encode(envelope);
  }
  Reason reason(const Bytes& bytes, std::uint32_t used = 0, Timestamp now = start()) const {
    auto enrolment = check_enrolment(
        fold_.state(), bytes, [&](auto&) { return used; }, now);
    return enrolment ? Reason::kNone : enrolment.error().reason;
  }

  fixture::Tenant tenant_;
  Fold fold_;
  crypto::SecretKey identity_ = fixture::key_named("host");
  crypto::SecretKey token_key_ = crypto::SecretKey::from_seed(token().seed);
  model::EnrolBatch batch_;
  Bytes batch_bytes_;
  model::AgentKey key_;
};

TEST_F(Enrolling, AHostThatProvesBothKeysGetsItsBatch) {
  auto enrolment = check_enrolment(
      fold_.state(), signed_key(), [](auto&) { return 0u; }, start());
  ASSERT_TRUE(enrolment) << enrolment.error().detail;
  EXPECT_EQ(enrolment->agent, crypto::agent_id(identity_.public_key()));
  EXPECT_EQ(enrolment->batch.jurisdiction, "DE");
}

TEST_F(Enrolling, ATokenUsedUpEndedOrUnknownIsRefused) {
  EXPECT_EQ(reason(signed_key(), 1), Reason::kNone);
  EXPECT_EQ(reason(signed_key(), 2), Reason::kExpired);
  EXPECT_EQ(reason(signed_key(), 0, start() + kDay), Reason::kExpired);
  key_.token = fixture::key_named("another").public_key();
  EXPECT_EQ(reason(signed_key()), Reason::kUntrusted);
}

TEST_F(Enrolling, OneSignatureIsNotEnough) {
  EXPECT_EQ(reason(signed_key(true, false)), Reason::kUntrusted);
  EXPECT_EQ(reason(signed_key(false, true)), Reason::kUntrusted);
  EXPECT_EQ(reason(signed_key(false, false)), Reason::kUntrusted);
}

// Each costs a check, and at the port of the enrolment anybody may send sixty.
TEST_F(Enrolling, MoreSignaturesMakeUsWork) {
  auto envelope = *codec::decode<model::Envelope>(signed_key());
  envelope.signatures.push_back(envelope.signatures[0]);
  EXPECT_EQ(reason(codec::encode(envelope)), Reason::kMalformed);
  model::AgentKey next = key_;
  next.curve.value.fill(9);
  next.issued += kDay;
  model::Envelope offer{std::string(model::kPayloadAgentKey), codec::encode(next), {}};
  ASSERT_TRUE(crypto::add_signature(offer, identity_));
  EXPECT_TRUE(check_rekey(key_, codec::encode(offer)));
  ASSERT_TRUE(crypto::add_signature(offer, token_key_));
  EXPECT_EQ(check_rekey(key_, codec::encode(offer)).error().reason, Reason::kMalformed);
}

TEST_F(Enrolling, AnotherTenantOrAWeakIdentityIsRefused) {
  key_.tenant.value[0] ^= 1;
  EXPECT_EQ(reason(signed_key()), Reason::kTenant);
  key_.tenant = tenant_.id();
  key_.identity = {};
  EXPECT_EQ(reason(signed_key()), Reason::kUntrusted);
}

TEST_F(Enrolling, AnyBitChangedInTheRequestIsRefused) {
  const Bytes bytes = signed_key();
  const auto honest = codec::decode<model::Envelope>(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    const Reason why = reason(changed);
    // The two key ids are hints: they may change, and change nothing.
    if (why == Reason::kNone) {
      auto envelope = codec::decode<model::Envelope>(changed);
      for (std::size_t i = 0; i < honest->signatures.size(); ++i)
        envelope->signatures[i].key = honest->signatures[i].key;
      EXPECT_EQ(*envelope, *honest) << bit;
    }
  }
}

TEST_F(Enrolling, TheHostChecksTheBatchItIsGiven) {
  const auto root = tenant_.verified();
  EXPECT_TRUE(check_batch(root, batch_bytes_, token_key_.public_key()));
  EXPECT_EQ(check_batch(root, batch_bytes_, identity_.public_key()).error().reason,
            Reason::kUntrusted);
  EXPECT_EQ(
      check_batch(root, tenant_.sign(batch_, {"dave"}), token_key_.public_key()).error().reason,
      Reason::kQuorum);
  EXPECT_EQ(check_batch(root, tenant_.root_envelope(), token_key_.public_key()).error().reason,
            Reason::kMalformed);
}

}  // namespace
}  // namespace fleetsweep::trust
