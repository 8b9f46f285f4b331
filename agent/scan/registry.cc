#include "agent/scan/registry.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "agent/hive/paths.h"
#include "agent/hive/text.h"
#include "agent/hive/volume.h"
#include "agent/scan/windows.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::scan {
namespace {

constexpr const char* kMachineHives[] = {"/Windows/System32/config/SYSTEM",
                                         "/Windows/System32/config/SOFTWARE",
                                         "/Windows/System32/config/DEFAULT"};
constexpr const char* kProfiles[] = {"/Users/*", "/Documents and Settings/*",
                                     "/Windows/ServiceProfiles/*"};
// Below a profile. Where there is an NTUSER.MAN, Windows takes it instead of NTUSER.DAT.
constexpr std::string_view kProfileHives[] = {"/NTUSER.DAT", "/NTUSER.MAN",
                                              "/AppData/Local/Microsoft/Windows/UsrClass.dat"};
// As deep as Windows itself nests them.
constexpr int kTaskDepth = 8;

// Whose a hive is: the folder of the profile.
std::string profile_of(std::string_view path) {
  for (const std::string_view hive : kProfileHives)
    if (path.size() > hive.size() && hive::is_equal(path.substr(path.size() - hive.size()), hive)) {
      path.remove_suffix(hive.size());
      break;
    }
  return std::string(path.substr(path.rfind('/') + 1));
}

// By a glob of kProfiles, and of the variables that stand for every profile.
bool is_found_anyway(std::string_view profile) {
  const std::string_view folder = profile.substr(0, profile.rfind('/'));
  return hive::is_equal(folder, "/Users") || hive::is_equal(folder, "/Documents and Settings");
}

bool is_of_user(hive::Role role) {
  return role == hive::Role::kUser || role == hive::Role::kUserClasses;
}

constexpr std::string_view kTasks = "/windows/system32/tasks/";

}  // namespace

void Registry::look_for_hibernation() {
  for (const std::string& path : resolve(root_, "/hiberfil.sys", unreadable_)) {
    const UniqueFd file = root_.open_file(path);
    std::array<std::uint8_t, hive::kHibernationMarkBytes> mark{};
    if (!file || ::pread(file.get(), mark.data(), mark.size(), 0) < 0)
      unscannable_(path, unopened(errno));
    else if (hive::is_hibernated(mark))
      unscannable_(path, fmt::format("the newest part of the registry lies in here, for {}",
                                     hive::kHibernated));
  }
}

void Registry::submit(const Submit& submit) {
  look_for_hibernation();
  for (const char* glob : kMachineHives) {
    const hive::Role role = hive::role_of(glob);
    // Windows does not start without these.
    const bool is_needed = role == hive::Role::kSystem || role == hive::Role::kSoftware;
    if (!open_hives(glob, submit) && is_needed) unscannable_(glob, "there is no such hive");
  }
  const auto open_profiles = [&](const std::string& glob) {
    for (const std::string_view hive : kProfileHives) open_hives(glob + std::string(hive), submit);
  };
  for (const char* glob : kProfiles) open_profiles(glob);
  for (const std::string& profile : profiles_) open_profiles(profile);  // SOFTWARE has told
  std::string glob = "/Windows/System32/Tasks";
  for (int depth = 0; depth < kTaskDepth; ++depth) {
    glob += "/*";
    for (const std::string& path : resolve(root_, glob, unreadable_))
      open(path, hive::Role::kNone, HiveJob::Kind::kTask, submit);
  }
}

bool Registry::open_hives(const std::string& glob, const Submit& submit) {
  const auto found = resolve(root_, glob, unreadable_);
  for (const std::string& path : found) {
    if (!opened_.insert(path).second) continue;
    open(path, hive::role_of(path), HiveJob::Kind::kHive, submit);
    for (const std::string& log : resolve(root_, path + ".LOG?", unreadable_))
      open(log, hive::role_of(path), HiveJob::Kind::kLog, submit);
  }
  return !found.empty();
}

void Registry::take_profile(const std::string& software, const std::string& profile) {
  const auto folders = hive::globs_of(profile);
  if (folders.empty() || profile.find_first_of("*?") != std::string::npos)
    return unscannable_(software,
                        fmt::format("the profile {} lies on another volume", escaped(profile)));
  for (const std::string& folder : folders)
    if (!is_found_anyway(folder)) profiles_.push_back(folder);
}

