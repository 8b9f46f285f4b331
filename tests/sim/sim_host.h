#pragma once

// A host: files, a scan of them, and an act that verifies and plans with the real code, then works
// step by step: intent into the journal, the change, done into the journal. A crash may come
// between any two; what is in the journal stays.

#include <functional>
#include <map>
#include <optional>

#include "protocol/model/local.h"
#include "protocol/trust/act_check.h"

namespace fleetsweep::sim {

// What can be wrong with a host, so that each checker has something to catch.
enum class HostBug {
  kNone,
  kIgnoresTheGates,       // acts on whatever order it is given
  kActsBeforeTheJournal,  // changes first, writes the intent afterwards
  kActsTwice,             // does a finished step again
  kTouchesProtected,      // has no list of protected paths
};

inline constexpr unsigned kForEver = 1'000'000;

class SimHost {
 public:
  struct File {
    model::FileIdentity identity;
    bool quarantined = false;
    std::uint64_t first_inode = 0;
  };
  struct Watch {                                             // whoever looks over its shoulder
    std::function<void(const model::ActRequest&)> on_begin;  // before the first side effect
    std::function<void(const DocumentId& order, int round, const std::string& path)> on_intent;
    std::function<void(const DocumentId& order, int round, const std::string& path)> on_change;
  };

  void add_file(const std::string& path, bool infected);
  const std::map<std::string, File>& files() const { return files_; }
  bool is_infected() const;     // an infected file is in its place
  bool is_as_at_first() const;  // every file, and nothing else in its place

  model::ScanDone scan(const model::Policy& policy, const Digest& digest) const;

  // The request of one child. An answer at once, or steps to do.
  std::optional<model::ActDone> begin(const model::ActRequest& request,
                                      const trust::ClockReading& clock);
  // One of: intent, change, done. The answer when nothing is left.
  std::optional<model::ActDone> step();
  void ask_to_stop() { stop_asked_ = true; }

  Watch watch;
  HostBug bug = HostBug::kNone;
  unsigned reinfections = 0;  // so often what was taken away is back before the rescan
  std::uint64_t scans = 0;    // orders scanned for
  std::uint64_t walks = 0;

 private:
  struct Step {
    std::string path;
    std::uint64_t inode = 0;
    model::ReceiptItem item;
    Digest object;
    bool intended = false;
    bool done = false;
    int repeats = 0;
  };
  struct Transaction {  // durable
    DocumentId order;
    int round = 0;
    std::vector<Step> steps;
    std::optional<model::ActDone> end;
    DocumentId undone_by;
  };

  model::ActDone refused(const DocumentId& order, const trust::Refusal& refusal) const;
  std::optional<model::ActDone> resume(const DocumentId& order, int round,
                                       const trust::Checked<trust::VerifiedOrder>& verified);
  std::optional<model::ActDone> apply(const model::ActRequest& request, const DocumentId& order,
                                      const trust::Checked<trust::VerifiedOrder>& verified);
  model::ActDone undo(const DocumentId& order, const DocumentId& undoes);
  model::ActDone finish(Transaction& transaction, model::Reason reason);
  void change(const Transaction& transaction, Step& step);
  Transaction* find(const DocumentId& order, int round);

  std::map<std::string, File> files_;
  std::vector<Transaction> journal_;
  std::optional<trust::ActAnchor> anchor_;
  // Of the child that runs now; gone with it.
  std::optional<std::size_t> current_;
  bool changed_ = false;  // the step in flight
  bool stop_asked_ = false;
};

}  // namespace fleetsweep::sim
