// Events of the connection and of the host; what follows from them is in orders.cc and the files it
// leads to.

#include "agent/core/core.h"

#include <algorithm>

#include "protocol/base/limits.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::agent {

namespace {
constexpr Duration kEntriesTimeout = std::chrono::seconds(30);
}  // namespace

Effects Core::finish(Effects effects, const Now& now) {
  consider(effects, now);
  talk(effects, now);
  return effects;
}

// Hello, beat, receipts: whatever the session has to say now.
void Core::talk(Effects& effects, const Now& now) {
  switch (session_.take_due(now.uptime)) {
    case Session::Due::kNothing:
      break;
    case Session::Due::kHello: {
      model::Hello hello;
      hello.tenant = identity_.tenant;
      hello.log_size = log_.wanted();
      hello.root_version = log_.root().version();
      hello.agent_version = identity_.version;
      hello.boot = identity_.boot;
      hello.facts = identity_.facts;
      hello.capabilities = identity_.host.capabilities;
      hello.sandbox = identity_.host.sandbox;
      effects.actions.push_back(Send{std::move(hello)});
      break;
    }
    case Session::Due::kBeat:
      effects.actions.push_back(
          Send{model::Beat{.log_size = log_.size(), .state = status().activity}});
      break;
    case Session::Due::kReconnect:
      outbox_.on_reconnect();
      fetch_.on_reconnect();
      effects.actions.push_back(Reconnect{});
      effects.notes.push_back({"edge_silent", {}, true});
      break;
  }
  rekeying_.on_turn(session_.is_welcomed(), now.clock.local, now.uptime, effects);
  if (!session_.is_welcomed()) return;
  // A question or its answer can be lost, and the edge believes that it has sent everything.
  if (asked_from_ == log_.wanted() && now.uptime - asked_at_ >= kEntriesTimeout)
    ask_entries(effects, now);
  while (true) {
    auto batch = outbox_.take_batch(session_.in_flight_max(), now.uptime);
    if (batch.empty()) break;
    effects.actions.push_back(SendReceipts{std::move(batch)});
  }
}

std::optional<Uptime> Core::next_deadline() const {
  std::optional<Uptime> next = wake_;
  const auto sooner = [&next](std::optional<Uptime> other) {
    if (other && (!next || *other < *next)) next = other;
  };
  sooner(session_.next_deadline());
  if (session_.is_welcomed()) {
    sooner(outbox_.next_deadline());
    sooner(fetch_wake_);
    if (asked_from_ == log_.wanted()) sooner(asked_at_ + kEntriesTimeout);
    sooner(rekeying_.next_deadline());
    sooner(time_wake_);
  }
  return next;
}

Effects Core::on_deadline(const Now& now) {
  return finish({}, now);
}

Effects Core::on_connected(const Now& now) {
  session_.on_connected(now.uptime);
  outbox_.on_reconnect();
  fetch_.on_reconnect();
  time_.on_reconnect();
  asked_from_ = kNotAsked;
  Effects effects;
  effects.notes.push_back({"connected", {}});
  return finish(std::move(effects), now);
}

Effects Core::on_disconnected(const Now& now) {
  session_.on_disconnected();
  Effects effects;
  effects.notes.push_back({"disconnected", {}, true});
  return finish(std::move(effects), now);
}

Effects Core::on_refused(const Now& now) {
  session_.on_refused(now.uptime);
  Effects effects;
  rekeying_.on_refused(effects);
  effects.notes.push_back({"refused_by_edge", {}, true});
  return finish(std::move(effects), now);
}

Effects Core::on_halt(bool halted, const Now& now) {
  identity_.host.halted = halted;
  failures_.clear();
  Effects effects;
  effects.notes.push_back({halted ? "halted_by_owner" : "resumed_by_owner", {}, true});
  return finish(std::move(effects), now);
}

Effects Core::on_transport_key(TransportKey key, const Now& now) {
  Effects effects;
  rekeying_.on_key(std::move(key), key_, now.clock.local, effects);
  return finish(std::move(effects), now);
}

Effects Core::on_rekey_asked(const Now& now) {
  rekeying_.on_asked();
  return finish({}, now);
}

