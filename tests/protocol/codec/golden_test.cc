// The bytes of yesterday are the bytes of today: signatures and ids hang on them.

#include <gtest/gtest.h>

#include "tests/protocol/codec/golden_files.h"
#include "tests/protocol/codec/samples.h"

namespace fleetsweep {
namespace {

TEST(Golden, EveryDocumentAndMessageKeepsItsBytes) {
  for (const auto& sample : test::samples())
    EXPECT_EQ(test::golden(sample.name + ".hex", test::hex_lines(sample.bytes)),
              test::hex_lines(sample.bytes))
        << sample.name;
}

TEST(Golden, EverySignedEnvelopeKeepsItsBytes) {
  for (const auto& sample : test::samples()) {
    if (sample.payload_type.empty()) continue;
    const auto envelope =
        crypto::sign_envelope(sample.payload_type, sample.bytes, test::golden_key());
    const std::string hex = test::hex_lines(codec::encode(envelope));
    EXPECT_EQ(test::golden(sample.name + ".envelope.hex", hex), hex) << sample.name;
  }
}

// The worked example of protocol/README.md, between its markers.
TEST(Golden, TheExampleInTheReadmeIsReal) {
  model::Stop stop;
  stop.tenant.value.fill(0x11);
  stop.nonce.value.fill(0x22);
  stop.issued = timestamp(1795427130);
  stop.halt_all = true;
  stop.reason = "drill";
  const auto envelope =
      crypto::sign_envelope(model::kPayloadStop, codec::encode(stop), test::golden_key());
  const auto block = [](BytesView bytes) { return "```\n" + test::hex_lines(bytes) + "```\n"; };
  const std::string example =
      "The payload, canonical:\n\n" + block(envelope.payload) + "\nWhat is signed, the PAE:\n\n" +
      block(crypto::pae(envelope.payload_type, envelope.payload)) +
      "\nThe id of the document, SHA-256 of the PAE:\n\n" +
      block(crypto::document_id(envelope).view()) +
      "\nThe public key, its id, and the signature:\n\n" +
      block(test::golden_key().public_key().view()) + block(envelope.signatures[0].key.view()) +
      block(envelope.signatures[0].signature) + "\nThe log entry, an encoded envelope:\n\n" +
      block(codec::encode(envelope));
  const std::string path = test::source_path("protocol/README.md");
  const std::string text = test::read_file(path);
  const std::string begin = "<!-- example -->\n", end = "<!-- end of example -->\n";
  const std::size_t from = text.find(begin), to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::size_t inside = from + begin.size();
  if (test::updating())
    test::write_file(path, text.substr(0, inside) + example + text.substr(to));
  else
    EXPECT_EQ(text.substr(inside, to - inside), example);
}

}  // namespace
}  // namespace fleetsweep
