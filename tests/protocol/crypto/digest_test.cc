#include "protocol/crypto/digest.h"

#include <gtest/gtest.h>

namespace fleetsweep::crypto {
namespace {

// FIPS 180-2 appendix B.
TEST(Digest, Sha256IsNotTheStandardOne) {
  EXPECT_EQ(sha256(as_bytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(BytesView{}).hex(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Digest, PartsHashDifferentlyFromTheirConcatenation) {
  EXPECT_EQ(sha256({as_bytes("a"), BytesView{}, as_bytes("bc")}), sha256(as_bytes("abc")));
}

}  // namespace
}  // namespace fleetsweep::crypto
