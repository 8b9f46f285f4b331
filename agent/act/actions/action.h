#pragma once

// One row for each kind of operation. All functions look at one operation of one transaction.
//
//   prepare  looks, changes nothing: may it be done, and what will it be (durable before perform)
//   perform  the side effect
//   recover  after a crash between Intent and Done: cleans up; `done` or do it again
//   plan_undo, undo  the same for taking it back; undo may run again after a crash

#include "agent/act/files.h"
#include "agent/act/firewall.h"
#include "agent/act/hive_editor.h"
#include "agent/act/ledger.h"
#include "agent/act/provenance.h"
#include "agent/act/service_manager.h"
#include "agent/act/vault.h"

namespace fleetsweep::act {

struct Context {
  const Tree& tree;
  Vault& vault;
  Ledger& ledger;
  Provenance& provenance;
  Nonce transaction;
  HiveEditor* hives;  // only of a volume of Windows
  Firewall& firewall;
  ServiceManager* services;  // nullptr: none here
  // For the receipt: what was done, and not as it should be.
  std::vector<std::string>& notes;
  BootId boot;  // of this run

  const Transaction& state() const { return *ledger.find(transaction); }
  const Op& op(std::uint32_t index) const { return state().begin.ops[index]; }
  const OpState& op_state(std::uint32_t index) const { return state().ops[index]; }
  // kMayDiffer: the host was started again since the transaction began.
  Device device() const;
};

struct Recovery {
  bool done = false;
  Post post;
};

struct Action {
  Checked<Intent> (*prepare)(Context&, std::uint32_t op);
  Checked<Post> (*perform)(Context&, std::uint32_t op);
  Checked<Recovery> (*recover)(Context&, std::uint32_t op);
  Checked<UndoIntent> (*plan_undo)(Context&, std::uint32_t op);
  Checked<void> (*undo)(Context&, std::uint32_t op);
};
const Action& action_of(OpKind kind);

// Shared by actions that change a folder.
Intent intent_in(const Parent& parent);
Post post_in(const Parent& parent);
// Only if nobody changed the folder since: then its time is put back too.
bool may_restore_time(const OpState& op, const Parent& parent);
Checked<void> restore_time(const OpState& op, const Parent& parent);
// After a crash: the folder of before, or, while the host has not started again, one that is gone.
// A file system that is not mounted yet has not lost what lies in it.
Checked<Parent> recovery_parent(Context& context, std::uint32_t op);
// The folder an undo writes into is the one the operation found, or one only root can write to.
Checked<Parent> undo_parent(Context& context, std::uint32_t op);

std::string vault_name(std::uint32_t op);
// kConflict: its name leads to something else than this open file.
Checked<void> must_be_there(const Parent& parent, int file, std::string_view path);
// What is known about the object of an operation: why it goes into the vault, and, of an open file,
// all about that.
Metadata evidence(Context& context, std::uint32_t op);
Checked<Metadata> evidence(Context& context, std::uint32_t op, int fd);
// kExpired: it was purged.
Checked<Metadata> load_stored(Context& context, std::uint32_t store, const Vault::Sink& sink);
Checked<Metadata> stored_metadata(Context& context, std::uint32_t store);
// Of what is edited, whatever it holds by now.
std::uint64_t edit_bytes(const Op& op);
// What the hive editor is to do for an operation about a registry hive.
Checked<hive::Change> hive_change(const Context& context, const Op& op);
// kImmutable: the folder's own flags let no name of it change.
Checked<void> must_take_names(const Parent& parent, const Op& op);
// Immutable and append-only of an open file; kImmutable where the policy does not let them be
// cleared. Off for what changes it, and on again.
Checked<std::uint32_t> locks_of(const Op& op, int file);
Checked<void> unlock(const Op& op, int file);
Checked<void> lock(const Op& op, int file, std::uint32_t locks);
// Content and flags of a vault file into a new file.
Checked<Metadata> restore_content(Context& context, std::uint32_t store, int fd);

extern const Action kStoreAction, kTakeAction, kUnlinkAction, kEditAction, kCollectAction,
    kSuspendAction, kKillAction, kNetworkAction, kRestartAction, kModeAction;

}  // namespace fleetsweep::act
