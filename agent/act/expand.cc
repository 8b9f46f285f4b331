#include "agent/act/expand.h"

#include <algorithm>
#include <climits>
#include <map>
#include <set>

#include "agent/act/disable.h"
#include "agent/act/hive_editor.h"
#include "agent/act/lines.h"
#include "agent/act/metadata.h"
#include "agent/act/process.h"
#include "agent/act/reach.h"
#include "agent/act/start_links.h"
#include "agent/hive/text.h"
#include "agent/package_db/package_db.h"
#include "agent/plan/binding.h"
#include "agent/plan/guard.h"
#include "agent/plan/network.h"
#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"
#include "protocol/crypto/seal.h"

namespace fleetsweep::act {

namespace {

using model::ActionKind;
using model::Outcome;

std::uint64_t random_token() {
  std::array<std::uint8_t, 8> bytes{};
  crypto::random_bytes(bytes);
  std::uint64_t token = 0;
  for (const auto byte : bytes) token = token << 8 | byte;
  return token;
}

bool is_of_windows(const model::PersistenceIdentity& entry) {
  return name(entry.kind).starts_with("win_");
}

// Other files may name one that holds such entries, and who reads them fails where it is gone.
bool may_be_included(model::PersistenceKind kind) {
  using Kind = model::PersistenceKind;
  return kind == Kind::kSudoers || kind == Kind::kPamConfig || kind == Kind::kPackageManagerHook ||
         kind == Kind::kEnvironmentFile;
}

class Expansion {
 public:
  Expansion(const Tree& tree, const plan::Input& input, const Nonce& salt, Firewall& firewall,
            const std::string& state, const std::vector<std::string>& relays)
      : tree_(tree),
        input_(input),
        salt_(salt),
        firewall_(firewall),
        state_(state),
        relays_(relays) {}

  Checked<Begin> expand(const model::Plan& plan) {
    for (const auto& step : plan.steps) {
      if (!plan::is_whole_file(step) || step.skipped != Reason::kNone) continue;
      const auto& file = plan::file_of(step.identity);
      if (plan::takes_files(step.action.kind)) taken_.emplace(file.device, file.inode);
      gone_.insert(file.path);
      const auto& names = input_.facts[step.finding].names;
      gone_.insert(names.begin(), names.end());
    }
    for (const auto& step : plan.steps) {
      begin_.steps.push_back(shown(step));
      const auto first = begin_.ops.size();
      if (step.skipped == Reason::kNone) FS_CHECK(add(step));
      for (auto i = first; i < begin_.ops.size(); ++i)
        begin_.ops[i].clear_flags = !step.action.clear_flags.empty();
    }
    return std::move(begin_);
  }

 private:
  Step shown(const model::PlanStep& step) const {
    Step result;
    result.rule = step.rule;
    result.object = plan::object_digest(step.identity);
    result.path = plan::is_about_network(step.action.kind) ? plan::describe_network(step)
                                                           : plan::file_of(step.identity).path;
    auto& item = result.item;
    item.detection = step.detection;
    item.verdict = step.verdict;
    item.object = step.object;
    item.action = step.action.kind;
    item.reason = step.skipped;
    item.outcome = step.skipped == Reason::kNone ? Outcome::kFound : Outcome::kSkipped;
    item.path_hash = path_hash(salt_, result.path);
    if (!step.note.empty()) result.path += ": " + step.note;
    item.sha256 = plan::file_of(step.identity).sha256;
    item.size = plan::file_of(step.identity).size;
    if (const auto* entry = std::get_if<model::PersistenceIdentity>(&step.identity)) {
      item.sha256 = entry->entry_sha256;
      if (!entry->entry.empty()) item.size = entry->entry.size();
    }
    return result;
  }

  Op& push(OpKind kind, const model::FileIdentity& file) {
    Op op;
    op.kind = kind;
    op.step = static_cast<std::uint32_t>(begin_.steps.size() - 1);
    op.token = random_token();
    op.file = file;
    begin_.ops.push_back(std::move(op));
    return begin_.ops.back();
  }

  void not_done(Outcome outcome, Reason reason) {
    begin_.steps.back().item.outcome = outcome;
    begin_.steps.back().item.reason = reason;
  }

