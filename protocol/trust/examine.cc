#include "protocol/trust/examine.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"
#include "protocol/trust/order_rules.h"

namespace fleetsweep::trust {

using model::Reason;
using model::Role;

namespace {

struct Kind {
  std::string_view payload_type;
  std::size_t bytes_max;
};
constexpr Kind kKinds[] = {
    {model::kPayloadRoot, limits::kRootBytes},
    {model::kPayloadOrder, limits::kOrderBytes},
    {model::kPayloadRelease, limits::kReleaseBytes},
    {model::kPayloadStop, limits::kStopBytes},
    {model::kPayloadResume, limits::kResumeBytes},
    {model::kPayloadEndpoints, limits::kEndpointsBytes},
    {model::kPayloadEnrolBatch, limits::kEnrolBatchBytes},
    {model::kPayloadClose, limits::kCloseBytes},
};

// One entry under examination.
struct Context {
  const State& state;
  const Opened& opened;
  BytesView entry;
  Logged logged;
  Keys signed_by;
  Keys stopped;

  const model::Root& root() const { return state.root->root(); }
  Checked<Approval> meets_role(Role role) const { return meets(root(), role, signed_by, stopped); }
};

template <class T>
Checked<T> read(const Context& context) {
  FS_CHECK(check_schema(context.opened.envelope.payload));
  auto document = codec::decode<T>(context.opened.envelope.payload);
  if (!document) return refuse(Reason::kMalformed, "{}", document.error().message);
  if (document->tenant != context.state.tenant)
    return refuse(Reason::kTenant, "for tenant {}, this is {}", document->tenant.hex(),
                  context.state.tenant.hex());
  return std::move(*document);
}

std::optional<Timestamp> older_rule_until(const Context& context, Role role) {
  return trust::older_rule_until(context.state, role, context.opened.envelope, context.logged.seen);
}

Checked<Change> wait(const Context& context, Timestamp until,
                     std::optional<VerifiedRoot> root = std::nullopt) {
  const auto& waiting = context.state.waiting;
  const Bytes entry = to_bytes(context.entry);
  if (std::ranges::find(waiting, entry, &WaitingEntry::envelope) != waiting.end())
    return AlreadyKnown{};
  if (waiting.size() >= limits::kWaitingEntries)
    return refuse(Reason::kLimit, "{} entries wait already", limits::kWaitingEntries);
  return NewWaiting{{context.logged, entry, std::move(root)}, until};
}

// The last of the roots that wait, if any does.
const WaitingEntry* last_waiting_root(const State& state) {
  const WaitingEntry* last = nullptr;
  for (const WaitingEntry& entry : state.waiting)
    if (entry.root) last = &entry;
  return last;
}

Checked<Change> examine_root(const Context& context) {
  const State& state = context.state;
  const model::Envelope& envelope = context.opened.envelope;
  if (context.opened.id == state.root->id()) return AlreadyKnown{};
  if (state.root_chain.size() >= limits::kRootChain)
    return refuse(Reason::kLimit, "a chain of more than {} roots", limits::kRootChain);
  auto next = accept_next_root(*state.root, envelope);
  if (next) {
    const auto until = older_rule_until(context, Role::kRoot);
    if (until) return wait(context, *until, std::move(*next));
    return NewRoot{std::move(*next), to_bytes(context.entry)};
  }
  if (const WaitingEntry* before = last_waiting_root(state))
    if (auto later = accept_next_root(*before->root, envelope))
      return wait(context, Timestamp::max(), std::move(*later));
  return fail(next.error());
}

Checked<Change> examine_order(const Context& context) {
  if (context.state.orders.contains(context.opened.id)) return AlreadyKnown{};
  FS_TRY(model::Order order, read<model::Order>(context));
  if (const auto wrong = mistakes(order); !wrong.empty())
    return refuse(Reason::kMalformed, "order: {}", fmt::join(wrong, "; "));
  FS_CHECK(context.meets_role(role_for(order.action_class)));
  if (context.state.orders.size() >= limits::kOrdersKept)
    return refuse(Reason::kLimit, "{} orders are open already", limits::kOrdersKept);
  return NewOrder{{context.logged, to_bytes(context.entry), std::move(order), context.signed_by}};
}

Checked<Change> examine_release(const Context& context) {
  FS_TRY(model::Release release, read<model::Release>(context));
  const auto order = context.state.orders.find(release.order);
  if (order == context.state.orders.end())
    return refuse(Reason::kMalformed, "releases order {}, which the log does not have",
                  release.order.hex());
  const auto& waves = order->second.order.waves;
  if (release.wave >= waves.size())
    return refuse(Reason::kMalformed, "releases wave {} of an order with {}", release.wave,
                  waves.size());
  if (release.expires <= context.logged.seen)
    return refuse(Reason::kExpired, "the release ended {}", to_rfc3339(release.expires));
  bool conductor = false;
  if (auto by_people = context.meets_role(Role::kRelease); !by_people) {
    conductor = waves[release.wave].gate == model::Gate::kAuto &&
                context.meets_role(Role::kConductor).has_value();
    if (!conductor) return fail(by_people.error());
  }
  const ReleaseKey key{release.order, release.wave, conductor};
  Logged logged = context.logged;
  if (const auto held = context.state.releases.find(key); held != context.state.releases.end()) {
    const model::Release& before = held->second.release;
    if (before.expires >= release.expires) return AlreadyKnown{};
    // A prolonged release stands since it first stood; one that had ended stands anew.
    if (before.expires > logged.seen) logged = held->second.logged;
  }
  return NewRelease{key, {context.opened.id, logged, std::move(release), context.signed_by}};
}

Checked<Change> examine_stop(const Context& context) {
  const DocumentId& id = context.opened.id;
  if (context.state.stops.contains(id) || context.state.resumed.contains(id)) return AlreadyKnown{};
  FS_TRY(model::Stop stop, read<model::Stop>(context));
  // Whoever may stop once a root that waits is in force may stop already.
  if (auto now = context.meets_role(Role::kStop);
      !now && std::ranges::none_of(context.state.waiting, [&](const WaitingEntry& entry) {
        return entry.root && meets(entry.root->root(), Role::kStop,
                                   signers(context.opened.envelope, entry.root->root()));
      }))
    return fail(now.error());
  return NewStop{{context.logged, to_bytes(context.entry), std::move(stop)}};
}

Checked<Change> examine_resume(const Context& context) {
  if (context.state.resumes.contains(context.opened.id)) return AlreadyKnown{};
  FS_TRY(model::Resume resume, read<model::Resume>(context));
  FS_CHECK(context.meets_role(Role::kResume));
  if (const auto until = older_rule_until(context, Role::kResume)) return wait(context, *until);
  if (context.state.resumes.size() >= limits::kResumesKept)
    return refuse(Reason::kLimit, "{} Resumes are held already", limits::kResumesKept);
  return NewResume{{context.logged, to_bytes(context.entry)}, std::move(resume.stops)};
}

Checked<Change> examine_endpoints(const Context& context) {
  FS_TRY(model::Endpoints endpoints, read<model::Endpoints>(context));
  FS_CHECK(context.meets_role(Role::kInfra));
  const auto& held = context.state.endpoints;
  if (held && *held == endpoints) return AlreadyKnown{};
  if (held && endpoints.version <= held->version)
    return refuse(Reason::kExpired, "endpoints version {} after version {}", endpoints.version,
                  held->version);
  if (const auto until = older_rule_until(context, Role::kInfra)) return wait(context, *until);
  return NewEndpoints{std::move(endpoints), to_bytes(context.entry)};
}

Checked<Change> examine_batch(const Context& context) {
  FS_TRY(model::EnrolBatch batch, read<model::EnrolBatch>(context));
  if (const auto wrong = mistakes(batch); !wrong.empty())
    return refuse(Reason::kMalformed, "enrol batch: {}", fmt::join(wrong, "; "));
  FS_CHECK(context.meets_role(Role::kEnrol));
  if (const auto held = context.state.batches.find(batch.batch);
      held != context.state.batches.end()) {
    if (held->second.batch == batch) return AlreadyKnown{};
    return refuse(Reason::kMalformed, "batch {} stands there with other content",
                  batch.batch.hex());
  }
  if (const auto until = older_rule_until(context, Role::kEnrol)) return wait(context, *until);
  if (context.state.batches.size() >= limits::kBatchesKept)
    return refuse(Reason::kLimit, "{} batches are held already", limits::kBatchesKept);
  return NewBatch{{context.logged, to_bytes(context.entry), std::move(batch)}};
}

Checked<Change> examine_close(const Context& context) {
  FS_TRY(model::Close close, read<model::Close>(context));
  FS_CHECK(context.meets_role(Role::kRelease));
  if (context.state.closes.contains(close.campaign)) return AlreadyKnown{};
  if (context.state.closes.size() >= limits::kClosesKept)
    return refuse(Reason::kLimit, "{} campaigns are closed already", limits::kClosesKept);
  return NewClose{std::move(close)};
}

// By people of a root that waits: its own successors, and Stops, are read already.
bool is_signed_ahead(const State& state, const model::Envelope& envelope) {
  return std::ranges::any_of(state.waiting, [&](const WaitingEntry& entry) {
    return entry.root && !signers(envelope, entry.root->root()).empty();
  });
}

}  // namespace

Checked<Opened> open_entry(BytesView entry) {
  if (entry.size() > limits::kLogEntryBytes)
    return refuse(Reason::kMalformed, "an entry of {} bytes, at most {}", entry.size(),
                  limits::kLogEntryBytes);
  auto envelope = codec::decode<model::Envelope>(entry);
  if (!envelope) return refuse(Reason::kMalformed, "envelope: {}", envelope.error().message);
  const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& candidate) {
    return candidate.payload_type == envelope->payload_type;
  });
  if (kind == std::end(kKinds))
    return refuse(Reason::kSchema, "payload type '{}' does not belong in a control log",
                  escaped(envelope->payload_type));
  if (envelope->payload.size() > kind->bytes_max)
    return refuse(Reason::kMalformed, "{} bytes of {}, at most {}", envelope->payload.size(),
                  kind->payload_type, kind->bytes_max);
  const DocumentId id = crypto::document_id(*envelope);
  return Opened{std::move(*envelope), id};
}

