#pragma once

// From findings to a Plan. Pure: everything about the host comes in as facts.
//
// Three things decide. Verdicts: which responses apply, and which objects belong to a binding that
// made one true (decisions 11). The clean binding: an object is touched only if this host's own dry
// run found the same one (decisions 8). Guardrails: limits, known-good files, protected paths,
// independence and capability refuse the whole plan, never a part of it; but a descendant that may
// not be touched is no word against its ancestor, since anybody can start a daemon's program.

#include <functional>

#include "agent/plan/protected.h"
#include "protocol/model/order.h"
#include "protocol/model/plan.h"
#include "protocol/trust/consent.h"

namespace fleetsweep::plan {

enum class Package : std::uint8_t { kUnowned, kIntact, kTampered };

// Processes of one service; `unit` is empty for those of none.
struct Service {
  std::string unit;
  std::vector<std::int32_t> pids;
};

// What only the host can tell about the object of one finding.
struct ObjectFacts {
  Package package = Package::kUnowned;
  std::string owned;                  // the name that the package owns: a hard link has others
  std::vector<std::string> names;     // of a file with several: all that were found
  std::vector<std::string> shown_at;  // where else mounts show the name that was found
  // Mount point, hard link to a protected file, ...: with a reason here the whole plan is refused.
  model::Reason refuse = model::Reason::kNone;
  std::string why;
  // object_key()s of the entries that name this file, and fail without it: it may go only when all
  // of them go.
  std::vector<std::string> named_by;
  // Of a file that its package installed otherwise: what a person may do about it; else empty.
  std::string proposal;
  std::vector<Service> mapped_by;  // who has the file in memory
  // Why this object alone is reported and never touched, for a person: it lies in a layer of a
  // container image, which other containers share and the next one is made from, an administrator
  // could not log in without it, or something about it cannot be read.
  std::string left_alone;
  // A kernel module that no package owns, under each of its names, and a package owns the kernel.
  bool is_stray_module = false;
};

struct Running {
  model::ProcessIdentity process;
  std::int32_t parent = 0;
  // Of a program that a container runs: where it lies in a layer. Inode 0: it runs none of those.
  std::uint64_t layer_device = 0, layer_inode = 0;
  std::string unit = {};  // the system's service that it is a process of; empty: of none
  // Another file lies where its program says to be: in a mount namespace of their own anybody gives
  // a program any path.
  bool is_misnamed = false;
};
// Whether this is its program, also where a container sees it elsewhere.
bool runs(const Running& running, const model::FileIdentity& file);
// Of `ancestor`, all generations, but for who stays and all of theirs; `left` are the former.
using Stays = std::function<bool(const model::ProcessIdentity&)>;
std::vector<model::ProcessIdentity> descendants(
    const std::vector<Running>& running, std::int32_t ancestor, const Stays& stays = {},
    std::vector<model::ProcessIdentity>* left = nullptr);

// References are borrowed for the call only.
struct Input {
  const model::Policy& policy;
  const std::vector<model::Finding>& findings;  // of the scan just made
  const std::vector<model::Finding>& dry_run;
  const std::vector<ObjectFacts>& facts;      // one for each of `findings`
  const std::vector<Running>& running;        // for processes_of(...) and `tree`
  const std::vector<std::string>& own;        // our own folders, relative to the root
  const std::vector<std::int32_t>& own_pids;  // all processes of this agent
  const trust::Consent& consent;              // of the host's owner
  model::OrderLimits limits;
  std::uint32_t items_max = 0;  // of the root and the host's owner; 0: no word of theirs
  std::uint64_t scanned = 0;    // files
  Nonce transaction;
  // Why services are only named here; empty: they are restarted.
  std::string no_restarts = "this agent has no line to systemd";
  bool came_back = false;                              // another round: see is_back()
  model::Platform platform = model::Platform::kLinux;  // of what lies beneath the root
  Sbin sbin = Sbin::kFolder;
  Timestamp now = {};  // a list that has ended by then blocks nothing; 0: none has
};

model::Plan make_plan(const Input& input);

// Whether a response to one of these true verdicts does more than report.
bool calls_for_action(const model::Policy& policy, const std::vector<std::uint16_t>& verdicts);

model::Phase phase_of(model::ActionKind kind);

// For people and for logs: one line a step, everything escaped, nothing of what is inside a file.
std::string to_text(const model::Plan& plan);
// "file /tmp/x", "process 41 kinsing", "cron entry 5f1c... of /etc/crontab".
std::string describe(const model::Identity& identity);

}  // namespace fleetsweep::plan
