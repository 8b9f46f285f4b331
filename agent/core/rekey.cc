#include "agent/core/rekey.h"

#include <algorithm>

#include "protocol/codec/codec.h"

namespace fleetsweep::agent {

namespace {

constexpr Duration kAskMin = std::chrono::seconds(30);
constexpr Duration kAskMax = std::chrono::hours(1);

}  // namespace

void Rekeying::on_key(TransportKey key, const crypto::SecretKey& identity, Timestamp now,
                      Effects& effects) {
  making_ = false;
  if (transport_.next) return;
  // The edge takes newer ones only, or an old one that somebody kept could come back.
  key.issued = std::max(now, transport_.current.issued + Seconds(1));
  model::AgentKey document = like_;
  document.curve = key.pub;
  document.issued = key.issued;
  transport_.offer = codec::encode(
      crypto::sign_envelope(model::kPayloadAgentKey, codec::encode(document), identity));
  transport_.next = std::move(key);
  asked_ = false;
  effects.records.push_back(PutTransport{transport_});
  effects.notes.push_back({"transport_key_made", {{"key", transport_.next->pub.hex()}}});
}

bool Rekeying::on_rekeyed(const CurveKey& curve, Effects& effects) {
  if (!transport_.next || transport_.next->pub != curve || uses_next_) return false;
  uses_next_ = true;
  ask_at_.reset();
  effects.actions.push_back(UseTransport{*transport_.next});
  return true;
}

void Rekeying::on_welcome(Effects& effects) {
  ask_at_.reset();
  asks_ = 0;
  if (!uses_next_) return;
  transport_.current = *std::exchange(transport_.next, std::nullopt);
  transport_.offer.clear();
  uses_next_ = false;
  effects.records.push_back(PutTransport{transport_});
  effects.notes.push_back({"transport_key_changed", {{"key", transport_.current.pub.hex()}}});
}

void Rekeying::on_refused(Effects& effects) {
  if (!transport_.next) return;
  uses_next_ = !uses_next_;
  effects.actions.push_back(UseTransport{in_use()});
}

void Rekeying::on_turn(bool is_welcomed, Timestamp wall, Uptime now, Effects& effects) {
  const bool is_old = interval_ > Seconds(0) && wall - transport_.current.issued >= interval_;
  if (!transport_.next && !making_ && (is_old || asked_)) {
    making_ = true;
    effects.actions.push_back(MakeTransportKey{});
  }
  if (!transport_.next || uses_next_ || !is_welcomed) {
    if (!is_welcomed) ask_at_.reset();
    return;
  }
  if (ask_at_ && now < *ask_at_) return;
  effects.actions.push_back(Send{model::Rekey{transport_.offer}});
  ask_at_ = now + std::min(kAskMin * (1u << std::min(asks_++, 10u)), kAskMax);
}

}  // namespace fleetsweep::agent