Checked<Change> examine(const State& state, const Opened& opened, BytesView entry,
                        const Logged& logged) {
  const std::string& type = opened.envelope.payload_type;
  if (!state.root) {
    if (type != model::kPayloadRoot)
      return refuse(Reason::kUntrusted, "there is no root yet to judge this by");
    FS_TRY(VerifiedRoot first, accept_first_root(opened.envelope, state.tenant));
    return NewRoot{std::move(first), to_bytes(entry)};
  }
  Context context{state,
                  opened,
                  entry,
                  logged,
                  signers(opened.envelope, state.root->root()),
                  stopped_keys(state)};
  if (context.signed_by.empty() && !is_signed_ahead(state, opened.envelope))
    return refuse(Reason::kUntrusted, "no key of root version {} signed it", state.root->version());
  if (type == model::kPayloadRoot) return examine_root(context);
  if (type == model::kPayloadOrder) return examine_order(context);
  if (type == model::kPayloadRelease) return examine_release(context);
  if (type == model::kPayloadStop) return examine_stop(context);
  if (type == model::kPayloadResume) return examine_resume(context);
  if (type == model::kPayloadEndpoints) return examine_endpoints(context);
  if (type == model::kPayloadEnrolBatch) return examine_batch(context);
  return examine_close(context);
}

Checked<Change> examine_stop_by(const VerifiedRoot& ahead, const State& state, const Opened& opened,
                                BytesView entry, const Logged& logged) {
  if (state.stops.contains(opened.id) || state.resumed.contains(opened.id)) return AlreadyKnown{};
  const Keys signed_by = signers(opened.envelope, ahead.root());
  FS_CHECK(meets(ahead.root(), Role::kStop, signed_by));
  FS_TRY(model::Stop stop, read<model::Stop>(Context{state, opened, entry, logged, signed_by, {}}));
  return NewStop{{logged, to_bytes(entry), std::move(stop)}};
}

}  // namespace fleetsweep::trust
