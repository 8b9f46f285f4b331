#include "agent/hive/registry.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <tuple>

#include "agent/hive/export.h"
#include "agent/hive/restore.h"
#include "agent/hive/task_cache.h"
#include "agent/hive/text.h"
#include "agent/hive/winlogon.h"
#include "protocol/base/limits.h"

namespace fleetsweep::hive {
namespace {

using model::PersistenceKind;
constexpr std::string_view kMachine = "HKEY_LOCAL_MACHINE", kUser = "HKEY_CURRENT_USER";
// What HKEY_CLASSES_ROOT shows of both.
constexpr std::string_view kClasses[] = {"HKEY_LOCAL_MACHINE\\SOFTWARE\\Classes",
                                         "HKEY_CURRENT_USER\\Software\\Classes"};
constexpr std::string_view kControlSet = "ControlSet";
constexpr std::uint32_t kDisabled = 4;         // Start of a service: SERVICE_DISABLED
constexpr std::string_view kBetween = "\\\\";  // a key, and the name of its value

std::string_view leaf(std::string_view path, char separator) {
  return path.substr(path.rfind(separator) + 1);
}

bool is_cut(const Value& value) {
  return value.is_cut() || text_of(value).size() > limits::kLineBytes;
}

bool is_control_set(std::string_view name) {
  return name.size() == kControlSet.size() + 3 &&
         is_equal(name.substr(0, kControlSet.size()), kControlSet);
}

// Where Windows looks for what to start; the same below Wow6432Node for 32-bit programs.
struct ValuePlace {
  PersistenceKind kind;
  std::string_view key;                  // below Software
  std::vector<std::string_view> values;  // empty: all
};
const std::vector<ValuePlace>& value_places() {
  static const std::vector<ValuePlace> kPlaces = {
      {PersistenceKind::kWindowsRun, "Microsoft\\Windows\\CurrentVersion\\Run", {}},
      {PersistenceKind::kWindowsRun, "Microsoft\\Windows\\CurrentVersion\\RunOnce", {}},
      {PersistenceKind::kWindowsRun, "Microsoft\\Windows\\CurrentVersion\\RunServices", {}},
      {PersistenceKind::kWindowsRun, "Microsoft\\Windows\\CurrentVersion\\RunServicesOnce", {}},
      {PersistenceKind::kWindowsRun,
       "Microsoft\\Windows\\CurrentVersion\\Policies\\Explorer\\Run",
       {}},
      {PersistenceKind::kWindowsRun,
       "Microsoft\\Windows NT\\CurrentVersion\\Windows",
       {"Load", "Run"}},
      {PersistenceKind::kWindowsWinlogon,
       kWinlogon,
       {"Shell", "Userinit", "Taskman", "System", "VmApplet", "AppSetup"}}};
  return kPlaces;
}

class Starts {
 public:
  Starts(const Hive& hive, Role role) : hive_(hive), role_(role) {}

  Autostarts list() {
    switch (role_) {
      case Role::kSystem:
        for (const Cell set : hive_.subkeys(hive_.root()))
          if (is_control_set(hive_.name(set))) services(hive_.name(set));
        break;
      case Role::kSoftware:
        software("");
        each_cached_task(hive_, [this](Autostart entry) { add(std::move(entry)); });
        tell_links_of_tasks();
        break;
      case Role::kUser:
      case Role::kDefault:
        software("Software");
        break;
      default:
        break;
    }
    return std::move(found_);
  }

 private:
  struct Place {
    Cell key = 0;
    std::string path;  // from the root of the hive
  };

  // The key at this path as Windows finds it: a link is followed as long as it stays in the hive.
  std::optional<Place> find(std::string_view path, int links = 0) {
    constexpr int kLinks = 8;
    Place place{hive_.root(), {}};
    while (!path.empty()) {
      const std::string_view part = path.substr(0, path.find('\\'));
      path.remove_prefix(std::min(part.size() + 1, path.size()));
      if (part.empty()) continue;  // Windows passes over more than one backslash
      const auto key = hive_.subkey(place.key, part);
      if (!key) return std::nullopt;
      place = {*key, place.path.empty() ? std::string(part) : join(place.path, part)};
      if (!hive_.is_link(*key)) continue;
      const std::string target = links < kLinks ? target_of_link(*key) : std::string();
      if (!target.empty()) return find(join(target, path), links + 1);
      tell_link(place.path);
      return std::nullopt;
    }
    return place;
  }
  std::optional<Place> behind(Cell key, std::string path) {
    if (hive_.is_link(key)) return find(path);
    return Place{key, std::move(path)};
  }

