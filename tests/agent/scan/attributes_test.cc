#include "agent/scan/attributes.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>

#include "protocol/base/unique_fd.h"
#include "tests/agent/scan/tree.h"

namespace fleetsweep::scan {
namespace {

using model::Field;
using model::Match;
using model::ObjectKind;
using Names = std::set<std::string>;
using Capabilities = std::vector<std::string>;

Bytes attribute(std::initializer_list<std::uint32_t> words) {
  Bytes bytes;
  for (const std::uint32_t word : words)
    for (unsigned shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<std::uint8_t>(word >> shift));
  return bytes;
}

TEST(Attributes, CapabilitiesAreCalledAsGetcapCallsThem) {
  EXPECT_EQ(capability_names(attribute({VFS_CAP_REVISION_2 | 1, 1 << CAP_NET_RAW, 0, 0, 0})),
            Capabilities{"cap_net_raw"});
  EXPECT_EQ(capability_names(attribute({VFS_CAP_REVISION_3, 1 << CAP_SETUID, 1 << CAP_KILL,
                                        1 << (CAP_BPF - 32), 1u << 31, 1000})),
            (Capabilities{"cap_kill", "cap_setuid", "cap_bpf", "cap_63"}));
  EXPECT_EQ(capability_names(attribute({VFS_CAP_REVISION_1, 1, 0})), Capabilities{"cap_chown"});
}

TEST(Attributes, AnAttributeThatTheKernelRefusesGivesNoCapability) {
  EXPECT_TRUE(capability_names({}).empty());
  EXPECT_TRUE(capability_names(attribute({VFS_CAP_REVISION_2})).empty());
  EXPECT_TRUE(capability_names(attribute({VFS_CAP_REVISION_3, 1, 0, 0, 0})).empty());
  EXPECT_TRUE(capability_names(attribute({0x7f000000, 1, 0, 0, 0})).empty());
}

class AttributesScanTest : public TreeTest {
 protected:
  Names found(model::Predicate predicate) {
    model::Policy policy;
    policy.detections.push_back(detection("d", ObjectKind::kFile, {std::move(predicate)}));
    policy.verdicts.push_back(
        {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
    return files(scan(policy));
  }
};

TEST_F(AttributesScanTest, OwnersAndRightsDecideWithoutReading) {
  write("/etc/passwd", "intruder:x:4711:815::/home/intruder:/bin/sh\n");
  write("/a/suid", "x");
  write("/a/plain", "x");
  ASSERT_EQ(::chown(at("/a/suid").c_str(), 4711, 815), 0);
  ASSERT_EQ(::chmod(at("/a/suid").c_str(), 06755), 0);
  ASSERT_EQ(::chmod(at("/a/plain").c_str(), 0644), 0);
  ASSERT_EQ(::chmod(at("/etc/passwd").c_str(), 04644), 0);  // not executable: harmless
  const Names suid{"d /a/suid"};
  EXPECT_EQ(found(number(Field::kFileUid, 4711)), suid);
  EXPECT_EQ(found(number(Field::kFileGid, 815)), suid);
  EXPECT_EQ(found(is(Field::kFileOwner, "intruder")), suid);
  EXPECT_EQ(found(number(Field::kFileIsSetuid, 1)), suid);
  EXPECT_EQ(found(number(Field::kFileIsSetgid, 1)), suid);
  EXPECT_EQ(found(number(Field::kFileIsExecutable, 1)), suid);
  EXPECT_EQ(found(number(Field::kFileIsExecutable, 0)), (Names{"d /a/plain", "d /etc/passwd"}));
}

TEST_F(AttributesScanTest, AFileWithACapabilityIsFoundByEachOfThem) {
  write("/ping", "x");
  write("/other", "x");
  const Bytes raw =
      attribute({VFS_CAP_REVISION_2 | 1, 1 << CAP_NET_RAW | 1 << CAP_NET_ADMIN, 0, 0, 0});
  if (::setxattr(at("/ping").c_str(), "security.capability", raw.data(), raw.size(), 0) != 0)
    GTEST_SKIP() << "this file system keeps no capabilities: " << std::strerror(errno);
  EXPECT_EQ(found(is(Field::kFileCapabilities, "cap_net_raw")), Names{"d /ping"});
  EXPECT_EQ(found(is(Field::kFileCapabilities, "cap_net_admin")), Names{"d /ping"});
  EXPECT_TRUE(found(is(Field::kFileCapabilities, "cap_sys_admin")).empty());
  EXPECT_EQ(found(number(Field::kFileCapabilities, 1, Match::kExists)), Names{"d /ping"});
}

TEST_F(AttributesScanTest, AnImmutableFileIsFoundAndAnAppendOnlyOneIsAnother) {
  write("/fixed", "x");
  write("/grows", "x");
  write("/free", "x");
  const auto flag = [&](const char* path, int wanted) {
    const UniqueFd fd(::open(at(path).c_str(), O_RDONLY | O_CLOEXEC));
    int flags = 0;  // of the file system's own others stand there, which have to stay
    if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return -1;
    flags = (flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL)) | wanted;
    return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags);
  };
  if (flag("/fixed", FS_IMMUTABLE_FL) != 0 || flag("/grows", FS_APPEND_FL) != 0)
    GTEST_SKIP() << "this file system keeps no flags: " << std::strerror(errno);
  EXPECT_EQ(found(number(Field::kFileIsImmutable, 1)), Names{"d /fixed"});
  EXPECT_EQ(found(number(Field::kFileIsAppendOnly, 1)), Names{"d /grows"});
  EXPECT_EQ(found(number(Field::kFileIsImmutable, 0)), (Names{"d /free", "d /grows"}));
  EXPECT_EQ(flag("/fixed", 0), 0);
  EXPECT_EQ(flag("/grows", 0), 0);
}

// An error is none of its flags, and no answer either way.
TEST_F(AttributesScanTest, ACapabilityThatCannotBeReadIsNone) {
  if (::system("command -v strace >/dev/null") != 0) GTEST_SKIP() << "needs strace";
  write("/capable", "x");
  for (const int has : {1, 0}) {
    model::Policy policy;
    policy.detections.push_back(
        detection("d", ObjectKind::kFile, {number(Field::kFileCapabilities, has, Match::kExists)}));
    policy.verdicts.push_back(
        {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
    const auto result =
        scan(policy, "strace -f -o /dev/null -e trace=fgetxattr -e inject=fgetxattr:error=EIO");
    EXPECT_EQ(files(result), Names{}) << has;
    EXPECT_EQ(result["unscannable"], 1) << has;
    EXPECT_EQ(result["unscannable_paths"][0], "/capable: its attributes: Input/output error");
  }
}

TEST_F(AttributesScanTest, AFileOlderThanItsBirthHasASetClock) {
  write("/stomped", "x");
  write("/honest", "x");
  const timespec times[2] = {{1'600'000'000, 0}, {1'600'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, at("/stomped").c_str(), times, 0), 0);
  struct statx more {};
  ASSERT_EQ(::statx(AT_FDCWD, at("/honest").c_str(), 0, STATX_BTIME, &more), 0);
  EXPECT_EQ(found(number(Field::kFileMtime, 1'600'000'000)), Names{"d /stomped"});
  EXPECT_EQ(found(number(Field::kFileMtime, 1'600'000'001, Match::kLess)), Names{"d /stomped"});
  if (!(more.stx_mask & STATX_BTIME)) GTEST_SKIP() << "this file system keeps no birth";
  EXPECT_EQ(found(number(Field::kFileMtimeDeltaToBirth, -3600, Match::kLess)), Names{"d /stomped"});
}

TEST_F(AttributesScanTest, APictureThatIsAProgramIsALieAndAHiddenNameIsHidden) {
  write("/logo.jpg",
        "\x7f"
        "ELF\x02\x01\x01");
  write("/real.jpg", std::string("\xff\xd8\xff\xe0\0\x10JFIF", 10));
  write("/.hidden",
        "\x7f"
        "ELF\x02\x01\x01");
  write("/ ", "x");
  EXPECT_EQ(found(number(Field::kFileExtensionMismatch, 1)), Names{"d /logo.jpg"});
  EXPECT_EQ(found(number(Field::kFileIsHidden, 1)), (Names{"d /.hidden", "d / "}));
}

// A program whose file is gone has an owner and rights too.
TEST_F(AttributesScanTest, ADeletedProgramStillHasItsOwner) {
  start_program("/bin/gone");
  ASSERT_EQ(::chown(at("/bin/gone").c_str(), 4711, 0), 0);
  std::filesystem::remove(at("/bin/gone"));
  model::Policy policy;
  policy.detections.push_back(detection("d", ObjectKind::kFile, {number(Field::kFileUid, 4711)}));
  policy.detections[0].scope.deleted_exe = true;
  policy.verdicts.push_back(
      {.id = "v", .condition = one_of({0}), .confidence = 90, .level = "high"});
  EXPECT_EQ(files(scan(policy)), Names{"d /bin/gone"});
}

}  // namespace
}  // namespace fleetsweep::scan
