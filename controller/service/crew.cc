#include "controller/service/crew.h"

#include "controller/driver/verify.h"
#include "protocol/base/assert.h"

namespace fleetsweep::controller {
namespace {

// Batches of receipts and witness rounds under way at the same time; the mailbox has room for all.
constexpr std::size_t kOutstandingMax = 8192;
constexpr std::size_t kWitnessQueue = 1024;

}  // namespace

ThreadCrew::ThreadCrew(Cosigner cosigner, std::size_t verifiers)
    : cosigner_(std::move(cosigner)),
      answers_(kOutstandingMax),
      verifiers_("verify", verifiers, kOutstandingMax),
      witness_("witness", 1, kWitnessQueue) {}

void ThreadCrew::post(Answer answer) {
  const bool taken = answers_.push(std::move(answer));
  FS_ASSERT(taken);
}

bool ThreadCrew::verify(VerifyReceipts work) {
  // Counted until the loop took the answer: work that waits anywhere is bounded.
  if (answers_.size() + verifiers_.queued() + witness_.queued() + 64 >= kOutstandingMax)
    return false;
  return verifiers_.submit(
      [this, work = std::move(work)] { post(fleetsweep::controller::verify(work)); });
}

bool ThreadCrew::cosign(CosignLog work) {
  return witness_.submit([this, work = std::move(work)] {
    post(cosigner_.cosign(work, to_timestamp(std::chrono::time_point_cast<Duration>(
                                    std::chrono::system_clock::now()))));
  });
}

void ThreadCrew::stop() {
  witness_.stop();
  verifiers_.stop();
}

}  // namespace fleetsweep::controller
