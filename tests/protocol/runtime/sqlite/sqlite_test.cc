#include "protocol/runtime/sqlite/sqlite.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace fleetsweep::sqlite {
namespace {

class Sqlite : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/fs-sqlite-XXXXXX";
    directory_ = mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string path() const { return directory_ + "/a.db"; }
  std::string directory_;
};

constexpr Sql kSteps[] = {"create table t(a integer primary key, b text, c blob)",
                          "alter table t add column d integer default 7"};

std::int64_t rows(Database& database) {
  Statement count = *database.prepare("select count(*) from t");
  EXPECT_TRUE(*count.step());
  return count.integer(0);
}

TEST_F(Sqlite, ValuesComeBackAsTheyWereBound) {
  Database database = *Database::open(path());
  ASSERT_TRUE(database.migrate(kSteps));
  Statement insert = *database.prepare("insert into t(a, b, c) values(?1, ?2, ?3)");
  const std::string text("a\0b", 3);
  const Bytes bytes = {0, 1, 255};
  ASSERT_TRUE(insert.bind(-5, text, bytes).run());
  ASSERT_TRUE(insert.bind(std::uint64_t{1} << 62, std::string_view(), BytesView()).run());
  Statement select = *database.prepare("select a, b, c, d from t order by a");
  ASSERT_TRUE(*select.step());
  EXPECT_EQ(select.integer(0), -5);
  EXPECT_EQ(select.text(1), text);
  EXPECT_EQ(select.blob(2), bytes);
  EXPECT_EQ(select.integer(3), 7);
  EXPECT_FALSE(select.fixed<Digest>(2));
  ASSERT_TRUE(*select.step());
  EXPECT_EQ(select.integer(0), std::int64_t{1} << 62);
  EXPECT_FALSE(select.is_null(2)) << "an empty blob is a value";
  EXPECT_FALSE(*select.step());
}

TEST_F(Sqlite, TransactionWithoutCommitLeavesNothing) {
  Database database = *Database::open(path());
  ASSERT_TRUE(database.migrate(kSteps));
  {
    Transaction transaction = *Transaction::begin(database);
    ASSERT_TRUE(database.execute("insert into t(a) values(1)"));
  }
  EXPECT_EQ(rows(database), 0);
  Transaction transaction = *Transaction::begin(database);
  ASSERT_TRUE(database.execute("insert into t(a) values(1)"));
  ASSERT_TRUE(transaction.commit());
  EXPECT_EQ(rows(database), 1);
}

TEST_F(Sqlite, OldFileIsMigratedWithItsRows) {
  {
    Database database = *Database::open(path());
    ASSERT_TRUE(database.migrate(std::span(kSteps).first(1)));
    ASSERT_TRUE(database.execute("insert into t(a) values(1)"));
  }
  Database database = *Database::open(path());
  ASSERT_TRUE(database.migrate(kSteps));
  Statement select = *database.prepare("select d from t");
  ASSERT_TRUE(*select.step());
  EXPECT_EQ(select.integer(0), 7);
}

TEST_F(Sqlite, NewerFileIsRefused) {
  Database database = *Database::open(path());
  ASSERT_TRUE(database.migrate(kSteps));
  const Status status = database.migrate(std::span(kSteps).first(1));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalid);
  EXPECT_NE(status.error().message.find("newer"), std::string::npos);
}

TEST_F(Sqlite, FullDiskIsSaidAndNothingIsHalfWritten) {
  Database database = *Database::open(path());
  ASSERT_TRUE(database.migrate(kSteps));
  ASSERT_TRUE(database.limit_pages(8));
  Status status;
  {
    Transaction transaction = *Transaction::begin(database);
    Statement insert = *database.prepare("insert into t(c) values(?1)");
    const Bytes page(4096, 1);
    for (int i = 0; i < 20 && status; ++i) status = insert.bind(page).run();
  }
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message.find("free space"), std::string::npos) << status.error().message;
  EXPECT_EQ(rows(database), 0);
}

TEST_F(Sqlite, FileIsPrivateToItsOwner) {
  Database database = *Database::open(path());
  struct stat status {};
  ASSERT_EQ(stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Sqlite, ForeignFileIsRefused) {
  std::ofstream(path()) << std::string(8192, 'x');
  const auto database = Database::open(path());
  ASSERT_FALSE(database);
  EXPECT_EQ(database.error().code, Code::kInvalid) << database.error().message;
}

TEST_F(Sqlite, MissingFolderIsNamed) {
  const auto database = Database::open(directory_ + "/no/such/a.db");
  ASSERT_FALSE(database);
  EXPECT_NE(database.error().message.find("no/such/a.db"), std::string::npos);
}

}  // namespace
}  // namespace fleetsweep::sqlite
