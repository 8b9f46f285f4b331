#include "agent/hive/registry.h"

#include <gmock/gmock.h>

#include "protocol/base/limits.h"
#include "tests/agent/hive/sample_hive.h"

namespace fleetsweep::hive {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

std::vector<std::string> starts(const Bytes& bytes, Role role) {
  const auto hive = Hive::open(bytes);
  const Autostarts found = autostarts_of(*hive, role);
  std::vector<std::string> result;
  for (const Autostart& one : found.entries)
    result.push_back(fmt::format(
        "{} {} {}|{}|{}",
        model::PersistenceKind(one.kind) == model::PersistenceKind::kWindowsRun ? "run"
                                                                                : name(one.kind),
        one.name, one.entry, one.command, one.user));
  EXPECT_TRUE(found.is_complete);
  if (!found.link.empty()) result.push_back("link " + found.link);
  return result;
}

TEST(Registry, ServicesOfEveryControlSetAreFoundWithTheirLibraries) {
  const Bytes system =
      HiveBuilder()
          .text("ControlSet001\\Services\\bad", "ImagePath", "C:\\bad.exe")
          .text("ControlSet001\\Services\\bad", "ObjectName", "LocalSystem")
          .text("ControlSet002\\Services\\host", "ImagePath", "svchost -k netsvcs")
          .text("ControlSet002\\Services\\host\\Parameters", "ServiceDll", "C:\\x.dll")
          .key("ControlSet001\\Services\\empty")
          .text("Setup\\Services\\none", "ImagePath", "C:\\none.exe")
          .build();
  EXPECT_THAT(
      starts(system, Role::kSystem),
      ElementsAre(
          "win_service bad HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\bad|C:\\bad.exe|"
          "LocalSystem",
          "win_service host HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Services\\host|svchost -k "
          "netsvcs C:\\x.dll|"));
}

TEST(Registry, OneValueTooManyHidesAllOfAKey) {
  HiveBuilder builder;
  for (std::size_t i = 0; i <= limits::kRegistryValues; ++i)
    builder.number(std::string("Software\\") + kRun, fmt::format("v{}", i), 1);
  const Bytes user = builder.build();
  const auto hive = Hive::open(user);
  const Autostarts found = autostarts_of(*hive, Role::kUser);
  EXPECT_EQ(found.entries.size(), limits::kRegistryValues);
  EXPECT_EQ(found.entries[0].name, "v0");
  EXPECT_FALSE(found.is_complete);
  const auto all = values_of(*hive, Role::kUser, {.keys = {}, .all = true});
  EXPECT_EQ(all.values.size(), limits::kRegistryValues);
  EXPECT_FALSE(all.is_complete);
  EXPECT_FALSE(hive->is_damaged()) << hive->damage();
}

TEST(Registry, AValueThatIsLongerThanIsReadIsCutInSilence) {
  const Bytes user =
      HiveBuilder()
          .bytes(std::string("Software\\") + kRun, "long", 3, Bytes(limits::kRegistryDataBytes + 1))
          .text("Software\\x", "other", "y")
          .build();
  const auto hive = Hive::open(user);
  const std::string cut = "HKEY_CURRENT_USER\\Software\\" + std::string(kRun) + "\\\\long";
  EXPECT_EQ(autostarts_of(*hive, Role::kUser).cut, cut);
  const auto all = values_of(*hive, Role::kUser, {.keys = {}, .all = true});
  EXPECT_EQ(all.values.size(), 2u);
  EXPECT_EQ(all.cut, cut);
  EXPECT_FALSE(hive->is_damaged()) << hive->damage();
}

TEST(Registry, AFewLongValuesOfRunHideAllBehindThem) {
  const std::string run = std::string("Software\\") + kRun;
  HiveBuilder builder;
  for (int i = 0; i < 45; ++i)
    builder.text(run, fmt::format("{:016000}", i), std::string(16'000, 'x'));
  const Bytes user = builder.text(run, "evil", "C:\\bad.exe").build();
  const Autostarts found = autostarts_of(*Hive::open(user), Role::kUser);
  EXPECT_EQ(found.entries.back().name, "evil");
  EXPECT_LT(found.entries.size(), 46u);
  EXPECT_FALSE(found.is_complete);
}

TEST(Registry, WhatStandsBehindTheFirstOfLongDataIsPassedOverInSilence) {
  const auto values = [](std::size_t size) {
    const Bytes user = HiveBuilder().bytes("Software\\x", "long", 3, Bytes(size)).build();
    return values_of(*Hive::open(user), Role::kUser, {.keys = {}, .all = true});
  };
  const auto cut = values(limits::kLineBytes / 2 + 1);
  EXPECT_EQ(cut.cut, "HKEY_CURRENT_USER\\Software\\x\\\\long");
  EXPECT_EQ(cut.values[0].data.size(), limits::kLineBytes);
  EXPECT_TRUE(cut.is_complete);
  EXPECT_EQ(values(limits::kLineBytes / 2).cut, "");
}

TEST(Registry, ADriverThatLiesWhereTheKernelLooksIsNoEntry) {
  const Bytes system = HiveBuilder()
                           .number("ControlSet001\\Services\\bad", "Type", 1)
                           .number("ControlSet001\\Services\\group", "Type", 0x20)
                           .build();
  EXPECT_THAT(
      starts(system, Role::kSystem),
      ElementsAre("win_service bad HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\bad|"
                  "\\SystemRoot\\System32\\drivers\\bad.sys|"));
}

TEST(Registry, AServiceThatIsDisabledIsStillAnEntry) {
  constexpr char kBad[] = "ControlSet001\\Services\\bad";
  const auto found = [&](const HiveBuilder& builder) {
    return starts(HiveBuilder(builder).text(kBad, "ImagePath", "C:\\bad.exe").build(),
                  Role::kSystem)
        .size();
  };
  EXPECT_EQ(found(HiveBuilder().number(kBad, "Start", 4)), 0u);
  EXPECT_EQ(found(HiveBuilder().number(kBad, "Start", 3)), 1u);
  EXPECT_EQ(found(HiveBuilder().text(kBad, "Start", "4")), 1u) << "no number";
  EXPECT_EQ(found(HiveBuilder()), 1u);
}

TEST(Registry, RunValuesOfBothViewsAndWinlogonAreFound) {
  const std::string version = "Microsoft\\Windows\\CurrentVersion\\";
  const Bytes software =
      HiveBuilder()
          .text(version + "Run", "a", "C:\\a.exe")
          .text("Wow6432Node\\" + version + "RunOnce", "b", "C:\\b.exe")
          .text("Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "Shell", "explorer.exe, x.exe")
          .text("Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "Background", "0 0 0")
          .text("Microsoft\\Windows NT\\CurrentVersion\\Winlogon\\Notify\\n", "DllName", "n.dll")
          .build();
  EXPECT_THAT(
      starts(software, Role::kSoftware),
      UnorderedElementsAre(
          "run a HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\\\a|C:"
          "\\a.exe|",
          "run b "
          "HKEY_LOCAL_MACHINE\\SOFTWARE\\Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\RunOnce\\"
          "\\b|C:\\b.exe|",
          "win_winlogon Shell HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows "
          "NT\\CurrentVersion\\Winlogon\\\\Shell|explorer.exe|",
          "win_winlogon Shell HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows "
          "NT\\CurrentVersion\\Winlogon\\\\Shell|x.exe|",
          "win_winlogon n HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows "
          "NT\\CurrentVersion\\Winlogon\\Notify\\n|n.dll|"));
}

TEST(Registry, APlaceThatIsALinkHidesWhatItStarts) {
  const std::string version = "Microsoft\\Windows\\CurrentVersion\\";
  const std::string machine = "HKEY_LOCAL_MACHINE\\SOFTWARE\\";
  const std::string root = "\\REGISTRY\\MACHINE\\SOFTWARE\\";
  HiveBuilder software;
  software.link(version + "Run", root + "Evil\\Way")
      .link("Evil\\Way", root + "Evil\\\\Place\\")
      .text("Evil\\Place", "a", "C:\\a.exe")
      // As Windows shares it between both views.
      .text(version + "Policies\\Explorer\\Run", "p", "C:\\p.exe")
      .link("Wow6432Node\\" + version + "Policies", root + version + "Policies")
      .link("Classes\\Wow6432Node", "\\Registry\\Elsewhere");
  const std::string a = "run a " + machine + "Evil\\Place\\\\a|C:\\a.exe|",
                    p = "run p " + machine + version + "Policies\\Explorer\\Run\\\\p|C:\\p.exe|";
  EXPECT_THAT(starts(software.build(), Role::kSoftware), UnorderedElementsAre(a, p));
  const auto removed =
      changed(software.build(), Role::kSoftware,
              {Change::Kind::kRemoveEntry, machine + "Evil\\Place\\\\a", "C:\\a.exe"});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_THAT(starts(*removed, Role::kSoftware), UnorderedElementsAre(p));

  const auto told = [&](const std::string& key, const std::string& target) {
    return starts(HiveBuilder(software).link(key, target).build(), Role::kSoftware);
  };
  const std::string once = version + "RunOnce",
                    tasks = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache";
  EXPECT_THAT(told(once, root + "Nowhere"), UnorderedElementsAre(a, p)) << "it starts nothing";
  for (const std::string& target :
       {std::string("\\Registry\\Machine\\System\\Evil"), root + once, root, std::string()})
    EXPECT_THAT(told(once, target), UnorderedElementsAre(a, p, "link " + machine + once)) << target;
  for (const std::string& key : {tasks, tasks + "\\Tree\\x"})
    EXPECT_THAT(told(key, root + "Evil"), UnorderedElementsAre(a, p, "link " + machine + key));
}

TEST(Registry, AServiceThatIsALinkHidesWhatItStarts) {
  const std::string services = "ControlSet001\\Services\\", root = "\\Registry\\Machine\\System\\";
  HiveBuilder system;
  system.link(services + "here", root + "Evil")
      .text("Evil", "ImagePath", "svchost")
      .link("Evil\\Parameters", root + "Library")
      .text("Library", "ServiceDll", "C:\\x.dll");
  const std::string here = "win_service here HKEY_LOCAL_MACHINE\\SYSTEM\\Evil|svchost C:\\x.dll|";
  EXPECT_THAT(starts(system.build(), Role::kSystem), ElementsAre(here));
  system.link(services + "there", root + "CurrentControlSet\\Evil");
  EXPECT_THAT(starts(system.build(), Role::kSystem),
              ElementsAre(here, "link HKEY_LOCAL_MACHINE\\SYSTEM\\" + services + "there"));
}

constexpr char kWinlogonKey[] = "Microsoft\\Windows NT\\CurrentVersion\\Winlogon";

Change without(const std::string& value, const std::string& program) {
  return {Change::Kind::kRemoveEntry,
          std::string("HKEY_LOCAL_MACHINE\\SOFTWARE\\") + kWinlogonKey + "\\\\" + value, program};
}

std::string winlogon(const Bytes& bytes, const char* value) {
  const auto hive = Hive::open(bytes);
  return data_text(*hive, *hive->find(hive->root(), kWinlogonKey), value);
}

TEST(Registry, AProgramBesideExplorerTakesItWithIt) {
  const struct {
    const char *value, *text, *program, *left;
  } kCases[] = {{"Shell", "explorer.exe, C:\\x.exe", "C:\\x.exe", "explorer.exe"},
                {"Shell", "x.exe,explorer.exe", "x.exe", "explorer.exe"},
                {"shell", "x ,a,x", "x", "a"},
                {"Userinit", "C:\\u.exe,x.exe,", "x.exe", "C:\\u.exe,"},
                {"Userinit", "u.exe,x.exe,y.exe", "x.exe", "u.exe,y.exe"}};
  for (const auto& one : kCases) {
    SCOPED_TRACE(one.text);
    const Bytes before = HiveBuilder()
                             .text(kWinlogonKey, one.value, one.text, 2)
                             .text(kWinlogonKey, "Other", "x")
                             .build();
    const Change change = without(one.value, one.program);
    const auto after = changed(before, Role::kSoftware, change);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(winlogon(*after, one.value), one.left);
    EXPECT_EQ(changed(*after, Role::kSoftware, change).error().code, Code::kNotFound);
    // Windows wrote since: only this value is put back.
    const auto since = edited(*after, {{Edit::Kind::kDeleteValue, kWinlogonKey, "Other", 0}});
    const auto undone = changed_back(before, Role::kSoftware, change, *since);
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_EQ(as_hivex_reads(*undone),
              as_hivex_reads(HiveBuilder().text(kWinlogonKey, one.value, one.text, 2).build()));
    EXPECT_EQ(*changed_back(before, Role::kSoftware, change, *undone), *undone) << "a second time";
    const Bytes other = HiveBuilder().text(kWinlogonKey, one.value, "other.exe", 2).build();
    EXPECT_EQ(changed_back(before, Role::kSoftware, change, other).error().code, Code::kConflict);
  }
}

TEST(Registry, NobodyCanLogOnAfterTheLastProgramIsGone) {
  const Bytes machine = HiveBuilder().text(kWinlogonKey, "Userinit", "x.exe,").build();
  const Change change = without("Userinit", "x.exe");
  for (const Change& one : {change, Change{Change::Kind::kRemoveValue, change.entry, "x.exe,"}}) {
    const auto refused = changed(machine, Role::kSoftware, one);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kConflict);
    EXPECT_NE(refused.error().message.find("by hand"), std::string::npos);
    EXPECT_TRUE(exported(machine, Role::kSoftware, one, 64 * 1024)) << "evidence of it is kept";
  }
  const std::string key = std::string("Software\\") + kWinlogonKey;
  const Bytes user = HiveBuilder().text(key, "Shell", "x.exe").build();
  const auto after =
      changed(user, Role::kUser,
              {Change::Kind::kRemoveEntry, "HKEY_CURRENT_USER\\" + key + "\\\\Shell", "x.exe"});
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_THAT(starts(*after, Role::kUser), ElementsAre());

  const Bytes pieces =
      HiveBuilder()
          .text(kWinlogonKey, "Shell", "explorer.exe," + std::string(10'000, ' ') + "x.exe")
          .build();
  const auto refused = changed(pieces, Role::kSoftware, without("Shell", "x.exe"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("in pieces"), std::string::npos);
}

TEST(Registry, AProgramThatLogOnStartsBesideTheListsIsNoEntryOrStays) {
  for (const std::string name : {"Taskman", "System", "VmApplet", "AppSetup"}) {
    const Bytes before = HiveBuilder().text(kWinlogonKey, name, "a.exe, b").build();
    const std::string entry =
        std::string("HKEY_LOCAL_MACHINE\\SOFTWARE\\") + kWinlogonKey + "\\\\" + name;
    EXPECT_THAT(starts(before, Role::kSoftware),
                ElementsAre("win_winlogon " + name + " " + entry + "|a.exe, b|"));
    const auto after =
        changed(before, Role::kSoftware, {Change::Kind::kRemoveEntry, entry, "a.exe, b"});
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_EQ(as_hivex_reads(*after), as_hivex_reads(HiveBuilder().key(kWinlogonKey).build()));
  }
}

TEST(Registry, WithOneLibraryOfLogOnTheOthersGoOrItDoesNotComeBack) {
  const std::string notify = std::string(kWinlogonKey) + "\\Notify\\";
  const auto others = HiveBuilder().text(notify + "crypt32chain", "DllName", "crypt32.dll");
  const auto shell = HiveBuilder(others).text(kWinlogonKey, "Shell", "explorer.exe");
  const auto with_evil = [&](HiveBuilder builder) {
    return builder.text(notify + "evil", "DllName", "evil.dll")
        .number(notify + "evil", "Asynchronous", 1)
        .build();
  };
  const Bytes before = with_evil(shell);
  const Change change{Change::Kind::kRemoveEntry,
                      "HKEY_LOCAL_MACHINE\\SOFTWARE\\" + notify + "evil", "evil.dll"};
  const auto after = changed(before, Role::kSoftware, change);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(as_hivex_reads(*after), as_hivex_reads(shell.build()));
  EXPECT_EQ(changed(*after, Role::kSoftware, change).error().code, Code::kNotFound);
  // Windows wrote since: only this key is put back.
  const auto since = edited(*after, {delete_value(kWinlogonKey, "Shell")});
  ASSERT_TRUE(since) << since.error().message;
  const auto undone = changed_back(before, Role::kSoftware, change, *since);
  ASSERT_TRUE(undone) << undone.error().message;
  EXPECT_EQ(as_hivex_reads(*undone), as_hivex_reads(with_evil(others)));
}

TEST(Registry, AKeyIsKnownByEverySpellingOfIt) {
  EXPECT_THAT(spellings("HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\x"),
              UnorderedElementsAre("HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\x",
                                   "HKLM\\SYSTEM\\ControlSet001\\Services\\x",
                                   "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\x",
                                   "HKLM\\SYSTEM\\CurrentControlSet\\Services\\x"));
  EXPECT_THAT(spellings("HKEY_CURRENT_USER\\Software\\WOW6432Node\\A"),
              UnorderedElementsAre("HKEY_CURRENT_USER\\Software\\WOW6432Node\\A",
                                   "HKCU\\Software\\WOW6432Node\\A",
                                   "HKEY_CURRENT_USER\\Software\\A", "HKCU\\Software\\A"));
  for (const char* classes :
       {"HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes\\.x", "HKEY_CURRENT_USER\\Software\\Classes\\.x",
        "HKEY_LOCAL_MACHINE\\SOFTWARE\\Wow6432Node\\Classes\\.x"})
    EXPECT_THAT(spellings(classes),
                testing::IsSupersetOf({classes, "HKEY_CLASSES_ROOT\\.x", "HKCR\\.x"}));
  EXPECT_THAT(spellings("HKEY_USERS\\.DEFAULT\\A"),
              UnorderedElementsAre("HKEY_USERS\\.DEFAULT\\A", "HKU\\.DEFAULT\\A",
                                   "HKEY_USERS\\S-1-5-18\\A", "HKU\\S-1-5-18\\A"));
}

TEST(Registry, OnlyTheKeysThatAPolicyNamesAreRead) {
  const Bytes user = HiveBuilder()
                         .text("Software\\Run", "a", "1")
                         .text("Software\\Run\\Below", "b", "2")
                         .text("Software\\Wow6432Node\\Run", "c", "3")
                         .text("Software\\Other", "d", "4")
                         .text("Software\\Classes\\.x", "e", "5")
                         .text("Software\\Wow6432Node\\Classes\\.x", "f", "6")
                         .text("Software\\Classes\\.y", "g", "7")
                         .build();
  const auto hive = Hive::open(user);
  const auto names = [&](const Wanted& wanted) {
    std::vector<std::string> result;
    for (const RegistryValue& value : values_of(*hive, Role::kUser, wanted).values)
      result.push_back(value.name);
    return result;
  };
  EXPECT_THAT(names({.keys = {{"hkcu\\software\\run"}}}), UnorderedElementsAre("a", "c"));
  EXPECT_THAT(names({.keys = {{"HKEY_CURRENT_USER\\Software\\Run", true}}}),
              UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(names({.keys = {{"HKCR\\.x"}}}), UnorderedElementsAre("e", "f"));
  EXPECT_THAT(names({.all = true}), UnorderedElementsAre("a", "b", "c", "d", "e", "f", "g"));
  EXPECT_THAT(names({}), ElementsAre());
}

TEST(Registry, AChangeHappensOnlyIfTheEntryStillSaysWhatWasFound) {
  const std::string entry = "HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\bad";
  const Bytes system = HiveBuilder()
                           .text("ControlSet001\\Services\\bad", "ImagePath", "C:\\bad.exe")
                           .number("ControlSet001\\Services\\bad", "Start", 2)
                           .build();
  const auto disabled =
      changed(system, Role::kSystem, {Change::Kind::kDisableService, entry, "C:\\bad.exe"});
  ASSERT_TRUE(disabled) << disabled.error().message;
  const auto hive = Hive::open(*disabled);
  const auto key = hive->find(hive->root(), "ControlSet001\\Services\\bad");
  EXPECT_EQ(text_of(*hive->value(*key, "Start")), "4");
  const auto other =
      changed(system, Role::kSystem, {Change::Kind::kRemoveEntry, entry, "C:\\good.exe"});
  EXPECT_EQ(other.error().code, Code::kNotFound);
  const auto removed =
      changed(system, Role::kSystem, {Change::Kind::kRemoveEntry, entry, "C:\\bad.exe"});
  ASSERT_TRUE(removed);
  EXPECT_TRUE(starts(*removed, Role::kSystem).empty());
}

TEST(Registry, UsersBeyondTheThousandthAreLeftOutInSilence) {
  HiveBuilder builder;
  const auto user = [&](std::size_t number, const std::string& path) {
    builder.text(fmt::format("Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-{}", number),
                 "ProfileImagePath", path);
  };
  const auto is_complete = [&](std::size_t expected) {
    const Bytes bytes = builder.build();
    bool complete = true;
    EXPECT_EQ(profiles_of(*Hive::open(bytes), complete).size(), expected);
    return complete;
  };
  for (std::size_t i = 0; i < limits::kWindowsProfiles; ++i)
    user(i, fmt::format("C:\\Users\\{}", i));
  user(limits::kWindowsProfiles + 1, "");
  EXPECT_TRUE(is_complete(limits::kWindowsProfiles));
  user(limits::kWindowsProfiles, "C:\\Users\\more");
  EXPECT_FALSE(is_complete(limits::kWindowsProfiles));
  builder = {};
  user(0, std::string(limits::kPathBytes + 1, 'x'));
  EXPECT_FALSE(is_complete(0));
}

}  // namespace
}  // namespace fleetsweep::hive
