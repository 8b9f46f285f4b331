// Bytes that are not what an encoder made: refused with a reason, or another value. Never a crash,
// never two byte strings for one value.

#include <gtest/gtest.h>

#include "tests/protocol/codec/random_model.h"

namespace fleetsweep {
namespace {

using testing::Test;

template <class T>
class BadInput : public Test {
 protected:
  const T value_ = test::Filler(7, true).make<T>();
  const Bytes bytes_ = codec::encode(value_);
};
using Types = testing::Types<FS_CODEC_TYPES>;
TYPED_TEST_SUITE(BadInput, Types);

TYPED_TEST(BadInput, TruncatedAtAnyByteIsRefused) {
  for (std::size_t size = 0; size < this->bytes_.size(); ++size)
    ASSERT_FALSE(codec::decode<TypeParam>(BytesView(this->bytes_).first(size))) << size;
}

TYPED_TEST(BadInput, TrailingBytesAreRefused) {
  for (const std::size_t more : {1, 7, 8, 16}) {
    Bytes longer = this->bytes_;
    longer.resize(longer.size() + more);
    ASSERT_FALSE(codec::decode<TypeParam>(longer)) << more;
  }
}

TYPED_TEST(BadInput, OneFlippedBitIsRefusedOrAnotherValue) {
  Bytes bytes = this->bytes_;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= 1u << bit % 8;
    const auto back = codec::decode<TypeParam>(bytes);
    if (back) {
      ASSERT_NE(*back, this->value_) << "bit " << bit;
      ASSERT_EQ(codec::encode(*back), bytes) << "bit " << bit;
    } else {
      ASSERT_EQ(back.error().code, Code::kInvalid);
    }
    bytes[bit / 8] ^= 1u << bit % 8;
  }
}

TYPED_TEST(BadInput, UnalignedBytesAreReadAllTheSame) {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    Bytes moved(shift);
    append(moved, this->bytes_);
    const auto back = codec::decode<TypeParam>(BytesView(moved).subspan(shift));
    ASSERT_TRUE(back) << back.error().message;
    ASSERT_EQ(*back, this->value_);
  }
}

TYPED_TEST(BadInput, AStreamHeaderBeforeTheMessageIsRefused) {
  Bytes framed(8);
  framed[4] = static_cast<std::uint8_t>(this->bytes_.size() / 8);
  framed[5] = static_cast<std::uint8_t>(this->bytes_.size() / 8 >> 8);
  append(framed, this->bytes_);
  EXPECT_FALSE(codec::decode<TypeParam>(framed));
}

TYPED_TEST(BadInput, RandomWordsDoNotCrash) {
  Prng prng(11);
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes = this->bytes_;
    for (std::uint64_t n = 1 + prng.below(6); n > 0; --n) {
      const std::size_t word = prng.below(bytes.size() / 8) * 8;
      for (std::size_t i = 0; i < 8; ++i)
        if (prng.chance(0.5)) bytes[word + i] = static_cast<std::uint8_t>(prng.next());
    }
    const auto back = codec::decode<TypeParam>(bytes);
    if (back) {
      ASSERT_EQ(codec::encode(*back), bytes) << round;
    }
  }
}

// Hand-made messages, word by word, for the shapes that no mutation reaches.
Bytes words(std::initializer_list<std::uint64_t> list) {
  Bytes bytes;
  for (const std::uint64_t word : list)
    for (int i = 0; i < 64; i += 8) bytes.push_back(static_cast<std::uint8_t>(word >> i));
  return bytes;
}
constexpr std::uint64_t structure(int offset, unsigned data, unsigned pointers) {
  return static_cast<std::uint32_t>(offset) << 2 | static_cast<std::uint64_t>(data) << 32 |
         static_cast<std::uint64_t>(pointers) << 48;
}
constexpr std::uint64_t list_of(int offset, unsigned size, std::uint64_t count) {
  return (static_cast<std::uint32_t>(offset) << 2 | 1) | static_cast<std::uint64_t>(size) << 32 |
         count << 35;
}

template <class T>
std::string message_of(BytesView bytes) {
  const auto result = codec::decode<T>(bytes);
  return result ? "accepted" : result.error().message;
}

TEST(HostileMessage, FarPointersAreRefused) {
  EXPECT_NE(message_of<model::Envelope>(words({2})), "accepted");
  EXPECT_NE(message_of<model::Envelope>(words({6, 0, 0})), "accepted");
  EXPECT_NE(message_of<model::Envelope>(words({0xffffffff00000002})), "accepted");
}

