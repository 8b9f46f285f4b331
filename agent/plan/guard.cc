#include "agent/plan/guard.h"

#include <algorithm>

#include "agent/hive/paths.h"
#include "agent/hive/text.h"
#include "agent/plan/binding.h"
#include "agent/plan/network.h"
#include "protocol/base/limits.h"

namespace fleetsweep::plan {

namespace {

using model::Reason;

bool names_a_hash(const model::Predicate& predicate) {
  return predicate.match == model::Match::kEquals &&
         (predicate.field == model::Field::kFileSha256 ||
          predicate.field == model::Field::kFileSha1 || predicate.field == model::Field::kFileMd5 ||
          predicate.field == model::Field::kProcessExeSha256);
}

// Every alternative needs the hash: one without it would count a name as a proof.
bool is_exact(const model::Detection& detection) {
  constexpr std::uint8_t kScoreMin = 90;
  if (detection.rule >= 0 && detection.score >= kScoreMin) return true;
  return !detection.any_of.empty() &&
         std::all_of(detection.any_of.begin(), detection.any_of.end(), [](const auto& selection) {
           return std::any_of(selection.begin(), selection.end(), names_a_hash);
         });
}

// 0 means "no word": then the other decides.
std::uint64_t stricter(std::uint64_t a, std::uint64_t b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

Refusal over(const char* what, std::uint64_t found, std::uint64_t limit) {
  return {Reason::kLimit, fmt::format("{} {} where at most {} may be touched", found, what, limit)};
}

bool disables_by(const model::PlanStep& step, model::Disabling by) {
  const auto* entry = std::get_if<model::PersistenceIdentity>(&step.identity);
  return step.action.kind == model::ActionKind::kDisable && entry && disabling_of(*entry) == by;
}

// Under each of its names.
bool changes_file(const model::PlanStep& step) {
  return is_whole_file(step) || disables_by(step, model::Disabling::kMode);
}

Refusal protect(std::string_view path, std::string_view why) {
  return {Reason::kProtected, fmt::format("{}: {}", escaped(path), why)};
}

// Names of Windows have no case.
bool is_windows_protected(const std::string& pattern, std::string_view path) {
  const std::string folded = hive::lower(path);
  const auto globs = hive::globs_of(pattern);
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    std::string wanted = hive::lower(glob);
    // The folders of users may lie elsewhere: then what looks like it is spared as well.
    constexpr std::string_view kUsers = "/users/*/";
    if (wanted.starts_with(kUsers) && !folded.starts_with("/windows/"))
      wanted.replace(0, kUsers.size(), "/**/");
    return covers_glob(wanted, folded);
  });
}

bool is_own(const Input& input, std::string_view path) {
  return std::any_of(input.own.begin(), input.own.end(),
                     [&](const std::string& folder) { return is_beneath(folder, path); });
}

// What the policy and the host's owner keep out of reach.
Refusal check_words(const Input& input, std::string_view path) {
  for (const auto& pattern : input.policy.limits.protect)
    if (hive::is_windows_path(pattern) ? is_windows_protected(pattern, path)
                                       : covers_glob(pattern, path))
      return protect(path, "protected by the policy");
  if (!trust::allows_path(input.consent, path))
    return {Reason::kConsent, fmt::format("{}: the host's owner does not allow it", escaped(path))};
  return {};
}

}  // namespace

Refusal check_path(const Input& input, std::string_view path) {
  if (is_own(input, path)) return protect(path, "belongs to this agent");
  return check_words(input, path);
}

