#include "cli/log_history.h"

#include <algorithm>

#include "protocol/codec/codec.h"
#include "protocol/trust/log_view.h"

namespace fleetsweep::cli {
namespace {

// When the document ends, for those that are not taken after their end.
std::optional<Timestamp> end_of(BytesView entry) {
  const auto envelope = codec::decode<model::Envelope>(entry);
  if (envelope && envelope->payload_type == model::kPayloadOrder)
    if (const auto order = codec::decode<model::Order>(envelope->payload))
      return order->schedule.not_after;
  if (envelope && envelope->payload_type == model::kPayloadRelease)
    if (const auto release = codec::decode<model::Release>(envelope->payload))
      return release->expires;
  return std::nullopt;
}

// The log does not say when an entry was taken. It was before its own end, and before the end of
// whatever follows it; judged by today, a release would be refused for having ended since.
std::vector<Timestamp> latest_times(const std::vector<Bytes>& entries, Timestamp now) {
  std::vector<Timestamp> times(entries.size());
  for (std::size_t i = entries.size(); i-- > 0;) {
    if (const auto end = end_of(entries[i])) now = std::min(now, *end - Seconds{1});
    times[i] = now;
  }
  return times;
}

}  // namespace

Result<LogHistory> fold_log(const std::vector<Bytes>& entries,
                            const std::optional<TenantId>& expected, Timestamp now) {
  if (entries.empty()) return fail(Code::kNotFound, "the log is empty");
  FS_TRY(const model::Envelope first, codec::decode<model::Envelope>(entries.front()));
  FS_TRY(const trust::VerifiedRoot root, trust::accept_first_root(first, expected));
  trust::Fold fold(root.tenant(), trust::Fold::Keep::kForController);
  LogHistory history;
  std::vector<Timestamp> times = latest_times(entries, now);
  times.front() = now;  // as one who joins now: no delay of a weaker rule is his to wait for
  for (std::size_t i = 0; i < entries.size(); ++i) {
    history.notices.push_back(fold.append(entries[i], times[i]));
    const trust::Notice& notice = history.notices.back();
    if (notice.taken == trust::Taken::kRefused) ++history.refused;
    if (notice.sealed) history.sealed.emplace(notice.id, notice.payload_type);
    if (notice.taken != trust::Taken::kAccepted) continue;
    FS_TRY(const model::Envelope envelope, codec::decode<model::Envelope>(entries[i]));
    const model::Root& in_force = fold.state().root->root();
    history.approvers[notice.id] = trust::holders(in_force, trust::signers(envelope, in_force));
  }
  history.state = fold.state();
  return history;
}

Result<log::VerifiedCheckpoint> verified_head(std::string_view note, const model::Root& root) {
  FS_TRY(const trust::NoteKeys keys, trust::note_keys(root));
  Result<log::VerifiedCheckpoint> head = fail(Code::kUntrusted, "the root names no log");
  for (const log::VerifierKey& log : keys.logs) {
    head = log::verify_checkpoint(note, log, keys.witnesses, keys.quorum);
    if (head) break;
  }
  return head;
}

}  // namespace fleetsweep::cli
