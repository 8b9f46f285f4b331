#include "protocol/trust/fold.h"

#include <algorithm>

#include "protocol/base/assert.h"
#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/trust/examine.h"
#include "protocol/trust/weakening.h"

namespace fleetsweep::trust {

using model::Reason;
using model::Role;

namespace {

struct Apply {
  State& state;
  const Opened& opened;
  Logged logged;
  Fold::Keep keep;

  Taken operator()(AlreadyKnown) const { return Taken::kKnown; }

  Taken operator()(NewWaiting change) const {
    state.waiting.push_back(std::move(change.entry));
    return Taken::kWaits;
  }

  Taken operator()(NewRoot change) const {
    if (!state.root)
      state.begun = logged.seen;
    else if (logged.seen > state.begun)
      // Who joins later meets the chain as a whole: there is no older rule of his to protect.
      keep_older_rules(change.root.root());
    const bool has_new_keys =
        state.root && std::any_of(change.root.root().keys.begin(), change.root.root().keys.end(),
                                  [&](const model::Key& key) { return !is_known(key.pub); });
    state.root = std::move(change.root);
    state.root_chain.push_back(std::move(change.envelope));
    forget_other_branches();
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

  void keep_older_rules(const model::Root& next) const {
    const Timestamp until = logged.seen + kWeakeningDelay;
    for (std::size_t i = 0; i < model::kClasses; ++i)
      if (is_class_weaker(state.root->root(), next, static_cast<model::Class>(i)))
        state.weakened_until[i] = until;
    for (const Role role : kOlderRuleRoles)
      if (is_role_weaker(state.root->root(), next, role))
        state.older_rules.push_back({role, *state.root, until});
  }

  // Of two successors of one root the first that may counts; the other, and what follows it, is
  // void.
  void forget_other_branches() const {
    DocumentId tip = state.root->id();
    std::erase_if(state.waiting, [&](const WaitingEntry& entry) {
      if (!entry.root) return false;
      const bool follows = entry.root->root().previous == tip;
      if (follows) tip = entry.root->id();
      return !follows;
    });
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

// Of an entry that waits.
Role role_waiting(std::string_view payload_type) {
  if (payload_type == model::kPayloadRoot) return Role::kRoot;
  if (payload_type == model::kPayloadResume) return Role::kResume;
  return payload_type == model::kPayloadEnrolBatch ? Role::kEnrol : Role::kInfra;
}

// Whose word the change needed.
std::optional<Role> role_of(const Change& change, std::string_view payload_type) {
  struct Needed {
    std::string_view payload_type;
    std::optional<Role> operator()(const AlreadyKnown&) const { return std::nullopt; }
    std::optional<Role> operator()(const NewWaiting&) const { return role_waiting(payload_type); }
    std::optional<Role> operator()(const NewRoot&) const { return Role::kRoot; }
    std::optional<Role> operator()(const NewOrder& it) const {
      return role_for(it.entry.order.action_class);
    }
    std::optional<Role> operator()(const NewRelease& it) const {
      return it.key.conductor ? Role::kConductor : Role::kRelease;
    }
    std::optional<Role> operator()(const NewStop&) const { return Role::kStop; }
    std::optional<Role> operator()(const NewResume&) const { return Role::kResume; }
    std::optional<Role> operator()(const NewEndpoints&) const { return Role::kInfra; }
    std::optional<Role> operator()(const NewBatch&) const { return Role::kEnrol; }
    std::optional<Role> operator()(const NewClose&) const { return Role::kRelease; }
  };
  return std::visit(Needed{payload_type}, change);
}

bool is_by_sealed_keys(const State& state, const model::Envelope& envelope, const Change& change) {
  const auto role = role_of(change, envelope.payload_type);
  if (!state.root || !role) return false;
  const model::Root& root = state.root->root();
  if (std::ranges::none_of(root.roles, [&](const model::RoleRule& rule) {
        return rule.role == *role && !rule.sealed.empty();
      }))
    return false;
  const auto approval = meets(root, *role, signers(envelope, root), stopped_keys(state));
  return approval && *approval == Approval::kSealed;
}

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
  settle(seen);
  forget(state_, seen);
  Notice notice = take(entry, Logged{state_.size, seen}, false);
  ++state_.size;
  return notice;
}

Notice Fold::skip(Timestamp seen) {
  forget(state_, seen);
  return {.index = state_.size++,
          .refusal = {Reason::kPoison, "reading it killed this agent twice"}};
}

Notice Fold::take_stop(BytesView envelope, Timestamp seen, const VerifiedRoot* ahead) {
  return take(envelope, Logged{kNotLogged, seen}, true, ahead);
}

Notice Fold::take(BytesView entry, const Logged& logged, bool only_stop,
                  const VerifiedRoot* ahead) {
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
  if (!change && ahead) {
    auto early = examine_stop_by(*ahead, state_, *opened, entry, logged);
    if (early || !state_.root) change = std::move(early);
  }
  if (!change) {
    notice.refusal = change.error();
    return notice;
  }
  notice.sealed = is_by_sealed_keys(state_, opened->envelope, *change);
  notice.taken = std::visit(Apply{state_, *opened, logged, keep_}, std::move(*change));
  return notice;
}

// When an entry comes into force is a function of when it and the roots before it were seen, so
// that a restart, which settles at other moments, ends in the same state.
std::vector<Notice> Fold::settle(Timestamp now) {
  std::vector<Notice> notices;
  for (std::size_t i = 0; i < state_.waiting.size();) {
    const WaitingEntry& entry = state_.waiting[i];
    const auto opened = open_entry(entry.envelope);
    FS_ASSERT(opened);  // it was when it began to wait
    const Role role = role_waiting(opened->envelope.payload_type);
    const bool follows = !entry.root || entry.root->root().previous == state_.root->id();
    const auto until = older_rule_until(state_, role, opened->envelope, entry.logged.seen);
    if (!follows || (until && *until > now)) {
      ++i;
      continue;
    }
    const WaitingEntry taken = std::move(state_.waiting[i]);
    state_.waiting.erase(state_.waiting.begin() + static_cast<std::ptrdiff_t>(i));
    notices.push_back(
        take(taken.envelope, {taken.logged.index, until.value_or(taken.logged.seen)}, false));
    i = 0;  // its successor may have waited for it alone
  }
  std::erase_if(state_.older_rules, [&](const OlderRule& rule) { return rule.until <= now; });
  return notices;
}

}  // namespace fleetsweep::trust
