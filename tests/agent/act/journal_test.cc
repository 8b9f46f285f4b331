#include "agent/act/journal.h"

#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

struct JournalTest : testing::Test {
  TempDir folder;
  std::string path = folder / "journal";

  void write(std::initializer_list<std::string_view> bodies) {
    auto journal = Journal::open(path);
    ASSERT_TRUE(journal) << journal.error().message;
    for (const auto body : bodies) ASSERT_TRUE(journal->append(as_bytes(body)));
  }
  std::vector<std::string> read() {
    const auto journal = Journal::open(path);
    if (!journal) return {"damaged"};
    std::vector<std::string> bodies;
    for (const auto& record : journal->records()) bodies.push_back(to_text(record));
    return bodies;
  }
};

TEST_F(JournalTest, WhatWasWrittenIsReadBackInOrder) {
  write({"one", "two"});
  write({"", "four"});
  EXPECT_EQ(read(), (std::vector<std::string>{"one", "two", "", "four"}));
}

TEST_F(JournalTest, CrcIsCastagnolisAsInRfc3720) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
}

TEST_F(JournalTest, ATornLastRecordIsCutOffAtEveryByte) {
  write({"one", "two", "three"});
  const std::string whole = read_text(path);
  const std::size_t last = whole.size() - 40 - 5;
  for (std::size_t size = last; size < whole.size(); ++size) {
    write_text(path, whole.substr(0, size));
    EXPECT_EQ(read(), (std::vector<std::string>{"one", "two"})) << size;
    write({"again"});
    EXPECT_EQ(read(), (std::vector<std::string>{"one", "two", "again"})) << size;
  }
}

TEST_F(JournalTest, NoFlippedBitIsEverReadAsAnotherRecordOrCutsOffAWholeOne) {
  write({"one", "two", "three"});
  const std::string whole = read_text(path);
  const std::size_t last = whole.size() - 40 - 5;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    write_text(path, damaged);
    const auto bodies = read();
    // Damage in the last record may look like a torn write; nothing was done under such a one.
    const bool is_cut = bit / 8 >= last && bodies == std::vector<std::string>{"one", "two"};
    if (is_cut) continue;
    EXPECT_EQ(bodies, std::vector<std::string>{"damaged"}) << bit;
    EXPECT_EQ(read_text(path), damaged) << bit;
  }
}

TEST_F(JournalTest, ADamagedLengthCutsOffWhatStandsBehindALongRecord) {
  // Numbers, of which many look like the length of a record.
  std::string numbers;
  for (std::uint32_t i = 0; numbers.size() < 1 << 20; i += 3)
    numbers += std::string("\0\0\1", 3) + static_cast<char>(i);
  write({"one", numbers, "three"});
  const std::string whole = read_text(path);
  std::string damaged = whole;
  damaged[43 + 3] = '\x01';
  write_text(path, damaged);
  EXPECT_EQ(read(), std::vector<std::string>{"damaged"});
  write_text(path, whole.substr(0, whole.size() - 46));  // the long one is torn
  EXPECT_EQ(read(), std::vector<std::string>{"one"});
}

TEST_F(JournalTest, ADroppedRecordBreaksTheChain) {
  write({"aaa", "bbb", "ccc"});
  const std::string whole = read_text(path);
  constexpr std::size_t kRecord = 43;
  write_text(path, whole.substr(0, kRecord) + whole.substr(2 * kRecord));
  EXPECT_EQ(read(), std::vector<std::string>{"damaged"});
  write_text(path,
             whole.substr(kRecord, kRecord) + whole.substr(0, kRecord) + whole.substr(2 * kRecord));
  EXPECT_EQ(read(), std::vector<std::string>{"damaged"});
}

}  // namespace
}  // namespace fleetsweep::act
