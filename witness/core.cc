#include "witness/core.h"

#include <algorithm>

#include "protocol/base/assert.h"
#include "protocol/log/add_checkpoint.h"
#include "protocol/log/merkle.h"

namespace fleetsweep::witness {
namespace {

Verdict refuse(int status, std::string_view why) {
  Verdict verdict;
  verdict.status = status;
  verdict.text = fmt::format("{}\n", why);
  return verdict;
}

// "Start again from what I know."
Verdict conflict(const log::Checkpoint& checkpoint, const Seen& seen) {
  Verdict verdict = refuse(409, fmt::format("{}", seen.size));
  verdict.content_type = log::kSizeContentType;
  verdict.checkpoint = checkpoint;
  return verdict;
}

}  // namespace

Core::Core(std::vector<log::VerifierKey> logs) : logs_(std::move(logs)) {}

Status Core::restore(std::string_view text) {
  FS_TRY(const log::Note note, log::Note::parse(text));
  FS_TRY(const log::Checkpoint checkpoint, log::Checkpoint::parse(note.body));
  if (!is_signed(note, checkpoint.origin))
    return fail(Code::kUntrusted, "checkpoint {} of {} is not signed by a configured key of it",
                checkpoint.size, checkpoint.origin);
  if (seen_.contains(checkpoint.origin))
    return fail(Code::kConflict, "two checkpoints of {}", checkpoint.origin);
  remember(checkpoint);
  return {};
}

Verdict Core::judge(std::string_view body) const {
  const auto request = log::AddCheckpoint::parse(body);
  if (!request) return refuse(400, request.error().message);
  auto note = log::Note::parse(request->note);
  if (!note) return refuse(400, note.error().message);
  const auto checkpoint = log::Checkpoint::parse(note->body);
  if (!checkpoint) return refuse(400, checkpoint.error().message);
  if (!is_known(checkpoint->origin))
    return refuse(404, fmt::format("this witness does not know the log {}", checkpoint->origin));
  if (!is_signed(*note, checkpoint->origin))
    return refuse(403, fmt::format("no valid signature of {}", checkpoint->origin));
  if (request->old_size > checkpoint->size)
    return refuse(400, fmt::format("a tree of {} entries cannot have grown from {}",
                                   checkpoint->size, request->old_size));
  const Seen seen = this->seen(checkpoint->origin);
  if (request->old_size != seen.size) return conflict(*checkpoint, seen);
  if (checkpoint->size == seen.size && checkpoint->root != seen.root) {
    Verdict verdict = conflict(*checkpoint, seen);
    verdict.alarming = true;
    return verdict;
  }
  const Status continues = log::verify_consistency(seen.size, checkpoint->size, seen.root,
                                                   checkpoint->root, request->proof);
  if (!continues) {
    Verdict verdict = refuse(422, continues.error().message);
    verdict.alarming = continues.error().code == Code::kUntrusted;
    verdict.checkpoint = *checkpoint;
    return verdict;
  }
  Verdict verdict;
  verdict.checkpoint = *checkpoint;
  verdict.note = std::move(*note);
  // The log's signature alone is kept: a stranger's lines would be stored unverified.
  std::erase_if(verdict.note.signatures, [&](const log::NoteSignature& line) {
    return !is_signed({verdict.note.body, {line}}, checkpoint->origin);
  });
  return verdict;
}

void Core::remember(const log::Checkpoint& checkpoint) {
  Seen& seen = seen_[checkpoint.origin];
  const Seen next{checkpoint.size, checkpoint.root};
  // judge() and the driver's lock see to this; going back would mean two roots for one size.
  FS_ASSERT(next.size > seen.size || seen == Seen{} || seen == next);
  seen = next;
}

Result<model::TimeStatement> Core::tell_time(std::string_view text, Timestamp now) const {
  FS_TRY(const log::TimeQuery query, log::TimeQuery::parse(text));
  if (!is_known(query.origin))
    return fail(Code::kNotFound, "this witness does not know the log {}", query.origin);
  const Seen seen = this->seen(query.origin);
  return model::TimeStatement{.tenant = query.tenant,
                              .nonce = query.nonce,
                              .time = now,
                              .size = seen.size,
                              .root = seen.root};
}

Seen Core::seen(const std::string& origin) const {
  const auto found = seen_.find(origin);
  return found == seen_.end() ? Seen{0, log::empty_root()} : found->second;
}

bool Core::is_known(const std::string& origin) const {
  return std::ranges::any_of(logs_, [&](const auto& key) { return key.name == origin; });
}

bool Core::is_signed(const log::Note& note, const std::string& origin) const {
  return std::ranges::any_of(logs_, [&](const log::VerifierKey& key) {
    return key.name == origin && log::verify_log_signature(note, key);
  });
}

}  // namespace fleetsweep::witness
