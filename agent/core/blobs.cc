// Policies and the parts of their hash sets: what is fetched next, what became of it, and what
// nobody needs any more.

#include <algorithm>
#include <tuple>

#include "agent/core/core.h"
#include "protocol/hash_set/hash_set.h"

namespace fleetsweep::agent {

bool Core::is_over(const model::Order& order, const Now& now) const {
  return order.schedule.not_after < trust::effective(log_.floor(), judged_by(now));
}

// At work, or to look again.
bool Core::is_busy(const DocumentId& id) const {
  const auto job = jobs_.find(id);
  return is_running(id) || (job != jobs_.end() &&
                            (job->second.phase == Phase::kActing ||
                             job->second.phase == Phase::kVerifying || job->second.reboot_rescan));
}

bool Core::has_part(const model::Order& order, const Digest& blob) const {
  const auto policy = policies_.find(order.policy);
  return policy != policies_.end() &&
         std::ranges::find(policy->second.facts.parts, blob, &model::HashPart::digest) !=
             policy->second.facts.parts.end();
}

std::optional<Core::Missing> Core::missing_of(const model::Order& order) const {
  return missing_of(order.policy, order.policy_size);
}

std::optional<Core::Missing> Core::missing_of(const Digest& digest, std::uint64_t size) const {
  const auto policy = policies_.find(digest);
  if (policy == policies_.end()) return Missing{digest, size, true, 0};
  std::optional<Missing> first;
  std::uint64_t left = 0;
  for (const model::HashPart& part : policy->second.facts.parts) {
    if (hash_parts_.contains(part.digest)) continue;
    if (!first) first = Missing{part.digest, part.bytes, false, 0};
    left += part.bytes;
  }
  if (first) first->left = left;
  return first;
}

// When this order will need its hashes: none if it never will, or if it is not judged now, which
// only consider_order() may be the first to do.
std::optional<Timestamp> Core::needs_hashes_at(const DocumentId& id, const Now& now) const {
  if (is_busy(id)) return Timestamp{};
  if (outbox_.is_full()) return std::nullopt;
  const trust::Verdict verdict = verdict_on(id, now);
  if (const auto* refusal = std::get_if<trust::Refusal>(&verdict))
    return trust::may_change(refusal->reason) ? std::optional(Timestamp{}) : std::nullopt;
  if (const auto* waiting = std::get_if<trust::Waiting>(&verdict))
    return waiting->until.value_or(Timestamp::max());
  return Timestamp{};
}

// Ahead of its time, so that an order can be carried out when the edge is gone. Policies before
// hashes, which are much and of no use to a host that will not carry the order out; of those the
// ones that are due first, and of these the least.
void Core::fetch(Effects& effects, const Now& now) {
  if (!session_.is_welcomed()) return;
  struct Wish {
    Missing what;
    Timestamp due;
  };
  std::vector<Wish> wishes;
  for (const DocumentId& id : orders_in_log_order()) {
    const model::Order& order = state().orders.at(id).order;
    const auto job = jobs_.find(id);
    const bool is_done = job != jobs_.end() && job->second.phase == Phase::kDone &&
                         order.schedule.repeat == Seconds(0);
    if (order.mode == model::Mode::kUndo || poisoned_.contains(id) ||
        bad_policies_.contains(order.policy) || ((is_done || is_over(order, now)) && !is_busy(id)))
      continue;
    const auto missing = missing_of(order);
    if (!missing || !trust::in_scope(order.scope, identity_.host.agent, identity_.host.jurisdiction,
                                     identity_.host.groups))
      continue;
    const auto due = missing->is_policy ? std::optional(Timestamp{}) : needs_hashes_at(id, now);
    if (due) wishes.push_back({*missing, *due});
  }
  std::ranges::stable_sort(wishes, {}, [](const Wish& wish) {
    return std::tuple(!wish.what.is_policy, wish.due, wish.what.left);
  });
  fetch_.forget_unless([&](const Digest& digest) {
    return std::ranges::any_of(wishes,
                               [&](const Wish& wish) { return wish.what.digest == digest; });
  });
  for (const Wish& wish : wishes) {
    const auto offset = fetch_.want(wish.what.digest, wish.what.size, now.uptime);
    if (!offset) continue;
    effects.actions.push_back(Send{model::Want{
        .entries_from = log_.wanted(), .blob = wish.what.digest, .blob_offset = *offset}});
    break;
  }
  if (!wishes.empty()) fetch_wake_ = fetch_.next_deadline();
}

void Core::on(const model::Blob& blob, Effects& effects, const Now& now) {
  auto taken = fetch_.on_blob(blob, now.uptime);
  if (!taken.problem.empty())
    effects.notes.push_back(
        {"policy_not_taken", {{"digest", blob.digest.hex()}, {"why", taken.problem}}, true});
  if (taken.want_offset)
    effects.actions.push_back(Send{model::Want{
        .entries_from = log_.wanted(), .blob = blob.digest, .blob_offset = *taken.want_offset}});
  if (!taken.complete) return;
  const trust::Guarded read(guard_, blob.digest);
  bool is_policy = false;
  bool is_part = false;
  for (const auto& [id, entry] : state().orders) {
    const bool as_policy = entry.order.policy == blob.digest;
    const bool as_part = has_part(entry.order, blob.digest);
    if (!read && (as_policy || as_part)) poisoned_.insert(id);
    is_policy |= as_policy;
    is_part |= as_part;
  }
  if (!read) return;
  // An author decides what the digests in an order are digests of, also that one is both: it is
  // what its bytes say.
  if (is_policy) take_policy(blob.digest, *taken.complete, effects);
  if (is_part) take_hash_part(blob.digest, std::move(*taken.complete), effects);
}

void Core::take_policy(const Digest& digest, const Bytes& bytes, Effects& effects) {
  auto brief = brief_of(bytes);
  if (!brief) {
    bad_policies_.emplace(digest, brief.error());
    return;
  }
  policies_.emplace(digest, std::move(*brief));
  effects.records.push_back(PutPolicy{digest, bytes});
}

void Core::take_hash_part(const Digest& digest, Bytes bytes, Effects& effects) {
  const auto part = hash_set::decode_hash_part(bytes);
  if (part) {
    hash_parts_.insert(digest);
    effects.records.push_back(PutHashPart{digest, std::move(bytes)});
    return;
  }
  for (const auto& [id, entry] : state().orders)
    if (has_part(entry.order, digest))
      bad_policies_.emplace(entry.order.policy,
                            trust::Refusal{model::Reason::kMalformed, part.error().message});
}

// They come again.
Effects Core::on_damaged_hashes(const std::vector<Digest>& parts, const Now& now) {
  Effects effects;
  for (const Digest& part : parts) {
    if (hash_parts_.erase(part) == 0) continue;
    effects.records.push_back(DropHashPart{part});
    effects.notes.push_back({"hash_set_damaged", {{"part", part.hex()}}, true});
  }
  return finish(std::move(effects), now);
}

// Hashes are much: those of orders that are over go before the orders themselves.
void Core::drop_hashes(Effects& effects, const Now& now) {
  if (hash_parts_.empty()) return;
  std::set<Digest> named;
  const auto keep = [&](const Digest& digest) {
    const auto policy = policies_.find(digest);
    if (policy == policies_.end()) return;
    for (const model::HashPart& part : policy->second.facts.parts) named.insert(part.digest);
  };
  for (const auto& [id, entry] : state().orders)
    if (!is_over(entry.order, now) || is_busy(id)) keep(entry.order.policy);
  for (const auto& [id, job] : jobs_)
    if (is_busy(id)) keep(job.policy);  // also of orders that the fold has forgotten
  std::erase_if(hash_parts_, [&](const Digest& part) {
    if (named.contains(part)) return false;
    effects.records.push_back(DropHashPart{part});
    return true;
  });
}

}  // namespace fleetsweep::agent
