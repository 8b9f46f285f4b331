#include "agent/overlay/bolt.h"

#include <gtest/gtest.h>

#include <optional>

#include "protocol/base/limits.h"
#include "protocol/base/prng.h"
#include "tests/agent/overlay/bolt_builder.h"

namespace fleetsweep {
namespace {

using Path = std::vector<std::string>;
using Values = std::vector<std::pair<Path, std::string>>;

// Nothing: refused.
std::optional<Values> read(BytesView database) {
  Values values;
  const bool is_whole = each_bolt_value(
      database, [&](std::span<const std::string_view> path, std::string_view value) {
        values.emplace_back(Path(path.begin(), path.end()), value);
      });
  return is_whole ? std::optional(values) : std::nullopt;
}

void put_number(Bytes& bytes, std::size_t at, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

Bytes small() {
  return BoltBuilder(512)
      .put({"v1", "a", "key"}, "value")
      .put({"v1", "b", "long"}, std::string(1500, 'x'))
      .put({"v1", "c", "d", "deep"}, "")
      .build();
}

TEST(Bolt, AValueIsLostForTheSizeOfItsPageOrItsPlace) {
  for (const std::size_t page : {512u, 4096u, 16384u, 65536u}) {
    BoltBuilder builder(page);
    Prng random(page);
    std::map<Path, std::string> written;
    for (int i = 0; i < 3000; ++i) {
      Path path{"v1", "bucket" + std::to_string(random.below(4))};
      // Some buckets stay small, some get a branch of their own.
      if (i % 3 != 0) path.push_back(std::to_string(random.below(300)));
      path.push_back("key" + std::to_string(random.next()));
      written[path] = std::string(random.below(i % 100 == 0 ? 5000 : 90), 'x');
      builder.put(path, written[path]);
    }
    const auto values = read(builder.build());
    ASSERT_TRUE(values) << page;
    EXPECT_EQ((std::map<Path, std::string>(values->begin(), values->end())), written) << page;
    EXPECT_EQ(values->size(), written.size());
  }
  EXPECT_EQ(read(BoltBuilder().build()), Values());
}

TEST(Bolt, AnOldStateIsReadWhereTheLastIsWhole) {
  BoltBuilder builder(512);
  Bytes bytes = builder.put({"old"}, "1").build(7);
  const std::uint64_t old_root = 2, root = bytes.size() / 512;
  bytes.resize(bytes.size() + 512);
  // What transaction 8 has written of its root; it ends by writing its meta page.
  const Bytes other = BoltBuilder(512).put({"new"}, "2").build();
  std::copy_n(other.begin() + 1024, 512, bytes.end() - 512);
  put_number(bytes, bytes.size() - 512, root, 8);
  EXPECT_EQ(bolt_transaction(bytes), 7u);
  EXPECT_EQ(read(bytes), (Values{{{"old"}, "1"}}));
  builder.put_meta(bytes, 8, root);
  EXPECT_EQ(bolt_transaction(bytes), 8u);
  EXPECT_EQ(read(bytes), (Values{{{"new"}, "2"}}));
  // Whichever of the two meta pages is torn, the other holds.
  for (const bool is_first : {true, false}) {
    Bytes torn = bytes;
    torn[(is_first ? 0 : 512) + 16 + 20] ^= 1;
    EXPECT_EQ(bolt_transaction(torn), is_first ? 7u : 8u);
    torn[(is_first ? 512 : 0) + 16 + 20] ^= 1;
    EXPECT_EQ(bolt_transaction(torn), std::nullopt);
    EXPECT_FALSE(read(torn));
  }
  builder.put_meta(bytes, 9, old_root);
  EXPECT_EQ(read(bytes), (Values{{{"old"}, "1"}}));
}

TEST(Bolt, AMetaPageThatAnImageBroughtIsTaken) {
  // Where the second would lie, were pages larger: in the middle of a value.
  Bytes meta = BoltBuilder(8192).build(100);
  const BytesView second = BytesView(meta).subspan(0, 16 + 64);
  Bytes bytes = BoltBuilder(512).put({"a"}, std::string(10'000, 'x') + to_text(second)).build();
  const auto found = std::search(bytes.begin(), bytes.end(), second.begin(), second.end());
  std::rotate(bytes.begin() + 8192, found, found + 80);
  ASSERT_TRUE(equal(BytesView(bytes).subspan(8192, 80), second));
  EXPECT_EQ(bolt_transaction(bytes), 7u);
  bytes[16] ^= 1;
  EXPECT_EQ(bolt_transaction(bytes), 7u);
}

TEST(Bolt, DamageIsReadBeyondOrForEver) {
  const Bytes whole = small();
  const auto values = read(whole);
  ASSERT_TRUE(values && values->size() == 3);
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int value : {0, 1, 2, 3, 16, 127, 255}) {
      Bytes changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      const auto read_of_it = read(changed);
      EXPECT_TRUE(!read_of_it || read_of_it->size() <= values->size()) << at;
    }
  // In a place of its own, so that who reads beyond it is seen.
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
}

TEST(Bolt, PagesInACircleAreReadForEver) {
  BoltBuilder builder(512);
  for (int i = 0; i < 100; ++i) builder.put({"key" + std::to_string(i)}, "value");
  const Bytes whole = builder.build();
  ASSERT_TRUE(read(whole));
  // The root is the last page: a branch, whose elements end with the number of a page.
  const std::size_t root = whole.size() - 512;
  ASSERT_EQ(whole[root + 8], 1);
  for (const std::uint64_t page :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{root / 512},
        whole.size() / 512, ~std::uint64_t{0}}) {
    Bytes changed = whole;
    put_number(changed, root + 16 + 8, page, 8);
    EXPECT_FALSE(read(changed)) << page;
  }
}

TEST(Bolt, BucketsInEachOtherFillTheStack) {
  Path path;
  while (path.size() < static_cast<std::size_t>(limits::kBoltDepth)) path.push_back("b");
  EXPECT_TRUE(read(BoltBuilder(512).put(path, "").build()));
  path.push_back("b");
  EXPECT_FALSE(read(BoltBuilder(512).put(path, "").build()));
}

TEST(Bolt, AKeyThatIsThereTwiceIsTakenOnce) {
  const Bytes whole = BoltBuilder(512).put({"key1"}, "a").put({"key2"}, "b").build();
  const std::string_view text = as_text(whole);
  Bytes twice = whole, unsorted = whole;
  twice[text.find("key2") + 3] = '1';
  unsorted[text.find("key1") + 3] = '3';
  EXPECT_TRUE(read(whole));
  EXPECT_FALSE(read(twice));
  EXPECT_FALSE(read(unsorted));
}

TEST(Bolt, OneBucketInManyPlacesIsReadInEach) {
  // The second key begins where the first does: so could all 65,535, each with all that is in it.
  Bytes bytes = BoltBuilder(512).put({"aa"}, "x").put({"ab"}, "x").build();
  ASSERT_TRUE(read(bytes));
  const std::size_t second = 1024 + 16 + 16;
  put_number(bytes, second + 4, 16 + 1, 4);
  put_number(bytes, second + 8, 1, 4);
  EXPECT_EQ(as_text(BytesView(bytes).subspan(second + 16 + 1, 1)), "a");
  EXPECT_FALSE(read(bytes));
}

}  // namespace
}  // namespace fleetsweep
