// How a run goes on and ends: scan, act, rescan, and what the receipt says.

#include <fmt/ranges.h>

#include <algorithm>

#include "agent/core/core.h"
#include "agent/plan/network.h"
#include "agent/plan/plan.h"
#include "protocol/base/assert.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::agent {

using model::HostState;
using model::Mode;
using model::Reason;
using model::ReceiptKind;

namespace {

// The host cannot do what was asked, as opposed to: it tried and failed.
bool is_refusal(Reason reason) {
  return reason != Reason::kTimeout && reason != Reason::kIo && reason != Reason::kInternal &&
         reason != Reason::kUnscannable;
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string content_of(const model::FileIdentity& file) {
  return fmt::format("{} {} {} {} {}", file.device, file.inode, file.size, file.mtime_ns,
                     file.sha256.hex());
}

// Of the very object: equal only if it was not touched in between. A program that was started again
// is another process.
Digest fingerprint(const model::Identity& identity) {
  const std::string text = std::visit(
      Overloaded{[](const model::FileIdentity& file) {
                   return fmt::format("f {} {} {}", content_of(file), file.ctime_ns, file.path);
                 },
                 [](const model::ProcessIdentity& process) {
                   return fmt::format("p {} {}", process.pid, process.start_ticks);
                 },
                 [](const model::PersistenceIdentity& entry) {
                   return fmt::format("e {} {} {}", name(entry.kind), entry.entry_sha256.hex(),
                                      entry.file.path);
                 },
                 [](const model::ConnectionIdentity& connection) {
                   return fmt::format("c {} {} {}", content_of(connection.exe),
                                      connection.remote_port, connection.remote_address);
                 },
                 [](const model::RegistryIdentity& value) {
                   return fmt::format("r {} {} {} {}", content_of(value.hive), value.key,
                                      value.value_name, value.data);
                 }},
      identity);
  return crypto::sha256(as_bytes(text));
}

std::vector<std::string> verdict_names(const model::Policy& policy,
                                       const std::vector<std::uint16_t>& verdicts) {
  std::vector<std::string> names;
  for (const std::uint16_t verdict : verdicts)
    if (verdict < policy.verdicts.size()) names.push_back(policy.verdicts[verdict].id);
  return names;
}

}  // namespace

Effects Core::on_scan_done(const model::ScanDone& done, const model::Policy& policy,
                           const Now& now) {
  Effects effects;
  if (active_ && active_->kind != Active::Kind::kAct) {
    // As judging: what a scan makes of a policy may be what kills us.
    const trust::Guarded read(guard_, Digest{active_->job.order.value});
    active_->sandbox = done.sandbox;
    active_->scanned = done.result.scanned;
    active_->scanned_bytes = done.result.scanned_bytes;
    active_->unscannable = done.result.unscannable;
    active_->partial = done.result.partial;
    active_->mismatches = done.result.mismatches;
    for (const std::string& what : done.result.unscannable_paths)
      effects.notes.push_back({"unscannable", {{"what", what}}, true});
    for (const std::string& what : done.result.partial_paths)
      effects.notes.push_back({"partial", {{"what", what}}, false});
    for (const std::string& what : done.result.mismatches)
      effects.notes.push_back({"mismatch", {{"what", what}}, true});
    if (!read)
      end_without_result(Reason::kPoison, "reading it killed this agent twice", effects, now);
    else if (done.reason != Reason::kNone)
      end_without_result(done.reason, done.detail, effects, now);
    else if (active_->kind == Active::Kind::kDryRun)
      end_dry_run(done, policy, effects, now);
    else if (active_->kind == Active::Kind::kBeforeApply)
      end_scan_before_apply(done, policy, effects, now);
    else
      end_rescan(done, policy, effects, now);
  }
  return finish(std::move(effects), now);
}

Effects Core::on_child_lost(model::Child child, const std::string& why, const Now& now) {
  Effects effects;
  effects.notes.push_back(
      {"child_lost", {{"child", std::string(name(child))}, {"why", why}}, true});
  const bool is_ours =
      active_ && (active_->kind == Active::Kind::kAct) == (child == model::Child::kAct);
  if (is_ours && child == model::Child::kScan) {
    if (active_->kind != Active::Kind::kRescan && ++failures_ < kTries)
      scan(effects);
    else
      end_without_result(Reason::kInternal, why, effects, now);
  } else if (is_ours) {
    // The journal knows how far it came: it stays kActing and is resumed.
    reasons_[active_->job.order] = "interrupted: " + why;
    if (++failures_ == kTries) report_interrupted(effects, now);
    active_.reset();
  }
  return finish(std::move(effects), now);
}

// A clean order acts on what is there now: no cache is believed.
void Core::scan(Effects& effects) const {
  effects.actions.push_back(StartScan{active_->job.policy, active_->kind != Active::Kind::kDryRun});
}

// Nobody waits for a word that does not come. The next start tries again, and its word is newer.
void Core::report_interrupted(Effects& effects, const Now& now) {
  Say say;
  say.kind = active_->job.mode == Mode::kUndo ? ReceiptKind::kUndo : ReceiptKind::kClean;
  say.state = HostState::kFailed;
  say.reason = Reason::kInternal;
  say.started = active_->job.started;
  report(active_->job, std::move(say), effects, now);
}

// What was found or not found here is what something lets us see: no other word holds. Nor is such
// a host cleaned: what is removed may be put back unseen, and no rescan could tell.
constexpr HostState trusted(HostState state, bool is_untrusted) {
  return is_untrusted ? HostState::kUntrusted : state;
}

// Nothing was found, and not everything was looked at: a good word with a reservation.
void Core::reserve(Say& say, Job& job) const {
  if (active_->unscannable > 0) say.reason = Reason::kUnscannable;
  job.reason = say.reason;
}

std::string Core::done_text(const Job& job) const {
  std::string text = fmt::format("done: {}", name(job.state));
  if (is_untrusted())
    text += fmt::format(
        ": this host contradicts itself: {}{}: scan its disk from rescue media (docs/runbooks.md)",
        active_->mismatches.front(),
        active_->mismatches.size() == 1
            ? ""
            : fmt::format(", and {} more (in the log)", active_->mismatches.size() - 1));
  if (job.reason == Reason::kUnscannable)
    text += fmt::format(", but {} objects could not be read", active_->unscannable);
  if (active_->partial > 0)
    text += fmt::format("; {} files were looked at in part (in the log)", active_->partial);
  return text;
}

// No result: the scanner could not, would not, or died. That is an answer too.
void Core::end_without_result(Reason reason, const std::string& detail, Effects& effects,
                              const Now& now) {
  Job job = active_->job;
  const bool is_rescan = active_->kind == Active::Kind::kRescan;
  if (is_rescan && ++failures_ < kTries) {
    active_.reset();  // due at once, so it is started again
    return;
  }
  Say say;
  const bool refused = is_refusal(reason) && !is_rescan;
  say.kind = is_rescan                   ? ReceiptKind::kVerify
             : refused                   ? ReceiptKind::kRefused
             : job.mode == Mode::kDryRun ? ReceiptKind::kScan
                                         : ReceiptKind::kClean;
  say.state = refused ? HostState::kRefused : HostState::kFailed;
  say.reason = reason;
  say.started = job.started;
  job.phase = Phase::kDone;
  job.state = say.state;
  job.reason = reason;
  job.reboot_rescan = false;
  executed_.insert({job.order, job.slot});
  report(job, std::move(say), effects, now);
  remember(job, effects);
  reasons_[job.order] = fmt::format("{}: {}: {}", name(job.state), name(reason), detail);
  active_.reset();
}

void Core::end_dry_run(const model::ScanDone& done, const model::Policy& policy, Effects& effects,
                       const Now& now) {
  Job job = active_->job;
  job.phase = Phase::kDone;
  job.state =
      trusted(done.result.verdicts.empty() ? HostState::kClean : HostState::kFound, is_untrusted());
  job.reason = Reason::kNone;
  Say say;
  say.kind = ReceiptKind::kScan;
  say.state = job.state;
  say.started = job.started;
  say.matched = static_cast<std::uint32_t>(done.result.findings.size());
  say.verdicts = verdict_names(policy, done.result.verdicts);
  say.items = items_of_scan(policy, done.result, say.paths);
  if (job.state == HostState::kClean) reserve(say, job);
  // Result, receipt and "done" become durable together.
  executed_.insert({job.order, job.slot});
  const trust::DryRun run{job.order, job.policy, trust::effective(log_.floor(), judged_by(now))};
  std::erase_if(dry_runs_, [&](const trust::DryRun& old) { return old.order == run.order; });
  dry_runs_.push_back(run);
  effects.records.push_back(PutDryRun{run, done.sealed});
  report(job, std::move(say), effects, now);
  remember(job, effects);
  reasons_[job.order] = done_text(job);
  active_.reset();
}

void Core::end_scan_before_apply(const model::ScanDone& done, const model::Policy& policy,
                                 Effects& effects, const Now& now) {
  // The last look before the first side effect: a Stop may have come while we scanned.
  const DocumentId id = active_->job.order;
  const trust::Verdict verdict = verdict_on(id, now);
  if (const auto* refusal = std::get_if<trust::Refusal>(&verdict)) {
    const trust::Refusal why = *refusal;
    active_.reset();
    return refuse(id, why, effects, now);
  }
  if (std::holds_alternative<trust::Waiting>(verdict)) {
    active_.reset();  // a window closed: considered again in its time
    return;
  }
  if (!is_untrusted() && plan::calls_for_action(policy, done.result.verdicts))
    return act(done, effects);

  Job job = active_->job;
  job.phase = Phase::kDone;
  job.state = trusted(HostState::kClean, is_untrusted());
  Say say;
  say.kind = ReceiptKind::kClean;
  say.state = job.state;
  say.started = job.started;
  say.matched = static_cast<std::uint32_t>(done.result.findings.size());
  say.verdicts = verdict_names(policy, done.result.verdicts);
  say.items = items_of_scan(policy, done.result, say.paths);  // what is only to be reported
  reserve(say, job);
  executed_.insert({job.order, job.slot});
  report(job, std::move(say), effects, now);
  remember(job, effects);
  reasons_[job.order] = done_text(job);
  active_.reset();
}

model::ActRequest Core::act_request(const DocumentId& order) const {
  model::ActRequest request;
  if (const auto entry = state().orders.find(order); entry != state().orders.end())
    request.order = entry->second.envelope;
  request.root_chain = state().root_chain;
  for (const auto& [id, stop] : state().stops) request.stops.push_back(stop.envelope);
  for (const auto& [id, resume] : state().resumes) request.stops.push_back(resume.envelope);
  request.checkpoint = log_.note();
  request.time = time_.proof();
  return request;
}

// What act has seen once, nobody can keep from it later.
void Core::remember_stops(Effects& effects) const {
  if (!state().root) return;  // act verifies them by the chain, which comes with the log
  if (!state().stops.empty() || !state().resumes.empty())
    effects.actions.push_back(RememberStops{});
}

// From here on a crash is resumed, so that it begins is durable before act hears of it.
void Core::act(const model::ScanDone& fresh, Effects& effects) {
  Job& job = active_->job;
  failures_ = 0;  // the scan's are over
  active_->kind = Active::Kind::kAct;
  job.phase = Phase::kActing;
  job.boot = identity_.boot;
  executed_.insert({job.order, job.slot});
  job.cleaned_objects.clear();
  for (const model::Finding& finding : fresh.result.findings)
    job.cleaned_objects.push_back(fingerprint(finding.identity));
  remember(job, effects);
  const model::Order& order = state().orders.at(job.order).order;
  model::ActRequest request = act_request(job.order);
  request.findings = fresh.sealed;
  request.verdicts = fresh.result.verdicts;
  request.scanned = fresh.result.scanned;
  const bool is_undo = order.mode == Mode::kUndo;
  effects.actions.push_back(
      StartAct{std::move(request), is_undo ? Digest{} : order.policy, order.dry_run_order});
}

Effects Core::on_act_done(const model::ActDone& done, const Now& now) {
  Effects effects;
  if (done.local)
    end_local_undo(done, effects, now);
  else if (active_ && active_->kind == Active::Kind::kAct)
    end_act(done, effects, now);
  return finish(std::move(effects), now);
}

namespace {

std::string cut_off_by(const model::ActDone& done) {
  std::vector<std::string> what;
  for (std::size_t i = 0; i < std::min(done.items.size(), done.paths.size()); ++i)
    if (plan::is_about_network(done.items[i].action) &&
        done.items[i].outcome == model::Outcome::kDone)
      what.push_back(done.paths[i]);
  return fmt::format("{}", fmt::join(what, "; "));
}

}  // namespace

void Core::end_act(const model::ActDone& done, Effects& effects, const Now& now) {
  Job job = active_->job;
  if (job.mode == Mode::kApply)
    cut_off_[job.order] = cut_off_by(done);
  else if (const auto undo = state().orders.find(job.order);
           undo != state().orders.end() && done.state == HostState::kUndone)
    cut_off_.erase(undo->second.order.undoes);
  // The crash came before act's journal: nothing was begun, so it is judged and begun anew.
  if (active_->resumed && done.state == HostState::kRefused && done.reason == Reason::kNone) {
    job.phase = Phase::kHeld;
    executed_.erase({job.order, job.slot});
    remember(job, effects);
    failures_ = 0;
    active_.reset();
    return;
  }
  job.state = done.state;
  job.reason = done.reason;
  job.acted = done.acted;
  Say say;
  say.kind = done.state == HostState::kRefused ? ReceiptKind::kRefused
             : job.mode == Mode::kUndo         ? ReceiptKind::kUndo
                                               : ReceiptKind::kClean;
  if (done.reason == Reason::kStopped) say.kind = ReceiptKind::kStop;
  say.state = done.state;
  say.reason = done.reason;
  say.started = job.started;
  say.acted = done.acted;
  say.matched = static_cast<std::uint32_t>(job.cleaned_objects.size());
  say.items = done.items;
  say.paths = done.paths;
  const auto policy = policies_.find(job.policy);
  const bool is_to_verify = job.mode == Mode::kApply && (done.state == HostState::kCleaned ||
                                                         done.state == HostState::kNeedsReboot);
  job.reboot_rescan = is_to_verify && policy != policies_.end() &&
                      (policy->second.verify.after_reboot || done.state == HostState::kNeedsReboot);
  job.phase = is_to_verify && done.state == HostState::kCleaned ? Phase::kVerifying : Phase::kDone;
  job.cleaned = judged_by(now).local;
  job.rescans = 0;
  if (job.phase == Phase::kDone) job.cleaned_objects.clear();
  report(job, std::move(say), effects, now);
  remember(job, effects);
  reasons_[job.order] =
      fmt::format("{}{}{}{}{}", name(job.state), done.reason == Reason::kNone ? "" : ": ",
                  done.reason == Reason::kNone ? "" : name(done.reason),
                  done.detail.empty() ? "" : ": ", done.detail);
  failures_ = 0;
  active_.reset();
}

// The owner undid it by hand; nobody ordered it, and everybody may know.
void Core::end_local_undo(const model::ActDone& done, Effects& effects, const Now& now) {
  const auto found = jobs_.find(done.order);
  Job job = found != jobs_.end() ? found->second : Job{.order = done.order};
  Say say;
  say.kind = ReceiptKind::kUndo;
  say.state = done.state;
  say.reason = done.reason;
  say.started = now.clock.local;
  say.acted = done.acted;
  say.items = done.items;
  say.paths = done.paths;
  say.local = true;
  if (done.state == HostState::kUndone) {
    cut_off_.erase(job.order);
    job.phase = Phase::kDone;
    job.reboot_rescan = false;
    job.state = done.state;
    job.reason = done.reason;
    executed_.insert({job.order, job.slot});
    reasons_[job.order] = "undone by the owner of this host";
    remember(job, effects);
  }
  report(job, std::move(say), effects, now);
}

bool Core::looks_gone(const model::ScanDone& done, const model::Policy& policy) const {
  const auto& expected = policy.verify.expect_none_of;
  return std::none_of(
      done.result.verdicts.begin(), done.result.verdicts.end(), [&](std::uint16_t verdict) {
        return expected.empty() ||
               std::find(expected.begin(), expected.end(), verdict) != expected.end();
      });
}

void Core::end_rescan(const model::ScanDone& done, const model::Policy& policy, Effects& effects,
                      const Now& now) {
  Job job = active_->job;
  const bool by_reboot = active_->by_reboot;
  if (jobs_.at(job.order).phase == Phase::kDone && !by_reboot) {
    active_.reset();  // undone meanwhile: what it sees is what was put back
    return;
  }
  failures_ = 0;
  if (by_reboot) job.reboot_rescan = false;
  const bool is_gone = looks_gone(done, policy);
  if (is_gone) ++job.rescans;
  const bool is_last = job.rescans >= std::max<std::size_t>(policy.verify.rescans.size(), 1);
  // A rescan after a reboot can only take the good word back.
  if (is_gone && !is_untrusted() && (by_reboot || !is_last)) {
    remember(job, effects);
    active_.reset();
    return;
  }
  Say say;
  say.kind = ReceiptKind::kVerify;
  say.started = now.clock.local;
  say.matched = static_cast<std::uint32_t>(done.result.findings.size());
  say.verdicts = verdict_names(policy, done.result.verdicts);
  say.state = HostState::kVerified;
  if (!is_gone) {
    // Still the same object: cleaning missed it. Another one, or after a clean look: it came back.
    const auto& cleaned = job.cleaned_objects;
    const bool is_same = std::any_of(
        done.result.findings.begin(), done.result.findings.end(), [&](const auto& finding) {
          return std::find(cleaned.begin(), cleaned.end(), fingerprint(finding.identity)) !=
                 cleaned.end();
        });
    const bool is_residual = job.rescans == 0 && !by_reboot && is_same;
    say.state = is_residual ? HostState::kResidual : HostState::kRespawned;
    if (!is_residual) say.reason = Reason::kRespawned;
    say.items = items_of_scan(policy, done.result, say.paths);
  }
  say.state = trusted(say.state, is_untrusted());
  job.phase = Phase::kDone;
  job.cleaned_objects.clear();
  job.state = say.state;
  job.reason = say.reason;
  if (is_gone) reserve(say, job);
  if (!is_gone || is_untrusted()) job.reboot_rescan = false;
  report(job, std::move(say), effects, now);
  remember(job, effects);
  reasons_[job.order] = done_text(job);
  active_.reset();
}

void Core::report(const Job& job, Say say, Effects& effects, const Now& now) {
  model::Receipt receipt;
  receipt.tenant = identity_.tenant;
  receipt.agent = identity_.host.agent;
  receipt.seq = ++seq_;
  receipt.previous = previous_;
  receipt.order = job.order;
  receipt.policy = job.policy;
  receipt.kind = say.kind;
  receipt.state = say.state;
  receipt.reason = say.reason;
  receipt.wave = job.wave;
  receipt.log_size = log_.size();
  receipt.root_version = log_.root().version();
  receipt.started = say.started;
  receipt.finished = now.clock.local;
  receipt.boot = identity_.boot;
  receipt.clock = clock_state(now);
  // Of the parser and of this process the weaker.
  receipt.sandbox =
      active_ ? std::min(active_->sandbox, identity_.host.sandbox) : identity_.host.sandbox;
  receipt.agent_version = identity_.version;
  receipt.agent_sha256 = identity_.program;
  receipt.consent = identity_.host.consent.digest;
  receipt.local = say.local;
  if (active_) {
    receipt.scanned = active_->scanned;
    receipt.scanned_bytes = active_->scanned_bytes;
    receipt.unscannable = active_->unscannable;
  }
  receipt.matched = say.matched;
  receipt.acted = say.acted;
  receipt.verdicts = std::move(say.verdicts);
  hide_paths(say.items, say.paths, log_.root().root(), seal_);
  SignedReceipt made = sign_receipt(std::move(receipt), std::move(say.items), key_);
  previous_ = made.id;
  outbox_.add(seq_, made.id, made.envelope.size());
  effects.notes.push_back({"receipt",
                           {{"seq", std::to_string(seq_)},
                            {"order", job.order.hex()},
                            {"kind", std::string(name(made.receipt.kind))},
                            {"state", std::string(name(made.receipt.state))},
                            {"reason", std::string(name(made.receipt.reason))}}});
  effects.records.push_back(PutReceipt{seq_, made.id, std::move(made.envelope)});
}

}  // namespace fleetsweep::agent
