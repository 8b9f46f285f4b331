#include "agent/act/actions/freeze.h"

#include <signal.h>

#include <algorithm>

#include "agent/act/faults.h"
#include "protocol/base/limits.h"

namespace fleetsweep::act {

namespace {

constexpr int kStopSeconds = 5;
constexpr int kExitSeconds = 10;
// Each has cost ten seconds, in which he runs.
constexpr std::size_t kUnfrozenMax = 2;

bool is_same(const Frozen& frozen, const ProcessKey& process) {
  return frozen.pid == process.pid && frozen.start_ticks == process.start_ticks;
}

const Frozen* record_of(const std::vector<Frozen>& list, const ProcessKey& process) {
  const auto at = std::find_if(list.begin(), list.end(),
                               [&](const Frozen& frozen) { return is_same(frozen, process); });
  return at == list.end() ? nullptr : &*at;
}

const Frozen* record_in_transaction(const Context& context, const ProcessKey& process) {
  for (const auto& op : context.state().ops)
    if (const Frozen* frozen = record_of(op.frozen, process)) return frozen;
  return nullptr;
}

// Where a process goes that was born in the hold: to where the first one came from.
std::string any_origin(const Context& context) {
  for (const auto& op : context.state().ops)
    for (const auto& frozen : op.frozen)
      if (!frozen.group.empty()) return frozen.group;
  return "";
}

Checked<void> note(Context& context, std::uint32_t index, Frozen frozen) {
  const auto& known = context.op_state(index).frozen;
  if (std::find(known.begin(), known.end(), frozen) != known.end()) return {};
  if (const auto written =
          context.ledger.write(context.transaction, FrozenOne{index, std::move(frozen)});
      !written)
    return refuse_error(written.error());
  return {};
}

class Freezing {
 public:
  Freezing(Context& context, std::uint32_t index)
      : context_(context), index_(index), hold_(hold_of(context)), holds_(hold_.make()) {}

  // Whether it was not stopped before.
  Checked<bool> stop(const ProcessKey& process, const model::FileIdentity& exe) {
    const auto pidfd = open_process(process, exe);
    if (!pidfd) return fail(pidfd.error());
    const auto group = holds_ ? hold_.group_of(process.pid) : std::nullopt;
    if (group && hold_.has(process.pid)) {
      if (record_in_transaction(context_, process) != nullptr) return false;
      FS_CHECK(note(context_, index_, {process.pid, process.start_ticks, any_origin(context_)}));
      return true;  // born there
    }
    if (group) {
      FS_CHECK(note(context_, index_, {process.pid, process.start_ticks, *group}));
      const auto taken = hold_.take(process.pid);
      if (taken) fault_point("frozen");
      if (taken) return true;
      if (taken.error().reason == Reason::kGone) return fail(taken.error());
      FS_CHECK(hold_.give_back(process.pid, *group));
    }
    return stop_by_signal(process, pidfd->get());
  }

 private:
  // One that somebody else had stopped before stays out of the record: undo must not continue it.
  Checked<bool> stop_by_signal(const ProcessKey& process, int pidfd) {
    FS_TRY(const ProcessStat stat, process_stat(process.pid));
    if (stat.state == 'T') return false;
    FS_CHECK(note(context_, index_, {process.pid, process.start_ticks, ""}));
    FS_CHECK(send_signal(pidfd, SIGSTOP));
    FS_CHECK(wait_stopped(process.pid, kStopSeconds));
    fault_point("frozen");
    return true;
  }

