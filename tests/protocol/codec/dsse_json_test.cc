#include <gtest/gtest.h>

#include "tests/protocol/codec/random_model.h"

namespace fleetsweep {
namespace {

TEST(DsseJson, EnvelopesComeBackEqual) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto envelope = test::Filler(seed).make<model::Envelope>();
    const auto back = codec::from_dsse_json(codec::to_dsse_json(envelope));
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(*back, envelope);
  }
}

TEST(DsseJson, AnEnvelopeOfAnotherToolIsRead) {
  // The example of the DSSE specification, protocol.md, with its keyid left out.
  const auto envelope = codec::from_dsse_json(
      R"({"payload": "aGVsbG8gd29ybGQ=", "payloadType": "http://example.com/HelloWorld",)"
      R"( "signatures": [{"sig": "Cc3RkvYsLhlaFVd+d6FPx4ZClhqW4ZT0rnCYAfv6/ckoGdwT7g/blWNpOBuL)"
      R"(/tZhRiVFaglOGTU8GEjm4aEaNA=="}]})");
  ASSERT_TRUE(envelope) << envelope.error().message;
  EXPECT_EQ(as_text(envelope->payload), "hello world");
  EXPECT_EQ(envelope->signatures.at(0).signature.size(), 64u);
  EXPECT_TRUE(envelope->signatures.at(0).key.is_zero());
}

std::string message_of(std::string_view json) {
  const auto result = codec::from_dsse_json(json);
  return result ? "accepted" : result.error().message;
}

TEST(DsseJson, WhatIsWrongIsNamed) {
  EXPECT_EQ(message_of(""), "DSSE JSON: one JSON object was expected");
  EXPECT_EQ(message_of("[]"), "DSSE JSON: one JSON object was expected");
  EXPECT_EQ(message_of("{\"payloadType\": 1}"), "DSSE JSON: a text \"payloadType\" was expected");
  EXPECT_EQ(message_of(R"({"payloadType": "t", "payload": ""})"),
            "DSSE JSON: a list \"signatures\" was expected");
  EXPECT_EQ(message_of(R"({"payloadType": "t", "payload": "", "signatures": [1]})"),
            "DSSE JSON: signatures[0]: an object was expected");
  EXPECT_EQ(message_of(R"({"payloadType": "t", "payload": "", "signatures": [{"sig": 1}]})"),
            "DSSE JSON: signatures[0]: a text \"sig\" was expected");
  EXPECT_TRUE(message_of(R"({"payloadType": "t", "payload": "a b", "signatures": []})")
                  .starts_with("DSSE JSON: payload: "));
  EXPECT_TRUE(
      message_of(
          R"({"payloadType": "t", "payload": "", "signatures": [{"sig": "", "keyid": "x"}]})")
          .starts_with("DSSE JSON: signatures[0]: keyid: "));
  EXPECT_EQ(
      message_of(R"({"payloadType": "t", "payload": "", "payload": "aa==", "signatures": []})"),
      "DSSE JSON: \"payload\" stands twice in one object; expected once");
  EXPECT_EQ(
      message_of(R"({"payloadType": "t", "payload": "", "signatures": [{"sig": "", "sig": ""}]})"),
      "DSSE JSON: \"sig\" stands twice in one object; expected once");
  EXPECT_TRUE(message_of(std::string(limits::kDsseJsonBytes + 1, ' ')).starts_with("DSSE JSON: "));
  EXPECT_NE(message_of(std::string(100'000, '[')), "accepted");
}

}  // namespace
}  // namespace fleetsweep
