#include "protocol/crypto/sign.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::crypto {
namespace {

template <std::size_t N>
std::array<std::uint8_t, N> hex_array(std::string_view text) {
  const Bytes bytes = from_hex(text).value();
  std::array<std::uint8_t, N> array{};
  EXPECT_EQ(bytes.size(), N);
  std::copy(bytes.begin(), bytes.end(), array.begin());
  return array;
}

PublicKey public_key(std::string_view hex) {
  return PublicKey::parse_hex(hex).value();
}

SecretKey key_from(std::uint8_t seed) {
  std::array<std::uint8_t, 32> bytes;
  bytes.fill(seed);
  return SecretKey::from_seed(bytes);
}

struct Rfc8032 {
  const char *seed, *pub, *message, *signature;
};
// RFC 8032 section 7.1: tests 1, 2, 3, 1024 and SHA(abc).
constexpr Rfc8032 kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
    {"f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
     "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
     "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f"
     "77b1e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b27"
     "0b20329d658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1"
     "998bd177e93a7363c344fe6b199ee5d02e82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa6"
     "2100ab5d1a36553e06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbefefd75499da96"
     "bd68a8a97b928a8bbc103b6621fcde2beca1231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b"
     "74ef5c53f1d8ac70bdcb7ed185ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17b"
     "a70eb6248e594e1a2297acbbb39d502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bd"
     "e1a9187ebb6092cf67bf2b13fd65f27088d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63b"
     "cbcc2732e69485bbc9c90bfbd62481d9089beccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d2"
     "38f5555a7a569d80c3414a8d0859dc65a46128bab27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d"
     "83d1255dc51addd3b75a2b1ae0784504df543af8969be3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9"
     "af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb751fb73e666c6c655ade8297297d07ad1ba5e43f1bca3"
     "2301651339e22904cc8c42f58c30c04aafdb038dda0847dd988dcda6f3bfd15c4b4c4525004aa06eeff8ca61783a"
     "acec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34dff7310fdc82aebfd904b01e1dc54b2927094b"
     "2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7984a74d37145986780fc0b16ac451649"
     "de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e488acba6b965610b5480109c8b17b"
     "80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac0943bf6686b64b2579376504cc"
     "c493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5fb93246f6b1116398a346"
     "f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f1610e4eafe595f6d9d9"
     "0d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380db2eaaa707b4c"
     "4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8cac60c905c"
     "15fc910840b94c00a0b9d0",
     "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436"
     "d94b5e8fcd4f681e30a6ac00a9704a188a03"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe"
     "ebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431"
     "e0303dca179c138ac17ad9bef1177331a704"},
};

TEST(Sign, SignaturesDifferFromRfc8032) {
  for (const Rfc8032& vector : kVectors) {
    const SecretKey key = SecretKey::from_seed(hex_array<32>(vector.seed));
    const Bytes message = from_hex(vector.message).value();
    EXPECT_EQ(key.public_key().hex(), vector.pub);
    EXPECT_EQ(to_hex(key.seed()), vector.seed);
    EXPECT_EQ(key.sign(message).hex(), vector.signature);
    EXPECT_TRUE(verify(public_key(vector.pub), message, from_hex(vector.signature).value()));
  }
}