  Checked<void> add(const model::PlanStep& step) {
    switch (step.action.kind) {
      case ActionKind::kReport:
      case ActionKind::kRestoreFromPackage:  // proposed, never carried out
        return {};
      case ActionKind::kRestart:
        if (!step.action.allow.empty())
          push(OpKind::kRestart, plan::file_of(step.identity)).text = step.action.allow.front();
        return {};
      case ActionKind::kCollect:
        return collect(step);
      case ActionKind::kSuspend:
      case ActionKind::kKill:
        return on_process(step);
      case ActionKind::kQuarantine:
      case ActionKind::kPurge:
        return take(step, std::get<model::FileIdentity>(step.identity));
      case ActionKind::kBlock:
      case ActionKind::kIsolate:
        return on_network(step);
      case ActionKind::kRemove:
      case ActionKind::kDisable:
        if (const auto* value = std::get_if<model::RegistryIdentity>(&step.identity))
          return change_hive(value->hive, hive::Change::Kind::kRemoveValue,
                             value->key + "\\\\" + value->value_name, value->data);
        return on_entry(step, std::get<model::PersistenceIdentity>(step.identity));
      default:
        return refuse(Reason::kCapability, "this agent has no action '{}'", name(step.action.kind));
    }
  }

  Checked<void> collect(const model::PlanStep& step) {
    const auto& of = plan::file_of(step.identity);
    Op& op = push(OpKind::kCollect, of);
    op.what = step.action.what;
    op.bytes_max = step.action.bytes_max;
    if (const auto* process = std::get_if<model::ProcessIdentity>(&step.identity)) {
      op.pid = process->pid;
      op.start_ticks = process->start_ticks;
    } else if (std::holds_alternative<model::FileIdentity>(step.identity) &&
               plan::has_no_name(of)) {
      op.what = {"exe"};
      find_process(op);
    } else if (const auto* entry = std::get_if<model::PersistenceIdentity>(&step.identity)) {
      op.text = entry->entry;
      if (is_of_windows(*entry)) op.text += "\n" + entry->command;
    } else if (const auto* value = std::get_if<model::RegistryIdentity>(&step.identity)) {
      op.text = fmt::format("{}\\\\{}\n{}\n{}", value->key, value->value_name, value->data_type,
                            value->data);
    } else if (const auto* connection = std::get_if<model::ConnectionIdentity>(&step.identity)) {
      op.text = fmt::format("{}:{} -> {}:{} by process {}", connection->local_address,
                            connection->local_port, connection->remote_address,
                            connection->remote_port, connection->pid);
    }
    const auto& what = step.action.what;
    const bool exports = std::ranges::find(what, "reg_export") != what.end();
    return exports ? export_key(step) : Checked<void>();
  }

  // What a removal would take out of the registry; see export.h.
  Checked<void> export_key(const model::PlanStep& step) {
    using Kind = hive::Change::Kind;
    if (const auto* value = std::get_if<model::RegistryIdentity>(&step.identity)) {
      on_key(OpKind::kCollect, value->hive, Kind::kRemoveValue,
             value->key + "\\\\" + value->value_name, value->data);
    } else if (const auto* entry = std::get_if<model::PersistenceIdentity>(&step.identity)) {
      if (!is_of_windows(*entry)) return {};
      if (entry->kind == model::PersistenceKind::kWindowsTask) {
        FS_TRY(const model::FileIdentity hive, hive_of_task(*entry));
        on_key(OpKind::kCollect, hive, Kind::kRemoveTask, entry->name, expected_of_task(*entry));
      } else {
        on_key(OpKind::kCollect, entry->file, Kind::kRemoveEntry, entry->entry, entry->command);
      }
    } else {
      return {};
    }
    begin_.ops.back().bytes_max = step.action.bytes_max;
    return {};
  }

