#include "agent/act/transaction.h"

#include <algorithm>

#include "agent/act/pack.h"
#include "protocol/crypto/digest.h"

namespace fleetsweep::act {

namespace {

Status move(OpState& op, std::initializer_list<OpStage> from, OpStage to) {
  if (std::find(from.begin(), from.end(), op.stage) == from.end())
    return fail(Code::kInvalid, "journal: an operation goes from stage {} to {}",
                static_cast<int>(op.stage), static_cast<int>(to));
  op.stage = to;
  return {};
}

Status on(Transaction&, OpState& op, const Intended& event) {
  op.intent = event.intent;
  // Intended again: what a crash interrupted had not happened, and is done now.
  return move(op, {OpStage::kPending, OpStage::kIntended}, OpStage::kIntended);
}
Status on(Transaction&, OpState& op, const FrozenOne& event) {
  op.frozen.push_back(event.process);
  return move(op, {OpStage::kIntended}, OpStage::kIntended);
}
Status on(Transaction&, OpState& op, const Done& event) {
  op.post = event.post;
  return move(op, {OpStage::kIntended}, OpStage::kDone);
}
Status on(Transaction&, OpState& op, const Failed& event) {
  op.reason = event.reason;
  return move(op, {OpStage::kPending, OpStage::kIntended}, OpStage::kFailed);
}
Status on(Transaction&, OpState& op, const UndoIntended& event) {
  op.undo = event.intent;
  return move(op, {OpStage::kDone, OpStage::kUndoIntended, OpStage::kUndoFailed},
              OpStage::kUndoIntended);
}
Status on(Transaction&, OpState& op, const Undone& event) {
  op.reason = event.reason;
  return move(op, {OpStage::kDone, OpStage::kUndoIntended, OpStage::kUndoFailed},
              event.reason == Reason::kNone ? OpStage::kUndone : OpStage::kUndoFailed);
}

Status on(Transaction& transaction, const End& event) {
  transaction.end = event;
  return {};
}
Status on(Transaction& transaction, const UndoBegin& event) {
  transaction.undo = event;
  transaction.undo_end.reset();
  return {};
}
Status on(Transaction& transaction, const UndoEnd& event) {
  transaction.undo_end = event;
  return {};
}

Status on(Transaction& transaction, const Purged& event) {
  if (transaction.is_open())
    return fail(Code::kInvalid, "journal: evidence of what is under way was purged");
  transaction.purged = event;
  return {};
}

template <class T>
concept OfAnOperation = requires(const T& event) {
  event.op;
};

Step outcome(const Transaction& transaction, std::uint32_t index) {
  Step step = transaction.begin.steps[index];
  if (step.item.outcome != model::Outcome::kFound || step.item.reason != Reason::kNone) return step;
  bool any = false, all_done = true, all_undone = true, stays = false, changed = false;
  for (std::size_t i = 0; i < transaction.ops.size(); ++i) {
    if (transaction.begin.ops[i].step != index) continue;
    const OpState& op = transaction.ops[i];
    any = true;
    const OpKind kind = transaction.begin.ops[i].kind;
    stays = stays || kind == OpKind::kKill || kind == OpKind::kRestart;
    changed = changed || (kind != OpKind::kStore && op.stage != OpStage::kPending &&
                          op.stage != OpStage::kFailed);
    all_done = all_done && op.stage == OpStage::kDone;
    all_undone = all_undone && op.stage == OpStage::kUndone;
    if (op.stage == OpStage::kFailed || op.stage == OpStage::kUndoFailed) {
      // What is not there any more needs no cleaning, unless half of it was there, and is again.
      const bool is_gone = op.stage == OpStage::kFailed && op.reason == Reason::kGone && !changed;
      // Of so much the policy wants no copy, or there is no room for one.
      const bool is_large = step.item.action == model::ActionKind::kCollect &&
                            (op.reason == Reason::kLimit || op.reason == Reason::kVaultFull ||
                             op.reason == Reason::kDiskFull);
      step.item.outcome = is_gone || is_large ? model::Outcome::kSkipped : model::Outcome::kFailed;
      step.item.reason = op.reason;
      return step;
    }
  }
  if (!any) return step;  // a report
  if (all_done)
    step.item.outcome = model::Outcome::kDone;
  else if (all_undone)
    // A killed process is not started again, and a service that was stays so.
    step.item.outcome = stays ? model::Outcome::kSkipped : model::Outcome::kUndone;
  else
    step.item.outcome = model::Outcome::kSkipped;
  return step;
}

}  // namespace

Nonce transaction_id(const DocumentId& order, std::uint64_t slot, std::uint8_t round) {
  Packer out;
  out.fixed(order);
  out.u64(slot);
  out.u8(round);
  const Digest digest = crypto::sha256(out.take());
  return *Nonce::from(digest.view().first(Nonce::kSize));
}

Status apply(std::vector<Transaction>& history, const Record& record) {
  const auto known = std::find_if(history.begin(), history.end(),
                                  [&](const Transaction& t) { return t.id == record.transaction; });
  if (const auto* begin = std::get_if<Begin>(&record.event)) {
    if (known != history.end())
      return fail(Code::kInvalid, "journal: transaction {} begins twice", record.transaction.hex());
    for (const auto& op : begin->ops)
      if (op.step >= begin->steps.size() || op.store >= begin->ops.size())
        return fail(Code::kInvalid, "journal: an operation of no step");
    Transaction transaction;
    transaction.id = record.transaction;
    transaction.begin = *begin;
    transaction.ops.resize(begin->ops.size());
    history.push_back(std::move(transaction));
    return {};
  }
  if (known == history.end())
    return fail(Code::kInvalid, "journal: transaction {} has no beginning",
                record.transaction.hex());
  return std::visit(
      [&](const auto& event) -> Status {
        using T = std::decay_t<decltype(event)>;
        if constexpr (OfAnOperation<T>) {
          if (event.op >= known->ops.size())
            return fail(Code::kInvalid, "journal: operation {} of {}", event.op, known->ops.size());
          return on(*known, known->ops[event.op], event);
        } else if constexpr (std::is_same_v<T, Begin>) {
          return {};
        } else {
          return on(*known, event);
        }
      },
      record.event);
}

Result<std::vector<Transaction>> fold(const std::vector<Bytes>& records) {
  std::vector<Transaction> history;
  for (const auto& bytes : records) {
    FS_TRY(const Record record, decode_record(bytes));
    FS_CHECK(apply(history, record));
  }
  return history;
}

bool keeps_content(const Begin& begin, const Op& op) {
  return begin.steps[op.step].item.action != model::ActionKind::kPurge;
}

std::vector<Step> outcomes(const Transaction& transaction) {
  std::vector<Step> steps;
  for (std::uint32_t i = 0; i < transaction.begin.steps.size(); ++i)
    steps.push_back(outcome(transaction, i));
  return steps;
}

}  // namespace fleetsweep::act
