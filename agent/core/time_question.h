#pragma once

// Asks a witness host for the time, through the edge, when the host's own clock is in doubt. Pure.

#include <optional>

#include "agent/core/now.h"
#include "protocol/model/local.h"
#include "protocol/model/wire.h"
#include "protocol/trust/time_proof.h"

namespace fleetsweep::agent {

class TimeQuestion {
 public:
  // So long an answer may take, and so long nobody is asked again after a question.
  static constexpr Duration kAnswerMax = std::chrono::seconds(10);
  static constexpr Duration kAskAgain = std::chrono::minutes(1);

  // `secret` is random, of this process: salts are made of it.
  explicit TimeQuestion(const Digest& secret) : secret_(secret) {}

  // A question, unless one is open or was asked a moment ago.
  std::optional<model::TimeRequest> ask(const Now& now);
  bool is_open(Uptime now) const { return open_ && now - open_->asked < kAnswerMax; }

  // kClock: nobody asked, or so long ago that it may be a replay; the others as verify_time(), and
  // the question stays open.
  trust::Checked<void> on_reply(const model::TimeReply& reply, const model::Root& root,
                                const TenantId& tenant, const Now& now);

  // The edge may have forgotten what it was asked: it may be asked again at once.
  void on_reconnect();
  // What was told was signed by a key of the root before.
  void forget() { told_.reset(); }

  const std::optional<trust::TimeFloor>& told() const { return told_; }
  // For act, which verifies it again; empty when nothing was told.
  model::TimeProof proof() const { return told_ ? proof_ : model::TimeProof{}; }

  // When somebody who still wants the time should look again.
  std::optional<Uptime> next_deadline(Uptime now) const;

 private:
  struct Open {
    Nonce salt;
    Seconds boottime{};
    Uptime asked{};
  };
  Digest secret_;
  std::uint64_t number_ = 0;
  std::optional<Open> open_;
  std::optional<Uptime> again_;
  std::optional<trust::TimeFloor> told_;
  model::TimeProof proof_;
};

}  // namespace fleetsweep::agent