  // From the root of this hive; empty if it leads out of it.
  std::string target_of_link(Cell key) const {
    constexpr std::string_view kCurrentSet = "CurrentControlSet";  // in no file
    constexpr std::pair<Role, std::string_view> kRoots[] = {
        {Role::kSystem, "\\Registry\\Machine\\System\\"},
        {Role::kSoftware, "\\Registry\\Machine\\Software\\"},
        {Role::kDefault, "\\Registry\\User\\.Default\\"}};
    const std::string target = data_text(hive_, key, "SymbolicLinkValue");
    for (const auto& [role, root] : kRoots)
      if (role == role_ && begins(target, root) &&
          !begins(std::string_view(target).substr(root.size()), kCurrentSet))
        return target.substr(root.size());
    return {};
  }

  void tell_link(std::string_view path) {
    if (found_.link.empty()) found_.link = join(prefix_of(role_), path);
  }

  // Windows makes none there.
  void tell_links_of_tasks() {
    const auto cache = find(kTaskCache);
    if (!cache) return;
    if (!is_equal(cache->path, kTaskCache)) tell_link(kTaskCache);
    hive_.walk(cache->key, [&](Cell key, const std::string& path) {
      if (hive_.is_link(key)) tell_link(join(cache->path, path));
      return Hive::Next::kGoOn;
    });
  }

  void add(Autostart entry) {
    const std::size_t bytes =
        entry.name.size() + entry.entry.size() + entry.command.size() + entry.user.size();
    if (found_.entries.size() >= limits::kPersistenceEntries || bytes > kAutostartBytes - bytes_) {
      found_.is_complete = false;  // a shorter one may still fit
      return;
    }
    bytes_ += bytes;
    found_.entries.push_back(std::move(entry));
  }

  void services(const std::string& set) {
    const auto services = find(join(set, "Services"));
    if (!services) return;
    for (const Cell one : hive_.subkeys(services->key)) {
      Autostart entry{PersistenceKind::kWindowsService, hive_.name(one), {}, {}, {}};
      const auto place = behind(one, join(services->path, entry.name));
      if (!place || is_disabled(place->key)) continue;
      const Cell service = place->key;
      entry.entry = join(prefix_of(role_), place->path);
      entry.command = data_text(hive_, service, "ImagePath");
      if (entry.command.empty() && is_driver(service))
        entry.command = "\\SystemRoot\\System32\\drivers\\" + entry.name + ".sys";
      // A shared host process loads this library: that is what the service runs.
      if (const std::string library = library_of(*place); !library.empty())
        entry.command += entry.command.empty() ? library : " " + library;
      entry.user = data_text(hive_, service, "ObjectName");
      if (!entry.command.empty()) add(std::move(entry));
    }
  }

  std::string library_of(const Place& service) {
    const auto key = hive_.subkey(service.key, "Parameters");
    const auto parameters = key ? behind(*key, join(service.path, "Parameters")) : std::nullopt;
    return parameters ? data_text(hive_, parameters->key, "ServiceDll") : std::string();
  }

  bool has_number(Cell service, std::string_view name,
                  std::initializer_list<std::uint32_t> any_of) const {
    constexpr std::uint32_t kNumber = 4;  // REG_DWORD
    const auto value = hive_.value(service, name);
    return value && value->type == kNumber &&
           std::any_of(any_of.begin(), any_of.end(), [text = text_of(*value)](std::uint32_t one) {
             return text == std::to_string(one);
           });
  }
  // Nothing starts such a service before somebody changes that here.
  bool is_disabled(Cell service) const { return has_number(service, "Start", {kDisabled}); }
  // Of the kernel, of a file system or its recognizer: the kernel knows by the name where it lies.
  bool is_driver(Cell service) const { return has_number(service, "Type", {1, 2, 8}); }