Effects Core::on_consent(const trust::Consent& consent, const Now& now) {
  identity_.host.consent = consent;
  return finish({}, now);
}

// Stopping needs less evidence than acting: neither the log nor fresh contact is asked, only who
// signed.
Effects Core::on_stop(BytesView envelope, const std::string& source, StopAnswer& answer,
                      const Now& now) {
  Effects effects;
  answer.notice = log_.take_stop(envelope);
  const trust::Notice& notice = answer.notice;
  const auto held = state().stops.find(notice.id);
  if (held != state().stops.end()) answer.says = says(held->second.stop);
  if (notice.taken == trust::Taken::kAccepted) {
    effects.records.push_back(
        PutStop{notice.id, log_.size(), log_.floor().time, to_bytes(envelope)});
    effects.notes.push_back({"stop_taken", {{"stop", notice.id.hex()}, {"source", source}}, true});
    remember_stops(effects);
    Say say;
    say.kind = model::ReceiptKind::kStop;
    say.reason = model::Reason::kStopped;
    say.started = now.clock.local;
    report(Job{.order = notice.id}, std::move(say), effects, now);
  } else if (notice.taken == trust::Taken::kRefused) {
    effects.notes.push_back(
        {"stop_refused", {{"source", source}, {"why", Error(notice.refusal).message}}, true});
  }
  return finish(std::move(effects), now);
}

Effects Core::on_message(const model::Message& message, const Now& now) {
  session_.on_heard(now.uptime);
  Effects effects;
  std::visit([&](const auto& one) { on(one, effects, now); }, message);
  return finish(std::move(effects), now);
}

void Core::on(const model::Welcome& welcome, Effects& effects, const Now& now) {
  const bool is_first = !session_.is_welcomed();
  session_.on_welcome(welcome, now.uptime);
  rekeying_.on_welcome(effects);
  if (is_first) effects.notes.push_back({"welcomed", {}});
}

void Core::on(const model::RetryAfter& answer, Effects& effects, const Now& now) {
  session_.on_retry_after(answer, now.uptime);
  effects.notes.push_back(
      {"edge_busy", {{"wait_ms", std::to_string(answer.wait.count())}, {"reason", answer.reason}}});
}

void Core::on(const model::Entries& entries, Effects& effects, const Now& now) {
  const std::uint64_t before = log_.wanted();
  const auto taken = log_.append(entries.from, entries.entries, now.clock);
  const std::uint64_t wanted = log_.wanted();
  if (!taken && taken.error().reason == model::Reason::kMalformed && asked_from_ != wanted) {
    // A gap: the edge believes we have more than we do. Asked once, not once an entry.
    ask_entries(effects, now);
  }
  if (!taken)
    effects.notes.push_back({"entries_not_taken", {{"why", Error(taken.error()).message}}, true});
  if (wanted != before && !offered_note_.empty()) advance(effects, now);
}

void Core::on(const model::Checkpoint& checkpoint, Effects& effects, const Now& now) {
  offered_note_ = checkpoint.note;
  advance(effects, now);
}

void Core::ask_entries(Effects& effects, const Now& now) {
  asked_from_ = log_.wanted();
  asked_at_ = now.uptime;
  effects.actions.push_back(Send{model::Want{.entries_from = asked_from_}});
}

