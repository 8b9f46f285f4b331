// Documents on their way to their quorum, where approvers find them. They are in no log and mean
// nothing to a host: whoever submits one starts it.

#include <algorithm>

#include "controller/core/core.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"

namespace fleetsweep::controller {
namespace {

// A key signs once; which of two signatures holds is judged afterwards.
void merge(model::Envelope& into, const model::Envelope& more) {
  for (const model::EnvelopeSignature& signature : more.signatures)
    if (std::ranges::find(into.signatures, signature.key, &model::EnvelopeSignature::key) ==
        into.signatures.end())
      into.signatures.push_back(signature);
}

}  // namespace

std::optional<trust::PolicyFacts> Core::facts_for(const Tenant& owner, BytesView envelope) {
  const auto digest = trust::policy_named(envelope);
  if (!digest) return std::nullopt;
  const PolicyInfo* found = owner.policy(*digest);
  return found ? std::optional(found->facts) : std::nullopt;
}

Result<DocumentId> Core::post_pending(const TenantId& id, BytesView bytes, const std::string& who,
                                      Instant now, Effects& effects) {
  Tenant* owner = find_mutable(id);
  if (!owner) return fail(Code::kNotFound, "no tenant {} here", id.hex());
  if (bytes.size() > limits::kLogEntryBytes)
    return fail(Code::kInvalid, "document: {} bytes, at most {} fit into the log", bytes.size(),
                limits::kLogEntryBytes);
  FS_TRY(model::Envelope envelope, codec::decode<model::Envelope>(bytes));
  const DocumentId document = crypto::document_id(envelope);
  if (owner->index.contains(document))
    return fail(Code::kConflict, "document {} is in the log already", document.hex());
  const auto held = owner->pending.find(document);
  const bool is_new = held == owner->pending.end();
  if (is_new && owner->pending.size() >= limits::kPendingDocuments)
    return fail(Code::kOverloaded,
                "{} documents wait for signatures already; submit or withdraw one of them",
                owner->pending.size());
  if (!is_new) {
    FS_TRY(model::Envelope merged, codec::decode<model::Envelope>(held->second.row.envelope));
    merge(merged, envelope);
    envelope = std::move(merged);
  }
  const Timestamp time = to_timestamp(now);
  const Bytes encoded = codec::encode(envelope);
  if (!is_new && encoded == held->second.row.envelope) return document;  // nothing to write
  auto awaited = trust::await_quorum(owner->state(), encoded, facts_for(*owner, encoded), time);
  if (!awaited) return fail(Error(awaited.error()));
  store::Pending row =
      is_new ? store::Pending{owner->no, document, {}, who, time, {}} : held->second.row;
  if (is_new)
    row.ends =
        std::min(awaited->ends.value_or(time + limits::kPendingLife), time + limits::kPendingLife);
  row.envelope = encoded;
  effects.persist.push_back(row);
  effects.persist.push_back(
      store::Audit{time, who, "pending_stored",
                   fmt::format("{} {} {} with {} signatures", short_type(awaited->payload_type),
                               document.hex(), owner->name, envelope.signatures.size())});
  effects.notice.push_back(Event{"pending_stored",
                                 {{"tenant", owner->name},
                                  {"type", short_type(awaited->payload_type)},
                                  {"id", document.hex()},
                                  {"signatures", std::to_string(envelope.signatures.size())}}});
  owner->pending.insert_or_assign(document, PendingDocument{std::move(row), std::move(awaited)});
  return document;
}

Result<DocumentId> Core::withdraw_pending(const TenantId& id, const DocumentId& document,
                                          const std::string& who, Instant now, Effects& effects) {
  Tenant* owner = find_mutable(id);
  if (!owner) return fail(Code::kNotFound, "no tenant {} here", id.hex());
  if (owner->pending.erase(document) == 0)
    return fail(Code::kNotFound, "no document {} waits for signatures here", document.hex());
  effects.persist.push_back(store::PendingGone{owner->no, document});
  effects.persist.push_back(store::Audit{to_timestamp(now), who, "pending_withdrawn",
                                         fmt::format("{} {}", document.hex(), owner->name)});
  return document;
}

// Who counts, and what still makes sense, by what the log says now.
void Core::judge_pending(Tenant& owner, Timestamp now) {
  for (auto& [id, document] : owner.pending)
    document.awaited = trust::await_quorum(owner.state(), document.row.envelope,
                                           facts_for(owner, document.row.envelope), now);
}

void Core::logged_pending(Tenant& owner, const trust::Notice& notice, Timestamp now,
                          Effects& effects) {
  if (owner.pending.erase(notice.id) > 0)
    effects.persist.push_back(store::PendingGone{owner.no, notice.id});
  if (notice.payload_type == model::kPayloadRoot || notice.payload_type == model::kPayloadStop ||
      notice.payload_type == model::kPayloadResume)
    judge_pending(owner, now);
}

void Core::expire_pending(Tenant& owner, Timestamp now, Effects& effects) {
  std::erase_if(owner.pending, [&](const auto& item) {
    const auto& [id, document] = item;
    if (document.row.ends > now) return false;
    effects.persist.push_back(store::PendingGone{owner.no, id});
    effects.persist.push_back(store::Audit{now, "controller", "pending_expired",
                                           fmt::format("{} {}", id.hex(), owner.name)});
    return true;
  });
}

}  // namespace fleetsweep::controller