void Registry::open(const std::string& path, hive::Role role, HiveJob::Kind kind,
                    const Submit& submit) {
  UniqueFd file = root_.open_file(path);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) {
    if (errno == ELOOP)
      unscannable_(path, "a symlink: not followed");
    else if (errno != ENOENT)
      unscannable_(path, unopened(errno));
    return;
  }
  // A folder of tasks is listed with them, and of two logs one is often empty.
  if (!S_ISREG(status.st_mode)) {
    if (kind != HiveJob::Kind::kTask) unscannable_(path, "no regular file");
    return;
  }
  if (status.st_size == 0) {
    if (kind == HiveJob::Kind::kHive) unscannable_(path, "empty: it holds no registry");
    return;
  }
  if (kind == HiveJob::Kind::kTask &&
      static_cast<std::uint64_t>(status.st_size) > limits::kPersistenceBytes)
    return unscannable_(path, fmt::format("larger than {} bytes for a file of this kind",
                                          limits::kPersistenceBytes));
  Job job;
  job.facts.identity = identity_of(path, status);
  job.hive = {kind, role};
  submit(std::move(job), std::move(file));
}

bool Registry::on_answer(const Job& job, const Answer& answer) {
  const std::string& path = job.facts.identity.path;
  if (job.hive.kind == HiveJob::Kind::kNone) return false;
  if (job.hive.kind == HiveJob::Kind::kLog) {
    if (is_unread(answer)) unscannable_(path, answer.detail);
    if (answer.hive.sequence != 0) {
      // A log may spell its hive in another case.
      std::uint32_t& last =
          logged_[hive::lower(path.substr(0, path.size() - std::strlen(".LOG1")))];
      last = std::max(last, answer.hive.sequence);
    }
    return true;
  }
  if (is_unread(answer)) {
    unscannable_(path, answer.detail);
    return true;
  }
  if (!answer.detail.empty()) unscannable_(path, answer.detail);
  if (!answer.hive.is_dirty) sequences_[hive::lower(path)] = {path, answer.hive.sequence};
  const auto sha256 = Digest::parse_hex(answer.sha256);
  take(job, answer.hive, sha256 ? *sha256 : Digest{});
  return true;
}

void Registry::take(const Job& job, const HiveAnswer& answer, const Digest& sha256) {
  const std::string& path = job.facts.identity.path;
  const std::string owner = is_of_user(job.hive.role) ? profile_of(path) : std::string();
  if (job.hive.role == hive::Role::kSoftware) {
    version_ = answer.version;
    for (const std::string& profile : answer.profiles) take_profile(path, profile);
  }
  for (const hive::Autostart& start : answer.starts) {
    model::PersistenceIdentity identity;
    identity.kind = start.kind;
    identity.file = job.facts.identity;
    identity.file.sha256 = sha256;
    identity.name = start.name;
    if (job.hive.kind == HiveJob::Kind::kTask) {
      std::string below = path.substr(kTasks.size());
      std::replace(below.begin(), below.end(), '/', '\\');
      identity.name = std::move(below);
    }
    identity.entry = start.entry;
    identity.command = start.command;
    identity.user = start.user.empty() ? owner : start.user;
    // A hive changes with every start of Windows; what counts is that this entry says the same.
    identity.entry_sha256 =
        start.entry.empty()
            ? sha256
            : crypto::sha256(as_bytes(start.entry + "\n" + start.command + "\n" + start.user));
    entries_.emplace_back(PersistenceFacts{std::move(identity)});
  }
  for (const hive::RegistryValue& value : answer.values) {
    model::RegistryIdentity identity;
    identity.hive = job.facts.identity;
    identity.hive.sha256 = sha256;
    identity.key = value.key;
    identity.value_name = value.name;
    identity.data_type = value.type;
    identity.data = value.data;
    values_.emplace_back(RegistryFacts{std::move(identity), hive::spellings(value.key)});
  }
}

// What the registry and the XML of a task say alike is one entry: that of the XML.
void Registry::drop_cached_twins() {
  const auto key_of = [](const model::PersistenceIdentity& task) {
    return std::pair(hive::lower(task.name), hive::lower(task.command));
  };
  std::set<std::pair<std::string, std::string>> of_xml;
  const auto task_in = [](const Object& object) {
    const auto& identity = std::get<PersistenceFacts>(object).identity;
    return identity.kind == model::PersistenceKind::kWindowsTask ? &identity : nullptr;
  };
  for (const Object& object : entries_)
    if (const auto* task = task_in(object); task != nullptr && task->entry.empty()) {
      of_xml.insert(key_of(*task));
      // Where the registry does not say what it does.
      of_xml.emplace(hive::lower(task->name), "");
    }
  std::erase_if(entries_, [&](const Object& object) {
    const auto* task = task_in(object);
    return task != nullptr && !task->entry.empty() && of_xml.contains(key_of(*task));
  });
}

void Registry::finish() {
  drop_cached_twins();
  for (const auto& [path, last] : logged_) {
    const auto hive = sequences_.find(path);
    if (hive != sequences_.end() && last > hive->second.second)
      unscannable_(hive->second.first, "read as it stands: its log holds newer changes");
  }
}

}  // namespace fleetsweep::scan
