// What lies inside archives: unpacked in the parser, behind its doors, by the real program.

#include "agent/scan/archive/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <fstream>

#include "protocol/base/limits.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::ObjectKind;
using Names = std::set<std::string>;

std::string little(std::uint32_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(number >> 8 * i);
  return text;
}

// As zlib counts it.
std::uint32_t crc32(std::string_view text) {
  std::uint32_t crc = ~0u;
  for (const char c : text) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

// Debian's libarchive only reads them: with one member that is not packed, as their descriptions
// say (RAR 2.9's technote.txt, and "RAR 5.0 archive format").
std::string rar4(const std::string& name, const std::string& content) {
  const auto block = [](char type, std::uint32_t flags, const std::string& fields) {
    const std::string rest =
        type + little(flags, 2) + little(7 + static_cast<std::uint32_t>(fields.size()), 2) + fields;
    return little(crc32(rest) & 0xffff, 2) + rest;
  };
  const auto size = little(static_cast<std::uint32_t>(content.size()), 4);
  const std::string unix = "\x03", version = "\x14", stored = "\x30";
  return std::string("Rar!\x1a\x07\0", 7) + block('\x73', 0, std::string(6, '\0')) +
         block('\x74', 0x8000,
               size + size + unix + little(crc32(content), 4) + little(0, 4) + version + stored +
                   little(static_cast<std::uint32_t>(name.size()), 2) + little(0100644, 4) + name) +
         content + block('\x7b', 0x4000, "");
}

std::string rar5(const std::string& name, const std::string& content) {
  const auto block = [](const std::string& fields) {
    const std::string rest = static_cast<char>(fields.size()) + fields;
    return little(crc32(rest), 4) + rest;
  };
  const char size = static_cast<char>(content.size());
  const std::string attributes = "\xa4\x83\x02";  // 0100644, seven bits in each byte
  const std::string stored(1, '\0'), unix = "\x01";
  return std::string("Rar!\x1a\x07\x01\0", 8) + block(std::string("\x01\0\0", 3)) +
         block(std::string("\x02\x02") + size + '\x04' + size + attributes +
               little(crc32(content), 4) + stored + unix + static_cast<char>(name.size()) + name) +
         content + block(std::string("\x05\0\0", 3));
}

class ArchiveTest : public TreeTest {
 protected:
  // In the tree's folder; the commands of the shell are what people pack with.
  void pack(const std::string& command) {
    const std::string line = "cd '" + root_.string() + "' && (" + command + ") >/dev/null 2>&1";
    ASSERT_EQ(::system(line.c_str()), 0) << command;
  }
  // With one file of one line in it, dir/evil.
  void write_archive(const std::string& path, int (*format)(archive*),
                     int (*filter)(archive*) = archive_write_add_filter_none,
                     const char* password = nullptr) {
    archive* writer = archive_write_new();
    EXPECT_EQ(format(writer), ARCHIVE_OK) << path;
    EXPECT_EQ(filter(writer), ARCHIVE_OK) << path;
    if (password != nullptr) {
      EXPECT_EQ(archive_write_set_options(writer, "zip:encryption=traditional"), ARCHIVE_OK);
      EXPECT_EQ(archive_write_set_passphrase(writer, password), ARCHIVE_OK);
    }
    EXPECT_EQ(archive_write_open_filename(writer, at(path).c_str()), ARCHIVE_OK);
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, "dir/evil");
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, 5);
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK) << path;
    EXPECT_EQ(archive_write_data(writer, "evil\n", 5), 5) << path;
    archive_entry_free(entry);
    EXPECT_EQ(archive_write_close(writer), ARCHIVE_OK) << path;
    archive_write_free(writer);
  }
  static model::Policy wanted(model::Selection selection, bool archives = true) {
    model::Policy policy;
    policy.detections.push_back(detection("d", ObjectKind::kFile, std::move(selection)));
    policy.detections[0].scope.archives = archives;
    policy.verdicts.push_back(
        {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
    return policy;
  }
  // "archive: member" of each finding.
  static Names members(const nlohmann::json& result) {
    Names found;
    for (const auto& finding : result["findings"])
      found.insert(finding["file"]["path"].get<std::string>() + ": " +
                   finding.value("member", std::string("-")));
    return found;
  }
  static model::Policy by_hash() { return wanted({is(Field::kFileSha256, sha256_hex("evil\n"))}); }
};

// As GNU cpio writes them: the last name has the content.
TEST_F(ArchiveTest, WhatHasTwoNamesInACpioHasNoContent) {
  archive* writer = archive_write_new();
  ASSERT_EQ(archive_write_set_format_cpio_newc(writer), ARCHIVE_OK);
  ASSERT_EQ(archive_write_open_filename(writer, at("/a.cpio").c_str()), ARCHIVE_OK);
  for (const char* name : {"one", "two"}) {
    const std::string content = name == std::string("two") ? "evil\n" : "";
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_ino(entry, 7);
    archive_entry_set_nlink(entry, 2);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    EXPECT_EQ(archive_write_header(writer, entry), ARCHIVE_OK);
    archive_write_data(writer, content.data(), content.size());
    archive_entry_free(entry);
  }
  ASSERT_EQ(archive_write_close(writer), ARCHIVE_OK);
  archive_write_free(writer);
  EXPECT_EQ(members(scan(by_hash())), Names{"/a.cpio: two"});
}

TEST_F(ArchiveTest, AMemberIsFoundInEveryFormatByItsHash) {
  write_archive("/a.tar", archive_write_set_format_pax_restricted);
  write_archive("/a.tgz", archive_write_set_format_pax_restricted, archive_write_add_filter_gzip);
  write_archive("/a.txz", archive_write_set_format_pax_restricted, archive_write_add_filter_xz);
  write_archive("/a.tbz", archive_write_set_format_pax_restricted, archive_write_add_filter_bzip2);
  write_archive("/a.tzst", archive_write_set_format_pax_restricted, archive_write_add_filter_zstd);
  write_archive("/a.cpio", archive_write_set_format_cpio_newc);
  write_archive("/a.zip", archive_write_set_format_zip);
  write_archive("/a.7z", archive_write_set_format_7zip);
  write_archive("/a.iso", archive_write_set_format_iso9660);
  write_archive("/a.ar", archive_write_set_format_ar_svr4);
  write_archive("/a.tlz", archive_write_set_format_pax_restricted, archive_write_add_filter_lzma);
  write_archive("/a.tar.Z", archive_write_set_format_pax_restricted,
                archive_write_add_filter_compress);
  write("/a.rar", rar4("dir/evil", "evil\n"));
  write("/a5.rar", rar5("dir/evil", "evil\n"));
  write_archive("/single.gz", archive_write_set_format_raw, archive_write_add_filter_gzip);
  const auto result = scan(by_hash());
  Names found = members(result);
  // This format writes its names in its own way.
  EXPECT_EQ(found.erase("/a.iso: dir/evil") + found.erase("/a.iso: DIR/EVIL"), 1u);
  EXPECT_EQ(found,
            (Names{"/a.7z: dir/evil", "/a.ar: evil", "/a.cpio: dir/evil", "/a.rar: dir/evil",
                   "/a.tar: dir/evil", "/a5.rar: dir/evil", "/a.tar.Z: dir/evil",
                   "/a.tbz: dir/evil", "/a.tgz: dir/evil", "/a.tlz: dir/evil", "/a.txz: dir/evil",
                   "/a.tzst: dir/evil", "/a.zip: dir/evil", "/single.gz: single"}))
      << result["unscannable_paths"];
  EXPECT_EQ(result["unscannable"], 0) << result["unscannable_paths"];
  for (const auto& finding : result["findings"])
    EXPECT_EQ(finding["file"]["sha256"].get<std::string>().size(), 64u) << "of the archive";
}

TEST_F(ArchiveTest, NobodyLooksInsideWithoutBeingAsked) {
  write("/dir/evil", "evil\n");
  pack("tar cf a.tar dir && rm -r dir");
  auto policy = by_hash();
  policy.detections[0].scope.archives = false;
  EXPECT_TRUE(scan(policy)["findings"].empty());
}

TEST_F(ArchiveTest, NameMagicAndRulesAreTheMembersOwn) {
  write("/dir/evil.sh", "#!/bin/sh\nFLEETSWEEP-LOOKALIKE\n");
  pack("tar czf a.tgz dir && rm -r dir");
  const Names found{"/a.tgz: dir/evil.sh"};
  EXPECT_EQ(members(scan(wanted({is(Field::kFileName, "evil.sh")}))), found);
  EXPECT_EQ(members(scan(wanted({is(Field::kFileMagic, "script")}))), found);
  EXPECT_EQ(members(scan(wanted({is(Field::kFilePath, "/a.tgz/dir/evil.sh")}))), found);
  EXPECT_EQ(members(scan(wanted({number(Field::kFileSize, 31)}))), found);
  auto policy = wanted({});
  policy.rules.push_back(
      {.id = "r",
       .source = "rule R { strings: $a = \"FLEETSWEEP-LOOKALIKE\" condition: $a at 10 }",
       .license = "Apache-2.0"});
  policy.detections[0].rule = 0;
  const auto result = scan(policy);
  EXPECT_EQ(members(result), found);
  ASSERT_EQ(result["findings"].size(), 1u);
  EXPECT_EQ(result["findings"][0]["rule"], "R");
}

TEST_F(ArchiveTest, AMemberThatBeginsOtherwiseThanItsArchiveIsMissed) {
  write("/dir/program",
        "\x7f"
        "ELF and evilmark");
  write("/dir/text", "no program, and evilmark");
  pack(
      "tar cf a.tar dir && tar czf a.tgz dir && gzip -c dir/program > program.gz && "
      "gzip -c dir/text > text.gz && rm -r dir");
  auto policy = wanted({});
  policy.rules.push_back(
      {.id = "r",
       .source = "rule R { strings: $a = \"evilmark\" condition: uint32(0) == 0x464c457f and $a }",
       .license = "Apache-2.0"});
  policy.detections[0].rule = 0;
  const auto result = scan(policy);
  EXPECT_EQ(members(result),
            (Names{"/a.tar: dir/program", "/a.tgz: dir/program", "/program.gz: program"}))
      << result["unscannable_paths"];
}

TEST_F(ArchiveTest, AnArchiveInAnArchiveIsOpenedAndTheFourthIsSaid) {
  write("/evil", "evil\n");
  pack("tar cf 1.tar evil && tar cf 2.tar 1.tar && tar cf 3.tar 2.tar && rm evil 1.tar 2.tar");
  const auto three = scan(by_hash());
  EXPECT_EQ(members(three), Names{"/3.tar: 2.tar/1.tar/evil"});
  EXPECT_EQ(three["unscannable"], 0);
  pack("tar cf 4.tar 3.tar && rm 3.tar");
  const auto four = scan(by_hash());
  EXPECT_TRUE(four["findings"].empty());
  EXPECT_EQ(four["unscannable"], 1);
  EXPECT_EQ(four["partial"], 1);
}

TEST_F(ArchiveTest, ABombIsCutOffAndSaid) {
  pack("yes | head -c 100000000 | gzip > bomb.gz");
  const auto result = scan(by_hash());
  EXPECT_EQ(result["reason"], "none");
  ASSERT_EQ(result["partial"], 1) << result.dump(1);
  EXPECT_NE(result["partial_paths"][0].get<std::string>().find("/bomb.gz: "), std::string::npos);
  EXPECT_EQ(result["unscannable"], 1);
}

TEST_F(ArchiveTest, BehindAPasswordOnlyTheNameIsKnownAndThatIsSaid) {
  write_archive("/a.zip", archive_write_set_format_zip, archive_write_add_filter_none, "secret");
  const auto result = scan(by_hash());
  EXPECT_TRUE(result["findings"].empty());
  ASSERT_EQ(result["unscannable"], 1);
  EXPECT_EQ(result["unscannable_paths"][0], "/a.zip: in the archive: dir/evil: encrypted");
  EXPECT_EQ(members(scan(wanted({is(Field::kFileName, "evil")}))), Names{"/a.zip: dir/evil"});
}

TEST_F(ArchiveTest, ADamagedArchiveIsUnscannableAndWhatStoodBeforeTheDamageIsFound) {
  write("/1/evil", "evil\n");
  for (int i = 0; i < 50; ++i) write("/2/" + std::to_string(i), std::string(10000, 'x'));
  pack("tar cf a.tar 1 2 && truncate -s 100000 a.tar && rm -r 1 2");
  const auto result = scan(by_hash());
  EXPECT_EQ(members(result), Names{"/a.tar: 1/evil"});
  EXPECT_EQ(result["unscannable"], 1);
}

// A tar whose members are zeros, of which nothing is held.
class Zeros {
 public:
  explicit Zeros(std::vector<std::uint64_t> sizes) : sizes_(std::move(sizes)) {}

  // In no time, or late from when so many are complete.
  Unpacked unpack(std::size_t& complete, std::size_t late_after = SIZE_MAX) {
    complete = 0;
    return scan::unpack(
        {total(), [this](auto target, auto at) { return read(target, at); }}, "a.tar",
        [&](const Member& member) { complete += member.is_complete; },
        [&] {
          const std::chrono::seconds late(complete >= late_after ? 16 : 0);
          return std::chrono::steady_clock::time_point(late);
        });
  }

 private:
  static constexpr std::uint64_t kBlock = 512;
  static std::uint64_t whole(std::uint64_t size) {
    return kBlock + (size + kBlock - 1) / kBlock * kBlock;
  }
  std::uint64_t total() const {
    std::uint64_t bytes = 2 * kBlock;
    for (const std::uint64_t size : sizes_) bytes += whole(size);
    return bytes;
  }
  static std::string header(std::size_t number, std::uint64_t size) {
    std::string block(kBlock, '\0');
    const auto put = [&](std::size_t at, const std::string& text) {
      block.replace(at, text.size(), text);
    };
    put(0, std::to_string(number));
    put(100, "0000644");
    put(124, fmt::format("{:011o}", size));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum));
    return block;
  }
  std::int64_t read(std::span<std::uint8_t> target, std::uint64_t from) const {
    if (from >= total()) return 0;
    target = target.first(std::min<std::uint64_t>(target.size(), total() - from));
    std::fill(target.begin(), target.end(), 0);
    std::uint64_t at = 0;
    for (std::size_t i = 0; i < sizes_.size(); at += whole(sizes_[i++])) {
      if (at + kBlock <= from || at >= from + target.size()) continue;
      const std::string block = header(i, sizes_[i]);
      for (std::size_t k = 0; k < kBlock; ++k)
        if (at + k >= from && at + k < from + target.size())
          target[at + k - from] = static_cast<std::uint8_t>(block[k]);
    }
    return static_cast<std::int64_t>(target.size());
  }

  std::vector<std::uint64_t> sizes_;
};

