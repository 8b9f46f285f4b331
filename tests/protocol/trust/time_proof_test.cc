#include "protocol/trust/time_proof.h"

#include <gmock/gmock.h>

#include "tests/protocol/trust/fixture.h"

namespace fleetsweep::trust {
namespace {

using fixture::kHour;
using fixture::start;
using model::Reason;

// One question of one host, and the answer that a witness host gives.
struct Question {
  fixture::Tenant tenant{
      [](model::Root& root) { root.time_keys = {fixture::key_named("time").public_key()}; }};
  ClockReading clock;
  model::TimeProof proof;
  model::TimeStatement statement;

  Question() {
    clock.local = start() - 365 * fixture::kDay;
    clock.boottime = kHour;
    clock.boot.value.fill(1);
    proof.asked = kHour - Seconds(2);
    proof.salt.value.fill(3);
    statement.tenant = tenant.id();
    statement.nonce = time_nonce(clock.boot, proof.asked, proof.salt);
    statement.time = start() + kHour;
    answer("time");
  }
  void answer(const std::string& key) { seal(codec::encode(statement), {key}); }
  void seal(Bytes payload, const std::vector<std::string>& keys,
            std::string_view type = model::kPayloadTime) {
    model::Envelope envelope{std::string(type), std::move(payload), {}};
    for (const std::string& key : keys)
      ASSERT_TRUE(crypto::add_signature(envelope, fixture::key_named(key)));
    proof.statement = codec::encode(envelope);
  }
  Checked<TimeFloor> verify() const {
    return verify_time(proof, tenant.verified().root(), tenant.id(), clock);
  }
  Reason reason() const {
    const auto told = verify();
    return told ? Reason::kNone : told.error().reason;
  }
};

TEST(TimeProof, AnAnswerToOwnNonceIsBelievedFromTheMomentOfTheQuestion) {
  const Question q;
  const auto told = q.verify();
  ASSERT_TRUE(told) << told.error().detail;
  EXPECT_EQ(*told, (TimeFloor{start() + kHour, kHour - Seconds(2), q.clock.boot, true}));
}

TEST(TimeProof, OnlyATimeKeyOfTheRootSpeaks) {
  for (const char* key : {"log", "witness", "alice", "conductor", "host", "stranger"}) {
    Question q;
    q.answer(key);
    EXPECT_EQ(q.reason(), Reason::kUntrusted) << key;
  }
  Question q;
  q.seal(codec::encode(q.statement), {});
  EXPECT_EQ(q.reason(), Reason::kUntrusted);
  q.seal(codec::encode(q.statement), {"stranger", "time"});  // one voice, not a choir
  EXPECT_EQ(q.reason(), Reason::kUntrusted);
}

TEST(TimeProof, AnAnswerToAnotherQuestionIsWorthNothing) {
  {
    Question q;
    q.statement.nonce.value[0] ^= 1;
    q.answer("time");
    EXPECT_EQ(q.reason(), Reason::kClock);
  }
  {
    Question q;  // of another boot
    q.clock.boot.value[0] ^= 1;
    EXPECT_EQ(q.reason(), Reason::kClock);
  }
  {
    Question q;  // told as if it had been asked at another moment
    q.proof.asked += Seconds(1);
    EXPECT_EQ(q.reason(), Reason::kClock);
  }
  {
    Question q;  // of a question that is still to come
    q.proof.asked = q.clock.boottime + Seconds(1);
    q.statement.nonce = time_nonce(q.clock.boot, q.proof.asked, q.proof.salt);
    q.answer("time");
    EXPECT_EQ(q.reason(), Reason::kClock);
  }
  {
    Question q;
    q.statement.tenant.value[0] ^= 1;
    q.answer("time");
    EXPECT_EQ(q.reason(), Reason::kUntrusted);
  }
}

TEST(TimeProof, AnySingleBitChangeOfTheAnswerIsRefused) {
  Question q;
  const Bytes statement = q.proof.statement;
  const auto honest = codec::decode<model::Envelope>(statement);
  for (std::size_t bit = 0; bit < statement.size() * 8; ++bit) {
    q.proof.statement = statement;
    q.proof.statement[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    // The key id is a hint, and no decision: flipping it changes nothing.
    if (q.reason() == Reason::kNone) {
      auto envelope = codec::decode<model::Envelope>(q.proof.statement);
      ASSERT_TRUE(envelope);
      envelope->signatures.at(0).key = honest->signatures.at(0).key;
      EXPECT_EQ(*envelope, *honest) << bit;
    }
  }
  q.proof.statement.clear();
  EXPECT_EQ(q.reason(), Reason::kMalformed);
}

TEST(TimeProof, WhatIsNoTimeStatementIsRefused) {
  Question q;
  q.seal(codec::encode(q.statement), {"time"}, model::kPayloadStop);
  EXPECT_EQ(q.reason(), Reason::kMalformed);
  q.seal(to_bytes("no capnp"), {"time"});
  EXPECT_EQ(q.reason(), Reason::kMalformed);
  q.statement.schema = 9;
  q.answer("time");
  EXPECT_EQ(q.reason(), Reason::kSchema);
}

}  // namespace
}  // namespace fleetsweep::trust
