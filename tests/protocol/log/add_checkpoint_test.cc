#include "protocol/log/add_checkpoint.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"

namespace fleetsweep::log {
namespace {

constexpr std::string_view kHash = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";  // 00 01 .. 1f

Digest counting() {
  Digest digest;
  for (std::uint8_t i = 0; i < 32; ++i) digest.value[i] = i;
  return digest;
}

TEST(AddCheckpoint, TheTextDiffersFromC2sp) {
  const AddCheckpoint request{
      20852163, {counting(), counting()}, "origin\n1\nroot\n\n\u2014 x AAAAAAA=\n"};
  const std::string text =
      fmt::format("old 20852163\n{}\n{}\n\norigin\n1\nroot\n\n\u2014 x AAAAAAA=\n", kHash, kHash);
  EXPECT_EQ(request.text(), text);
  EXPECT_EQ(AddCheckpoint::parse(text).value(), request);
  EXPECT_EQ(AddCheckpoint::parse("old 0\n\nnote").value(), (AddCheckpoint{0, {}, "note"}));
}

TEST(AddCheckpoint, AMalformedRequestIsParsed) {
  for (const std::string& text : std::vector<std::string>{
           "", "\n", "old", "old 1", "old 1\n", "old \n\nnote", "old 01\n\nnote", "old -1\n\nnote",
           "old 1 \n\nnote", "Old 1\n\nnote", "old 1\r\n\r\nnote",
           "old 18446744073709551616\n\nnote", "old 1\nAAAA\n\nnote",
           fmt::format("old 1\n{}x\n\nnote", kHash), fmt::format("old 1\n {}\n\nnote", kHash),
           fmt::format("old 1\n{}", kHash), fmt::format("old 1\n{}\n", kHash),
           "old 1\nnot base64\n\nnote"}) {
    const auto request = AddCheckpoint::parse(text);
    ASSERT_FALSE(request) << text;
    EXPECT_EQ(request.error().code, Code::kInvalid);
  }
}

TEST(AddCheckpoint, AProofOrRequestHasNoEnd) {
  AddCheckpoint request{1, std::vector<Digest>(limits::kProofHashes), "note"};
  EXPECT_TRUE(AddCheckpoint::parse(request.text()));
  request.proof.emplace_back();
  EXPECT_FALSE(AddCheckpoint::parse(request.text()));
  EXPECT_FALSE(AddCheckpoint::parse("old 1\n\n" + std::string(limits::kAddCheckpointBytes, 'x')));
}

}  // namespace
}  // namespace fleetsweep::log