  void software(std::string_view top) {
    for (const std::string_view view : {"", "Wow6432Node"})
      for (const ValuePlace& place : value_places()) {
        const std::string path = view.empty() ? std::string(place.key) : join(view, place.key);
        values(place, top.empty() ? path : join(top, path));
      }
  }

  void values(const ValuePlace& place, const std::string& path) {
    const auto found = find(path);
    // Windows itself links a few keys of one view to those of the other.
    if (!found || !seen_.emplace(place.kind, place.values.empty(), lower(found->path)).second)
      return;
    hive_.each_value(found->key, [&](Value& value) {
      const auto& names = place.values;
      if (!names.empty() && std::none_of(names.begin(), names.end(), [&](std::string_view name) {
            return is_equal(name, value.name);
          }))
        return true;
      hive_.load(value);
      std::string entry = join(prefix_of(role_), found->path);
      entry += kBetween;
      entry += value.name;
      if (found_.cut.empty() && is_cut(value)) found_.cut = entry;
      if (place.kind != PersistenceKind::kWindowsWinlogon) {
        add({place.kind, value.name, std::move(entry), bounded(text_of(value)), {}});
        return true;
      }
      for (std::string& program : programs_of(value))
        add({place.kind, value.name, entry, std::move(program), {}});
      return true;
    });
    // Libraries that winlogon loads, of Windows XP.
    const auto notify = place.kind == PersistenceKind::kWindowsWinlogon
                            ? find(join(found->path, "Notify"))
                            : std::nullopt;
    if (!notify) return;
    for (const Cell one : hive_.subkeys(notify->key)) {
      const auto package = behind(one, join(notify->path, hive_.name(one)));
      if (!package) continue;
      if (std::string library = data_text(hive_, package->key, "DllName"); !library.empty())
        add({place.kind,
             hive_.name(one),
             join(prefix_of(role_), package->path),
             std::move(library),
             {}});
    }
  }

  const Hive& hive_;
  Role role_;
  Autostarts found_;
  std::set<std::tuple<PersistenceKind, bool, std::string>> seen_;  // places of values
  std::size_t bytes_ = 0;
};

// Key and, if there is one, name of a value; the key from the root of its hive.
struct Target {
  std::string key;
  std::optional<std::string> value;
};
Result<Target> target_of(Role role, std::string_view entry) {
  const std::string_view prefix = prefix_of(role);
  if (prefix.empty() || !begins(entry, prefix) || entry.size() <= prefix.size() ||
      entry[prefix.size()] != '\\')
    return fail(Code::kInvalid, "{} does not stand in this hive", escaped(entry));
  entry.remove_prefix(prefix.size() + 1);
  const std::size_t between = entry.find(kBetween);
  Target target{std::string(entry.substr(0, between)), std::nullopt};
  if (between != std::string_view::npos) target.value = entry.substr(between + kBetween.size());
  return target;
}

// Of a list of programs just the one that was found, if others stand beside it.
Result<Edit> removal_of_value(const Hive& hive, const Target& target, const Autostart& entry) {
  const auto key = hive.find(hive.root(), target.key);
  const auto value = key ? hive.value(*key, *target.value) : std::nullopt;
  const bool is_list = value && entry.kind == PersistenceKind::kWindowsWinlogon;
  if (is_list && value->is_cut())
    return fail(Code::kConflict, "{} is too long to have one program taken out", *target.value);
  Bytes rest = is_list ? without_program(*value, entry.command) : Bytes();
  if (rest.empty()) return Edit{Edit::Kind::kDeleteValue, target.key, *target.value, 0};
  return Edit{Edit::Kind::kSetData, target.key, *target.value, 0, std::move(rest)};
}

// Nobody could log on without them.
Status check_log_on(Role role, const std::vector<Edit>& edits) {
  for (const Edit& edit : edits)
    if (role == Role::kSoftware && edit.kind == Edit::Kind::kDeleteValue &&
        is_equal(edit.key, kWinlogon) && is_program_list(edit.value_name))
      return fail(Code::kConflict,
                  "{} of Winlogon names no other program, and without it nobody could log on: set "
                  "it by hand",
                  edit.value_name);
  return {};
}

// kNotFound: the entry no longer says what was found.
Result<std::vector<Edit>> edits_of(BytesView before, Role role, const Change& change) {
  FS_TRY(const Hive hive, Hive::open(before));
  if (change.kind == Change::Kind::kRemoveTask)
    return removal_of_task(hive, change.entry, change.expected);
  FS_TRY(const Target target, target_of(role, change.entry));
  if (change.kind == Change::Kind::kRemoveValue) {
    const auto key = hive.find(hive.root(), target.key);
    const auto value =
        key && target.value ? hive.value(*key, *target.value) : std::optional<Value>();
    if (!value || bounded(text_of(*value)) != change.expected)
      return fail(Code::kNotFound, "{} no longer holds what was found", escaped(change.entry));
    return {{{Edit::Kind::kDeleteValue, target.key, *target.value, 0}}};
  }
  const auto entries = autostarts_of(hive, role).entries;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Autostart& entry) {
    return entry.entry == change.entry && entry.command == change.expected;
  });
  if (found == entries.end())
    return fail(Code::kNotFound, "{} no longer starts what was found", escaped(change.entry));
  if (change.kind == Change::Kind::kDisableService) {
    return {{{Edit::Kind::kSetNumber, target.key, "Start", kDisabled}}};
  }
  if (target.value) {
    FS_TRY(Edit edit, removal_of_value(hive, target, *found));
    return std::vector<Edit>{std::move(edit)};
  }
  return {{{Edit::Kind::kDeleteKey, target.key, {}, 0}}};
}

}  // namespace

