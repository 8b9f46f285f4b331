#include "protocol/trust/awaited.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/admission.h"
#include "protocol/trust/examine.h"
#include "protocol/trust/order_rules.h"
#include "protocol/trust/root_rules.h"

namespace fleetsweep::trust {

using model::Reason;
using model::Role;

namespace {

// One document under examination.
class Waiting {
 public:
  Waiting(const State& state, const Opened& opened, Timestamp now)
      : state_(state), envelope_(opened.envelope), now_(now) {
    awaited_.id = opened.id;
    awaited_.payload_type = envelope_.payload_type;
  }

  Checked<Awaited> examine(const std::optional<PolicyFacts>& policy) {
    const std::string_view type = envelope_.payload_type;
    if (type == model::kPayloadRoot) return examine_root();
    if (type == model::kPayloadOrder) return examine_order(policy);
    if (type == model::kPayloadRelease) return examine_release();
    if (type == model::kPayloadStop)
      return with<model::Stop>(Role::kStop,
                               [&](const auto& stop) { awaited_.title = stop.reason; });
    if (type == model::kPayloadResume) return examine_resume();
    if (type == model::kPayloadEndpoints)
      return with<model::Endpoints>(Role::kInfra, [](const auto&) {});
    if (type == model::kPayloadEnrolBatch) return examine_batch();
    return with<model::Close>(Role::kRelease,
                              [&](const auto& close) { awaited_.campaign = close.campaign; });
  }

 private:
  const model::Root& root() const { return state_.root->root(); }

  template <class T>
  Checked<T> read() const {
    FS_CHECK(check_schema(envelope_.payload));
    auto document = codec::decode<T>(envelope_.payload);
    if (!document) return refuse(Reason::kMalformed, "{}", document.error().message);
    if (document->tenant != state_.tenant)
      return refuse(Reason::kTenant, "for tenant {}, this is {}", document->tenant.hex(),
                    state_.tenant.hex());
    return std::move(*document);
  }

  template <class T, class F>
  Checked<Awaited> with(Role role, const F& look) {
    FS_TRY(const T document, read<T>());
    look(document);
    return finish(role);
  }

  Checked<Awaited> finish(Role role) {
    awaited_.approvals = {approvals(envelope_, root(), role, stopped_keys(state_))};
    FS_CHECK(check_signatures(signers(envelope_, root())));
    if (awaited_.ends && *awaited_.ends <= now_)
      return refuse(Reason::kExpired, "it ended {}", to_rfc3339(*awaited_.ends));
    return std::move(awaited_);
  }

  // A signature that does not count is not kept: nobody could tell it from one that was changed.
  Checked<void> check_signatures(const Keys& hold) const {
    for (const model::EnvelopeSignature& signature : envelope_.signatures)
      if (std::ranges::none_of(
              hold, [&](const PublicKey& key) { return crypto::key_id(key) == signature.key; }))
        return refuse(Reason::kUntrusted,
                      "key {} is not one of root version {}, or its signature does not hold",
                      signature.key.hex(), root().version);
    return {};
  }

  Checked<Awaited> examine_order(const std::optional<PolicyFacts>& policy) {
    FS_TRY(const model::Order order, read<model::Order>());
    if (const auto wrong = mistakes(order); !wrong.empty())
      return refuse(Reason::kMalformed, "order: {}", fmt::join(wrong, "; "));
    FS_CHECK(check_terms(order, policy, now_));
    awaited_.title = order.title;
    awaited_.campaign = order.campaign;
    awaited_.action_class = order.action_class;
    awaited_.ends = order.schedule.not_after;
    return finish(role_for(order.action_class));
  }

  Checked<Awaited> examine_release() {
    FS_TRY(const model::Release release, read<model::Release>());
    const auto order = state_.orders.find(release.order);
    if (order == state_.orders.end())
      return refuse(Reason::kMalformed, "releases order {}, which the log does not have",
                    release.order.hex());
    awaited_.title = fmt::format("wave {} of {}", release.wave + 1, order->second.order.title);
    awaited_.campaign = order->second.order.campaign;
    awaited_.ends = release.expires;
    return finish(Role::kRelease);
  }

