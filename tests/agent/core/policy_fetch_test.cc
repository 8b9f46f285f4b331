#include "agent/core/policy_fetch.h"

#include <gtest/gtest.h>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::agent {
namespace {

using std::chrono::seconds;

TEST(PolicyFetch, ComesInChunksAndIsBelievedByItsDigestOnly) {
  const Bytes policy(3 * limits::kBlobChunkBytes - 7, 'p');
  const Digest digest = crypto::sha256(policy);
  PolicyFetch fetch;
  auto offset = fetch.want(digest, policy.size(), seconds(1));
  std::optional<Bytes> complete;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(offset);
    const std::size_t size = std::min(limits::kBlobChunkBytes, policy.size() - *offset);
    const auto from = policy.begin() + static_cast<std::ptrdiff_t>(*offset);
    auto taken = fetch.on_blob(
        {digest, *offset, policy.size(), Bytes(from, from + static_cast<std::ptrdiff_t>(size))},
        seconds(1));
    offset = taken.want_offset;
    complete = std::move(taken.complete);
  }
  ASSERT_TRUE(complete);
  EXPECT_EQ(*complete, policy);
}

TEST(PolicyFetch, OneAtATimeAndTheNextWhenTheEdgeForgets) {
  PolicyFetch fetch;
  const Digest one = crypto::sha256(as_bytes("1")), two = crypto::sha256(as_bytes("2"));
  EXPECT_TRUE(fetch.want(one, 10, seconds(1)));
  EXPECT_FALSE(fetch.want(two, 10, seconds(2)));
  EXPECT_TRUE(fetch.want(two, 10, seconds(60)));
}

TEST(PolicyFetch, OversizedPolicyIsNotEvenAskedFor) {
  PolicyFetch fetch;
  EXPECT_FALSE(fetch.want(Digest{}, limits::kPolicyBytes + 1, seconds(1)));
}

TEST(PolicyFetch, ChunkNobodyAskedForIsIgnored) {
  PolicyFetch fetch;
  const auto taken = fetch.on_blob({Digest{}, 0, 3, to_bytes("abc")}, seconds(1));
  EXPECT_FALSE(taken.complete);
  EXPECT_TRUE(taken.problem.empty());
}

TEST(PolicyFetch, WhatCouldNotBeAskedForWaitsAnotherHalfMinute) {
  PolicyFetch fetch;
  const Digest late{{1}}, other{{2}};
  ASSERT_TRUE(fetch.want(late, 10, Uptime(0)));
  fetch.on_blob({.digest = late}, Uptime(0));  // the edge does not have it
  const Uptime due = std::chrono::seconds(30);
  ASSERT_TRUE(fetch.want(other, 10, due));
  EXPECT_FALSE(fetch.want(late, 10, due)) << "another is on its way";
  fetch.on_blob({.digest = other}, due);
  EXPECT_TRUE(fetch.want(late, 10, due)) << "it was never asked for again";
}

}  // namespace
}  // namespace fleetsweep::agent
