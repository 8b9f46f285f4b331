#include "agent/driver/hash_sets.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/hash_set/hash_set.h"
#include "protocol/runtime/sealed/sealed.h"

namespace fleetsweep::agent {
namespace {

// Two policies with a set of one part each, in a store of memory alone.
class WalkHashes : public testing::Test {
 protected:
  WalkHashes() {
    auto opened = open_store(":memory:");
    EXPECT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
    for (std::uint8_t i = 0; i < 2; ++i) {
      std::vector<hash_set::HashRecord> records(100);
      for (std::size_t n = 0; n < records.size(); ++n) records[n].size = n, records[n].hash[0] = i;
      parts.push_back(hash_set::encode_hash_set(records, 32).front());
      model::Policy policy;
      policy.detections.resize(1);
      policy.detections[0].any_of = {
          {{.field = model::Field::kFileSha256,
            .parts = {{digest(i), static_cast<std::uint32_t>(parts.back().size())}}}}};
      const Bytes bytes = codec::encode(policy);
      policies.push_back(policy);
      digests.push_back(crypto::sha256(bytes));
      EXPECT_TRUE(
          store->commit({PutPolicy{digests.back(), bytes}, PutHashPart{digest(i), parts[i]}}));
    }
  }
  Digest digest(std::size_t part) const { return crypto::sha256(parts[part]); }
  Bytes written() {
    const auto fd = write_hashes(*store, digests);
    EXPECT_TRUE(fd) << fd.error().message;
    const auto mapped = runtime::Mapped::of_sealed(fd->get());
    EXPECT_TRUE(mapped) << mapped.error().message;
    return to_bytes(mapped->bytes());
  }
  Bytes expected() const {
    Bytes all = parts[0];
    append(all, parts[1]);
    return all;
  }

  std::unique_ptr<Store> store;
  std::vector<Bytes> parts;
  std::vector<model::Policy> policies;
  std::vector<Digest> digests;
};

TEST_F(WalkHashes, APartThatIsLostShiftsThoseOfThePoliciesBesideIt) {
  EXPECT_EQ(written(), expected());
  ASSERT_TRUE(store->commit({DropHashPart{digest(0)}}));
  const Bytes size = expected();
  const Bytes got = written();
  ASSERT_EQ(got.size(), size.size());
  EXPECT_EQ(Bytes(got.end() - static_cast<std::ptrdiff_t>(parts[1].size()), got.end()), parts[1]);
  EXPECT_THAT(damaged_hashes(*store, policies[0]), testing::ElementsAre(digest(0)));
  EXPECT_THAT(damaged_hashes(*store, policies[1]), testing::IsEmpty());
}

TEST_F(WalkHashes, APartThatIsDamagedOrCutCountsAsWhole) {
  EXPECT_THAT(damaged_hashes(*store, policies[0]), testing::IsEmpty());
  Bytes other = parts[0];
  other.back() ^= 1;
  Bytes cut = parts[0];
  cut.pop_back();
  for (const Bytes& damaged : {other, cut, Bytes()}) {
    ASSERT_TRUE(store->commit({PutHashPart{digest(0), damaged}}));
    EXPECT_EQ(written().size(), expected().size());
    EXPECT_THAT(damaged_hashes(*store, policies[0]), testing::ElementsAre(digest(0)));
  }
}

TEST_F(WalkHashes, WithoutAFileDescriptorLeftHashesAreCalledDamaged) {
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const struct rlimit none { 0, before.rlim_max };
  // By names of their own: to look at a member a sanitizer wants a descriptor.
  auto& opened = *store;
  const auto& all = digests;
  const auto& policy = policies[0];
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto refused = write_hashes(opened, all);
  const auto damaged = damaged_hashes(opened, policy);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(refused);
  EXPECT_THAT(damaged, testing::IsEmpty());
  EXPECT_EQ(written(), expected());
}

}  // namespace
}  // namespace fleetsweep::agent
