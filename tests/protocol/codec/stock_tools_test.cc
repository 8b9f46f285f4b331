// The goldens, read by programs that we did not write: `capnp convert` decodes each of them, and
// `openssl pkeyutl` verifies the signature of each signed one.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/protocol/codec/golden_files.h"
#include "tests/protocol/codec/samples.h"

namespace fleetsweep {
namespace {

class StockTools : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "fleetsweep-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string at(const char* name) const { return folder_ + "/" + name; }

  // capnp convert canonical:TO; empty if it failed.
  std::string convert(const std::string& to, const std::string& schema, const std::string& type,
                      BytesView bytes) {
    test::write_file(at("in"), as_text(bytes));
    const std::string command = fmt::format("capnp convert canonical:{} '{}' {} <'{}' >'{}' 2>'{}'",
                                            to, test::source_path("protocol/schema/" + schema),
                                            type, at("in"), at("out"), at("error"));
    EXPECT_EQ(std::system(command.c_str()), 0) << test::read_file(at("error"));
    return test::read_file(at("out"));
  }

  bool verifies(BytesView message, BytesView signature) {
    // SubjectPublicKeyInfo of Ed25519, RFC 8410: a fixed prefix and the raw key.
    Bytes key = *from_hex("302a300506032b6570032100");
    append(key, test::golden_key().public_key().view());
    test::write_file(at("key"), as_text(key));
    test::write_file(at("message"), as_text(message));
    test::write_file(at("signature"), as_text(signature));
    return std::system(fmt::format("openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey '{}' "
                                   "-in '{}' -sigfile '{}' >'{}' 2>&1",
                                   at("key"), at("message"), at("signature"), at("out"))
                           .c_str()) == 0;
  }

  std::string folder_;
};

Bytes golden_bytes(const std::string& name) {
  std::string hex = test::read_file(test::source_path("tests/golden/" + name));
  std::erase(hex, '\n');
  return from_hex(hex).value_or(Bytes{});
}

TEST_F(StockTools, CapnpConvertReadsEveryGolden) {
  for (const auto& sample : test::samples()) {
    const Bytes bytes = golden_bytes(sample.name + ".hex");
    ASSERT_FALSE(bytes.empty()) << sample.name;
    const std::string text = convert("text", sample.schema, sample.type, bytes);
    EXPECT_EQ(test::golden(sample.name + ".txt", text), text) << sample.name;
    // Back again by the same tool: it finds our bytes canonical too.
    test::write_file(at("text"), text);
    ASSERT_EQ(std::system(fmt::format("capnp convert text:canonical '{}' {} <'{}' >'{}'",
                                      test::source_path("protocol/schema/" + sample.schema),
                                      sample.type, at("text"), at("back"))
                              .c_str()),
              0);
    EXPECT_EQ(test::read_file(at("back")), as_text(bytes)) << sample.name;
  }
}

TEST_F(StockTools, CapnpConvertShowsTheFieldsWeSet) {
  model::Order order;
  order.title = "Sweep";
  order.mode = model::Mode::kApply;
  order.action_class = model::Class::kClean;
  order.schedule.clock = model::Clock::kHostLocal;
  order.waves = {{.permille = 50, .delay_min = Seconds(60), .gate = model::Gate::kManual}};
  order.scope.jurisdictions = {"DE"};
  const std::string text = convert("text", "documents.capnp", "Order", codec::encode(order));
  for (const char* part :
       {"title = \"Sweep\"", "mode = apply", "actionClass = clean", "clock = hostLocal",
        "permille = 50", "delayMinSeconds = 60", "gate = manual", "jurisdictions = [\"DE\"]"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
}

TEST_F(StockTools, OpensslVerifiesEveryGoldenSignature) {
  for (const auto& sample : test::samples()) {
    if (sample.payload_type.empty()) continue;
    const auto json = nlohmann::json::parse(convert("json", "documents.capnp", "Envelope",
                                                    golden_bytes(sample.name + ".envelope.hex")));
    const Bytes payload = json.at("payload").get<Bytes>();
    const std::string type = json.at("payloadType").get<std::string>();
    EXPECT_EQ(payload, golden_bytes(sample.name + ".hex"));
    // DSSE's PAE, put together here from its definition.
    std::string message =
        fmt::format("DSSEv1 {} {} {} ", type.size(), type, payload.size()) + to_text(payload);
    const Bytes signature = json.at("signatures").at(0).at("signature").get<Bytes>();
    EXPECT_TRUE(verifies(as_bytes(message), signature)) << test::read_file(at("out"));
    message.back() ^= 1;
    EXPECT_FALSE(verifies(as_bytes(message), signature)) << sample.name;
  }
}

}  // namespace
}  // namespace fleetsweep
