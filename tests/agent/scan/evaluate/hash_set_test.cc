#include "agent/scan/evaluate/hash_set.h"

#include <gmock/gmock.h>

#include "agent/scan/evaluate/matcher.h"
#include "protocol/base/prng.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

using hash_set::HashRecord;
using hash_set::kAnySize;
using model::Field;

Digest hash_of(std::uint64_t number) {
  return crypto::sha256(as_bytes(std::to_string(number)));
}

HashRecord record(std::uint64_t number, std::uint64_t size, std::size_t bytes = 32) {
  HashRecord one{size, {}};
  std::copy_n(hash_of(number).value.begin(), bytes, one.hash.begin());
  return one;
}

// A policy with one hash set, and its bytes.
struct Set {
  model::Policy policy;
  Bytes bytes;
};

Set set_of(std::vector<HashRecord> records, std::size_t hash_bytes = 32,
           Field field = Field::kFileSha256) {
  Set set;
  model::Predicate predicate{.field = field};
  for (const Bytes& part : hash_set::encode_hash_set(std::move(records), hash_bytes)) {
    predicate.parts.push_back({crypto::sha256(part), static_cast<std::uint32_t>(part.size())});
    append(set.bytes, part);
  }
  set.policy.detections.push_back({.id = "known", .any_of = {{predicate}}});
  return set;
}

Matcher compiled(Set&&) = delete;  // it borrows the hashes
Matcher compiled(const Set& set) {
  HashParts parts;
  BytesView bytes = set.bytes;
  const auto added = parts.add(set.policy, bytes);
  EXPECT_TRUE(added) << added.error().message;
  EXPECT_TRUE(bytes.empty());
  auto matcher = Matcher::compile(set.policy, parts);
  EXPECT_TRUE(matcher) << matcher.error().message;
  return std::move(*matcher);
}

FileFacts file(std::uint64_t size, std::string sha256, FileStage stage = FileStage::kContent) {
  FileFacts facts;
  facts.stage = stage;
  facts.identity.size = size;
  facts.sha256 = std::move(sha256);
  return facts;
}

TEST(HashSetLookup, FindsEachOfManyPartsAndNothingElse) {
  constexpr std::uint64_t kCount = 30'000;
  std::vector<HashRecord> records;
  for (std::uint64_t i = 0; i < kCount; ++i) records.push_back(record(i, i * 7 % 5000));
  const Set set = set_of(records);
  ASSERT_EQ(set.policy.detections[0].any_of[0][0].parts.size(), 5u);
  const Matcher matcher = compiled(set);
  for (std::uint64_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(matcher.match(0, file(i * 7 % 5000, hash_of(i).hex())), Truth::kYes) << i;
    // The right hash of a file of another size is none of the list's.
    ASSERT_EQ(matcher.match(0, file(i * 7 % 5000 + 1, hash_of(i).hex())), Truth::kNo) << i;
    ASSERT_EQ(matcher.match(0, file(i * 7 % 5000, hash_of(kCount + i).hex())), Truth::kNo) << i;
  }
}

TEST(HashSetLookup, ASizeThatNoHashHasIsANoBeforeTheFileIsOpened) {
  const Set set = set_of({record(1, 100), record(2, 300)});
  const Matcher matcher = compiled(set);
  EXPECT_TRUE(matcher.needs(0).stat);
  EXPECT_TRUE(matcher.needs(0).sha256);
  EXPECT_EQ(matcher.match(0, file(0, "", FileStage::kName)), Truth::kUnknown);
  EXPECT_EQ(matcher.match(0, file(100, "", FileStage::kStat)), Truth::kUnknown);
  for (const std::uint64_t size : {0, 99, 101, 200, 301})
    EXPECT_EQ(matcher.match(0, file(size, "", FileStage::kStat)), Truth::kNo) << size;
}

TEST(HashSetLookup, AHashOfUnknownSizeIsLookedForInFilesOfEverySize) {
  const Set set = set_of({record(1, 100), record(2, kAnySize)});
  const Matcher matcher = compiled(set);
  EXPECT_EQ(matcher.match(0, file(55, "", FileStage::kStat)), Truth::kUnknown);
  EXPECT_EQ(matcher.match(0, file(55, hash_of(2).hex())), Truth::kYes);
  EXPECT_EQ(matcher.match(0, file(55, hash_of(1).hex())), Truth::kNo);
  EXPECT_EQ(matcher.match(0, file(100, hash_of(1).hex())), Truth::kYes);
}

TEST(HashSetLookup, ShorterHashesAreFoundToo) {
  const Set set = set_of({record(1, 10, 16), record(2, 10, 16)}, 16, Field::kFileMd5);
  const Matcher matcher = compiled(set);
  FileFacts facts = file(10, "");
  facts.md5 = hash_of(2).hex().substr(0, 32);
  EXPECT_EQ(matcher.match(0, facts), Truth::kYes);
  facts.md5 = hash_of(3).hex().substr(0, 32);
  EXPECT_EQ(matcher.match(0, facts), Truth::kNo);
}

// Neither a hit nor clean: nobody can tell.
TEST(HashSetLookup, AMissingOrDamagedPartIsAnErrorAndThoseBehindItAreStillThere) {
  std::vector<HashRecord> records;
  for (std::uint64_t i = 0; i < 20'000; ++i) records.push_back(record(i, i));
  const Set set = set_of(records);
  const Set other = set_of({record(1, 100)});
  Bytes all = set.bytes;
  append(all, other.bytes);
  for (const std::size_t at : {std::size_t{0}, std::size_t{20}, set.bytes.size() - 1}) {
    Bytes damaged = all;
    damaged[at] ^= 1;
    HashParts parts;
    BytesView bytes = damaged;
    const auto added = parts.add(set.policy, bytes);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, Code::kNotFound);
    EXPECT_EQ(Matcher::compile(set.policy, parts).error().code, Code::kNotFound);
    EXPECT_TRUE(parts.add(other.policy, bytes));
    EXPECT_TRUE(Matcher::compile(other.policy, parts));
  }
  HashParts parts;
  BytesView cut = BytesView(set.bytes).first(set.bytes.size() - 1);
  EXPECT_EQ(parts.add(set.policy, cut).error().code, Code::kNotFound);
  EXPECT_EQ(Matcher::compile(set.policy).error().code, Code::kNotFound);
}

TEST(HashSetLookup, ASetWhereNoneCanStandIsRefused) {
  Set set = set_of({record(1, 100)});
  HashParts parts;
  BytesView bytes = set.bytes;
  ASSERT_TRUE(parts.add(set.policy, bytes));
  const auto refused = [&](auto change) {
    model::Policy policy = set.policy;
    change(policy.detections[0].any_of[0][0]);
    const auto matcher = Matcher::compile(policy, parts);
    return !matcher && matcher.error().code == Code::kInvalid;
  };
  EXPECT_TRUE(refused([](auto& p) { p.field = Field::kFileName; }));
  EXPECT_TRUE(refused([](auto& p) { p.field = Field::kFileSha1; }));
  EXPECT_TRUE(refused([](auto& p) { p.match = model::Match::kContains; }));
  EXPECT_TRUE(refused([](auto& p) { p.all = true; }));
  EXPECT_TRUE(refused([](auto& p) { p.values.push_back({.text = "x"}); }));
  // Twice the same part: not above the one before it.
  EXPECT_TRUE(refused([](auto& p) { p.parts.push_back(p.parts[0]); }));
}

}  // namespace
}  // namespace fleetsweep::scan
