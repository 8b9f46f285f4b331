// Every row of the table of places: a file of its format, planted where it says, is found as what
// it says.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "agent/scan/persistence/persistence.h"
#include "protocol/model/persistence_places.h"
#include "tests/agent/scan/tree.h"
#include "tests/protocol/codec/golden_files.h"

namespace fleetsweep::scan {
namespace {

using model::PersistenceKind;
using model::PersistencePlace;
using Gather = PersistencePlace::Gather;
using Only = PersistencePlace::Only;

// The least that is an entry.
std::string least_of(Format format) {
  switch (format) {
    case Format::kSystemCrontab:
      return "* * * * * root /opt/evil\n";
    case Format::kUserCrontab:
      return "* * * * * /opt/evil\n";
    case Format::kAnacrontab:
      return "1 5 evil /opt/evil\n";
    case Format::kAtJob:
      return "#!/bin/sh\n}\n/opt/evil\n";
    case Format::kUnit:
      return "[Service]\nExecStart=/opt/evil\n";
    case Format::kAuthorizedKeys:
      return "ssh-ed25519 AAAA evil\n";
    case Format::kInittab:
      return "x:3:respawn:/opt/evil\n";
    case Format::kAssignments:
      return "LD_PRELOAD=/opt/evil.so\n";
    case Format::kDesktop:
      return "[Desktop Entry]\nExec=/opt/evil\n[D-BUS Service]\nName=evil\nExec=/opt/evil\n";
    case Format::kPam:
      return "auth optional /opt/evil.so\n";
    case Format::kPamConf:
      return "sshd auth optional /opt/evil.so\n";
    case Format::kSshd:
      return "ForceCommand /opt/evil\n";
    case Format::kUdev:
      return "ACTION==\"add\", RUN+=\"/opt/evil\"\n";
    case Format::kAptHooks:
      return "DPkg::Post-Invoke { \"/opt/evil\"; };\n";
    case Format::kDpkg:
      return "log /var/log/dpkg.log\npost-invoke=/opt/evil\n";
    case Format::kGitConfig:
      return "[core]\n\tsshCommand = /opt/evil\n";
    case Format::kModprobe:
      return "install evil /opt/evil\n";
    case Format::kBinfmt:
      return ":evil:M::x::/opt/evil:\n";
    case Format::kSudoers:
      return "mallory ALL=(ALL) NOPASSWD: ALL\n";
    case Format::kPasswd:
      return "alice:x:1000:1000::/home/alice:/bin/sh\n";
    case Format::kManager:
      return "[Manager]\nDefaultEnvironment=LD_PRELOAD=/opt/evil.so\n";
    case Format::kInterfaces:
      return "iface eth0 inet dhcp\n  up /opt/evil\n";
    case Format::kWhole:
    case Format::kLines:
    case Format::kLibraries:
    case Format::kShell:
    case Format::kModules:
      return "/opt/evil\n";
  }
  return {};
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

// One for each suffix, as deep as the place is gathered.
std::vector<std::string> files_of(const PersistencePlace& place) {
  const std::string path =
      replaced(replaced(std::string(place.path), "@home", "/home/alice"), "*", "any");
  if (place.gather == Gather::kFile) return {path};
  const std::string folder = path == "/" ? path : path + "/";
  // A program that stands before one of the system's has its name.
  const std::string name = place.only == Only::kShadowing  ? "ls"
                           : place.only == Only::kSetuid   ? "opt/setuid"
                           : place.only == Only::kCapable  ? "opt/capable"
                           : place.gather == Gather::kTree ? "deep/down/evil"
                                                           : "evil";
  std::vector<std::string> files;
  std::istringstream suffixes{std::string(place.suffixes)};
  for (std::string suffix; suffixes >> suffix;) {
    const bool is_drop_in = place.gather == Gather::kDropIns && suffix == ".conf";
    files.push_back(folder + (is_drop_in ? "own.service.d/" : "") + name + suffix);
  }
  if (files.empty()) files = {folder + name};
  return files;
}

class PlacesTest : public TreeTest {
 protected:
  void plant(const PersistencePlace& place, const std::string& path) {
    write(path, least_of(place.format));
    std::filesystem::permissions(
        at(path), std::filesystem::perms(place.only == Only::kSetuid ? 04755 : 0755));
    if (place.only != Only::kCapable) return;
    ASSERT_EQ(std::system(("setcap cap_net_raw+ep '" + at(path).string() + "'").c_str()), 0);
  }
};

TEST_F(PlacesTest, ARowOfTheTableFindsNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root for capabilities";
  write("/etc/passwd", least_of(Format::kPasswd));
  write("/usr/bin/ls", "");
  std::set<std::string> planted;
  for (const PersistencePlace& place : model::places::kAll)
    for (const std::string& path : files_of(place)) {
      plant(place, path);
      const PersistenceKind kind = place.format == Format::kUnit ? kind_of_unit(path) : place.kind;
      planted.insert(std::string(name(kind)) + " " + path);
    }
  model::Policy policy;
  policy.detections.push_back(detection("d", model::ObjectKind::kPersistence, {}));
  const auto result = scan(policy);
  std::set<std::string> found;
  for (const auto& finding : result["findings"])
    found.insert(finding["persistence"]["kind"].get<std::string>() + " " +
                 finding["persistence"]["file"]["path"].get<std::string>());
  EXPECT_EQ(found, planted);
  EXPECT_EQ(result["unscannable"], 0);
  // The table says itself what was planted: a row that is gone from it shows here.
  std::string lines;
  for (const std::string& one : found) lines += one + "\n";
  EXPECT_EQ(lines, test::golden("persistence_places.txt", lines))
      << "FLEETSWEEP_UPDATE_GOLDEN=1 writes what was found";
}

// Generators write anew what lies in their folders, and are entries themselves.
TEST(Places, SystemdLoadsUnitsFromAFolderThatIsNoPlace) {
  FILE* paths = ::popen(
      "for who in --system --user; do HOME=/home/alice XDG_RUNTIME_DIR=/run/user/1000"
      " systemd-analyze $who unit-paths 2>/dev/null; done",
      "r");
  ASSERT_NE(paths, nullptr);
  std::size_t known = 0;
  for (char line[256]; std::fgets(line, sizeof line, paths) != nullptr;) {
    const std::string said(line, std::strcspn(line, "\n"));
    const std::string folder = replaced(replaced(said, "/home/alice", "@home"), "/1000", "/*");
    if (folder.find("/generator") != std::string::npos) continue;
    EXPECT_TRUE(std::ranges::any_of(model::places::kAll, [&](const PersistencePlace& place) {
      return place.format == Format::kUnit && place.path == folder;
    })) << folder;
    ++known;
  }
  ::pclose(paths);
  if (known == 0) GTEST_SKIP() << "needs systemd-analyze";
}

}  // namespace
}  // namespace fleetsweep::scan
