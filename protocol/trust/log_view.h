#pragma once

// A host's view of its tenant's log. Entries are hashed into a compact range and held back until a
// checkpoint (log signature and witness quorum) covers them exactly; only then are they folded.

#include <deque>
#include <string>
#include <vector>

#include "protocol/log/merkle.h"
#include "protocol/log/note.h"
#include "protocol/trust/clock.h"
#include "protocol/trust/fold.h"
#include "protocol/trust/guard.h"

namespace fleetsweep::trust {

// Whose signatures a checkpoint needs, taken from a root.
struct NoteKeys {
  std::vector<log::VerifierKey> logs;  // any of them
  std::vector<log::VerifierKey> witnesses;
  unsigned quorum = 0;  // so many of the witnesses
};
// kUntrusted: a witness's key is no good.
Checked<NoteKeys> note_keys(const model::Root& root);

// Log signature and witness quorum under this root; the floor that the note's time makes when heard
// now. kUntrusted.
Checked<TimeFloor> verify_note_time(std::string_view note, const model::Root& root,
                                    const ClockReading& now);

class LogView {
 public:
  // What a restart needs besides the entries themselves.
  struct Saved {
    std::uint64_t size = 0;
    Digest root;       // of the tree of that size
    std::string note;  // the newest verified checkpoint
    TimeFloor floor;
    bool forked = false;
    std::int64_t intake_day = 0;
    std::uint64_t intake_entries = 0;
    std::uint64_t intake_bytes = 0;
    bool operator==(const Saved&) const = default;
  };

  // `root`: the newest root of the chain that enrolment or the store gave; it names log and
  // witnesses.
  explicit LogView(VerifiedRoot root, Fold::Keep keep = Fold::Keep::kForHost);

  // Asked around everything that is parsed from here on: what is poison counts as a leaf of the
  // tree, and as nothing else (kPoison). Outlives the view.
  void guard_with(Guard* guard) { guard_ = guard; }

  // Restart: replay() the stored entries in order, each with the `seen` it had, then resume().
  // kLogFork when the store does not hold the tree that was saved.
  Notice replay(BytesView entry, Timestamp seen);
  Checked<void> resume(const Saved& saved);
  Saved saved() const;

  // Entries [from, from + n). What we have is skipped, a gap is refused with kMalformed, more than
  // a day's budget with kLimit (then nothing of the rest is taken: log spam cannot exhaust a host).
  Checked<void> append(std::uint64_t from, const std::vector<Bytes>& entries,
                       const ClockReading& now);

  struct Folded {
    Notice notice;
    Bytes entry;  // store it with `seen`
    Timestamp seen;
  };
  struct Advance {
    std::vector<Folded> folded;
    std::vector<Notice> settled;  // entries of before whose time has come, see Fold::settle()
    bool fresher = false;         // the floor moved
    bool need_more = false;  // covers entries we do not have yet: ask from wanted(), offer it again
  };
  // kUntrusted: log signature or witness quorum missing. kLogFork: it contradicts what we hold;
  // unverified entries are dropped, and if verified ones are contradicted the view stays forked for
  // ever. A log that a root lets take over from another (LogOrigin::start_size) goes on where that
  // one's tree had the root it says: one that would take over behind us, or from another tree, is
  // kLogFork too, until a later root names a start that fits.
  Checked<Advance> checkpoint(std::string_view note, const ClockReading& now);

  // A Stop from a mirror or a file; also before the first entry is here, because the root is known
  // from enrolment. To be stored with size() and the floor's time, and on a restart
  // taken again between the same two entries, with that time as `seen`: who may stop is asked of
  // the root that stood then. One that is refused there, because a root was known ahead, is offered
  // again after each entry.
  Notice take_stop(BytesView envelope, std::optional<Timestamp> seen = std::nullopt);

  std::uint64_t wanted() const;                         // the next entry to ask for
  std::uint64_t size() const { return range_.size(); }  // verified and folded
  const State& state() const { return fold_.state(); }
  const VerifiedRoot& root() const { return root_; }  // newest known, may be ahead of the fold
  const TimeFloor& floor() const { return floor_; }
  const std::string& note() const { return note_; }
  bool forked() const { return forked_; }

 private:
  Checked<log::VerifiedCheckpoint> verify_note(std::string_view note);
  const model::LogOrigin* takes_over(const std::string& origin) const;
  Checked<log::VerifiedCheckpoint> read_note(std::string_view note);
  Notice fold(BytesView entry, const Digest& leaf, Timestamp seen);
  bool raise_floor(const TimeFloor& heard);
  bool follow_pending_root();
  bool waits_for_older_rule(const model::Envelope& envelope) const;
  void follow_fold();

  Guard* guard_ = nullptr;
  VerifiedRoot root_;
  std::vector<VerifiedRoot> lowered_;  // whose rule for role root one that is ahead made weaker
  NoteKeys keys_;                      // of the root with this id
  DocumentId keys_of_;
  Fold fold_;
  log::CompactRange range_;
  std::deque<Bytes> pending_;
  TimeFloor floor_;
  std::string note_;
  bool forked_ = false;
  std::int64_t intake_day_ = 0;
  std::uint64_t intake_entries_ = 0;
  std::uint64_t intake_bytes_ = 0;
};

}  // namespace fleetsweep::trust
