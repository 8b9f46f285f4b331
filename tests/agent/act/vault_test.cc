#include "agent/act/vault.h"

#include <sys/xattr.h>

#include "protocol/base/limits.h"
#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

struct VaultTest : testing::Test {
  TempDir state;
  Nonce transaction;

  Vault vault() {
    auto opened = Vault::open(state.path());
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  std::string stored() { return state / ("vault/" + transaction.hex() + "/0.fsq"); }
  bool keeps_content = true;
  Checked<Metadata> store(Vault& vault, const std::string& content, const Digest& expected = {},
                          std::uint64_t bytes_max = limits::kVaultBytes) {
    write_text(state / "source", content);
    const UniqueFd file(::open((state / "source").c_str(), O_RDONLY));
    FS_TRY(Metadata metadata, read_metadata(file.get(), "/tmp/source"));
    metadata.names = {"/tmp/source", std::string("/tmp/\n\0x", 8)};
    metadata.user = "root";
    metadata.group = "wheel";
    metadata.verdict = "confirmed";
    metadata.detection = "by_hash";
    metadata.rule = {"lookalike", {{"$a", 9}}};
    metadata.package = "libc6:amd64";
    metadata.pids = {1, 4194304};
    metadata.container = std::string(64, 'c');
    metadata.mount_namespace = 4026531841;
    metadata.has_content = keeps_content;
    return vault.store(transaction, "0", file.get(), metadata, expected, bytes_max);
  }
  Result<Metadata> load(const Vault& vault, std::string& content) {
    content.clear();
    return vault.load(transaction, "0", [&](BytesView piece) -> Status {
      content += as_text(piece);
      return {};
    });
  }
};

TEST_F(VaultTest, ContentAndMetadataComeBackExactly) {
  for (const std::size_t size : {0u, 1u, 65535u, 65536u, 65537u, 300000u}) {
    auto first = vault();
    const std::string content(size, 'x');
    const auto metadata = store(first, content);
    ASSERT_TRUE(metadata) << metadata.error().detail;
    std::string back;
    const auto again = vault();  // another process: the key comes from the disk
    const auto loaded = load(again, back);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(back, content);
    EXPECT_EQ(*loaded, *metadata);
  }
}

TEST_F(VaultTest, AnAnalystFindsADigestOfEveryKindAndEveryTime) {
  auto a_vault = vault();
  const auto metadata = store(a_vault, "abc");
  ASSERT_TRUE(metadata) << metadata.error().detail;
  EXPECT_EQ(metadata->md5.hex(), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(metadata->sha1.hex(), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(metadata->sha256.hex().substr(0, 8), "ba7816bf");
  EXPECT_GE(metadata->ctime_ns, metadata->mtime_ns);
  struct statx birth {};
  ASSERT_EQ(::statx(AT_FDCWD, (state / "source").c_str(), 0, STATX_BTIME, &birth), 0);
  EXPECT_EQ(metadata->btime_ns != 0, (birth.stx_mask & STATX_BTIME) != 0);
}

TEST_F(VaultTest, HolesOfASparseFileAreKnownByTheirPlaces) {
  write_text(state / "sparse", "");
  const UniqueFd file(::open((state / "sparse").c_str(), O_RDWR));
  ASSERT_EQ(::ftruncate(file.get(), 1 << 20), 0);
  ASSERT_EQ(::pwrite(file.get(), "data", 4, 512 * 1024), 4);
  const auto metadata = read_metadata(file.get(), "/sparse");
  ASSERT_TRUE(metadata);
  if (metadata->data.size() == 1 && metadata->data[0].bytes == 1 << 20)
    GTEST_SKIP() << "this file system has no holes";
  EXPECT_TRUE(metadata->has_data(512 * 1024, 1));
  EXPECT_FALSE(metadata->has_data(0, 256 * 1024));
  EXPECT_FALSE(metadata->has_data(768 * 1024, 256 * 1024));
}

TEST_F(VaultTest, AnAttributeOfOneByteTakesTheRoomOfTheLongest) {
  write_text(state / "source", "");
  const UniqueFd file(::open((state / "source").c_str(), O_RDONLY));
  if (::fsetxattr(file.get(), "user.a", "x", 1, 0) != 0)
    GTEST_SKIP() << "this file system has no attributes";
  const auto metadata = read_metadata(file.get(), "/source");
  ASSERT_TRUE(metadata);
  const std::string& value = metadata->xattrs.at("user.a");
  EXPECT_EQ(value, "x");
  EXPECT_LT(value.capacity(), 100u);
}

TEST_F(VaultTest, AFileOfSoManyAttributesIsReadUntilMemoryEnds) {
  const TempDir folder("/dev/shm");  // other file systems hold few
  write_text(folder / "source", "");
  const UniqueFd file(::open((folder / "source").c_str(), O_RDONLY));
  const std::string value(limits::kAttributeBytes / 32, 'x');
  for (int i = 0; i < 32; ++i) {
    EXPECT_TRUE(read_metadata(file.get(), "/source")) << i;
    if (::fsetxattr(file.get(), fmt::format("user.{}", i).c_str(), value.data(), value.size(), 0) !=
        0)
      GTEST_SKIP() << "this file system has no attributes";
  }
  const auto metadata = read_metadata(file.get(), "/source");  // their names come on top
  ASSERT_FALSE(metadata);
  EXPECT_EQ(metadata.error().reason, Reason::kLimit);
}

TEST_F(VaultTest, MoreIsKeptOfAFileThanCanBeReadBack) {
  auto a_vault = vault();
  write_text(state / "source", "content");
  const UniqueFd file(::open((state / "source").c_str(), O_RDONLY));
  auto metadata = *read_metadata(file.get(), "/source");
  const auto bytes_now = encode(metadata).size();
  metadata.names = {std::string(limits::kMetadataBytes - bytes_now - 4, 'x')};
  ASSERT_TRUE(a_vault.store(transaction, "0", file.get(), metadata, {}, 7));
  std::string content;
  EXPECT_TRUE(load(a_vault, content));
  EXPECT_EQ(content, "content");
  metadata.names[0] += 'x';
  const auto stored_more = a_vault.store(transaction, "0", file.get(), metadata, {}, 7);
  ASSERT_FALSE(stored_more);
  EXPECT_EQ(stored_more.error().reason, Reason::kLimit);
  EXPECT_FALSE(std::filesystem::exists(stored()));
}

TEST_F(VaultTest, AnotherFormatIsNotGuessedAt) {
  Bytes bytes = encode(Metadata{});
  ASSERT_TRUE(decode_metadata(bytes));
  bytes[0] = 1;
  EXPECT_FALSE(decode_metadata(bytes));
}

TEST_F(VaultTest, NothingInTheVaultShowsTheContentOrThePath) {
  auto a_vault = vault();
  ASSERT_TRUE(store(a_vault, "a string that a scanner would match"));
  const std::string bytes = read_text(stored());
  EXPECT_EQ(bytes.substr(0, 4), "FSQ1");
  EXPECT_EQ(bytes.find("scanner"), std::string::npos);
  EXPECT_EQ(bytes.find("/tmp/source"), std::string::npos);
}

TEST_F(VaultTest, EveryCutAndEveryFlippedByteIsNoticed) {
  auto a_vault = vault();
  ASSERT_TRUE(store(a_vault, "content"));
  const std::string whole = read_text(stored());
  std::string content;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    write_text(stored(), whole.substr(0, i));
    EXPECT_FALSE(load(a_vault, content)) << i;
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    write_text(stored(), flipped);
    EXPECT_FALSE(load(a_vault, content)) << i;
  }
  write_text(stored(), whole + "x");
  EXPECT_FALSE(load(a_vault, content));
}

TEST_F(VaultTest, WhatIsKnownWithoutAContentIsTakenForDamageOrDamageForThat) {
  auto a_vault = vault();
  const auto whole = store(a_vault, "content");
  ASSERT_TRUE(whole);
  // Without its only piece: 4 bytes of length and 7 sealed in 24, behind 101 bytes of keys.
  const std::string bytes = read_text(stored());
  write_text(stored(), bytes.substr(0, 101) + bytes.substr(101 + 28));
  std::string content;
  EXPECT_FALSE(load(a_vault, content));

  keeps_content = false;
  auto known = store(a_vault, "content", whole->sha256);
  ASSERT_TRUE(known) << known.error().detail;
  const auto loaded = load(a_vault, content);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(content, "");
  EXPECT_EQ(*loaded, *known);
  EXPECT_FALSE(loaded->has_content);
  EXPECT_EQ(loaded->sha256, whole->sha256);
  EXPECT_EQ(loaded->size, 7u);
  EXPECT_EQ(store(a_vault, "another", whole->sha256).error().reason, Reason::kChanged);
  EXPECT_FALSE(std::filesystem::exists(stored()));
}

TEST_F(VaultTest, AnotherHostsKeyOpensNothing) {
  auto a_vault = vault();
  ASSERT_TRUE(store(a_vault, "content"));
  write_text(state / "vault.key", std::string(32, 'k'));
  std::string content;
  EXPECT_FALSE(load(vault(), content));
}

TEST_F(VaultTest, AFileSystemOfItsOwnIsTakenForAVaultWithoutItsKey) {
  std::filesystem::create_directories(state / "vault/lost+found");
  std::filesystem::permissions(state / "vault", std::filesystem::perms::owner_all);
  EXPECT_TRUE(Vault::open(state.path()));
}

TEST_F(VaultTest, AKeyThatIsGoneIsReplacedByOneThatOpensNothing) {
  auto a_vault = vault();
  const std::string key = read_text(state / "vault.key");
  ASSERT_TRUE(store(a_vault, "content"));
  std::filesystem::remove(state / "vault.key");
  const auto opened = Vault::open(state.path());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("vault.key is gone"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(state / "vault.key"));
  write_text(state / "vault.key", key);
  std::string content;
  EXPECT_TRUE(load(vault(), content));
  std::filesystem::rename(state / "vault", state / "vault.old");
  std::filesystem::remove(state / "vault.key");
  EXPECT_TRUE(Vault::open(state.path())) << "of an empty one nothing is lost";
}

TEST_F(VaultTest, ContentThatIsNotWhatWasFoundLeavesNothing) {
  auto a_vault = vault();
  Digest expected;
  expected.value[0] = 1;
  const auto metadata = store(a_vault, "content", expected);
  ASSERT_FALSE(metadata);
  EXPECT_EQ(metadata.error().reason, Reason::kChanged);
  EXPECT_FALSE(std::filesystem::exists(stored()));
}

TEST_F(VaultTest, AFileThatGrewIsNoLongerWhatWasFoundOrOnlyTooLarge) {
  auto a_vault = vault();
  Digest expected;
  expected.value[0] = 1;
  EXPECT_EQ(store(a_vault, "content", expected, 6).error().reason, Reason::kChanged);
  EXPECT_EQ(store(a_vault, "content", {}, 6).error().reason, Reason::kLimit);
  EXPECT_TRUE(store(a_vault, "content", {}, 7));
}

TEST_F(VaultTest, OverItsQuotaTheVaultRefusesInsteadOfDeleting) {
  const auto a_vault = vault();
  EXPECT_TRUE(a_vault.room_for(1));
  const auto room = a_vault.room_for(limits::kVaultBytes + 1);
  ASSERT_FALSE(room);
  EXPECT_EQ(room.error().reason, Reason::kVaultFull);
}

TEST_F(VaultTest, WhatTheOwnerAllowsIsForgottenByWhoIsNotTold) {
  const auto a_vault = *Vault::open(state.path(), 1000);
  EXPECT_TRUE(a_vault.room_for(1000));
  EXPECT_EQ(a_vault.room_for(1001).error().reason, Reason::kVaultFull);
  EXPECT_EQ(a_vault.room_for(~std::uint64_t{0}).error().reason, Reason::kVaultFull);
  EXPECT_EQ(vault().quota(), 1000u);
  EXPECT_EQ(Vault::open(state.path(), limits::kVaultBytes)->quota(), limits::kVaultBytes);
  EXPECT_EQ(vault().quota(), limits::kVaultBytes);
}

TEST_F(VaultTest, ADamagedNumberKeepsEverybodyFromUndoing) {
  auto a_vault = vault();
  ASSERT_TRUE(store(a_vault, "content"));
  for (const std::string damaged : {"", "much", "1 000", "99999999999999999999"}) {
    write_text(state / "vault.quota", damaged);
    std::string content;
    const auto opened = vault();
    EXPECT_TRUE(load(opened, content)) << damaged;
    EXPECT_EQ(content, "content");
    EXPECT_EQ(opened.quota(), limits::kVaultBytes) << damaged;
  }
  EXPECT_EQ(Vault::open(state.path(), 2000)->quota(), 2000u);
  EXPECT_EQ(vault().quota(), 2000u) << "and who knows it better mends it";
}

TEST_F(VaultTest, ANumberThatCannotBeWrittenDownKeepsEverybodyFromUndoing) {
  auto a_vault = vault();
  ASSERT_TRUE(store(a_vault, "content"));
  std::filesystem::create_directories(state / "vault.quota/in the way");  // no rename gets over it
  const auto opened = Vault::open(state.path(), 2000);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->quota(), 2000u) << "what its owner says holds all the same";
  std::string content;
  EXPECT_TRUE(load(*opened, content));
  EXPECT_EQ(vault().quota(), limits::kVaultBytes);
}

TEST_F(VaultTest, VaultAndKeyAreTheOwnersAlone) {
  vault();
  struct stat status {};
  ASSERT_EQ(::stat((state / "vault").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  ASSERT_EQ(::stat((state / "vault.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST(VaultFormat, WhatAnOlderVersionKeptCannotBeRead) {
  Metadata metadata;
  metadata.path = "/tmp/evil";
  metadata.rule = {"lookalike", {}};
  Bytes bytes = encode(metadata);
  bytes[0] = 3;
  constexpr std::size_t kCount = 4, kAfter = 3 * kCount + sizeof(std::uint64_t);
  bytes.erase(bytes.end() - kAfter - kCount, bytes.end() - kAfter);
  const auto read = decode_metadata(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, metadata);
}

}  // namespace
}  // namespace fleetsweep::act
