#include "cli/log_history.h"

#include <algorithm>

#include "protocol/codec/codec.h"
#include "protocol/log/merkle.h"
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

Result<log::VerifiedCheckpoint> covering_head(std::string_view note,
                                              const std::vector<Bytes>& entries,
                                              const model::Root& root) {
  FS_TRY(log::VerifiedCheckpoint head, verified_head(note, root));
  const std::uint64_t covered = std::min<std::uint64_t>(head.checkpoint.size, entries.size());
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < covered; ++i) leaves.push_back(log::leaf_hash(entries[i]));
  const Digest tree = log::tree_root(leaves);
  if (head.checkpoint.size != covered || head.checkpoint.root != tree)
    return fail(Code::kUntrusted,
                "the checkpoint covers {} entries with root {}, the log has {} with root {}",
                head.checkpoint.size, head.checkpoint.root.hex().substr(0, 16), covered,
                tree.hex().substr(0, 16));
  return head;
}

Result<std::optional<Witnessed>> find_witnessed(std::vector<Bytes> entries, std::string_view note,
                                                const TenantId& tenant, const DocumentId& id,
                                                Timestamp now) {
  FS_TRY(const log::Note parsed, log::Note::parse(note));
  FS_TRY(const log::Checkpoint claimed, log::Checkpoint::parse(parsed.body));
  if (claimed.size < entries.size()) entries.resize(claimed.size);
  FS_TRY(LogHistory history, fold_log(entries, tenant, now));
  const model::Root& root = history.state.root->root();
  FS_TRY(const log::VerifiedCheckpoint head, covering_head(note, entries, root));
  // The first one that was taken; the same document may also lie there with too few signatures.
  const trust::Notice* found = nullptr;
  for (const trust::Notice& notice : history.notices)
    if (notice.id == id && (!found || found->taken == trust::Taken::kRefused)) found = &notice;
  if (!found) return std::nullopt;
  if (found->taken == trust::Taken::kRefused)
    return fail(Error(found->refusal)
                    .within(fmt::format("log entry {}, which no host obeys", found->index)));
  return Witnessed{*found, head.checkpoint.size, head.time, root.witness_quorum,
                   std::move(history.state)};
}

}  // namespace fleetsweep::cli