  Context& context_;
  std::uint32_t index_;
  Hold hold_;
  bool holds_;
};

bool is_gone(const Refusal& refusal) {
  return refusal.reason == Reason::kGone;
}

// It waits for something that does not come (a disk, who shares its memory), or may not be stopped;
// not: it is another one, or cannot be written down.
bool resists(const Refusal& refusal) {
  return refusal.reason == Reason::kTimeout || refusal.reason == Reason::kPermission;
}

}  // namespace

Hold hold_of(const Context& context) {
  return Hold(context.vault.name_of(context.transaction));
}

Checked<Intent> prepare_process(Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  const auto pidfd = open_process({op.pid, op.start_ticks}, op.file);
  if (!pidfd && is_gone(pidfd.error()) && !frozen_family(context, index).reached.empty())
    return Intent{};  // restarted by another of its kind, or its descendants are still held
  if (!pidfd) return fail(pidfd.error());
  return Intent{};
}

Checked<Family> freeze(Context& context, std::uint32_t index, std::set<std::int32_t>* unfrozen) {
  const Op& op = context.op(index);
  Freezing freezing(context, index);
  Family family;
  // Who was started before its parent or its twin stopped appears only in the next pass.
  for (unsigned quiet = 0, pass = 0; quiet < 2 && pass < limits::kFreezePasses; ++pass) {
    bool grew = false;
    const auto stop = [&](const ProcessKey& process,
                          const model::FileIdentity& exe) -> Checked<void> {
      if (unfrozen != nullptr &&
          (unfrozen->contains(process.pid) || unfrozen->size() == kUnfrozenMax))
        return {};
      const auto stopped = freezing.stop(process, exe);
      if (!stopped && unfrozen != nullptr && resists(stopped.error()))
        unfrozen->insert(process.pid);
      else if (!stopped && !is_gone(stopped.error()))
        return fail(stopped.error());
      grew = grew || (stopped && *stopped);
      return {};
    };
    FS_CHECK(stop({op.pid, op.start_ticks}, op.file));
    if (!op.tree && !op.whole_program) break;
    family = frozen_family(context, index);
    for (const auto& member : family.reached) FS_CHECK(stop(member, {}));
    quiet = grew ? 0 : quiet + 1;
  }
  return family;
}

Family frozen_family(const Context& context, std::uint32_t index) {
  const Op& op = context.op(index);
  std::vector<ProcessKey> stopped;
  for (std::uint32_t i = 0; i < context.state().ops.size(); ++i) {
    const Op& other = context.op(i);
    const OpState& state = context.op_state(i);
    if (other.pid != op.pid || other.start_ticks != op.start_ticks ||
        state.stage == OpStage::kFailed)
      continue;
    // One without its tree has stopped nobody but those of the same program.
    if (!op.tree && (!op.whole_program || other.tree)) continue;
    for (const auto& process : state.frozen) stopped.push_back({process.pid, process.start_ticks});
  }
  return family_of(context.tree, op, stopped);
}

std::set<std::int32_t> held(const Context& context) {
  const Hold hold = hold_of(context);
  // Those on record are looked at one by one.
  const auto inside = hold.pids().value_or(std::vector<std::int32_t>());
  std::set<std::int32_t> pids(inside.begin(), inside.end());
  for (const auto& op : context.state().ops)
    for (const auto& process : op.frozen) {
      const auto stat = process_stat(process.pid);
      if (!stat || stat->start_ticks != process.start_ticks) continue;
      // The kernel does not list a process in a group whose first thread ended elsewhere.
      if (process.group.empty() ? stat->state == 'T' : hold.has(process.pid))
        pids.insert(process.pid);
    }
  return pids;
}

Checked<void> thaw(Context& context, std::uint32_t index) {
  const Hold hold = hold_of(context);
  for (const auto& process : context.op_state(index).frozen) {
    const auto pidfd = open_process({process.pid, process.start_ticks}, {});
    if (!pidfd && is_gone(pidfd.error())) continue;  // killed by this transaction, or by itself
    if (!pidfd) return fail(pidfd.error());
    if (!process.group.empty()) {
      FS_TRY(const std::string instead, hold.give_back(process.pid, process.group));
      if (!instead.empty())
        context.notes.push_back(
            fmt::format("process {} runs on in the cgroup {}, for the one it was in is gone with "
                        "its limits: {}",
                        process.pid, escaped(instead), escaped(process.group)));
      continue;
    }
    if (const auto sent = send_signal(pidfd->get(), SIGCONT);
        !sent && sent.error().reason != Reason::kGone)
      return sent;
  }
  // The rest was born there, unless another operation of the transaction still holds it.
  const auto& ops = context.state().ops;
  const bool is_used = std::any_of(ops.begin(), ops.end(), [&](const OpState& op) {
    return std::any_of(op.frozen.begin(), op.frozen.end(), [&](const Frozen& frozen) {
      return !frozen.group.empty() && hold.has(frozen.pid);
    });
  });
  if (is_used) return {};
  return hold.empty(any_origin(context));
}

Checked<void> end(Context& context, const ProcessKey& process) {
  FS_TRY(const UniqueFd pidfd, open_process(process, {}));
  FS_CHECK(send_signal(pidfd.get(), SIGKILL));
  // A v1 freezer keeps even this signal waiting.
  const Hold hold = hold_of(context);
  const Frozen* frozen = record_in_transaction(context, process);
  const bool is_held = frozen != nullptr ? !frozen->group.empty() : hold.has(process.pid);
  Checked<std::string> thawed;
  for (int attempt = 0; is_held && attempt < 2; ++attempt)
    if (thawed =
            hold.give_back(process.pid, frozen != nullptr ? frozen->group : any_origin(context));
        thawed)
      break;
  // In v2 it dies in the hold as well.
  const auto exited = wait_exit(pidfd.get(), kExitSeconds);
  if (!exited && !thawed) return fail(thawed.error());
  return exited;
}

}  // namespace fleetsweep::act