namespace {

bool is_never_touched(const Input& input, const model::PlanStep& step, std::string_view path) {
  const ObjectFacts& facts = input.facts[step.finding];
  if (changes_file(step))
    return is_protected_file(path, input.sbin) &&
           !(facts.is_stray_module && !module_folder(path).empty());
  const auto* entry = std::get_if<model::PersistenceIdentity>(&step.identity);
  return entry && entry->kind == model::PersistenceKind::kAuthorizedKey
             ? is_protected_key_file(path)
             : is_protected_text(path);
}

Refusal check_name(const Input& input, const model::PlanStep& step, std::string_view path) {
  if (is_never_touched(input, step, path))
    return protect(path, "on the list of what is never touched");
  return check_path(input, path);
}

Refusal check_file(const Input& input, const model::PlanStep& step) {
  const model::FileIdentity& file = file_of(step.identity);
  // Nothing on the disk is touched, whatever has its old name by now.
  if (has_no_name(file)) return check_path(input, file.path);
  const ObjectFacts& facts = input.facts[step.finding];
  const bool whole = changes_file(step);
  // Of a file with several names: which of them forbids it.
  const auto about = [&](const std::string& name, Refusal refusal) {
    if (refusal && name != file.path)
      refusal.detail = fmt::format("{} is also {}", escaped(file.path), refusal.detail);
    return refusal;
  };
  if (auto refusal = check_name(input, step, file.path)) return refusal;
  if (whole)  // all its names are taken
    for (const auto& name : facts.names)
      if (auto refusal = about(name, check_name(input, step, name))) return refusal;
  // Its owner's consent is about the path that was found; what is never touched is an object.
  for (const auto& name : facts.shown_at)
    if (is_never_touched(input, step, name))
      return about(name, protect(name, "on the list of what is never touched"));

  if (facts.refuse != Reason::kNone)
    return {facts.refuse, fmt::format("{}: {}", escaped(file.path), facts.why)};
  if (facts.package == Package::kIntact)
    return about(facts.owned,
                 {Reason::kKnownGood,
                  fmt::format("{}: exactly what its package installed", escaped(facts.owned))});
  if (whole && facts.package == Package::kTampered &&
      input.policy.limits.package_owned == model::PackageOwned::kNever)
    return about(facts.owned, protect(facts.owned,
                                      "a package owns it, and the policy never touches "
                                      "such files"));
  return {};
}

bool takes(model::ActionKind action, model::Selector::Kind selector) {
  if (selector == model::Selector::Kind::kList) return action == model::ActionKind::kBlock;
  return (selector == model::Selector::Kind::kServicesMapping) ==
         (action == model::ActionKind::kRestart);
}

// Nothing of the host's files and processes is touched, but it may be cut off.
Refusal check_network(const model::PlanStep& step) {
  const Seconds ttl = step.action.ttl;
  if (ttl <= Seconds{0} || ttl > kNetworkTtlMax)
    return {Reason::kLimit,
            fmt::format("'{}' for {} s, where it is 1 to {}", name(step.action.kind), ttl.count(),
                        kNetworkTtlMax.count())};
  for (const auto& one : blocked_by(step))
    if (const std::string why = why_not_blocked(one); !why.empty())
      return {Reason::kProtected, fmt::format("'{}' is not blocked: {}", escaped(one), why)};
  return {};
}

bool is_misnamed(const Input& input, const model::ProcessIdentity& process) {
  return std::any_of(input.running.begin(), input.running.end(), [&](const Running& running) {
    return running.is_misnamed && running.process.pid == process.pid &&
           running.process.start_ticks == process.start_ticks;
  });
}

}  // namespace

bool takes_files(model::ActionKind kind) {
  return kind == model::ActionKind::kQuarantine || kind == model::ActionKind::kPurge;
}

bool is_whole_file(const model::PlanStep& step) {
  if (takes_files(step.action.kind)) return true;
  const auto* entry = std::get_if<model::PersistenceIdentity>(&step.identity);
  return step.action.kind == model::ActionKind::kRemove && entry && entry->entry.empty();
}

bool has_all_names(const model::FileIdentity& file, const ObjectFacts& facts) {
  return file.links < 2 || facts.names.size() == file.links;
}

model::Disabling disabling_of(const model::PersistenceIdentity& entry) {
  const model::Disabling by = model::disabling_of(entry.kind, !entry.entry.empty());
  const std::string& path = entry.file.path;
  const bool is_drop_in = by == model::Disabling::kLinks && path.ends_with(".conf");
  // Sourced by dhclient-script, whatever their mode.
  const bool is_sourced = by == model::Disabling::kMode && is_beneath("/etc/dhcp", path);
  // A start link that is none: nothing leads to it.
  const std::string folder = path.substr(0, path.rfind('/'));
  const bool is_of_run_level = by == model::Disabling::kLinks && folder.ends_with(".d") &&
                               folder.size() > 5 &&
                               folder.compare(folder.size() - 6, 3, "/rc") == 0;
  return is_drop_in || is_sourced || is_of_run_level ? model::Disabling::kNone : by;
}

bool is_intrusive(model::ActionKind kind) {
  return kind != model::ActionKind::kReport && kind != model::ActionKind::kCollect &&
         kind != model::ActionKind::kRestoreFromPackage;
}

Refusal check_capability(const model::Policy& policy, model::Platform here) {
  if (policy.platform != model::Platform::kAny && policy.platform != here)
    return {Reason::kPlatform, fmt::format("the policy is for {}, this host runs {}",
                                           name(policy.platform), name(here))};
  for (const auto& response : policy.responses)
    for (const auto& action : response.actions)
      for (const auto& selector : action.select)
        if (!takes(action.kind, selector.kind))
          return {Reason::kCapability,
                  fmt::format("'{}' of this agent does not take what the policy has it select",
                              name(action.kind))};
  return {};
}

namespace {

// What the registry says of an entry is that entry: its value, or of a service all below its key.
bool is_said_of(const model::RegistryIdentity& value, const model::PersistenceIdentity& entry) {
  if (entry.file.path != value.hive.path || entry.entry.empty()) return false;
  return hive::is_equal(entry.entry, value.key) ||
         hive::is_equal(entry.entry, value.key + "\\\\" + value.value_name) ||
         (entry.kind == model::PersistenceKind::kWindowsService &&
          hive::begins(value.key, entry.entry + "\\"));
}

}  // namespace

