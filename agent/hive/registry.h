#pragma once

// What a hive file stands for in the registry, what a policy asks of it, and what it starts. Pure.

#include <optional>
#include <string>
#include <vector>

#include "agent/hive/edit.h"
#include "protocol/model/finding.h"
#include "protocol/model/policy.h"

namespace fleetsweep::hive {

enum class Role : std::uint8_t { kNone, kSystem, kSoftware, kDefault, kUser, kUserClasses };
// By the file's name: SYSTEM and the others of Windows/System32/config, NTUSER.DAT and .MAN,
// UsrClass.dat.
Role role_of(std::string_view path);
// "HKEY_LOCAL_MACHINE\SYSTEM"; empty for kNone.
std::string_view prefix_of(Role role);

struct RegistryValue {
  std::string key;  // HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\...
  std::string name;
  std::string type;
  std::string data;
  bool operator==(const RegistryValue&) const = default;
};

// A key as policies may spell it: HKLM for HKEY_LOCAL_MACHINE, HKCR for the classes of the machine
// and its users, CurrentControlSet for each control set, S-1-5-18 for .DEFAULT, and without
// Wow6432Node as 32-bit programs see it. The full one first.
std::vector<std::string> spellings(const std::string& key);

// Which keys may match: texts that a key equals or begins with. A selection that names none asks
// for every key.
struct Wanted {
  struct Key {
    std::string text;
    bool is_prefix = false;
  };
  std::vector<Key> keys;
  bool all = false;
};
Wanted wanted_keys(const model::Policy& policy);

// What one answer carries of either.
inline constexpr std::size_t kValueBytes = 4u << 20, kAutostartBytes = 2u << 20;

// Data is at most limits::kLineBytes.
struct RegistryValues {
  std::vector<RegistryValue> values;  // at most limits::kRegistryValues
  bool is_complete = true;
  std::string cut;  // the first whose data was longer, as an entry is written; empty: none
};
RegistryValues values_of(const Hive& hive, Role role, const Wanted& wanted);

// One thing that Windows starts because this hive says so; a service that is disabled is none.
struct Autostart {
  model::PersistenceKind kind = model::PersistenceKind::kWindowsRun;
  std::string name;   // of the service, of the value
  std::string entry;  // the key; of a value the key, two backslashes, and its name
  std::string command;
  std::string user;  // whom a service runs as; empty: not said
  bool operator==(const Autostart&) const = default;
};
struct Autostarts {
  std::vector<Autostart> entries;
  bool is_complete = true;
  std::string cut;  // the first whose command is longer than limits::kLineBytes; empty: none
  // The first key that is a link out of this hive where Windows looks for more; empty: none. One
  // that leads to another key of the hive was followed, but not among tasks.
  std::string link;
};
Autostarts autostarts_of(const Hive& hive, Role role);

// The number Windows gives itself: "10.0.19045", "6.1"; empty if the hive does not say.
std::string version_of(const Hive& software);

// Where the profiles of its users lie, as Windows writes it ("%SystemDrive%\Users\Ann"); at most
// limits::kWindowsProfiles; `complete` says no if there are more, or one that is no path.
std::vector<std::string> profiles_of(const Hive& software, bool& complete);

// What an action does to a hive, as the agent's journal keeps it.
struct Change {
  enum class Kind : std::uint8_t { kRemoveEntry, kDisableService, kRemoveValue, kRemoveTask };
  Kind kind = Kind::kRemoveEntry;
  std::string entry;     // Autostart::entry; of a value likewise; of a task its path below Tasks
  std::string expected;  // the command, or the data, that was found; of a task also nothing
};
// Looks first whether the entry still says what was found. kNotFound: it does not, or is gone;
// kConflict: without it nobody could log on, or see edited().
Result<Bytes> changed(BytesView before, Role role, const Change& change);
// What the change would take out or set, as a file of the registry editor; see export.h. kNotFound
// as above; reads a dirty hive too.
Result<Bytes> exported(BytesView before, Role role, const Change& change, std::size_t bytes_max);
// What the change took out of `before`, back in what its hive has become; see restore.h.
Result<Bytes> changed_back(BytesView before, Role role, const Change& change, BytesView current);

}  // namespace fleetsweep::hive
