#pragma once

// The controller's other threads: a few check receipts, one asks witnesses to cosign, one asks them
// for the time. Answers come back
// through a mailbox that the loop reads.

#include <mutex>
#include <variant>

#include "controller/driver/cosign.h"
#include "controller/driver/driver.h"
#include "controller/fleet/fair_queue.h"
#include "protocol/runtime/loop/mailbox.h"
#include "protocol/runtime/loop/worker.h"

namespace fleetsweep::controller {

class ThreadCrew final : public Crew {
 public:
  using Answer = std::variant<std::vector<VerifiedReceipt>, Cosigned, TimeTold>;
  // Asks the witnesses in turn until one answers; may block.
  using TimeSource = std::function<Result<Bytes>(const log::TimeQuery&)>;

  ThreadCrew(Cosigner cosigner, TimeSource time, std::size_t verifiers);
  ~ThreadCrew() override { stop(); }

  bool verify(VerifyReceipts work) override;
  bool cosign(CosignLog work) override;
  bool ask_time(AskTime work) override;
  void stop();

  loop::Mailbox<Answer>& answers() { return answers_; }
  std::size_t verify_queued() const;

 private:
  void post(Answer answer);
  void verify_what_waits();

  Cosigner cosigner_;
  TimeSource time_source_;
  std::size_t verifiers_max_;
  mutable std::mutex mutex_;
  fleet::FairQueue<TenantNo, VerifyReceipts> waiting_;  // under the mutex, as is the next
  std::size_t verifiers_busy_ = 0;
  loop::Mailbox<Answer> answers_;
  loop::WorkerPool verifiers_;
  loop::WorkerPool witness_;
  loop::WorkerPool time_;  // a host that waits for the time does not hold up a checkpoint
};

}  // namespace fleetsweep::controller
