#include "protocol/hash_set/hash_set.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/base/prng.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep {
namespace {

using hash_set::decode_hash_part;
using hash_set::encode_hash_set;
using hash_set::HashRecord;

std::vector<HashRecord> some(std::size_t count, std::size_t hash_bytes = 32) {
  std::vector<HashRecord> records(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Digest digest = crypto::sha256(as_bytes(std::to_string(i)));
    std::copy_n(digest.value.begin(), hash_bytes, records[i].hash.begin());
    if (i % 3 != 0) records[i].size = i % 1000;
  }
  return records;
}

std::string problem(Bytes part) {
  const auto decoded = decode_hash_part(part);
  return decoded ? "" : decoded.error().message;
}

TEST(HashSet, ThePartsHoldEachRecordOnceAndAscendFromEachToTheNext) {
  for (const std::size_t hash_bytes : {32, 20, 16}) {
    std::vector<HashRecord> records = some(20'000, hash_bytes);
    const auto parts = encode_hash_set(records, hash_bytes);
    std::vector<HashRecord> read;
    for (const Bytes& bytes : parts) {
      EXPECT_LE(bytes.size(), limits::kHashPartBytes);
      const auto part = decode_hash_part(bytes);
      ASSERT_TRUE(part) << part.error().message;
      ASSERT_EQ(part->hash_bytes, hash_bytes);
      for (std::size_t i = 0; i < part->count; ++i) {
        HashRecord record{0, {}};
        const BytesView raw = part->record(i);
        for (const std::uint8_t byte : raw.first(8)) record.size = record.size << 8 | byte;
        std::copy(raw.begin() + 8, raw.end(), record.hash.begin());
        read.push_back(record);
      }
    }
    std::sort(records.begin(), records.end());
    EXPECT_EQ(read, records);
  }
}

TEST(HashSet, NeitherTheirOrderNorRepeatsChangeTheBytes) {
  std::vector<HashRecord> records = some(9'000);
  const auto parts = encode_hash_set(records, 32);
  records.insert(records.end(), records.begin(), records.begin() + 500);
  std::reverse(records.begin(), records.end());
  EXPECT_EQ(encode_hash_set(records, 32), parts);
  EXPECT_THAT(encode_hash_set({}, 32), testing::IsEmpty());
}

TEST(HashSet, APartThatIsCutTooLongOrOutOfOrderIsRefused) {
  const Bytes good = encode_hash_set(some(100), 32).front();
  ASSERT_EQ(problem(good), "");
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(problem(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), "");
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_THAT(problem(longer), testing::HasSubstr("100 records were expected"));
  Bytes swapped = good;
  std::swap_ranges(swapped.begin() + 16, swapped.begin() + 56, swapped.begin() + 56);
  EXPECT_THAT(problem(swapped), testing::HasSubstr("record 1 does not stand above"));
  Bytes twice = good;
  std::copy_n(twice.begin() + 16, 40, twice.begin() + 56);
  EXPECT_THAT(problem(twice), testing::HasSubstr("record 1 does not stand above"));
  Bytes other = good;
  other[8] = 33;
  EXPECT_THAT(problem(other), testing::HasSubstr("33 bytes"));
  Bytes none(good.begin(), good.begin() + 16);
  none[12] = 0;
  EXPECT_THAT(problem(none), testing::HasSubstr("0 records"));
  EXPECT_THAT(problem(Bytes(limits::kHashPartBytes + 1, 'F')), testing::HasSubstr("begins so"));
}

// A record's count times its bytes must not wrap around to what is there.
TEST(HashSet, ACountThatNoFileCanHoldIsRefused) {
  Bytes part = encode_hash_set(some(1), 32).front();
  std::fill_n(part.begin() + 12, 4, 0xff);
  EXPECT_THAT(problem(part), testing::HasSubstr("4294967295 records"));
}

TEST(HashSet, APolicyNamesEachPartOnceInTheOrderOfItsDetections) {
  const auto parts = encode_hash_set(some(20'000), 32);
  std::vector<model::HashPart> named;
  for (const Bytes& part : parts)
    named.push_back({crypto::sha256(part), static_cast<std::uint32_t>(part.size())});
  model::Policy policy;
  policy.detections.resize(2);
  policy.detections[0].none_of = {{{.field = model::Field::kFileSha256, .parts = {named[2]}}}};
  policy.detections[1].any_of = {{{.field = model::Field::kFileSha256, .parts = named}}};
  const auto decoded = codec::decode<model::Policy>(codec::encode(policy));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, policy);
  std::vector<model::HashPart> expected = {named[2], named[0], named[1]};
  expected.insert(expected.end(), named.begin() + 3, named.end());
  EXPECT_EQ(hash_set::hash_parts(*decoded), expected);
  EXPECT_EQ(hash_set::hash_count(named, 32), 20'000u);
}

// Its digest stands in orders that are signed already.
TEST(HashSet, APolicyWithoutOneHasTheBytesItHadBeforeThereWereSets) {
  model::Policy policy;
  policy.detections.resize(1);
  policy.detections[0].any_of = {
      {{.field = model::Field::kFileSha256, .values = {{.text = std::string(64, 'a')}}}}};
  EXPECT_EQ(crypto::sha256(codec::encode(policy)).hex(),
            "51e5fc5cbc29bab62e9a4a12fa8d84f57c0e2273976852d584e96a987448e3af");
}

}  // namespace
}  // namespace fleetsweep
