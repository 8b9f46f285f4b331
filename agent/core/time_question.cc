#include "agent/core/time_question.h"

#include <algorithm>

#include "protocol/crypto/digest.h"

namespace fleetsweep::agent {

std::optional<model::TimeRequest> TimeQuestion::ask(const Now& now) {
  if (is_open(now.uptime) || (again_ && now.uptime < *again_)) return std::nullopt;
  const std::string number = std::to_string(++number_);
  const Digest drawn = crypto::sha256({secret_.view(), as_bytes(number)});
  open_ = Open{{}, now.clock.boottime, now.uptime};
  std::copy_n(drawn.value.begin(), open_->salt.value.size(), open_->salt.value.begin());
  again_ = now.uptime + kAskAgain;
  return model::TimeRequest{trust::time_nonce(now.clock.boot, open_->boottime, open_->salt)};
}

trust::Checked<void> TimeQuestion::on_reply(const model::TimeReply& reply, const model::Root& root,
                                            const TenantId& tenant, const Now& now) {
  if (!is_open(now.uptime))
    return trust::refuse(model::Reason::kClock,
                         "time statement: no question is open; it is late, or was said before");
  const model::TimeProof proof{reply.statement, open_->boottime, open_->salt};
  FS_TRY(const trust::TimeFloor told, trust::verify_time(proof, root, tenant, now.clock));
  told_ = told;
  proof_ = proof;
  open_.reset();
  return {};
}

void TimeQuestion::on_reconnect() {
  open_.reset();
  again_.reset();
}

std::optional<Uptime> TimeQuestion::next_deadline(Uptime now) const {
  if (is_open(now)) return open_->asked + kAnswerMax;
  return again_;
}

}  // namespace fleetsweep::agent