TEST(ArchiveLimits, MoreMembersBytesOrALargerMemberThanAllowedAreReadInSilence) {
  constexpr std::uint64_t kMost = limits::kArchiveMemberBytes;
  std::size_t complete = 0;
  Unpacked done = Zeros({0, kMost, 5}).unpack(complete);
  EXPECT_EQ(done.left_out, "");
  EXPECT_EQ(complete, 3u);

  done = Zeros({kMost + 1, 5}).unpack(complete);
  EXPECT_EQ(done.left_out, "0: larger than 33554432 bytes");
  EXPECT_EQ(complete, 1u) << "the one behind it";

  done = Zeros(std::vector<std::uint64_t>(limits::kArchiveMembers + 1, 0)).unpack(complete);
  EXPECT_EQ(done.left_out, "more than 10000 members");
  EXPECT_TRUE(done.is_cut_off);
  EXPECT_EQ(complete, limits::kArchiveMembers);
}

TEST(ArchiveLimits, AnArchiveTakesAsLongAsItLikes) {
  std::size_t complete = 0;
  const Unpacked done = Zeros({5, 5, 100'000, 5}).unpack(complete, 2);
  EXPECT_EQ(done.left_out, "2: not unpacked within 15 s");
  EXPECT_TRUE(done.is_cut_off);
  EXPECT_EQ(complete, 2u);
}

// 160 million zeros behind the 32 MiB that are held of them.
TEST_F(ArchiveTest, AMemberThatIsTooLargeIsUnpackedToItsEndHoweverLongThatTakes) {
  pack(
      "truncate -s 192M big && head -c 300000 /dev/urandom > noise && "
      "tar czf a.tgz big noise && rm big noise");
  std::ifstream file(at("/a.tgz"), std::ios::binary);
  const std::string packed{std::istreambuf_iterator<char>(file), {}};
  bool is_late = false;
  std::uint64_t read_to = 0;
  const Unpacked done = unpack(
      {packed.size(),
       [&](std::span<std::uint8_t> target, std::uint64_t at) {
         const std::string part = packed.substr(at, target.size());
         std::copy(part.begin(), part.end(), target.begin());
         read_to = at + part.size();
         return static_cast<std::int64_t>(part.size());
       }},
      "a.tgz", [&](const Member& member) { is_late |= member.path == "big"; },
      [&] {
        return std::chrono::steady_clock::time_point(std::chrono::seconds(is_late ? 16 : 0));
      });
  EXPECT_EQ(done.left_out, "big: larger than 33554432 bytes");
  EXPECT_TRUE(done.is_cut_off) << "nobody looked at what stands behind it";
  EXPECT_LT(read_to, packed.size());
}

TEST(ArchiveLimits, MoreBytesThanAllOfAnArchiveMayHaveAreUnpacked) {
  constexpr std::uint64_t kSize = 1 << 20;
  constexpr std::size_t kFit = limits::kArchiveBytes / kSize;
  std::size_t complete = 0;
  const Unpacked done = Zeros(std::vector<std::uint64_t>(kFit + 1, kSize)).unpack(complete);
  EXPECT_EQ(done.left_out, "512: more than 536870912 bytes unpacked");
  EXPECT_TRUE(done.is_cut_off);
  EXPECT_EQ(complete, kFit);
}

TEST_F(ArchiveTest, ABombOfSmallMembersIsUnpackedToItsEnd) {
  write("/zeros", std::string(1 << 20, '\0'));
  pack(
      "for i in $(seq 100); do cp zeros $i; done && tar czf bomb.tgz [0-9]* && rm zeros ??? ?? "
      "?");
  const auto result = scan(by_hash());
  ASSERT_EQ(result["partial"], 1) << result.dump(1);
  EXPECT_NE(result["partial_paths"][0].get<std::string>().find("more than 200 bytes out of each"),
            std::string::npos)
      << result["partial_paths"];
}

}  // namespace
}  // namespace fleetsweep::scan
