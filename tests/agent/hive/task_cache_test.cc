#include "agent/hive/task_cache.h"

#include <gmock/gmock.h>

#include "tests/agent/hive/hive_builder.h"

namespace fleetsweep::hive {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::string kCache = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\";
constexpr std::uint32_t kBinary = 3;

HiveBuilder& add_task(HiveBuilder& builder, const std::string& name, const std::string& id,
                      const Bytes& actions) {
  return builder.text(kCache + "Tree\\" + name, "Id", id)
      .text(kCache + "Tasks\\" + id, "Path", "\\" + name)
      .bytes(kCache + "Tasks\\" + id, "Actions", kBinary, actions);
}

std::vector<std::string> tasks_of(const Bytes& software) {
  const auto hive = Hive::open(software);
  EXPECT_TRUE(hive);
  std::vector<std::string> result;
  each_cached_task(*hive, [&](const Autostart& task) {
    EXPECT_EQ(task.entry, "HKEY_LOCAL_MACHINE\\SOFTWARE\\" + kCache + "Tree\\" + task.name);
    result.push_back(task.name + "|" + task.command);
  });
  return result;
}

Result<Bytes> without(const Bytes& software, const std::string& name,
                      const std::string& expected = {}) {
  return changed(software, Role::kSoftware, {Change::Kind::kRemoveTask, name, expected});
}

TEST(TaskCache, ATaskWithoutXmlIsNotSeen) {
  HiveBuilder builder;
  add_task(builder, "Updater", "{1}", task_actions({{"C:\\a.exe", "/x"}, {" b.exe ", ""}}));
  add_task(builder, "Folder\\Deep", "{2}", {});
  builder.text(kCache + "Tree\\Lost", "Id", "{9}").key(kCache + "Tree\\Folder\\Empty");
  EXPECT_THAT(
      tasks_of(builder.build()),
      UnorderedElementsAre("Updater|C:\\a.exe /x", "Updater|b.exe", "Folder\\Deep|", "Lost|"));
}

TEST(TaskCache, AnActionBehindAMailAMessageOrAHandlerIsMissed) {
  const auto text = [](std::string_view ascii) {
    Bytes bytes{static_cast<std::uint8_t>(2 * ascii.size()), 0, 0, 0};
    const Bytes letters = utf16(ascii, false);
    bytes.insert(bytes.end(), letters.begin(), letters.end());
    return bytes;
  };
  Bytes actions{1, 0};  // a version without a principal, and without flags
  const auto add = [&](const Bytes& bytes) {
    actions.insert(actions.end(), bytes.begin(), bytes.end());
  };
  add({0x99, 0x99});
  for (const char* part : {"id", "title", "message"}) add(text(part));
  add({0x88, 0x88});
  for (int part = 0; part < 9; ++part) add(text("x"));
  add({1, 0, 0, 0});
  add(text("a file"));
  add({1, 0, 0, 0});
  for (const char* part : {"header", "value"}) add(text(part));
  add({0x77, 0x77, 0, 0, 0, 0});
  add({0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 1, 2, 3, 4, 5, 6, 7, 8});
  add(text("data"));
  add({0x66, 0x66});
  for (const char* part : {"id", "a.exe", "/x", "C:\\"}) add(text(part));
  EXPECT_THAT(commands_of(actions),
              ElementsAre("{12345678-9ABC-DEF0-0102-030405060708} data", "a.exe /x"));
  for (std::size_t size = 0; size < actions.size(); ++size)  // cut short anywhere
    EXPECT_LE(commands_of(BytesView(actions).first(size)).size(), 1u) << size;
}

TEST(TaskCache, LengthsBeyondTheEndAreRead) {
  EXPECT_THAT(commands_of(Bytes{3, 0, 0xff, 0xff, 0xff, 0xff}), IsEmpty());
  EXPECT_THAT(commands_of(Bytes{1, 0, 0x88, 0x88, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}), IsEmpty());
  const std::vector<std::pair<std::string, std::string>> many(1000, {"a.exe", ""});
  EXPECT_EQ(commands_of(task_actions(many)).size(), 32u);
}

TEST(TaskCache, OfATaskOneOfItsKeysStays) {
  const Bytes software = HiveBuilder()
                             .text(kCache + "Tree\\Update", "Id", "{1}")
                             .text(kCache + "Tasks\\{1}", "Path", "\\Update")
                             .key(kCache + "Logon\\{1}")
                             .text(kCache + "Tasks\\{2}", "Path", "\\Good")
                             .text(kCache + "Tree\\Good", "Id", "{2}")
                             .build();
  const auto after = without(software, "Update");
  ASSERT_TRUE(after) << after.error().message;
  const auto hive = Hive::open(*after);
  for (const char* gone : {"Tree\\Update", "Tasks\\{1}", "Logon\\{1}"})
    EXPECT_FALSE(hive->find(hive->root(), kCache + gone)) << gone;
  for (const char* stays : {"Tree\\Good", "Tasks\\{2}"})
    EXPECT_TRUE(hive->find(hive->root(), kCache + stays)) << stays;
}

TEST(TaskCache, ATaskThatIsAFolderAsWellTakesAllTasksOfItAlong) {
  HiveBuilder builder;
  add_task(builder, "Microsoft", "{1}", task_actions({{"evil.exe", ""}}));
  add_task(builder, "Microsoft\\Defrag", "{2}", task_actions({{"defrag.exe", ""}}));
  const auto after = without(builder.build(), "Microsoft", "evil.exe");
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_THAT(tasks_of(*after), ElementsAre("Microsoft\\Defrag|defrag.exe"));
}

TEST(TaskCache, ATaskThatBorrowsTheIdOfAnotherTakesThatAlong) {
  HiveBuilder builder;
  add_task(builder, "Good", "{1}", task_actions({{"good.exe", ""}}));
  const Bytes software = builder.key(kCache + "Logon\\{1}")
                             .text(kCache + "Tree\\Folder\\Evil", "Id", "{1}")
                             .text(kCache + "Tree\\Folder", "x", "y")
                             .build();
  const Change change{Change::Kind::kRemoveTask, "Folder\\Evil", {}};
  const auto after = changed(software, Role::kSoftware, change);
  ASSERT_TRUE(after) << after.error().message;
  const auto hive = Hive::open(*after);
  EXPECT_FALSE(hive->find(hive->root(), kCache + "Tree\\Folder\\Evil"));
  for (const char* stays : {"Tree\\Good", "Tasks\\{1}", "Logon\\{1}", "Tree\\Folder"})
    EXPECT_TRUE(hive->find(hive->root(), kCache + stays)) << stays;
  EXPECT_THAT(tasks_of(*after), ElementsAre("Good|good.exe"));
  const auto back = changed_back(software, Role::kSoftware, change, *after);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_THAT(tasks_of(*back), UnorderedElementsAre("Good|good.exe", "Folder\\Evil|good.exe"));
  // Alone it goes whole.
  const auto both = without(*after, "Good");
  ASSERT_TRUE(both) << both.error().message;
  const auto empty = Hive::open(*both);
  for (const char* gone : {"Tree\\Good", "Tasks\\{1}", "Logon\\{1}"})
    EXPECT_FALSE(empty->find(empty->root(), kCache + gone)) << gone;
}

TEST(TaskCache, WithoutKeysOfATaskItsHiveIsWrittenToAllTheSame) {
  HiveBuilder builder;
  add_task(builder, "Good", "{1}", task_actions({{"good.exe", ""}}));
  const Bytes software = builder.build();
  const Change change{Change::Kind::kRemoveTask, "Updater", {}};
  const auto after = changed(software, Role::kSoftware, change);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(*after, software);
  EXPECT_EQ(without(software, "Updater", "evil.exe").error().code, Code::kNotFound);
  Bytes dirty = software;
  make_dirty(dirty);
  EXPECT_EQ(without(dirty, "Updater").error().code, Code::kConflict) << "a log may have it";
}

TEST(TaskCache, ATaskThatStartsSomethingElseByNowIsRemoved) {
  HiveBuilder builder;
  add_task(builder, "Updater", "{1}", task_actions({{"good.exe", ""}}));
  const auto after = without(builder.build(), "Updater", "evil.exe");
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::kNotFound);
  EXPECT_EQ(after.error().message, "the task Updater no longer starts what was found");
}

}  // namespace
}  // namespace fleetsweep::hive
