#pragma once

// Operations: what the steps of a plan come down to, one side effect each. Every operation is
// written to the journal with the whole transaction before the first one begins, so that a restart
// needs nothing but the journal.

#include <string>
#include <vector>

#include "agent/act/outcome.h"
#include "agent/lines/logical_lines.h"
#include "protocol/model/finding.h"
#include "protocol/model/receipt.h"

namespace fleetsweep::act {

enum class OpKind : std::uint8_t {
  kStore,    // copy a file, or with `pid` that process's program, into the vault; nothing changes
  kTake,     // take one name of a stored file away
  kUnlink,   // take a symlink away
  kEdit,     // take a line out of a stored file
  kCollect,  // put evidence about a process or an entry into the vault
  kSuspend,
  kKill,
  kBlock,    // keep addresses or ports from the network
  kIsolate,  // keep everything from it but the controller
  kRestart,  // a service that has a taken file loaded; never taken back
  kMode,     // take permissions or capabilities away from a file
};

struct Op {
  OpKind kind = OpKind::kStore;
  std::uint32_t step = 0;
  std::uint64_t token = 0;    // random; names its temporary files
  model::FileIdentity file;   // path and identity; for a process its program
  std::uint32_t store = 0;    // kTake, kEdit: the kStore that holds the content
  bool is_first_take = true;  // its ctime must be the one that was found
  bool any_content = false;   // kStore before an edit: whatever the file holds now
  // kEdit, kCollect of an entry: the line; kUnlink: the link's target; kRestart: the unit; kMode:
  // the capabilities
  std::string text;
  std::string rest;                       // kEdit: what stays of the line; empty: nothing
  lines::Join join = lines::Join::kNone;  // kEdit: which lines are one
  bool may_empty = false;                 // kEdit: remove a file that has nothing left
  bool clear_flags = false;               // immutable and append-only may be cleared
  // kUnlink, kMode: whose it is. kStore before the edit of a line, with `mode`: its Owner; none if
  // that is 0, as an older version has written it.
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t mode = 0, clears = 0;  // kMode without capabilities: what it has, what goes
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;
  bool tree = false;
  bool whole_program = false;  // every process of it: its file is malware and goes too
  // With `tree`: programs beneath or like one of `spared`, or beneath none of `roots`, go on.
  std::vector<std::string> spared, roots;
  // kCollect: what of it. kSuspend, kKill: who of the tree stays, as the plan knows, PID/START.
  // kBlock: addresses, and ports of this host; `rest` is in or out. kEdit of
  // a registry hive and its kStore: the change, as kChangeNames calls it; `text` is the entry,
  // `rest` what it was found to say.
  std::vector<std::string> what;
  std::uint64_t bytes_max = 0;
  // kBlock, kIsolate: until the kernel forgets it. `spared` are the controller's endpoints, `roots`
  // the addresses that are asked for their names, by `uid`.
  std::uint64_t seconds = 0;
  bool operator==(const Op&) const = default;
};

// A step of the plan as receipts show it. `item.outcome` is kFound until it is known.
struct Step {
  model::ReceiptItem item;
  std::string path;
  model::RuleMatch rule;  // evidence for the vault
  Digest object;          // plan::object_digest() of what it is about
  bool operator==(const Step&) const = default;
};

// What stands before the side effect: enough to decide after a crash what happened.
struct Intent {
  std::int64_t parent_mtime_ns = 0;
  std::uint64_t parent_device = 0, parent_inode = 0;
  Digest before;  // kEdit: content, and what it becomes; zero: the file goes
  Digest after;
  std::uint32_t locks =
      0;  // kEdit, kMode: immutable and append-only, which it has again afterwards
  bool operator==(const Intent&) const = default;
};

// What stands after it.
struct Post {
  std::int64_t parent_mtime_ns = 0;
  Digest digest;  // kStore: of the content
  std::uint64_t bytes = 0;
  bool operator==(const Post&) const = default;
};

// How an operation will be taken back; decided before the first change of that.
struct UndoIntent {
  bool restore_parent_mtime = false;
  // kEdit: what the file held when that was decided, also if it was edited since, and what it
  // becomes. An older version has not written the first.
  std::optional<Digest> before;
  Digest after;
  bool operator==(const UndoIntent&) const = default;
};

// A process that an operation stopped.
struct Frozen {
  std::int32_t pid = 0;
  std::uint64_t start_ticks = 0;
  std::string group;  // the cgroup it was taken from; empty: stopped by a signal
  bool operator==(const Frozen&) const = default;
};

}  // namespace fleetsweep::act