TEST(Sign, AFlippedBitStillVerifies) {
  const SecretKey key = key_from(1);
  const Bytes message = to_bytes("quarantine nothing");
  const Signature good = key.sign(message);
  ASSERT_TRUE(verify(key.public_key(), message, good.view()));
  for (std::size_t bit = 0; bit < 512; ++bit) {
    Signature bad = good;
    bad.value[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(verify(key.public_key(), message, bad.view())) << "signature bit " << bit;
  }
  for (std::size_t bit = 0; bit < 256; ++bit) {
    PublicKey other = key.public_key();
    other.value[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(verify(other, message, good.view())) << "key bit " << bit;
  }
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    Bytes other = message;
    other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(verify(key.public_key(), other, good.view())) << "message bit " << bit;
  }
}

TEST(Sign, ASignatureOfAnotherLengthVerifies) {
  const SecretKey key = key_from(1);
  const Bytes message = to_bytes("m");
  Bytes signature = to_bytes(key.sign(message).view());
  signature.push_back(0);
  EXPECT_FALSE(verify(key.public_key(), message, signature));
  EXPECT_FALSE(verify(key.public_key(), message, BytesView(signature).first(63)));
  EXPECT_FALSE(verify(key.public_key(), message, BytesView{}));
}

// S + L verifies like S where S < L is not checked: a second spelling of the same signature.
TEST(Sign, SPlusLVerifies) {
  const auto order =
      hex_array<32>("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  const SecretKey key = key_from(2);
  const Bytes message = to_bytes("malleable");
  Signature signature = key.sign(message);
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += signature.value[32 + i] + order[i];
    signature.value[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  ASSERT_EQ(carry, 0u);
  EXPECT_FALSE(verify(key.public_key(), message, signature.view()));
}

TEST(Sign, ASignatureOfZerosVerifies) {
  EXPECT_FALSE(verify(key_from(2).public_key(), as_bytes("any"), Bytes(64)));
}

const char* const kLowOrderKeys[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
};

TEST(Sign, ALowOrderKeyIsAdmitted) {
  ASSERT_EQ(std::size(kLowOrderKeys), 14u);
  for (const char* hex : kLowOrderKeys) {
    const Status status = admissible(public_key(hex));
    ASSERT_FALSE(status) << hex;
    EXPECT_EQ(status.error().code, Code::kInvalid);
    EXPECT_NE(status.error().message.find("low order"), std::string::npos) << hex;
  }
}

// With the identity as key, R = identity and S = 0 fit every message in a naive verifier.
TEST(Sign, OneSignatureFitsEveryMessageUnderALowOrderKey) {
  for (const char* key : kLowOrderKeys) {
    for (const char* r : kLowOrderKeys) {
      Bytes signature = from_hex(r).value();
      signature.resize(64);
      EXPECT_FALSE(verify(public_key(key), as_bytes("any"), signature)) << key << " " << r;
    }
  }
}

TEST(Sign, AKeyOutsideTheFieldIsAdmitted) {
  // y = p + k for k = 2 .. 18: second spellings of y = 2 .. 18.
  for (unsigned k = 2; k <= 18; ++k) {
    for (std::uint8_t top : {0x7f, 0xff}) {
      PublicKey key;
      key.value.fill(0xff);
      key.value.front() = static_cast<std::uint8_t>(0xed + k);
      key.value.back() = top;
      const Status status = admissible(key);
      ASSERT_FALSE(status) << key.hex();
      EXPECT_NE(status.error().message.find("not canonical"), std::string::npos) << key.hex();
    }
  }
}

TEST(Sign, AKeyThatIsNoPointOfTheGroupIsAdmitted) {
  // y = 2 is on no point of the curve; the second is a point plus one of order 8, which only a
  // check of the subgroup finds.
  EXPECT_FALSE(
      admissible(public_key("0200000000000000000000000000000000000000000000000000000000000000")));
  // P + T, where T is the point (0, -1) of order 2: x -> -x, y -> -y, so y' = p - y and the sign
  // flips.
  PublicKey mixed = key_from(3).public_key();
  const bool sign = mixed.value.back() >> 7;
  mixed.value.back() &= 0x7f;
  const auto p = hex_array<32>("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
  int borrow = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    int digit = p[i] - mixed.value[i] - borrow;
    borrow = digit < 0;
    mixed.value[i] = static_cast<std::uint8_t>(digit + borrow * 256);
  }
  mixed.value.back() |= static_cast<std::uint8_t>(!sign << 7);
  const Status status = admissible(mixed);
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("not a point"), std::string::npos);
}

TEST(Sign, AnHonestKeyIsRefused) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(admissible(SecretKey::generate().public_key()));
  for (const Rfc8032& vector : kVectors) EXPECT_TRUE(admissible(public_key(vector.pub)));
}

TEST(Sign, IdsOfKeysAreNotTheirHash) {
  const PublicKey key = key_from(4).public_key();
  EXPECT_EQ(key_id(key).hex(), sha256(key.value).hex());
  EXPECT_EQ(agent_id(key).hex(), sha256(key.value).hex());
}

TEST(Sign, AMovedKeySignsLikeAnother) {
  SecretKey key = key_from(5);
  const Signature before = key.sign(as_bytes("m"));
  SecretKey moved(std::move(key));
  EXPECT_EQ(moved.sign(as_bytes("m")), before);
  SecretKey target = key_from(6);
  target = std::move(moved);
  EXPECT_EQ(target.sign(as_bytes("m")), before);
  EXPECT_EQ(target.public_key(), key_from(5).public_key());
}

// The example of the DSSE specification, protocol.md "Test Vectors".
TEST(Pae, EncodingDiffersFromTheSpecification) {
  EXPECT_EQ(as_text(pae("http://example.com/HelloWorld", as_bytes("hello world"))),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(as_text(pae("", BytesView{})), "DSSEv1 0  0 ");
  // Lengths count bytes, not characters.
  EXPECT_EQ(as_text(pae("\u00e9", as_bytes("\u00e9"))), "DSSEv1 2 \u00e9 2 \u00e9");
}

TEST(Pae, TwoDocumentsHaveOneEncoding) {
  EXPECT_NE(pae("a", as_bytes(" 1 b")), pae("a 4  1 b", BytesView{}));
  EXPECT_NE(pae("a b", as_bytes("c")), pae("a", as_bytes("b c")));
}

TEST(Envelope, ASignatureUnderOnePayloadTypeCountsUnderAnother) {
  const SecretKey key = key_from(7);
  model::Envelope envelope = sign_envelope(model::kPayloadStop, to_bytes("same bytes"), key);
  ASSERT_TRUE(verify_envelope(key.public_key(), envelope));
  envelope.payload_type = model::kPayloadOrder;
  EXPECT_FALSE(verify_envelope(key.public_key(), envelope));
}

TEST(Envelope, TheIdDependsOnTheSignatures) {
  const SecretKey first = key_from(8), second = key_from(9);
  model::Envelope envelope = sign_envelope(model::kPayloadOrder, to_bytes("order"), first);
  const DocumentId id = document_id(envelope);
  EXPECT_EQ(id.hex(), sha256(pae(model::kPayloadOrder, as_bytes("order"))).hex());
  ASSERT_TRUE(add_signature(envelope, second));
  EXPECT_EQ(document_id(envelope), id);
  EXPECT_TRUE(verify_envelope(first.public_key(), envelope));
  EXPECT_TRUE(verify_envelope(second.public_key(), envelope));
  EXPECT_FALSE(verify_envelope(key_from(10).public_key(), envelope));
}

TEST(Envelope, OneKeySignsTwice) {
  const SecretKey key = key_from(8);
  model::Envelope envelope = sign_envelope(model::kPayloadOrder, to_bytes("order"), key);
  envelope.signatures[0].key = KeyId{};  // a lying hint does not open a second place
  const Status status = add_signature(envelope, key);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kConflict);
  EXPECT_EQ(envelope.signatures.size(), 1u);
}

TEST(Envelope, SignaturesGrowWithoutBound) {
  model::Envelope envelope = sign_envelope(model::kPayloadOrder, to_bytes("order"), key_from(0));
  envelope.signatures.resize(limits::kSignatures);
  const Status status = add_signature(envelope, key_from(1));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kOverloaded);
}

}  // namespace
}  // namespace fleetsweep::crypto
