#include "controller/service/crew.h"

#include <algorithm>
#include <iterator>

#include "controller/driver/verify.h"
#include "protocol/base/assert.h"

namespace fleetsweep::controller {
namespace {

// Messages with receipts, and witness rounds, under way at the same time; the mailbox has room for
// all.
constexpr std::size_t kOutstandingMax = 8192;
// A verifier takes so many at once: one wake-up and one commit for all that came while it was busy.
constexpr std::size_t kBatch = 32;
// Of one tenant: a quarter, so that one that is too much leaves room.
constexpr std::size_t kTenantWaitingMax = kOutstandingMax / 4;
constexpr std::size_t kWitnessQueue = 1024;
// What waits longer than a host does is of no use.
constexpr std::size_t kTimeQueue = 256;

}  // namespace

ThreadCrew::ThreadCrew(Cosigner cosigner, TimeSource time, std::size_t verifiers)
    : cosigner_(std::move(cosigner)),
      time_source_(std::move(time)),
      verifiers_max_(verifiers),
      waiting_(kTenantWaitingMax),
      answers_(kOutstandingMax),
      verifiers_("verify", verifiers, verifiers),
      witness_("witness", 1, kWitnessQueue),
      time_("time", 1, kTimeQueue) {}

void ThreadCrew::post(Answer answer) {
  const bool taken = answers_.push(std::move(answer));
  FS_ASSERT(taken);
}

bool ThreadCrew::verify(VerifyReceipts work) {
  const std::lock_guard lock(mutex_);
  // Counted until the loop took the answer: work that waits anywhere is bounded.
  if (answers_.size() + waiting_.size() + witness_.queued() + time_.queued() + 64 >=
      kOutstandingMax)
    return false;
  const TenantNo tenant = work.host.tenant;
  if (!waiting_.push(tenant, std::move(work))) return false;
  if (verifiers_busy_ < verifiers_max_ && verifiers_.submit([this] { verify_what_waits(); }))
    ++verifiers_busy_;
  return true;
}

void ThreadCrew::verify_what_waits() {
  while (true) {
    std::vector<VerifyReceipts> batch;
    {
      const std::lock_guard lock(mutex_);
      while (batch.size() < kBatch) {
        auto next = waiting_.pop();
        if (!next) break;
        batch.push_back(std::move(*next));
      }
      if (batch.empty()) {
        --verifiers_busy_;
        return;
      }
    }
    std::vector<VerifiedReceipt> verified;
    for (const VerifyReceipts& work : batch)
      std::ranges::move(fleetsweep::controller::verify(work), std::back_inserter(verified));
    post(std::move(verified));
  }
}

std::size_t ThreadCrew::verify_queued() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

bool ThreadCrew::cosign(CosignLog work) {
  return witness_.submit([this, work = std::move(work)] {
    post(cosigner_.cosign(work, to_timestamp(std::chrono::time_point_cast<Duration>(
                                    std::chrono::system_clock::now()))));
  });
}

bool ThreadCrew::ask_time(AskTime work) {
  return time_.submit([this, work = std::move(work)] {
    auto statement = time_source_(work.query);
    TimeTold told{.host = work.host};
    if (statement)
      told.statement = std::move(*statement);
    else
      told.error = statement.error().message;
    post(std::move(told));
  });
}

void ThreadCrew::stop() {
  time_.stop();
  witness_.stop();
  verifiers_.stop();
}

}  // namespace fleetsweep::controller