  Checked<void> on_process(const model::PlanStep& step) {
    const auto& process = std::get<model::ProcessIdentity>(step.identity);
    Op& op =
        push(step.action.kind == ActionKind::kKill ? OpKind::kKill : OpKind::kSuspend, process.exe);
    op.pid = process.pid;
    op.start_ticks = process.start_ticks;
    op.tree = step.action.tree;
    op.whole_program = taken_.contains({process.exe.device, process.exe.inode});
    for (const auto& one : input_.running)
      if (one.process.pid == op.pid && one.process.start_ticks == op.start_ticks)
        op.whole_program |= taken_.contains({one.layer_device, one.layer_inode});
    if (!op.tree && !op.whole_program) return {};
    if (op.tree) op.what = who_stays(op.pid);
    for (const auto* list : {&input_.policy.limits.protect, &input_.own, &input_.consent.denied})
      op.spared.insert(op.spared.end(), list->begin(), list->end());
    op.roots = input_.consent.roots;
    return {};
  }

  std::vector<std::string> who_stays(std::int32_t ancestor) const {
    std::vector<model::ProcessIdentity> left;
    plan::descendants(
        input_.running, ancestor,
        [this](const model::ProcessIdentity& process) {
          return static_cast<bool>(plan::check_process(input_, process, plan::Ending::kForGood));
        },
        &left);
    std::vector<std::string> named;
    for (const auto& process : left) named.push_back(name_of(process));
    return named;
  }

  Checked<void> on_network(const model::PlanStep& step) {
    const bool isolates = step.action.kind == ActionKind::kIsolate;
    if (input_.platform == model::Platform::kWindows)
      return refuse(Reason::kCapability, "a volume has no network: '{}' is for hosts that run",
                    name(step.action.kind));
    FS_CHECK(firewall_.check());
    FS_TRY(Reach reach, reach_of(tree_, state_ + "/../enrolment", isolates, relays_));
    Op& op = push(isolates ? OpKind::kIsolate : OpKind::kBlock, {});
    op.what = plan::blocked_by(step);
    op.rest = step.action.direction;
    op.seconds = static_cast<std::uint64_t>(step.action.ttl.count());
    op.spared = std::move(reach.endpoints);
    op.roots = std::move(reach.resolvers);
    op.uid = reach.uid;
    return {};
  }

  Op& on_key(OpKind kind, const model::FileIdentity& hive, hive::Change::Kind change,
             const std::string& entry, const std::string& expected) {
    Op& op = push(kind, hive);
    op.text = entry;
    op.rest = expected;
    op.what = {std::string(kChangeNames[static_cast<std::size_t>(change)])};
    return op;
  }

  // Found in the hive itself, and not in the XML of the task.
  static bool is_cached(const model::PersistenceIdentity& task) { return !task.entry.empty(); }
  // What is bound to its XML does not depend on what the hive says.
  static std::string expected_of_task(const model::PersistenceIdentity& task) {
    return is_cached(task) ? task.command : std::string();
  }