TEST(HostileMessage, APointerToItselfIsRefused) {
  EXPECT_NE(message_of<model::Envelope>(words({structure(-1, 0, 1)})), "accepted");
  // An envelope whose list of signatures is the envelope itself.
  EXPECT_NE(message_of<model::Envelope>(words({structure(0, 0, 3), 0, 0, structure(-3, 0, 3)})),
            "accepted");
}

TEST(HostileMessage, CapabilityPointersAreRefused) {
  EXPECT_NE(message_of<model::Envelope>(words({structure(0, 0, 3), 3, 0, 0})), "accepted");
}

TEST(HostileMessage, AListOfManyEmptyStructsCostsNothing) {
  // Resume.stops as 2^29 - 1 elements of no size, and as a composite list of empty structs.
  constexpr std::uint64_t kMany = (1u << 29) - 1;
  EXPECT_NE(message_of<model::Resume>(words({structure(0, 1, 3), 1, 0, list_of(1, 0, kMany), 0})),
            "accepted");
  EXPECT_NE(message_of<model::Resume>(
                words({structure(0, 1, 3), 1, 0, list_of(1, 7, 0), 0, structure(kMany, 0, 0)})),
            "accepted");
}

TEST(HostileMessage, APointerOutOfTheMessageIsRefused) {
  EXPECT_NE(message_of<model::Envelope>(words({structure(0, 0, 3), list_of(2, 2, 4096), 0, 0})),
            "accepted");
}

TEST(HostileMessage, TextWithoutItsEndIsRefused) {
  // payloadType "aaaaaaaa" without the zero byte that Text ends with.
  EXPECT_NE(message_of<model::Envelope>(
                words({structure(0, 0, 1), list_of(0, 2, 8), 0x6161616161616161})),
            "accepted");
}

TEST(HostileMessage, ATableOfManySegmentsIsNoMessage) {
  // The head of a stream with 2^32 segments: documents have one segment and no such table.
  EXPECT_NE(message_of<model::Envelope>(words({0x00000001ffffffff, 0, 0})), "accepted");
  EXPECT_NE(message_of<model::Message>(words({0x00000001ffffffff, structure(0, 1, 0), 0})),
            "accepted");
}

TEST(HostileMessage, TwoPointersToTheSameBytesAreRefused) {
  // payloadType and payload are one and the same word.
  EXPECT_NE(message_of<model::Envelope>(words(
                {structure(0, 0, 3), list_of(2, 2, 8), list_of(1, 2, 8), 0, 0x0061616161616161})),
            "accepted");
}

TEST(HostileMessage, AListOfListsWhereStructsBelongIsRefused) {
  // signatures: a list of pointers to lists, and a list of bytes (the shape of CVE-2022-46149).
  EXPECT_NE(message_of<model::Envelope>(words({structure(0, 0, 3), 0, 0, list_of(0, 6, 1),
                                               list_of(0, 2, 8), 0x6161616161616161})),
            "accepted");
  EXPECT_NE(message_of<model::Envelope>(
                words({structure(0, 0, 3), 0, 0, list_of(0, 2, 8), 0x6161616161616161})),
            "accepted");
}

// A zero byte is a character like another: the text does not end at it, and people see it.
TEST(HostileMessage, AZeroByteDoesNotEndAText) {
  model::Order order;
  order.title = std::string("harmless") + '\0' + " or not \u202e";
  const auto back = codec::decode<model::Order>(codec::encode(order));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->title, order.title);
  EXPECT_EQ(escaped(back->title), "harmless\\x00 or not \\xe2\\x80\\xae");
}

TEST(HostileMessage, ConditionsDeeperThanTheBoundAreRefused) {
  model::Policy policy;
  policy.verdicts.resize(1);
  model::Condition* at = &policy.verdicts[0].condition;
  for (std::size_t depth = 1; depth < limits::kConditionDepth; ++depth)
    at = &at->children.emplace_back();
  EXPECT_TRUE(codec::decode<model::Policy>(codec::encode(policy)));
  for (int more = 0; more < 100; ++more) {
    at = &at->children.emplace_back();
    EXPECT_FALSE(codec::decode<model::Policy>(codec::encode(policy)));
  }
}

// What the error says: what, where, what was expected.

TEST(Refusal, NamesAListOverItsLimit) {
  model::Root root;
  root.keys.resize(limits::kRootKeys + 1);
  EXPECT_EQ(message_of<model::Root>(codec::encode(root)),
            "root: keys: 65 elements where at most 64 were expected");
}

