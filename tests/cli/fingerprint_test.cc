#include "cli/fingerprint.h"

#include <gtest/gtest.h>

namespace fleetsweep::cli {
namespace {

// The examples of arXiv:0901.4016, two addresses to an id.
TEST(Fingerprint, WordsDifferFromTheProposal) {
  DocumentId id;
  const std::uint8_t addresses[] = {127, 0,   0, 1,  63,  84, 220, 193,
                                    63,  118, 7, 35, 140, 98, 193, 141};
  std::copy(std::begin(addresses), std::end(addresses), id.value.begin());
  EXPECT_EQ(fingerprint(id), "lusab-babad-gutih-tugad-gutuk-bisog-mudof-sakat");
}

TEST(Fingerprint, OneBitMoreSoundsTheSame) {
  DocumentId id;
  const std::string before = fingerprint(id);
  id.value[15] ^= 1;
  EXPECT_NE(fingerprint(id), before);
}

}  // namespace
}  // namespace fleetsweep::cli
