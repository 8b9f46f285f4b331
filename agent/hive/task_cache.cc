#include "agent/hive/task_cache.h"

#include <algorithm>
#include <map>

#include "agent/hive/task.h"
#include "agent/hive/text.h"

namespace fleetsweep::hive {
namespace {

constexpr std::string_view kTree =
    "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree";
constexpr std::string_view kTasks =
    "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tasks";
constexpr std::size_t kClassBytes = 16;

// What is cut short reads as nothing, and spoils the rest.
class Cursor {
 public:
  explicit Cursor(BytesView bytes) : left_(bytes) {}

  bool is_good() const { return good_; }
  bool is_done() const { return !good_ || left_.empty(); }

  BytesView take(std::size_t size) {
    good_ = good_ && size <= left_.size();
    if (!good_) return {};
    const BytesView taken = left_.first(size);
    left_ = left_.subspan(size);
    return taken;
  }
  std::uint16_t small() {
    const BytesView bytes = take(2);
    return good_ ? le16(bytes, 0) : 0;
  }
  std::uint32_t number() {
    const BytesView bytes = take(4);
    return good_ ? le32(bytes, 0) : 0;
  }
  // Up to a zero, where Windows ends it.
  std::string text() {
    std::string text = from_utf16(take(number()));
    text.resize(std::min(text.find('\0'), text.size()));
    return text;
  }
  void texts(int count) {
    for (int i = 0; i < count; ++i) take(number());
  }

 private:
  BytesView left_;
  bool good_ = true;
};

// Its first three parts are numbers.
std::string class_text(BytesView id) {
  if (id.size() != kClassBytes) return {};
  std::string text = fmt::format("{{{:08X}-{:04X}-{:04X}-", le32(id, 0), le16(id, 4), le16(id, 6));
  for (std::size_t i = 8; i < kClassBytes; ++i)
    text += fmt::format("{}{:02X}", i == 10 ? "-" : "", id[i]);
  return text + "}";
}

// Anything else: nobody knows how long it is.
bool skip_action(Cursor& in, std::uint16_t mark) {
  constexpr std::uint16_t kMail = 0x8888, kMessage = 0x9999;
  if (mark == kMessage) {
    in.texts(2);
  } else if (mark == kMail) {
    in.texts(8);
    for (std::uint32_t files = in.number(); files > 0 && in.is_good(); --files) in.texts(1);
    for (std::uint32_t headers = in.number(); headers > 0 && in.is_good(); --headers) in.texts(2);
  } else {
    return false;
  }
  return in.is_good();
}

// Of a key below Tasks; without one, or without an action, an empty one.
std::vector<std::string> commands_at(const Hive& hive, std::optional<Cell> task) {
  const auto actions = task ? hive.value(*task, "Actions") : std::nullopt;
  std::vector<std::string> commands =
      actions ? commands_of(actions->data) : std::vector<std::string>();
  if (commands.empty()) commands.emplace_back();
  return commands;
}

// By another task, which goes by the same keys.
bool is_shared(const Hive& software, Cell task, std::string_view id) {
  bool found = false;
  const auto tree = software.find(software.root(), kTree);
  if (!tree) return false;
  software.walk(*tree, [&](Cell key, const std::string&) {
    found = found || (key != task && is_equal(data_text(software, key, "Id"), id));
    return found ? Hive::Next::kStop : Hive::Next::kGoOn;
  });
  return found;
}

}  // namespace

std::vector<std::string> commands_of(BytesView actions) {
  constexpr std::uint16_t kExec = 0x6666, kComHandler = 0x7777;
  constexpr std::uint16_t kNamesPrincipal = 2, kHasFlags = 3;  // versions
  std::vector<std::string> commands;
  const auto add = [&](std::string_view command, std::string_view arguments) {
    std::string text(without_blanks(command));
    if (const auto rest = without_blanks(arguments); !rest.empty()) (text += " ") += rest;
    commands.push_back(bounded(std::move(text)));
  };
  Cursor in(actions);
  const std::uint16_t version = in.small();
  if (version >= kNamesPrincipal) in.texts(1);
  while (!in.is_done() && commands.size() < kTaskActions) {
    const std::uint16_t mark = in.small();
    in.texts(1);  // its id
    if (mark == kExec) {
      const std::string command = in.text(), arguments = in.text();
      in.texts(1);  // the folder in which it starts
      if (version >= kHasFlags) in.small();
      if (in.is_good()) add(command, arguments);
    } else if (mark == kComHandler) {
      const std::string handler = class_text(in.take(kClassBytes)), data = in.text();
      if (in.is_good()) add(handler, data);
    } else if (!skip_action(in, mark)) {
      break;
    }
  }
  return commands;
}

void each_cached_task(const Hive& software, const std::function<void(Autostart)>& visit) {
  const auto tree = software.find(software.root(), kTree);
  const auto list = software.find(software.root(), kTasks);
  if (!tree) return;
  std::map<std::string, Cell> tasks;  // by id
  if (list)
    for (const Cell task : software.subkeys(*list)) tasks.emplace(lower(software.name(task)), task);
  software.walk(*tree, [&](Cell key, const std::string& name) {
    const std::string id = data_text(software, key, "Id");
    if (id.empty() || name.empty()) return Hive::Next::kGoOn;  // a folder
    const auto task = tasks.find(lower(id));
    for (std::string& command :
         commands_at(software, task == tasks.end() ? std::nullopt : std::optional(task->second)))
      visit({model::PersistenceKind::kWindowsTask,
             name,
             join(prefix_of(Role::kSoftware), join(kTree, name)),
             std::move(command),
             {}});
    return Hive::Next::kGoOn;
  });
}

Result<std::vector<Edit>> removal_of_task(const Hive& software, std::string_view name,
                                          std::string_view expected) {
  const std::string tree = join(kTree, name);
  const auto key = software.find(software.root(), tree);
  if (!key && expected.empty()) return std::vector<Edit>();
  if (!key) return fail(Code::kNotFound, "no task {} in the hive", escaped(name));
  const std::string id = data_text(software, *key, "Id");
  const auto commands = commands_at(software, software.find(software.root(), join(kTasks, id)));
  if (!expected.empty() && std::find(commands.begin(), commands.end(), expected) == commands.end())
    return fail(Code::kNotFound, "the task {} no longer starts what was found", escaped(name));
  std::vector<Edit> edits;
  if (software.subkeys(*key).empty())
    edits.push_back({Edit::Kind::kDeleteKey, tree, {}, 0});
  else  // a folder as well, whose tasks stay
    for (const std::string_view value : {"Id", "Index", "SD"})
      if (software.value(*key, value))
        edits.push_back({Edit::Kind::kDeleteValue, tree, std::string(value), 0});
  if (is_shared(software, *key, id)) return edits;
  // The same id under each kind of trigger.
  for (const std::string_view kind : {"Tasks", "Boot", "Logon", "Plain", "Maintenance"}) {
    const std::string path = join(join(kTaskCache, kind), id);
    if (!id.empty() && id.find('\\') == std::string::npos && software.find(software.root(), path))
      edits.push_back({Edit::Kind::kDeleteKey, path, {}, 0});
  }
  return edits;
}

}  // namespace fleetsweep::hive
