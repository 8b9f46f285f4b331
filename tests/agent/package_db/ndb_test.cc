#include "agent/package_db/ndb.h"

#include "protocol/base/prng.h"
#include "tests/agent/package_db/rpm_database.h"

namespace fleetsweep {
namespace {

struct Ndb : testing::Test {
  static Result<std::vector<Bytes>> read(BytesView database) {
    std::vector<Bytes> blobs;
    const auto done = each_ndb_blob(source_of(database), 1 << 20, [&](BytesView blob) -> Status {
      blobs.push_back(to_bytes(blob));
      return {};
    });
    if (!done) return fail(done.error());
    return blobs;
  }
  static void expect_damage(Bytes database, std::size_t at, std::uint8_t value,
                            const std::string& said) {
    database[at] = value;
    const auto blobs = read(database);
    ASSERT_FALSE(blobs) << at;
    EXPECT_NE(blobs.error().message.find(said), std::string::npos) << blobs.error().message;
  }
};

TEST_F(Ndb, APackageIsLostForItsSizeOrItsSlot) {
  Prng random(1);
  std::vector<Bytes> written;
  for (int i = 0; i < 600; ++i) {  // more than two pages have slots for
    Bytes blob(1 + random.below(i % 50 == 0 ? 200'000 : 100));
    for (auto& byte : blob) byte = static_cast<std::uint8_t>(random.below(256));
    written.push_back(std::move(blob));
  }
  const auto blobs = read(ndb_database(written));
  ASSERT_TRUE(blobs) << blobs.error().message;
  EXPECT_EQ(*blobs, written);
}

TEST_F(Ndb, WhatRpmItselfWroteAndErasedIsReadOtherwise) {
  // By rpm 4.18's own rpmpkg.c: one package was erased, and another put into its slot.
  const auto blobs = read(database_of_rpms_ndb());
  ASSERT_TRUE(blobs) << blobs.error().message;
  const Bytes empty = rpm_header({"empty-1-1", {}});
  ASSERT_EQ(blobs->size(), 3u);
  EXPECT_EQ((*blobs)[0], empty);
  EXPECT_EQ((*blobs)[1], empty);
  EXPECT_EQ(parse_rpm_header((*blobs)[2])->name, "kit-1.2-3");
}

TEST_F(Ndb, DamageIsSaidAndNeverReadBeyond) {
  const Bytes whole = ndb_database({Bytes(3, 7), Bytes(100, 7)});
  ASSERT_TRUE(read(whole));
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (const int value : {0, 1, 2, 8, 83, 255}) {
      if (whole[at] == value) continue;
      Bytes changed = whole;
      changed[at] = static_cast<std::uint8_t>(value);
      const auto blobs = read(changed);
      // Behind the slots each byte is in a checksum.
      if (at >= 4096) {
        EXPECT_FALSE(blobs) << at;
      }
      if (!blobs) {
        EXPECT_NE(blobs.error().message.find("byte "), std::string::npos);
      }
    }
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(read(BytesView(whole).first(size))) << size;
}

TEST_F(Ndb, ABlobThatManySlotsNameIsReadForEver) {
  Bytes database = ndb_database({Bytes(3, 7), Bytes(3, 7)});
  // The second slot names the first one's blocks, under its number.
  std::copy_n(database.begin() + 32, 16, database.begin() + 48);
  ASSERT_TRUE(read(database)) << "there are as many blocks";
  std::copy_n(database.begin() + 32, 16, database.begin() + 64);
  expect_damage(database, 0, 'R', "byte 68 ");
}

TEST_F(Ndb, ADatabaseThatIsAnotherIsReadAsAnNdb) {
  const Bytes whole = ndb_database({Bytes(1000, 7)});
  expect_damage(whole, 0, 'X', "byte 0 ");
  expect_damage(whole, 4, 1, "byte 0 ");    // a later version
  expect_damage(whole, 12, 9, "byte 12 ");  // more slots than bytes
  expect_damage(whole, 12, 0, "byte 12 ");
  expect_damage(whole, 32, 'X', "byte 32 ");  // no slot
  expect_damage(whole, 36, 0, "byte 36 ");    // of no package
  expect_damage(whole, 36, 2, "byte 4096 ");  // of another one
  expect_damage(whole, 44, 1, "byte 4108 ");  // fewer blocks
  expect_damage(whole, 44, 255, "byte 36 ");  // more than the file has
  expect_damage(whole, 4100, 2, "byte 4096 ");
  expect_damage(whole, whole.size() - 1, 0, fmt::format("byte {} ", whole.size() - 12));
  EXPECT_FALSE(each_ndb_blob(source_of(whole), 999, [](BytesView) -> Status { return {}; }));
}

}  // namespace
}  // namespace fleetsweep