TEST(Refusal, NamesTheElementAndFieldThatIsNotUtf8) {
  model::Root root;
  root.keys.resize(3);
  root.keys[2].holder = "\xc3(";
  EXPECT_EQ(message_of<model::Root>(codec::encode(root)),
            "root: keys[2].holder: text is not UTF-8");
}

TEST(Refusal, NamesATextOverItsLimit) {
  model::Order order;
  order.campaign.assign(65, 'a');
  EXPECT_EQ(message_of<model::Order>(codec::encode(order)),
            "order: campaign: 65 bytes where at most 64 were expected");
}

TEST(Refusal, NamesAnUnknownValueOfAnEnumeration) {
  model::Order order;
  order.mode = static_cast<model::Mode>(9);
  EXPECT_EQ(message_of<model::Order>(codec::encode(order)),
            "order: mode: value 9 where 0 to 2 were expected");
  EXPECT_EQ(message_of<model::Message>(words({structure(0, 1, 0), 16})),
            "message: message: value 16 where 0 to 15 were expected");
}

TEST(Refusal, NamesTheSizeOfADocumentThatIsTooLarge) {
  EXPECT_EQ(message_of<model::Order>(Bytes(limits::kOrderBytes + 8)),
            "order: 32776 bytes where at most 32768 were expected");
  EXPECT_EQ(message_of<model::Order>(Bytes(13)),
            "order: 13 bytes where whole 8-byte words were expected");
  EXPECT_EQ(message_of<model::Order>({}), "order: 0 bytes where whole 8-byte words were expected");
}

TEST(Refusal, NamesAValueOfAWrongSize) {
  // Release.tenant of one byte.
  EXPECT_EQ(message_of<model::Release>(words({structure(0, 1, 1), 1, list_of(0, 2, 1), 0xaa})),
            "release: tenant: 1 bytes where 32 were expected");
}

TEST(Refusal, NamesATimeOutsideTheCalendar) {
  model::Release release;
  release.expires = timestamp(-1);
  EXPECT_EQ(message_of<model::Release>(codec::encode(release)),
            "release: expires: -1 where 0 to 253402300799 were expected");
}

TEST(Refusal, NamesALengthOfTimeOverACentury) {
  model::Policy policy;
  policy.limits.undo_ttl = Seconds(limits::kSecondsMax + 1);
  EXPECT_EQ(message_of<model::Policy>(codec::encode(policy)),
            "policy: limits.undoTtlSeconds: 3162240001 where 0 to 3162240000 were expected");
}

TEST(Refusal, NamesTheByteThatIsNotCanonical) {
  // Garbage in bits that no field of Resume uses, beside `schema`.
  EXPECT_EQ(message_of<model::Resume>(words({structure(0, 1, 0), 0x0000000100000001})),
            "resume: not canonical: byte 12 is 0x01 where 0x00 was expected");
  // Nobody points at the last word.
  EXPECT_EQ(message_of<model::Resume>(words({structure(0, 1, 0), 1, 1})),
            "resume: not canonical: 24 bytes where 16 were expected");
}

TEST(Refusal, TellsADocumentOfTheFutureFromABrokenOne) {
  model::Order order;
  order.schema = 2;
  // Readable in every field: whoever decides about it gives the reason.
  EXPECT_TRUE(codec::decode<model::Order>(codec::encode(order)));
  order.mode = static_cast<model::Mode>(9);
  const Bytes bytes = codec::encode(order);
  EXPECT_EQ(codec::schema_of(bytes), 2);
  EXPECT_EQ(message_of<model::Order>(bytes),
            "order: of schema 2 where 1 was expected; order: mode: value 9 where 0 to 2 were "
            "expected");
  EXPECT_FALSE(codec::schema_of(BytesView(bytes).first(9)));
}

TEST(Refusal, PoliciesOfAnotherSchemaAreRefused) {
  model::Policy policy;
  policy.schema = 2;
  EXPECT_FALSE(codec::decode<model::Policy>(codec::encode(policy)));
}

TEST(Refusal, ASealedFindingThatDoesNotReadIsNamed) {
  model::ScanDone done;
  done.sealed.push_back({codec::encode(model::Finding{}), {}});
  done.sealed.push_back({Bytes(3), {}});
  EXPECT_EQ(message_of<model::LocalMessage>(codec::encode(model::LocalMessage(done))),
            "local message: scanDone.sealed[1].finding: finding: 3 bytes where whole 8-byte words "
            "were expected");
}

}  // namespace
}  // namespace fleetsweep
