#include "agent/package_db/sqlite_rows.h"

#include <fstream>

#include "protocol/base/prng.h"
#include "tests/agent/package_db/rpm_database.h"

namespace fleetsweep {
namespace {

namespace fs = std::filesystem;

struct SqliteRows : testing::Test {
  std::string folder = [] {
    char made[] = "/tmp/fleetsweep-rows-XXXXXX";
    EXPECT_NE(::mkdtemp(made), nullptr);
    return std::string(made);
  }();
  std::string path = folder + "/db";
  ~SqliteRows() override { fs::remove_all(folder); }

  static Bytes content_of(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    return to_bytes(std::string(std::istreambuf_iterator<char>(stream), {}));
  }
  static Result<std::vector<Bytes>> read(BytesView database, BytesView log) {
    std::vector<Bytes> rows;
    const auto done = each_blob(source_of(database), source_of(log), "Packages", 1, 1 << 20,
                                [&](BytesView blob) -> Status {
                                  rows.push_back(to_bytes(blob));
                                  return {};
                                });
    if (!done) return fail(done.error());
    return rows;
  }
  Result<std::vector<Bytes>> read() { return read(content_of(path), content_of(path + "-wal")); }
};

TEST_F(SqliteRows, ARowIsLostOrCutForItsSizeOrItsPlace) {
  for (const int page : {512, 1024, 4096, 65536}) {
    fs::remove(path);
    Prng random(static_cast<std::uint64_t>(page));
    std::vector<Bytes> written;
    {
      SqliteFile file(path);
      file.run("pragma page_size=" + std::to_string(page));
      file.make_packages();
      file.run("create table Other (blob BLOB)");
      file.run("begin");
      for (int i = 0; i < 700; ++i) {
        // Around the sizes at which a row goes on in other pages, and far above.
        const std::size_t size = i % 50 == 0 ? random.below(200'000) : random.below(3000);
        Bytes blob(size);
        for (auto& byte : blob) byte = static_cast<std::uint8_t>(random.below(256));
        file.insert(blob);
        written.push_back(std::move(blob));
      }
      file.run("commit");
      file.run("delete from Packages where hnum % 7 = 3");
    }
    for (std::size_t i = written.size(); i-- > 0;)
      if ((i + 1) % 7 == 3) written.erase(written.begin() + static_cast<std::ptrdiff_t>(i));
    const auto rows = read();
    ASSERT_TRUE(rows) << page << ": " << rows.error().message;
    EXPECT_EQ(*rows, written) << page;
  }
}

TEST_F(SqliteRows, WhatIsInTheLogAloneCountsFromItsCommitOn) {
  SqliteFile file(path);
  file.run("pragma journal_mode=wal; pragma wal_autocheckpoint=0; pragma cache_size=2");
  file.make_packages();
  file.insert(Bytes(9000, 1));
  ASSERT_GT(fs::file_size(path + "-wal"), 9000u);
  const auto one = read();
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_EQ(*one, std::vector<Bytes>{Bytes(9000, 1)});

  const auto committed = fs::file_size(path + "-wal");
  file.run("begin");
  for (int i = 0; i < 50; ++i) file.insert(Bytes(9000, 2));  // more than it keeps in memory
  ASSERT_GT(fs::file_size(path + "-wal"), committed) << "nothing uncommitted is in the log";
  EXPECT_EQ(*read(), *one);
  file.run("commit");
  EXPECT_EQ(read()->size(), 51u);

  // Torn: what is before the cut counts, up to a commit.
  const Bytes database = content_of(path), log = content_of(path + "-wal");
  const auto cut = read(database, BytesView(log).first(log.size() - 1));
  ASSERT_TRUE(cut);
  EXPECT_EQ(*cut, *one);
}

TEST_F(SqliteRows, DamageIsSaidAndNeverReadBeyondOrForEver) {
  {
    SqliteFile file(path);
    file.run("pragma page_size=512");
    file.make_packages();
    for (int i = 0; i < 16; ++i) file.insert(Bytes(static_cast<std::size_t>(i) * 60, 7));
  }
  const Bytes whole = content_of(path);
  ASSERT_TRUE(read(whole, {}));
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int value : {0, 1, 5, 13, 255}) {
      Bytes changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      const auto rows = read(changed, {});
      if (rows) {
        EXPECT_LE(rows->size(), 4000u);
      }
    }
  for (std::size_t size = 0; size < whole.size(); size += 100)
    EXPECT_FALSE(read(BytesView(whole).first(size), {})) << size;
}

}  // namespace
}  // namespace fleetsweep
