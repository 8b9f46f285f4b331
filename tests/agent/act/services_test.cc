#include "agent/act/services.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/unique_fd.h"
#include "tests/agent/act/temp_dir.h"

namespace fleetsweep::act {
namespace {

using testing::ElementsAre;

TEST(Services, AServiceIsTakenForASession) {
  EXPECT_EQ(unit_of("0::/system.slice/cron.service\n"), "cron.service");
  EXPECT_EQ(unit_of("0::/system.slice/system-getty.slice/getty@tty1.service\n"),
            "getty@tty1.service");
  EXPECT_EQ(unit_of("12:pids:/x.service\n1:name=systemd:/system.slice/ssh.service\n0::/\n"),
            "ssh.service");
  EXPECT_EQ(unit_of("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n"),
            "user@1000.service");
  EXPECT_EQ(unit_of("0::/a.service"), "a.service");
  for (const char* none : {"", "0::/\n", "0::/user.slice/user-1000.slice/session-2.scope\n",
                           "12:pids:/x.service\n", "0::/docker/abc\n"})
    EXPECT_EQ(unit_of(none), "") << none;
}

TEST(Services, AContainersServiceIsTakenForOneOfTheHost) {
  for (const char* inside : {"0::/machine.slice/libpod-1f.scope/system.slice/cron.service\n",
                             "0::/kubepods/besteffort/pod1/1f/system.slice/cron.service\n",
                             "0::/../../system.slice/cron.service\n"})
    EXPECT_EQ(unit_of(inside), "") << inside;
  EXPECT_EQ(unit_of("0::/system.slice/docker.service/1f/system.slice/cron.service\n"),
            "docker.service")
      << "told apart by the numbers of its processes";
}

TEST(Services, AMappingWithoutAFileIsOne) {
  EXPECT_THAT(mapped_files("00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/dbus-daemon\n"
                           "00651000-00652000 r--p 00051000 08:02 173521 /usr/bin/dbus-daemon\n"
                           "7f2c-7f2d rw-p 00000000 00:00 0 [heap]\n"
                           "7f3c-7f3d r-xp 00000000 08:02 7 /lib/a b.so (deleted)\n"
                           "cut off\n"),
              ElementsAre(MappedFile{7, 0x802, "/lib/a b.so"},
                          MappedFile{173521, 0x802, "/usr/bin/dbus-daemon"}));
}

// Device 0:39 in the maps, 0:41 and 0:42 to stat(2).
TEST(Services, AMappingOnBtrfsIsOfNoFileOrOfOneOfAnotherSubvolume) {
  const MappedFile in_maps{257, 0x27, "/usr/lib/evil.so"};
  EXPECT_TRUE(is_of(in_maps, {257, 0x27, "/elsewhere"}));
  EXPECT_TRUE(is_of(in_maps, {257, 0x29, "/usr/lib/evil.so"}));
  EXPECT_FALSE(is_of(in_maps, {257, 0x2a, "/home/x"})) << "numbered in its own subvolume";
  EXPECT_FALSE(is_of(in_maps, {258, 0x29, "/usr/lib/evil.so"}));
  EXPECT_FALSE(is_of(in_maps, {257, 0x801, "/usr/lib/evil.so"})) << "of a disk";
  EXPECT_FALSE(is_of({257, 0x27, ""}, {257, 0x29, ""}));
}

TEST(Services, AProcessThatStillMapsARemovedLibraryIsNotSeen) {
  const TempDir folder;
  const std::string path = folder / "lib.so";
  write_text(path, std::string(4096, 'x'));
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  ASSERT_EQ(::fstat(file.get(), &status), 0);
  void* const memory = ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  ::unlink(path.c_str());
  const auto found =
      services_of(mappings_of_host(*Tree::open("/")),
                  {{status.st_ino, status.st_dev, path}, {status.st_ino, status.st_dev, ""}});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].pids, ElementsAre(::getpid()));
  ::munmap(memory, 4096);
}

}  // namespace
}  // namespace fleetsweep::act