unsigned independent(const model::Policy& policy,
                     const std::vector<const model::Finding*>& evidence) {
  std::set<std::string_view> files;
  for (const model::Finding* finding : evidence)
    if (const auto* file = std::get_if<model::FileIdentity>(&finding->identity))
      files.insert(file->path);
  const auto is_an_entry = [&](const model::RegistryIdentity& value) {
    return std::any_of(evidence.begin(), evidence.end(), [&](const model::Finding* finding) {
      const auto* entry = std::get_if<model::PersistenceIdentity>(&finding->identity);
      return entry != nullptr && is_said_of(value, *entry);
    });
  };
  std::set<model::ObjectKind> kinds;
  bool exact = false;
  for (const model::Finding* finding : evidence) {
    const model::Detection& detection = policy.detections[finding->detection];
    const auto* entry = std::get_if<model::PersistenceIdentity>(&finding->identity);
    const auto* value = std::get_if<model::RegistryIdentity>(&finding->identity);
    const bool is_counted = (entry != nullptr && files.contains(entry->file.path)) ||
                            (value != nullptr && is_an_entry(*value));
    if (!is_counted) kinds.insert(detection.object);
    exact = exact || is_exact(detection);
  }
  return static_cast<unsigned>(kinds.size()) + (exact ? 1 : 0);
}

Refusal check_link(const Input& input, std::string_view path) {
  if (is_protected_file(path, input.sbin))
    return protect(path, "on the list of what is never touched");
  return check_path(input, path);
}

Refusal check_process(const Input& input, const model::ProcessIdentity& process, Ending ending) {
  const auto& own = input.own_pids;
  if (process.pid <= 1 || std::find(own.begin(), own.end(), process.pid) != own.end())
    return {Reason::kProtected, fmt::format("process {} is init or our own", process.pid)};
  if (process.exe.path.empty())
    return {Reason::kProtected, fmt::format("process {} is a kernel thread", process.pid)};
  const std::string& path = process.exe.path;
  const bool is_spared = ending == Ending::kForRestart && is_sshd(path, input.sbin);
  if (is_misnamed(input, process)) return check_words(input, path);
  if (is_protected_program(path, input.sbin) && !is_spared)
    return protect(path, "a program that is never stopped");
  return check_path(input, path);
}

Refusal check_limits(const Input& input, const std::vector<const model::PlanStep*>& objects) {
  const model::PolicyLimits& policy = input.policy.limits;
  const std::uint64_t items = std::min<std::uint64_t>(
      limits::kItemsMax, stricter(stricter(policy.items == 0 ? limits::kItemsDefault : policy.items,
                                           input.limits.items),
                                  input.items_max));
  const std::uint64_t bytes_max =
      std::min(limits::kItemBytesMax,
               stricter(stricter(policy.bytes, input.limits.bytes), limits::kItemBytesMax));

  std::uint64_t bytes = 0, files = 0, processes = 0, entries = 0;
  for (const auto* step : objects) {
    files += std::holds_alternative<model::FileIdentity>(step->identity);
    processes += std::holds_alternative<model::ProcessIdentity>(step->identity);
    entries += std::holds_alternative<model::PersistenceIdentity>(step->identity) ||
               std::holds_alternative<model::RegistryIdentity>(step->identity);
    if (is_whole_file(*step)) bytes += file_of(step->identity).size;
  }
  if (objects.size() > items) return over("objects", objects.size(), items);
  if (policy.files != 0 && files > policy.files) return over("files", files, policy.files);
  if (policy.processes != 0 && processes > policy.processes)
    return over("processes", processes, policy.processes);
  if (policy.persistence != 0 && entries > policy.persistence)
    return over("persistence entries", entries, policy.persistence);
  if (bytes > bytes_max) return over("bytes", bytes, bytes_max);

  const std::uint64_t permille = input.limits.permille_of_scanned == 0
                                     ? limits::kRatioPermille
                                     : input.limits.permille_of_scanned;
  if (input.scanned > limits::kRatioFilesMin && objects.size() * 1000 > permille * input.scanned)
    return {Reason::kLimit, fmt::format("{} objects are more than {} permille of {} scanned files",
                                        objects.size(), permille, input.scanned)};
  return {};
}

Refusal check_names(const Input& input, const std::vector<model::PlanStep>& steps) {
  std::set<std::string> removed;  // or a comment
  for (const auto& step : steps)
    if (step.skipped == Reason::kNone && (step.action.kind == model::ActionKind::kRemove ||
                                          disables_by(step, model::Disabling::kComment)))
      removed.insert(object_key(step.identity));
  for (const auto& step : steps) {
    if (step.skipped != Reason::kNone || !is_whole_file(step)) continue;
    for (const auto& key : input.facts[step.finding].named_by)
      if (!removed.contains(key))
        return protect(file_of(step.identity).path,
                       "a PAM configuration still names this module, and without it nobody may be "
                       "able to log in: remove or disable those lines in the same order");
  }
  return {};
}

Refusal check_object(const Input& input, const model::PlanStep& step) {
  if (is_about_network(step.action.kind)) return check_network(step);
  if (const auto* process = std::get_if<model::ProcessIdentity>(&step.identity))
    return check_process(input, *process, Ending::kForGood);
  return check_file(input, step);
}

}  // namespace fleetsweep::plan