  Checked<Awaited> examine_resume() {
    FS_TRY(const model::Resume resume, read<model::Resume>());
    awaited_.title = resume.reason;
    return finish(Role::kResume);
  }

  Checked<Awaited> examine_batch() {
    FS_TRY(const model::EnrolBatch batch, read<model::EnrolBatch>());
    if (const auto wrong = mistakes(batch); !wrong.empty())
      return refuse(Reason::kMalformed, "enrol batch: {}", fmt::join(wrong, "; "));
    awaited_.title = fmt::format("{} tokens, groups {}, country {}", batch.tokens.size(),
                                 fmt::join(batch.groups, ", "), batch.jurisdiction);
    awaited_.ends = batch.not_after;
    return finish(Role::kEnrol);
  }

  Checked<Awaited> examine_root() {
    FS_CHECK(check_schema(envelope_.payload));
    auto next = codec::decode<model::Root>(envelope_.payload);
    if (!next) return refuse(Reason::kMalformed, "root: {}", next.error().message);
    if (const auto wrong = mistakes(*next); !wrong.empty())
      return refuse(Reason::kMalformed, "root version {}: {}", next->version,
                    fmt::join(wrong, "; "));
    if (next->tenant != state_.tenant)
      return refuse(Reason::kTenant, "root of tenant {} after one of {}", next->tenant.hex(),
                    state_.tenant.hex());
    if (next->version != root().version + 1 || next->previous != state_.root->id())
      return refuse(Reason::kRootVersion, "root version {} does not follow version {} of the log",
                    next->version, root().version);
    awaited_.title = fmt::format("root version {}", next->version);
    awaited_.ends = next->expires;
    awaited_.approvals = {approvals(envelope_, root(), Role::kRoot),
                          approvals(envelope_, *next, Role::kRoot)};
    Keys hold = signers(envelope_, *next);
    awaited_.possession = keys_without_proof(*next, root(), hold);
    const Keys before = signers(envelope_, root());
    hold.insert(hold.end(), before.begin(), before.end());
    FS_CHECK(check_signatures(hold));
    if (*awaited_.ends <= now_)
      return refuse(Reason::kExpired, "it ended {}", to_rfc3339(*awaited_.ends));
    return std::move(awaited_);
  }

  // The conductor's is exempt, see root_chain.cc.
  static std::vector<Approver> keys_without_proof(const model::Root& next,
                                                  const model::Root& before, const Keys& hold) {
    std::vector<Approver> missing;
    for (std::size_t i = 0; i < next.keys.size(); ++i) {
      const model::Key& key = next.keys[i];
      const auto names_it = [&](const model::Clause& clause) {
        return std::ranges::find(clause.keys, i) != clause.keys.end();
      };
      const bool is_conductor = std::ranges::any_of(next.roles, [&](const model::RoleRule& rule) {
        return rule.role == Role::kConductor && std::ranges::any_of(rule.clauses, names_it);
      });
      if (is_conductor || std::ranges::binary_search(hold, key.pub) ||
          std::ranges::find(before.keys, key.pub, &model::Key::pub) != before.keys.end())
        continue;
      missing.push_back({key.holder, key.pub});
    }
    return missing;
  }

  const State& state_;
  const model::Envelope& envelope_;
  const Timestamp now_;
  Awaited awaited_;
};

}  // namespace

bool Awaited::met() const {
  return possession.empty() && std::ranges::all_of(approvals, &Approvals::met);
}

Checked<Awaited> await_quorum(const State& state, BytesView envelope,
                              const std::optional<PolicyFacts>& policy, Timestamp now) {
  FS_TRY(const Opened opened, open_entry(envelope));
  if (!state.root) return refuse(Reason::kUntrusted, "there is no root yet to judge this by");
  return Waiting(state, opened, now).examine(policy);
}

}  // namespace fleetsweep::trust