void Core::advance(Effects& effects, const Now& now) {
  const bool was_forked = log_.forked();
  const DocumentId root_before = log_.root().id();
  const auto advance = log_.checkpoint(offered_note_, now.clock);
  if (log_.root().id() != root_before) time_.forget();
  if (!advance) {
    offered_note_.clear();
    asked_from_ = kNotAsked;  // what made another tree was dropped: the next checkpoint asks anew
    effects.notes.push_back(
        {"checkpoint_refused", {{"why", Error(advance.error()).message}}, true});
    if (log_.forked() != was_forked) effects.records.push_back(PutLog{log_.saved()});
    return;
  }
  if (advance->need_more) {
    if (asked_from_ == log_.wanted()) return;
    ask_entries(effects, now);
    return;
  }
  offered_note_.clear();
  const auto steers = [](const trust::Notice& notice) {
    return notice.taken == trust::Taken::kAccepted &&
           (notice.payload_type == model::kPayloadStop ||
            notice.payload_type == model::kPayloadResume ||
            notice.payload_type == model::kPayloadRoot);
  };
  if (std::ranges::any_of(advance->settled, steers) ||
      std::ranges::any_of(advance->folded, steers, &trust::LogView::Folded::notice))
    remember_stops(effects);
  const auto is_endpoints = [](const trust::Notice& notice) {
    return notice.taken == trust::Taken::kAccepted &&
           notice.payload_type == model::kPayloadEndpoints;
  };
  if (std::ranges::any_of(advance->settled, is_endpoints) ||
      std::ranges::any_of(advance->folded, is_endpoints, &trust::LogView::Folded::notice))
    on_endpoints(effects);
  for (const trust::Notice& notice : advance->settled) note_entry(notice, effects);
  for (const auto& folded : advance->folded) {
    effects.records.push_back(PutEntry{folded.notice.index, folded.seen, folded.entry});
    note_entry(folded.notice, effects);
    // What it is nobody knows, so the receipt names no order.
    if (folded.notice.refusal.reason == model::Reason::kPoison) {
      Say say;
      say.reason = model::Reason::kPoison;
      say.started = now.clock.local;
      report(Job{}, std::move(say), effects, now);
    }
  }
  if (advance->fresher || !advance->folded.empty()) effects.records.push_back(PutLog{log_.saved()});
}

// Somebody put it into the log whom the root does not know: the owner is to see it.
void Core::note_refused(const trust::Notice& notice) {
  if (notice.taken != trust::Taken::kRefused) return;
  refused_.push_back(notice);
  if (refused_.size() > limits::kRefusedEntriesShown) refused_.pop_front();
}

void Core::note_entry(const trust::Notice& notice, Effects& effects) {
  note_refused(notice);
  if (notice.taken == trust::Taken::kRefused)
    effects.notes.push_back(
        {"entry_refused",
         {{"index", std::to_string(notice.index)}, {"why", Error(notice.refusal).message}},
         true});
  else
    effects.notes.push_back({notice.taken == trust::Taken::kWaits ? "entry_waits" : "entry",
                             {{"index", std::to_string(notice.index)},
                              {"type", notice.payload_type},
                              {"id", notice.id.hex()}}});
  if (notice.sealed)
    effects.notes.push_back({"break_glass",
                             {{"index", std::to_string(notice.index)},
                              {"type", notice.payload_type},
                              {"id", notice.id.hex()}},
                             true});
}

void Core::on(const model::ReceiptAck& ack, Effects& effects, const Now&) {
  auto seqs = outbox_.on_ack(ack.receipts);
  if (!seqs.empty()) effects.records.push_back(DropReceipts{std::move(seqs)});
}

void Core::on(const model::Beat&, Effects&, const Now&) {}

void Core::on(const model::Rekeyed& rekeyed, Effects& effects, const Now&) {
  if (!rekeying_.on_rekeyed(rekeyed.curve, effects)) return;
  session_.on_disconnected();
  outbox_.on_reconnect();
  fetch_.on_reconnect();
  effects.actions.push_back(Reconnect{});
}

void Core::on(const model::TimeReply& reply, Effects& effects, const Now& now) {
  const trust::Guarded read(guard_, crypto::sha256(reply.statement));
  if (!read) {
    effects.notes.push_back(
        {"time_refused", {{"why", "reading it killed this agent twice"}}, true});
    return;
  }
  const auto taken = time_.on_reply(reply, log_.root().root(), identity_.tenant, now);
  if (!taken)
    effects.notes.push_back({"time_refused", {{"why", Error(taken.error()).message}}, true});
  else
    effects.notes.push_back({"time_told", {{"time", to_rfc3339(time_.told()->time)}}});
}

// The edge has no business sending these.
template <class Other>
void Core::on(const Other&, Effects& effects, const Now&) {
  effects.notes.push_back({"unexpected_message", {}, true});
}

}  // namespace fleetsweep::agent