Role role_of(std::string_view path) {
  const std::string_view name = leaf(path, '/');
  if (is_equal(name, "SYSTEM")) return Role::kSystem;
  if (is_equal(name, "SOFTWARE")) return Role::kSoftware;
  if (is_equal(name, "DEFAULT")) return Role::kDefault;
  if (is_equal(name, "NTUSER.DAT") || is_equal(name, "NTUSER.MAN")) return Role::kUser;
  if (is_equal(name, "UsrClass.dat")) return Role::kUserClasses;
  return Role::kNone;
}

std::string_view prefix_of(Role role) {
  switch (role) {
    case Role::kSystem:
      return "HKEY_LOCAL_MACHINE\\SYSTEM";
    case Role::kSoftware:
      return "HKEY_LOCAL_MACHINE\\SOFTWARE";
    case Role::kDefault:
      return "HKEY_USERS\\.DEFAULT";
    case Role::kUser:
      return kUser;
    case Role::kUserClasses:
      return "HKEY_CURRENT_USER\\Software\\Classes";
    case Role::kNone:
      break;
  }
  return {};
}

std::vector<std::string> spellings(const std::string& key) {
  std::vector<std::string> result{key};
  const auto also = [&](std::string_view from, std::string_view to) {
    const std::size_t before = result.size();
    for (std::size_t i = 0; i < before; ++i) {
      std::string text = "\\" + result[i] + "\\";
      const std::size_t at = find_ascii(text, fmt::format("\\{}\\", from));
      if (at == std::string::npos) continue;
      // A part that goes takes its backslash along.
      text.replace(at + 1, from.size() + (to.empty() ? 1 : 0), to);
      result.push_back(text.substr(1, text.size() - 2));
    }
  };
  also("Wow6432Node", "");
  for (const std::string_view classes : kClasses) also(classes, "HKEY_CLASSES_ROOT");
  also("HKEY_USERS\\.DEFAULT", "HKEY_USERS\\S-1-5-18");
  also(kMachine, "HKLM");
  also(kUser, "HKCU");
  also("HKEY_USERS", "HKU");
  also("HKEY_CLASSES_ROOT", "HKCR");
  const std::size_t set = find_ascii(key, "\\controlset");
  if (set != std::string::npos) {
    const std::string_view name = std::string_view(key).substr(set + 1).substr(
        0, std::string_view(key).substr(set + 1).find('\\'));
    if (is_control_set(name)) also(std::string(name), "CurrentControlSet");
  }
  return result;
}