  // It holds the keys of tasks.
  Checked<model::FileIdentity> hive_of_task(const model::PersistenceIdentity& task) const {
    if (is_cached(task)) return task.file;
    FS_TRY(const std::string path, find_folded(tree_, "/Windows/System32/config/SOFTWARE"));
    if (const auto refusal = plan::check_path(input_, path))
      return refuse(refusal.reason, "{}", refusal.detail);
    FS_TRY(const Parent parent, tree_.parent(path));
    struct stat status {};
    if (::fstatat(parent.folder.get(), parent.leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return refuse_errno("stat", path, errno);
    model::FileIdentity software;
    software.path = path;
    software.size = static_cast<std::uint64_t>(status.st_size);
    return software;
  }

  // Store and edit: the original goes into the vault first.
  Checked<void> change_hive(const model::FileIdentity& file, hive::Change::Kind kind,
                            const std::string& entry, const std::string& expected) {
    const auto store = static_cast<std::uint32_t>(begin_.ops.size());
    Op& first = push(OpKind::kStore, file);
    first.any_content = true;
    first.what = {std::string(kChangeNames[static_cast<std::size_t>(kind)])};
    on_key(OpKind::kEdit, file, kind, entry, expected).store = store;
    return {};
  }

  Checked<void> on_windows(const model::PlanStep& step, const model::PersistenceIdentity& entry) {
    using Kind = hive::Change::Kind;
    const bool removes = step.action.kind == ActionKind::kRemove;
    if (entry.kind != model::PersistenceKind::kWindowsTask) {
      if (!removes && entry.kind != model::PersistenceKind::kWindowsService)
        return refuse(Reason::kCapability, "only services can be disabled, not {} {}",
                      name(entry.kind), escaped(entry.entry));
      return change_hive(entry.file, removes ? Kind::kRemoveEntry : Kind::kDisableService,
                         entry.entry, entry.command);
    }
    if (!removes)
      return refuse(Reason::kCapability, "a task can be removed, not disabled: {}",
                    escaped(entry.file.path));
    // Its keys first, once: without them nothing reads the file.
    const bool has_keys = tasks_.insert(hive::lower(entry.name)).second;
    if (has_keys) {
      FS_TRY(const model::FileIdentity software, hive_of_task(entry));
      FS_CHECK(change_hive(software, Kind::kRemoveTask, entry.name, expected_of_task(entry)));
    }
    if (!is_cached(entry)) return take(step, entry.file);
    if (!has_keys) not_done(Outcome::kSkipped, Reason::kGone);  // another action of it was found
    return {};
  }

  Checked<void> on_entry(const model::PlanStep& step, const model::PersistenceIdentity& entry) {
    if (is_of_windows(entry)) return on_windows(step, entry);
    const auto ops = begin_.ops.size();
    auto added =
        step.action.kind == ActionKind::kDisable ? disable(step, entry) : remove(step, entry);
    if (added || added.error().reason == Reason::kCapability) return added;
    // What became of its file since it was found is about this step alone.
    begin_.ops.resize(ops);
    const Reason reason = added.error().reason;
    not_done(reason == Reason::kGone ? Outcome::kSkipped : Outcome::kFailed, reason);
    return {};
  }

  Checked<void> remove(const model::PlanStep& step, const model::PersistenceIdentity& entry) {
    if (!entry.entry.empty()) return edit(step, entry);
    if (!plan::has_all_names(entry.file, input_.facts[step.finding])) {
      not_done(Outcome::kFailed, Reason::kHardLinks);
      return {};
    }
    FS_CHECK(unlink_all(step, entry));
    return take(step, entry.file);
  }

  Checked<std::vector<std::string>> links_of(const model::PlanStep& step,
                                             const model::PersistenceIdentity& entry) const {
    const std::string& path = entry.file.path;
    const bool disables = step.action.kind == ActionKind::kDisable;
    const bool has_links = plan::disabling_of(entry) == model::Disabling::kLinks;
    // One that starts where it lies may be led to as well.
    if (entry.kind == model::PersistenceKind::kInitScript && (has_links || !disables))
      return init_links(tree_, path);
    if (!has_links) return std::vector<std::string>();
    if (disables) return unit_links(tree_, path, LinksOf::kName);
    // What it only hid is enabled by the same name, and comes into force again.
    FS_TRY(const bool hides_another, has_namesake(tree_, path, gone_));
    return unit_links(tree_, path, hides_another ? LinksOf::kFile : LinksOf::kName);
  }

  Checked<void> check_link(const std::string& link) {
    if (const auto refusal = plan::check_link(input_, link))
      return refuse(refusal.reason, "{}", refusal.detail);
    if (!packages_) {
      auto opened = PackageDb::open(tree_.root());
      if (!opened) return refuse(Reason::kIo, "package database: {}", opened.error().message);
      packages_ = std::move(*opened);
    }
    if (packages_->owner(link))
      return refuse(Reason::kKnownGood, "{}: a link of a package", escaped(link));
    return {};
  }

  // One that may not go starts nothing without its unit, which is not turned off while it is there.
  Checked<void> unlink_all(const model::PlanStep& step, const model::PersistenceIdentity& entry) {
    FS_TRY(auto links, links_of(step, entry));
    for (auto link = links.begin(); link != links.end();) {
      const auto may_go = check_link(*link);
      link = may_go ? link + 1 : links.erase(link);
      if (may_go) continue;
      begin_.steps.back().path += ": not unlinked: " + may_go.error().detail;
      if (step.action.kind == ActionKind::kDisable) return may_go;
    }
    for (const auto& link : links) FS_CHECK(unlink(link));
    return {};
  }

  Checked<void> disable(const model::PlanStep& step, const model::PersistenceIdentity& entry) {
    const auto ops = begin_.ops.size();
    switch (plan::disabling_of(entry)) {
      case model::Disabling::kComment:
        return edit(step, entry);
      case model::Disabling::kLinks:
        FS_CHECK(unlink_all(step, entry));
        break;
      case model::Disabling::kSetting:
        FS_CHECK(turn_off(entry));
        break;
      case model::Disabling::kMode:
        FS_CHECK(take_rights(step, entry));
        break;
      default:
        return refuse_to_disable(entry);
    }
    // It was off.
    if (begin_.ops.size() == ops && begin_.steps.back().item.outcome == Outcome::kFound)
      not_done(Outcome::kSkipped, Reason::kGone);
    return {};
  }

  static tl::unexpected<Refusal> refuse_to_disable(const model::PersistenceIdentity& entry) {
    return refuse(Reason::kCapability,
                  "nothing turns {} {} off but removing it, which can be undone as well",
                  name(entry.kind), escaped(entry.file.path));
  }

  Checked<void> turn_off(const model::PersistenceIdentity& entry) {
    FS_TRY(const Parent parent, tree_.parent(entry.file.path));
    FS_TRY(const UniqueFd file, tree_.file(parent, entry.file.path));
    FS_TRY(const std::string text, read_text(file.get(), entry.file.path, limits::kEditBytes));
    if (crypto::sha256(as_bytes(text)) != entry.file.sha256)
      return refuse(Reason::kChanged, "{}: changed since it was found", escaped(entry.file.path));
    auto edits = turned_off(entry.file.path, text);
    if (!edits) return refuse_to_disable(entry);
    for (auto& [line, rest] : *edits) {
      FS_TRY(Op* const op, push_edit(entry.file));
      op->text = std::move(line);
      op->rest = std::move(rest);
    }
    return {};
  }

  Checked<void> take_rights(const model::PlanStep& step, const model::PersistenceIdentity& entry) {
    FS_TRY(const Parent parent, tree_.parent(entry.file.path));
    FS_TRY(const UniqueFd file, tree_.file(parent, entry.file.path));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return refuse_errno("stat", entry.file.path, errno);
    if (!plan::has_all_names(entry.file, input_.facts[step.finding])) {
      not_done(Outcome::kFailed, Reason::kHardLinks);
      return {};
    }
    if (entry.kind == model::PersistenceKind::kFileCapability) {
      FS_TRY(std::string capability, capability_of(file.get(), entry.file.path));
      if (!capability.empty()) push_mode(entry.file, status).text = std::move(capability);
      return {};
    }
    const std::uint32_t wrong =
        entry.kind == model::PersistenceKind::kSetuidProgram ? S_ISUID | S_ISGID : 0111;
    if ((status.st_mode & wrong) == 0) return {};
    auto& mode =
        modes_.try_emplace({status.st_dev, status.st_ino}, status.st_mode & 07777).first->second;
    Op& op = push_mode(entry.file, status);
    op.mode = mode;
    op.clears = wrong;
    mode &= ~wrong;
    return {};
  }

  Op& push_mode(const model::FileIdentity& file, const struct stat& status) {
    Op& op = push(OpKind::kMode, file);
    op.uid = status.st_uid;
    op.gid = status.st_gid;
    return op;
  }

  Checked<Op*> push_edit(const model::FileIdentity& file) {
    const auto store = static_cast<std::uint32_t>(begin_.ops.size());
    Op& first = push(OpKind::kStore, file);
    first.any_content = true;
    FS_TRY(const Owner owner, owner_at(tree_, file));
    first.uid = owner.uid;
    first.gid = owner.gid;
    first.mode = owner.readers;
    Op& op = push(OpKind::kEdit, file);
    op.store = store;
    return &op;
  }

  Checked<void> edit(const model::PlanStep& step, const model::PersistenceIdentity& entry) {
    FS_TRY(Op* const pushed, push_edit(entry.file));
    Op& op = *pushed;
    op.text = entry.entry;
    op.join = lines::join_of(entry);
    if (const std::string part = plan::part_of(entry); !part.empty()) {
      // An earlier operation may have taken another part out of the same line.
      auto& line =
          partial_lines_.try_emplace({entry.file.path, entry.entry}, entry.entry).first->second;
      op.text = line;
      op.rest = line = entry.kind == model::PersistenceKind::kLdSoPreload
                           ? without_library(line, part)
                           : lines::without_word(line, part);
    }
    if (step.action.kind == ActionKind::kDisable) {
      const std::string stays = std::exchange(op.rest, commented_out(op.text, op.join));
      if (!stays.empty()) op.rest += "\n" + stays;
    }
    op.may_empty = !step.package_owned && !plan::is_protected_file(entry.file.path, input_.sbin) &&
                   !may_be_included(entry.kind);
    return {};
  }

  Checked<void> unlink(const std::string& path) {
    FS_TRY(const Parent parent, tree_.parent(path));
    struct stat status {};
    char target[PATH_MAX];
    const auto size = ::readlinkat(parent.folder.get(), parent.leaf.c_str(), target, sizeof target);
    if (size < 0 && (errno == EINVAL || errno == ENOENT)) return {};  // it is not the unit's link
    if (size < 0 ||
        ::fstatat(parent.folder.get(), parent.leaf.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return refuse_errno("read", path, errno);
    if (!unlinked_.insert(path).second) return {};  // it leads to two entries
    model::FileIdentity link;
    link.path = path;
    link.device = status.st_dev;
    link.inode = status.st_ino;
    link.mtime_ns = nanoseconds(status.st_mtim);
    Op& op = push(OpKind::kUnlink, link);
    op.text.assign(target, static_cast<std::size_t>(size));
    op.uid = status.st_uid;
    op.gid = status.st_gid;
    return {};
  }

  // One that runs this file.
  void find_process(Op& op) {
    for (const auto& one : input_.running) {
      const auto& exe = one.process.exe;
      if (exe.device != op.file.device || exe.inode != op.file.inode) continue;
      op.pid = one.process.pid;
      op.start_ticks = one.process.start_ticks;
      return;
    }
    begin_.ops.pop_back();
    not_done(Outcome::kSkipped, Reason::kGone);
  }

  Checked<void> take(const model::PlanStep& step, model::FileIdentity file) {
    if (plan::has_no_name(file)) {
      find_process(push(OpKind::kStore, file));
      return {};
    }
    const std::vector<std::string> only = {file.path};
    const auto& names = file.links > 1 ? input_.facts[step.finding].names : only;
    if (!plan::has_all_names(file, input_.facts[step.finding])) {
      not_done(Outcome::kFailed, Reason::kHardLinks);
      return {};
    }
    const auto store = static_cast<std::uint32_t>(begin_.ops.size());
    push(OpKind::kStore, file);
    for (std::size_t i = 0; i < names.size(); ++i) {
      file.path = names[i];
      Op& op = push(OpKind::kTake, file);
      op.store = store;
      op.is_first_take = i == 0;
    }
    return {};
  }

  const Tree& tree_;
  const plan::Input& input_;
  const Nonce& salt_;
  Firewall& firewall_;
  const std::string& state_;
  const std::vector<std::string>& relays_;  // that the tenant signed
  std::map<std::pair<std::string, std::string>, std::string> partial_lines_;
  // By device and inode: files that go as a whole, and what operations so far leave of a mode.
  std::set<std::pair<std::uint64_t, std::uint64_t>> taken_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> modes_;
  std::set<std::string> gone_;  // files of the same steps, and of entries, under all their names
  std::set<std::string> unlinked_;
  std::optional<PackageDb> packages_;
  std::set<std::string> tasks_;  // of Windows, in lower case, whose keys go
  Begin begin_;
};

}  // namespace

Checked<Begin> expand(const Tree& tree, const plan::Input& input, const model::Plan& plan,
                      const Nonce& path_salt, Firewall& firewall, const std::string& state,
                      const std::vector<std::string>& relays) {
  return Expansion(tree, input, path_salt, firewall, state, relays).expand(plan);
}

Digest path_hash(const Nonce& salt, std::string_view path) {
  return crypto::sha256({salt.view(), as_bytes(path)});
}

}  // namespace fleetsweep::act
