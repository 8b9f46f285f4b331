#include "tests/sim/sim_host.h"

#include <algorithm>

#include "agent/plan/binding.h"
#include "agent/plan/plan.h"
#include "protocol/base/assert.h"
#include "protocol/codec/codec.h"
#include "protocol/crypto/sign.h"

namespace fleetsweep::sim {

using model::ActDone;
using model::HostState;
using model::Reason;

void SimHost::add_file(const std::string& path, bool infected) {
  model::FileIdentity file;
  file.path = path;
  file.device = 1;
  file.inode = 100 + files_.size();
  file.size = 12;
  file.sha256.value.fill(infected ? 0xaa : 0x11);
  files_[path] = {file, false, file.inode};
}

bool SimHost::is_as_at_first() const {
  return std::all_of(files_.begin(), files_.end(), [](const auto& file) {
    return !file.second.quarantined && file.second.identity.inode == file.second.first_inode;
  });
}

bool SimHost::is_infected() const {
  return std::any_of(files_.begin(), files_.end(), [](const auto& file) {
    return !file.second.quarantined && file.second.identity.sha256.value[0] == 0xaa;
  });
}

model::ScanDone SimHost::scan(const model::Policy& policy, const Digest& digest) const {
  model::ScanDone done;
  done.sandbox = model::SandboxLevel::kReduced;
  done.result.policy = digest;
  for (const auto& [path, file] : files_) {
    if (file.quarantined) continue;
    ++done.result.scanned;
    done.result.scanned_bytes += file.identity.size;
    const std::string hash = file.identity.sha256.hex();
    const auto& wanted = policy.detections.at(0).any_of.at(0).at(0).values;
    if (std::none_of(wanted.begin(), wanted.end(), [&](const auto& v) { return v.text == hash; }))
      continue;
    model::Finding finding;
    finding.number = static_cast<std::uint32_t>(done.result.findings.size());
    finding.identity = file.identity;
    done.sealed.push_back({codec::encode(finding), Digest{}});
    done.result.findings.push_back(std::move(finding));
  }
  if (!done.result.findings.empty()) done.result.verdicts = {0};
  return done;
}

ActDone SimHost::refused(const DocumentId& order, const trust::Refusal& refusal) const {
  ActDone done;
  done.order = order;
  done.state = HostState::kRefused;
  done.reason = refusal.reason;
  done.detail = refusal.detail;
  return done;
}

SimHost::Transaction* SimHost::find(const DocumentId& order, int round) {
  for (Transaction& transaction : journal_)
    if (transaction.order == order && transaction.round == round) return &transaction;
  return nullptr;
}

std::optional<ActDone> SimHost::begin(const model::ActRequest& request,
                                      const trust::ClockReading& clock) {
  current_.reset();
  changed_ = stop_asked_ = false;
  const auto envelope = codec::decode<model::Envelope>(request.order);
  const DocumentId order = envelope ? crypto::document_id(*envelope) : DocumentId{};
  if (!anchor_) {
    FS_ASSERT(!request.root_chain.empty());
    const auto root = codec::decode<model::Envelope>(request.root_chain.front());
    FS_ASSERT(root);
    anchor_.emplace();
    anchor_->tenant = trust::tenant_id(root->payload);
  }
  // Begun is executed, whether or not the anchor learned of it.
  for (const Transaction& past : journal_)
    for (const DocumentId& one : {past.order, past.undone_by})
      if (!one.is_zero()) anchor_->executed.insert({one, 0});
  const auto verified = trust::verify_for_act(*anchor_, request, clock);
  if (verified && verified->order().mode == model::Mode::kUndo)
    return undo(order, verified->order().undoes);
  if (request.resume) return resume(order, request.round, verified);
  return apply(request, order, verified);
}

// At once. The newest round first: of what was put back twice the oldest is what was there.
ActDone SimHost::undo(const DocumentId& order, const DocumentId& undoes) {
  ActDone done;
  done.order = order;
  done.undo = true;
  done.state = HostState::kUndone;
  for (auto at = journal_.rbegin(); at != journal_.rend(); ++at) {
    if (at->order != undoes) continue;
    at->undone_by = order;
    for (const Step& step : at->steps) {
      if (step.item.outcome != model::Outcome::kDone) continue;
      File& file = files_.at(step.path);
      file.identity.inode = step.inode;
      file.quarantined = false;
      ++done.acted;
    }
  }
  return done;
}

std::optional<ActDone> SimHost::resume(const DocumentId& order, int round,
                                       const trust::Checked<trust::VerifiedOrder>& verified) {
  Transaction* open = find(order, round);
  if (!open) return refused(order, {Reason::kNone, "nothing was interrupted"});
  if (open->end) return open->end;
  current_ = static_cast<std::size_t>(open - journal_.data());
  stop_asked_ = !verified && verified.error().reason == Reason::kStopped;
  return std::nullopt;
}

std::optional<ActDone> SimHost::apply(const model::ActRequest& request, const DocumentId& order,
                                      const trust::Checked<trust::VerifiedOrder>& verified) {
  if (!verified && bug != HostBug::kIgnoresTheGates) return refused(order, verified.error());
  if (find(order, request.round)) return refused(order, {Reason::kExecuted, "carried out before"});
  const auto findings_of = [](const std::vector<model::SealedFinding>& sealed) {
    std::vector<model::Finding> findings;
    for (const auto& one : sealed)
      if (auto finding = codec::decode<model::Finding>(one.finding))
        findings.push_back(std::move(*finding));
    return findings;
  };
  const auto findings = findings_of(request.findings);
  const auto policy = codec::decode<model::Policy>(request.policy);
  if (!policy) return refused(order, {Reason::kMalformed, "policy"});
  const auto dry_run = verified ? findings_of(request.dry_run) : findings;
  const std::vector<plan::ObjectFacts> facts(findings.size());
  const std::vector<std::string> own = {"/var/lib/fleetsweep"};
  const trust::Consent consent;
  plan::Input input{*policy, findings, dry_run, facts,           {}, own, {},
                    consent, {},       0,       request.scanned, {}};
  input.came_back = request.round > 0;
  if (verified)
    input.items_max = trust::items_allowed(verified->policy().limits.items, verified->order(),
                                           verified->root(), consent);
  const model::Plan plan = plan::make_plan(input);
  const bool ignores = bug == HostBug::kTouchesProtected && plan.refused == Reason::kProtected;
  if (plan.refused != Reason::kNone && !ignores) return refused(order, {plan.refused, plan.detail});

  Transaction transaction{order, request.round, {}, {}, {}};
  for (const model::PlanStep& step : plan.steps) {
    if (step.action.kind != model::ActionKind::kQuarantine) continue;
    if (step.skipped != Reason::kNone && !ignores) continue;
    const auto& file = std::get<model::FileIdentity>(step.identity);
    Step one{file.path, file.inode, {}, plan::object_digest(file), false, false, 0};
    one.item.detection = step.detection;
    one.item.verdict = step.verdict;
    one.item.action = step.action.kind;
    one.item.sha256 = file.sha256;
    one.item.size = file.size;
    transaction.steps.push_back(std::move(one));
  }
  if (watch.on_begin) watch.on_begin(request);
  journal_.push_back(std::move(transaction));
  if (verified) anchor_ = verified->anchor();
  current_ = journal_.size() - 1;
  return std::nullopt;
}

std::optional<ActDone> SimHost::step() {
  FS_ASSERT(current_);
  Transaction& transaction = journal_[*current_];
  const auto next = std::find_if(transaction.steps.begin(), transaction.steps.end(),
                                 [](const Step& step) { return !step.done; });
  if (next == transaction.steps.end()) return finish(transaction, Reason::kNone);
  Step& step = *next;
  if (stop_asked_ && !step.intended) return finish(transaction, Reason::kStopped);
  const bool late_journal = bug == HostBug::kActsBeforeTheJournal;
  if (!step.intended && !(late_journal && !changed_)) {
    step.intended = true;
    if (watch.on_intent) watch.on_intent(transaction.order, transaction.round, step.path);
    return std::nullopt;
  }
  if (!changed_) {
    change(transaction, step);
    changed_ = true;
    return std::nullopt;
  }
  changed_ = false;
  if (bug == HostBug::kActsTwice && step.repeats++ == 0) {
    files_.at(step.path).quarantined = false;
    return std::nullopt;
  }
  step.done = true;
  return std::nullopt;
}

// Idempotent: after a crash nobody knows whether it was done.
void SimHost::change(const Transaction& transaction, Step& step) {
  const auto file = files_.find(step.path);
  step.item.outcome = model::Outcome::kDone;
  if (file == files_.end() || file->second.identity.inode != step.inode) {
    step.item.outcome = model::Outcome::kSkipped;
    step.item.reason = Reason::kChanged;
    return;
  }
  if (file->second.quarantined) return;
  file->second.quarantined = true;
  if (watch.on_change) watch.on_change(transaction.order, transaction.round, step.path);
}

ActDone SimHost::finish(Transaction& transaction, Reason reason) {
  ActDone done;
  done.order = transaction.order;
  done.state = reason == Reason::kNone ? HostState::kCleaned : HostState::kFailed;
  done.reason = reason;
  for (const Step& step : transaction.steps) {
    if (!step.done) continue;
    done.acted += step.item.outcome == model::Outcome::kDone;
    done.items.push_back(step.item);
    done.paths.push_back(step.path);
    if (step.item.outcome == model::Outcome::kDone) done.removed.push_back(step.object);
    if (reinfections == 0) continue;
    File& dropped = files_.at(step.path);  // the same bytes in a new file
    dropped.identity.inode += 1000;
    dropped.quarantined = false;
  }
  if (reinfections > 0) --reinfections;
  transaction.end = done;
  current_.reset();
  return done;
}

}  // namespace fleetsweep::sim