Wanted wanted_keys(const model::Policy& policy) {
  Wanted wanted;
  for (const model::Detection& detection : policy.detections) {
    if (detection.object != model::ObjectKind::kWindowsRegistryKey) continue;
    wanted.all |= detection.any_of.empty();
    for (const model::Selection& selection : detection.any_of) {
      bool named = false;
      for (const model::Predicate& predicate : selection) {
        if (predicate.field != model::Field::kRegistryKey ||
            (predicate.match != model::Match::kEquals &&
             predicate.match != model::Match::kStartsWith) ||
            std::any_of(predicate.values.begin(), predicate.values.end(),
                        [](const model::Value& value) { return value.templated; }))
          continue;
        named = true;
        for (const model::Value& value : predicate.values)
          wanted.keys.push_back({value.text, predicate.match == model::Match::kStartsWith});
      }
      wanted.all |= !named;
    }
  }
  return wanted;
}

RegistryValues values_of(const Hive& hive, Role role, const Wanted& wanted) {
  RegistryValues result;
  std::size_t bytes = 0;
  hive.walk(hive.root(), [&](Cell cell, const std::string& path) {
    const std::string key = join(prefix_of(role), path);
    bool is_wanted = wanted.all, leads_on = wanted.all;
    if (!wanted.all)
      for (const std::string& spelling : spellings(key))
        for (const Wanted::Key& one : wanted.keys) {
          const bool inside = one.is_prefix && begins(spelling, one.text);
          is_wanted |= inside || is_equal(spelling, one.text);
          leads_on |= inside || begins(one.text, spelling);
        }
    // Wow6432Node is spelt away below itself, and the classes have a root of their own: the way to
    // them is always open.
    leads_on |= is_equal(leaf(path, '\\'), "Wow6432Node");
    for (const std::string_view classes : kClasses)
      leads_on |= key.size() < classes.size() && begins(classes, key);
    if (is_wanted)
      hive.each_value(cell, [&](Value& value) {
        if (result.values.size() >= limits::kRegistryValues || bytes >= kValueBytes)
          return result.is_complete = false;
        hive.load(value);
        if (result.cut.empty() && is_cut(value))
          result.cut = key + std::string(kBetween) + value.name;
        result.values.push_back(
            {key, value.name, std::string(type_name(value.type)), bounded(text_of(value))});
        bytes += key.size() + value.name.size() + result.values.back().data.size();
        return true;
      });
    if (!result.is_complete) return Hive::Next::kStop;
    return leads_on ? Hive::Next::kGoOn : Hive::Next::kSkip;
  });
  return result;
}

Autostarts autostarts_of(const Hive& hive, Role role) {
  return Starts(hive, role).list();
}

std::string version_of(const Hive& software) {
  const auto key = software.find(software.root(), "Microsoft\\Windows NT\\CurrentVersion");
  if (!key) return {};
  const auto text = [&](std::string_view name) { return data_text(software, *key, name); };
  const std::string major = text("CurrentMajorVersionNumber");
  if (major.empty()) return text("CurrentVersion");
  return fmt::format("{}.{}.{}", major, text("CurrentMinorVersionNumber"), text("CurrentBuild"));
}

std::vector<std::string> profiles_of(const Hive& software, bool& complete) {
  std::vector<std::string> profiles;
  const auto list =
      software.find(software.root(), "Microsoft\\Windows NT\\CurrentVersion\\ProfileList");
  if (!list) return profiles;
  for (const Cell user : software.subkeys(*list)) {
    std::string path = data_text(software, user, "ProfileImagePath");
    if (path.empty()) continue;
    if (profiles.size() < limits::kWindowsProfiles && path.size() <= limits::kPathBytes)
      profiles.push_back(std::move(path));
    else
      complete = false;
  }
  return profiles;
}

Result<Bytes> changed(BytesView before, Role role, const Change& change) {
  FS_TRY(const auto edits, edits_of(before, role, change));
  FS_CHECK(check_log_on(role, edits));
  return edited(before, edits);
}

Result<Bytes> exported(BytesView before, Role role, const Change& change, std::size_t bytes_max) {
  FS_TRY(const Hive hive, Hive::open(before));
  FS_TRY(const auto edits, edits_of(before, role, change));
  return registry_file(hive, prefix_of(role), edits, bytes_max);
}

Result<Bytes> changed_back(BytesView before, Role role, const Change& change, BytesView current) {
  FS_TRY(const auto edits, edits_of(before, role, change));
  return restored(before, edits, current);
}

}  // namespace fleetsweep::hive
