#include "protocol/trust/fold.h"

#include <algorithm>
#include <map>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/trust/examine.h"

namespace fleetsweep::trust {

using model::Reason;
using model::Role;
using model::Root;

namespace {

constexpr Seconds kWeakeningDelay{24 * 3600};

// What each organisation must give; empty: the role is nobody's.
std::map<std::uint8_t, unsigned> thresholds(const Root& root, Role role) {
  std::map<std::uint8_t, unsigned> result;
  for (const auto& rule : root.roles)
    if (rule.role == role)
      for (const auto& clause : rule.clauses) result[clause.org] = clause.threshold;
  return result;
}

// Each organisation has its veto: more signatures of one do not make up for fewer of another.
bool is_role_weaker(const Root& before, const Root& after, Role role) {
  const auto old_needed = thresholds(before, role);
  auto new_needed = thresholds(after, role);
  if (new_needed.empty()) return false;
  return old_needed.empty() || std::any_of(old_needed.begin(), old_needed.end(), [&](auto& clause) {
           return new_needed[clause.first] < clause.second;
         });
}

// Whether an order of this class could run under `after` that could not have run, or not so soon,
// under `before` with the same people.
bool is_weaker(const Root& before, const Root& after, std::size_t i) {
  const auto action_class = static_cast<model::Class>(i);
  const model::RootPolicy &old_policy = before.policy, &new_policy = after.policy;
  if (is_role_weaker(before, after, role_for(action_class)) ||
      new_policy.checkpoint_age_max[i] > old_policy.checkpoint_age_max[i] ||
      new_policy.cool_off[i] < old_policy.cool_off[i] ||
      new_policy.order_life_max[i] > old_policy.order_life_max[i] ||
      new_policy.offline_grace_max[i] > old_policy.offline_grace_max[i])
    return true;
  if (action_class < model::Class::kContain) return false;
  const auto unlimited = [](std::uint32_t value, std::uint32_t none) {
    return value ? value : none;
  };
  return is_role_weaker(before, after, Role::kRelease) ||
         is_role_weaker(before, after, Role::kConductor) ||
         after.witness_quorum < before.witness_quorum ||
         new_policy.dry_run_age_max > old_policy.dry_run_age_max ||
         unlimited(new_policy.items_max, limits::kItemsMax) >
             unlimited(old_policy.items_max, limits::kItemsMax) ||
         unlimited(new_policy.wave1_permille_max, 1000) >
             unlimited(old_policy.wave1_permille_max, 1000);
}

struct Apply {
  State& state;
  const Opened& opened;
  Logged logged;
  Fold::Keep keep;

  Taken operator()(AlreadyKnown) const { return Taken::kKnown; }

  Taken operator()(NewRoot change) const {
    if (!state.root) {
      state.begun = logged.seen;
    } else if (logged.seen > state.begun) {
      // Who joins later meets the chain as a whole: there is no older rule of his to protect.
      for (std::size_t i = 0; i < model::kClasses; ++i)
        if (is_weaker(state.root->root(), change.root.root(), i))
          state.weakened_until[i] = logged.seen + kWeakeningDelay;
    }
    const bool has_new_keys =
        state.root && std::any_of(change.root.root().keys.begin(), change.root.root().keys.end(),
                                  [&](const model::Key& key) { return !is_known(key.pub); });
    state.root = std::move(change.root);
    state.root_chain.push_back(std::move(change.envelope));
    if (has_new_keys) count_new_approvals();
    return Taken::kAccepted;
  }

  Taken operator()(NewOrder change) const {
    state.orders.emplace(opened.id, std::move(change.entry));
    return Taken::kAccepted;
  }
  Taken operator()(NewRelease change) const {
    state.releases.insert_or_assign(change.key, std::move(change.entry));
    return Taken::kAccepted;
  }
  Taken operator()(NewStop change) const {
    // Anybody who may stop may stop everything, so running out of room for Stops may only stop
    // more.
    if (state.stops.size() >= limits::kStopsActive)
      state.stops_overflowed = true;
    else
      state.stops.emplace(opened.id, std::move(change.entry));
    return Taken::kAccepted;
  }
  Taken operator()(NewResume change) const {
    for (const DocumentId& stop : change.stops) {
      state.stops.erase(stop);
      state.resumed.insert(stop);
    }
    if (state.stops.empty()) state.stops_overflowed = false;
    state.resumes.emplace(opened.id, std::move(change.entry));
    return Taken::kAccepted;
  }
  Taken operator()(NewEndpoints change) const {
    state.endpoints = std::move(change.endpoints);
    state.endpoints_envelope = std::move(change.envelope);
    return Taken::kAccepted;
  }
  Taken operator()(NewBatch change) const {
    if (keep == Fold::Keep::kForController) {
      const Nonce batch = change.entry.batch.batch;
      state.batches.emplace(batch, std::move(change.entry));
    }
    return Taken::kAccepted;
  }
  Taken operator()(NewClose change) const {
    const std::string campaign = change.close.campaign;
    state.closes.emplace(campaign, std::move(change.close));
    return Taken::kAccepted;
  }

  bool is_known(const PublicKey& key) const {
    const auto& keys = state.root->root().keys;
    return std::any_of(keys.begin(), keys.end(),
                       [&](const model::Key& known) { return known.pub == key; });
  }

  // A person who signed before the root named the key counts from now on, as a fresh host would
  // count.
  void count_new_approvals() const {
    for (auto& [id, entry] : state.orders)
      if (auto envelope = codec::decode<model::Envelope>(entry.envelope)) {
        const Keys more = signers(*envelope, state.root->root());
        Keys all;
        std::set_union(entry.signed_by.begin(), entry.signed_by.end(), more.begin(), more.end(),
                       std::back_inserter(all));
        entry.signed_by = std::move(all);
      }
  }
};

// What ended long ago makes room. Judged by witness time, so that every host forgets alike.
void forget(State& state, Timestamp seen) {
  std::erase_if(state.orders, [&](const auto& item) {
    return item.second.order.schedule.not_after + Seconds(limits::kOrderKeptSeconds) < seen;
  });
  std::erase_if(state.releases,
                [&](const auto& item) { return !state.orders.contains(item.first.order); });
}

}  // namespace

Fold::Fold(const TenantId& tenant, Keep keep) : keep_(keep) {
  state_.tenant = tenant;
}

Notice Fold::append(BytesView entry, Timestamp seen) {
  forget(state_, seen);
  Notice notice = take(entry, Logged{state_.size, seen}, false);
  ++state_.size;
  return notice;
}

Notice Fold::take_stop(BytesView envelope, Timestamp seen) {
  return take(envelope, Logged{kNotLogged, seen}, true);
}

Notice Fold::take(BytesView entry, const Logged& logged, bool only_stop) {
  Notice notice;
  notice.index = logged.index;
  auto opened = open_entry(entry);
  if (!opened) {
    notice.refusal = opened.error();
    return notice;
  }
  notice.id = opened->id;
  notice.payload_type = opened->envelope.payload_type;
  if (only_stop && notice.payload_type != model::kPayloadStop) {
    notice.refusal = {Reason::kUntrusted, "only a Stop is taken without the log"};
    return notice;
  }
  auto change = examine(state_, *opened, entry, logged);
  if (!change) {
    notice.refusal = change.error();
    return notice;
  }
  notice.taken = std::visit(Apply{state_, *opened, logged, keep_}, std::move(*change));
  return notice;
}

}  // namespace fleetsweep::trust
