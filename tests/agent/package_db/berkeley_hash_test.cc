// With Berkeley DB itself as the writer where its tools are installed (./dev test installs them).

#include "agent/package_db/berkeley_hash.h"

#include "protocol/base/prng.h"
#include "tests/agent/package_db/rpm_database.h"
#include "tests/protocol/codec/golden_files.h"

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;

struct BerkeleyHash : testing::Test {
  std::string folder = [] {
    char made[] = "/tmp/fleetsweep-berkeley-XXXXXX";
    EXPECT_NE(::mkdtemp(made), nullptr);
    return std::string(made);
  }();
  std::string path = folder + "/Packages";
  void SetUp() override {
    if (!has_berkeley_db()) GTEST_SKIP() << "db5.3-util is not installed";
  }
  ~BerkeleyHash() override { fs::remove_all(folder); }

  Bytes content() const { return to_bytes(test::read_file(path)); }
  // In the order of their bytes: a hash has none.
  static Result<std::vector<Bytes>> read(BytesView database) {
    std::vector<Bytes> values;
    const auto done =
        each_berkeley_value(source_of(database), 1 << 20, [&](BytesView value) -> Status {
          values.push_back(to_bytes(value));
          return {};
        });
    if (!done) return fail(done.error());
    std::sort(values.begin(), values.end());
    return values;
  }
};

TEST_F(BerkeleyHash, AValueIsLostOrCutForItsSizeOrItsBucket) {
  for (const bool big_endian : {false, true})
    for (const int page : {512, 1024, 4096, 65536}) {
      fs::remove(path);
      Prng random(static_cast<std::uint64_t>(page));
      std::vector<Bytes> written;
      for (int i = 0; i < 300; ++i) {
        // Around the sizes at which a value gets pages of its own, and far above.
        Bytes value(1 + (i % 50 == 0 ? random.below(200'000) : random.below(3000)));
        for (auto& byte : value) byte = static_cast<std::uint8_t>(random.below(256));
        written.push_back(std::move(value));
      }
      write_berkeley(path, written,
                     "db_pagesize=" + std::to_string(page) +
                         "\ndb_lorder=" + (big_endian ? "4321\n" : "1234\n"),
                     big_endian);
      std::sort(written.begin(), written.end());
      const auto values = read(content());
      ASSERT_TRUE(values) << page << ": " << values.error().message;
      EXPECT_EQ(*values, written) << page;
    }
}

TEST_F(BerkeleyHash, DamageIsSaidAndNeverReadBeyondOrForEver) {
  std::vector<Bytes> written;
  for (std::size_t i = 0; i < 16; ++i) written.push_back(Bytes(1 + i * 60, 7));
  write_berkeley(path, written, "db_pagesize=512\n");
  const Bytes whole = content();
  ASSERT_TRUE(read(whole));
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int value : {0, 1, 2, 7, 13, 255}) {
      Bytes changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      const auto values = read(changed);
      if (values) {
        EXPECT_LE(values->size(), 100u);
      } else {
        EXPECT_NE(values.error().message.find("byte "), std::string::npos);
      }
    }
  for (std::size_t size = 0; size < whole.size(); size += 100)
    EXPECT_FALSE(read(BytesView(whole).first(size))) << size;
  // A page that leads to itself.
  for (std::size_t page = 512; page < whole.size(); page += 512) {
    Bytes changed = whole;
    std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(page) + 8, 4,
                changed.begin() + static_cast<std::ptrdiff_t>(page) + 16);
    EXPECT_FALSE(read(changed)) << page;
  }
}

TEST_F(BerkeleyHash, ADatabaseThatIsNoPlainHashIsReadAsOne) {
  write_berkeley(path, {Bytes(9000, 7)});
  const Bytes whole = content();
  const std::pair<std::size_t, std::uint8_t> others[] = {
      {13, 0x31} /* a tree */, {16, 7}, {16, 11}, {20, 1}, {24, 1}, {26, 1}, {25, 9}};
  for (const auto& [at, value] : others) {
    Bytes changed = whole;
    changed[at] = value;
    EXPECT_FALSE(read(changed)) << at;
  }
  EXPECT_FALSE(each_berkeley_value(source_of(whole), 8999, [](BytesView) -> Status { return {}; }));
}

}  // namespace
}  // namespace fleetsweep
