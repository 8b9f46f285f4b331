// Random edits of the fuzzer's seeds, through the fuzzer's own entry: a feed that somebody spoilt
// must neither crash an importer nor come out as YAML that is no policy.

#include <filesystem>

#include "protocol/base/prng.h"
#include "tests/policies/sample.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fleetsweep::indicators {
namespace {

TEST(ImportMutation, ASpoiltFeedCrashesAnImporterOrBreaksThePolicy) {
  Prng prng(20261126);
  std::vector<std::string> seeds;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(FS_SOURCE_DIR) + "/tests/fuzz/seeds/import"))
    seeds.push_back(compiler::read_whole(entry.path()));
  std::sort(seeds.begin(), seeds.end());
  ASSERT_GE(seeds.size(), 10u);
  constexpr std::string_view kPieces[] = {"'",
                                          "\"",
                                          "\\",
                                          "[",
                                          "]",
                                          "(",
                                          ")",
                                          "{{",
                                          "# ",
                                          ": ",
                                          "\n",
                                          "%",
                                          "*",
                                          "|",
                                          " AND ",
                                          " OR ",
                                          " NOT ",
                                          "<",
                                          "/>",
                                          "\x01",
                                          "\xc3",
                                          "-1",
                                          "99999999999999999999",
                                          ";"};
  for (int round = 0; round < 3000; ++round) {
    std::string text = seeds[prng.below(seeds.size())];
    for (std::uint64_t edits = prng.below(4); edits > 0; --edits) {
      const std::size_t at = 1 + prng.below(text.size());
      switch (prng.below(4)) {
        case 0:
          text.erase(at, prng.below(9));
          break;
        case 1:
          text.insert(at, kPieces[prng.below(std::size(kPieces))]);
          break;
        case 2:
          text.replace(at, prng.below(9), text, prng.below(text.size()), prng.below(20));
          break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(prng.below(256));
      }
    }
    SCOPED_TRACE(text);
    EXPECT_EQ(
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), 0);
  }
}

}  // namespace
}  // namespace fleetsweep::indicators
