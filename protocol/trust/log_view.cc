#include "protocol/trust/log_view.h"

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/digest.h"
#include "protocol/trust/weakening.h"

namespace fleetsweep::trust {

using model::Reason;

namespace {

constexpr std::int64_t kDaySeconds = 86400;

Checked<log::VerifiedCheckpoint> verify(std::string_view note, const NoteKeys& keys) {
  std::string why = "the root names no log";
  for (const log::VerifierKey& key : keys.logs) {
    auto verified = log::verify_checkpoint(note, key, keys.witnesses, keys.quorum);
    if (verified) return std::move(*verified);
    why = verified.error().message;
  }
  return refuse(Reason::kUntrusted, "checkpoint: {}", why);
}

// Without witnesses our own clock at receipt is all there is.
TimeFloor floor_of(const log::VerifiedCheckpoint& verified, const model::Root& root,
                   const ClockReading& now) {
  const bool witnessed = root.witness_quorum > 0;
  return {witnessed ? verified.time : now.local, now.boottime, now.boot, witnessed};
}

}  // namespace

Checked<NoteKeys> note_keys(const model::Root& root) {
  NoteKeys keys{.quorum = root.witness_quorum};
  for (const auto& vkey : root.witnesses) {
    auto key = log::VerifierKey::parse(vkey);
    if (!key) return refuse(Reason::kUntrusted, "witness: {}", key.error().message);
    keys.witnesses.push_back(std::move(*key));
  }
  for (const auto& origin : root.logs)
    if (auto key = log::VerifierKey::parse(origin.vkey)) keys.logs.push_back(std::move(*key));
  return keys;
}

Checked<TimeFloor> verify_note_time(std::string_view note, const model::Root& root,
                                    const ClockReading& now) {
  FS_TRY(const NoteKeys keys, note_keys(root));
  FS_TRY(const log::VerifiedCheckpoint verified, verify(note, keys));
  return floor_of(verified, root, now);
}

LogView::LogView(VerifiedRoot root, Fold::Keep keep)
    : root_(std::move(root)), fold_(root_.tenant(), keep) {}

Notice LogView::replay(BytesView entry, Timestamp seen) {
  const Digest leaf = log::leaf_hash(entry);
  range_.append(leaf);
  Notice notice = fold(entry, leaf, seen);
  follow_fold();
  return notice;
}

Notice LogView::fold(BytesView entry, const Digest& leaf, Timestamp seen) {
  const Guarded read(guard_, leaf);
  return read ? fold_.append(entry, seen) : fold_.skip(seen);
}

Checked<void> LogView::resume(const Saved& saved) {
  if (saved.size != range_.size() || saved.root != range_.root())
    return refuse(Reason::kLogFork,
                  "the store holds {} entries with root {}, saved were {} with {}", range_.size(),
                  range_.root().hex(), saved.size, saved.root.hex());
  note_ = saved.note;
  floor_ = saved.floor;
  forked_ = saved.forked;
  intake_day_ = saved.intake_day;
  intake_entries_ = saved.intake_entries;
  intake_bytes_ = saved.intake_bytes;
  fold_.settle(floor_.time);
  follow_fold();
  return {};
}

LogView::Saved LogView::saved() const {
  return {range_.size(), range_.root(), note_,           floor_,
          forked_,       intake_day_,   intake_entries_, intake_bytes_};
}

std::uint64_t LogView::wanted() const {
  return range_.size() + pending_.size();
}

Checked<void> LogView::append(std::uint64_t from, const std::vector<Bytes>& entries,
                              const ClockReading& now) {
  if (const std::int64_t day = unix_seconds(now.local) / kDaySeconds; day != intake_day_) {
    intake_day_ = day;
    intake_entries_ = intake_bytes_ = 0;
    // What nobody has vouched for is asked for again: else it would pile up day by day.
    pending_.clear();
  }
  if (from > wanted())
    return refuse(Reason::kMalformed, "entries from {}, expected from {}", from, wanted());
  for (std::uint64_t skip = wanted() - from; skip < entries.size(); ++skip) {
    const Bytes& entry = entries[skip];
    if (entry.size() > limits::kLogEntryBytes)
      return refuse(Reason::kMalformed, "entry {} has {} bytes, at most {}", from + skip,
                    entry.size(), limits::kLogEntryBytes);
    if (intake_entries_ + 1 > limits::kIntakeEntriesPerDay ||
        intake_bytes_ + entry.size() > limits::kIntakeBytesPerDay)
      return refuse(Reason::kLimit, "more than {} entries or {} bytes of log in one day",
                    limits::kIntakeEntriesPerDay, limits::kIntakeBytesPerDay);
    ++intake_entries_;
    intake_bytes_ += entry.size();
    pending_.push_back(entry);
  }
  return {};
}

Checked<log::VerifiedCheckpoint> LogView::verify_note(std::string_view note) {
  // Asking whether a key is a good one costs as much as checking its signature: once a root.
  if (keys_of_ != root_.id()) {
    FS_TRY(keys_, note_keys(root_.root()));
    keys_of_ = root_.id();
  }
  return verify(note, keys_);
}

Checked<log::VerifiedCheckpoint> LogView::read_note(std::string_view note) {
  const Guarded read(guard_, crypto::sha256(as_bytes(note)));
  if (!read)
    return refuse(Reason::kPoison, "checkpoint: reading it killed this agent {} times",
                  kPoisonTimes);
  return verify_note(note);
}

Checked<LogView::Advance> LogView::checkpoint(std::string_view note, const ClockReading& now) {
  auto verified = read_note(note);
  // Roots prove themselves: one that waits here may name the log and the witnesses of this note.
  while (!verified && follow_pending_root()) verified = read_note(note);
  // A later root may mend where a log takes over.
  while (verified && takes_over(verified->checkpoint.origin) && follow_pending_root())
    verified = read_note(note);
  if (!verified) return fail(verified.error());
  const log::Checkpoint& checkpoint = verified->checkpoint;

  const model::LogOrigin* start = takes_over(checkpoint.origin);
  if (start && size() > start->start_size)
    return refuse(Reason::kLogFork, "log {} takes over after entry {}, witnesses showed us {}",
                  escaped(checkpoint.origin), start->start_size, size());
  Advance advance;
  if (checkpoint.size < size()) return advance;
  if (checkpoint.size > wanted()) {
    advance.need_more = true;
    return advance;
  }
  log::CompactRange range = range_;
  const std::size_t count = checkpoint.size - size();
  std::vector<Digest> leaves(count);
  for (std::size_t i = 0; i <= count; ++i) {
    if (start && range.size() == start->start_size && range.root() != start->start_root) {
      pending_.clear();
      return refuse(Reason::kLogFork, "log {} takes over after entry {} with root {}, ours is {}",
                    escaped(checkpoint.origin), start->start_size, start->start_root.hex(),
                    range.root().hex());
    }
    if (i == count) break;
    leaves[i] = log::leaf_hash(pending_[i]);
    range.append(leaves[i]);
  }
  if (range.root() != checkpoint.root) {
    // Entries come from anybody; what we folded was witnessed. Only against the latter is it proof
    // of a fork.
    if (count == 0) forked_ = true;
    pending_.clear();
    return refuse(Reason::kLogFork, "{} entries make root {}, the checkpoint says {}",
                  checkpoint.size, range.root().hex(), checkpoint.root.hex());
  }

  advance.fresher = raise_floor(floor_of(*verified, root_.root(), now));
  advance.settled = fold_.settle(floor_.time);
  for (std::size_t i = 0; i < count; ++i) {
    Folded folded;
    folded.entry = std::move(pending_.front());
    folded.seen = floor_.time;
    pending_.pop_front();
    folded.notice = fold(folded.entry, leaves[i], folded.seen);
    advance.folded.push_back(std::move(folded));
  }
  range_ = std::move(range);
  if (advance.fresher || count > 0) note_ = note;
  follow_fold();
  return advance;
}

Notice LogView::take_stop(BytesView envelope, std::optional<Timestamp> seen) {
  const Guarded read(guard_, crypto::sha256(envelope));
  if (!read) return {.refusal = {Reason::kPoison, "reading it killed this agent twice"}};
  return fold_.take_stop(envelope, seen.value_or(floor_.time), &root_);
}

// How the log of this name begins, if it takes over from another and we have not followed it yet:
// the root that says so is in what it signs.
const model::LogOrigin* LogView::takes_over(const std::string& origin) const {
  const auto find = [&](const model::Root& root) -> const model::LogOrigin* {
    for (const model::LogOrigin& log : root.logs) {
      if (log.start_size == 0) continue;  // reading its key costs as much as checking a signature
      const auto key = log::VerifierKey::parse(log.vkey);
      if (key && key->name == origin) return &log;
    }
    return nullptr;
  };
  const model::LogOrigin* start = find(root_.root());
  const model::LogOrigin* followed = start && state().root ? find(state().root->root()) : nullptr;
  return followed && *followed == *start ? nullptr : start;
}

bool LogView::raise_floor(const TimeFloor& heard) {
  if (heard.time <= floor_.time) return false;
  floor_ = heard;
  return true;
}

bool LogView::follow_pending_root() {
  for (const Bytes& entry : pending_) {
    const Guarded read(guard_, log::leaf_hash(entry));
    if (!read) continue;
    auto envelope = codec::decode<model::Envelope>(entry);
    const bool is_root = envelope && envelope->payload_type == model::kPayloadRoot;
    auto next = is_root ? accept_next_root(root_, *envelope)
                        : Checked<VerifiedRoot>(refuse(Reason::kNone, "no root"));
    if (!next || waits_for_older_rule(*envelope)) continue;
    if (is_role_weaker(root_.root(), next->root(), model::Role::kRoot)) lowered_.push_back(root_);
    root_ = std::move(*next);
    return true;
  }
  return false;
}

// Nobody has yet vouched for the time that passed since a root that waits here lowered the rule.
bool LogView::waits_for_older_rule(const model::Envelope& envelope) const {
  constexpr auto kRole = model::Role::kRoot;
  return older_rule_until(state(), kRole, envelope, floor_.time) ||
         std::any_of(lowered_.begin(), lowered_.end(), [&](const VerifiedRoot& root) {
           return !meets(root.root(), kRole, signers(envelope, root.root()));
         });
}

void LogView::follow_fold() {
  if (const auto& folded = state().root; folded && folded->version() > root_.version())
    root_ = *folded;
  if (state().root && state().root->version() >= root_.version()) lowered_.clear();
}

}  // namespace fleetsweep::trust
