// What is said of a run: to the tenant in a receipt, to the host's owner in a line.

#include "agent/core/core.h"

namespace fleetsweep::agent {

using model::Reason;

// Nothing was found, and not everything was looked at: a good word with a reservation.
Reason Core::reservation(const Run& run) {
  return run.unscannable > 0 ? Reason::kUnscannable : Reason::kNone;
}

// What makes less of its word.
std::string Core::seen_text(const Run& run, Reason reason) {
  std::string text;
  if (run.is_untrusted())
    text += fmt::format(
        ": this host contradicts itself: {}{}: scan its disk from rescue media (docs/runbooks.md)",
        run.mismatches.front(),
        run.mismatches.size() == 1
            ? ""
            : fmt::format(", and {} more (in the log)", run.mismatches.size() - 1));
  if (reason == Reason::kUnscannable)
    text += fmt::format(", but {} objects could not be read", run.unscannable);
  if (run.partial > 0)
    text += fmt::format("; {} files were looked at in part (in the log)", run.partial);
  return text;
}

// What was found and no order touches: the host's owner is told as those are who sign one.
std::string Core::left_text(const Say& say) {
  std::string first;
  std::size_t left = 0;
  for (std::size_t i = 0; i < say.items.size(); ++i)
    if (say.items[i].reason == Reason::kProtected && left++ == 0) first = escaped(say.paths[i]);
  if (left == 0) return {};
  return fmt::format("; {}{}", first,
                     left == 1 ? "" : fmt::format(", and {} more (in the receipt)", left - 1));
}

std::string Core::done_text(const Job& job, const Run& run, const std::string& detail) {
  return fmt::format("done: {}{}{}", name(job.state), seen_text(run, job.reason), detail);
}

// Before the job is remembered: a restart forgets nothing of it.
void Core::tell(Job& job, std::string text) {
  reasons_[job.order] = job.said = std::move(text);
}

// All that a scan says of itself, but not yet what follows.
Core::Say Core::saw(model::ReceiptKind kind, const Run& run, const model::ScanDone& done,
                    const model::Policy& policy) {
  Say say;
  say.kind = kind;
  say.started = run.job.started;
  say.run = &run;
  say.matched = static_cast<std::uint32_t>(done.result.findings.size());
  for (const std::uint16_t verdict : done.result.verdicts)
    if (verdict < policy.verdicts.size()) say.verdicts.push_back(policy.verdicts[verdict].id);
  return say;
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
      say.run ? std::min(say.run->sandbox, identity_.host.sandbox) : identity_.host.sandbox;
  receipt.agent_version = identity_.version;
  receipt.agent_sha256 = identity_.program;
  receipt.consent = identity_.host.consent.digest;
  receipt.local = say.local;
  if (say.run) {
    receipt.scanned = say.run->scanned;
    receipt.scanned_bytes = say.run->scanned_bytes;
    receipt.unscannable = say.run->unscannable;
  }
  // Where the host contradicts itself goes along like a path.
  if (say.run)
    for (const std::string& what : say.run->mismatches) {
      say.items.emplace_back().detection = "cross-view";
      say.paths.resize(say.items.size() - 1);
      say.paths.push_back(what);
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
