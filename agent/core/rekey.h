#pragma once

// A host's transport keys: when it takes a new one, and how, without being for one moment without a
// key that the edge admits. The new key is kept before it is offered; the edge admits both until
// the new one was heard, and this side keeps both until it was welcomed with it. So whoever dies at
// whichever step, one of the two opens the door. Pure: the driver draws the key.

#include <optional>

#include "agent/core/effect.h"
#include "agent/core/now.h"
#include "protocol/crypto/sign.h"

namespace fleetsweep::agent {

class Rekeying {
 public:
  // `like` is the AgentKey but for its CURVE key and time; `interval` 0: only when asked.
  Rekeying(Transport transport, Seconds interval, model::AgentKey like)
      : transport_(std::move(transport)), interval_(interval), like_(std::move(like)) {}

  void on_asked() { asked_ = true; }
  // The answer to MakeTransportKey.
  void on_key(TransportKey key, const crypto::SecretKey& identity, Timestamp now, Effects& effects);
  // The edge has the new key for good. True: come again with it.
  bool on_rekeyed(const CurveKey& curve, Effects& effects);
  void on_welcome(Effects& effects);
  // The edge does not admit the key in use: it may have forgotten the old one, or not know the new.
  void on_refused(Effects& effects);
  // Makes, offers and offers again. `now` is the wall clock's: keys age in real time.
  void on_turn(bool is_welcomed, Timestamp wall, Uptime now, Effects& effects);
  std::optional<Uptime> next_deadline() const { return ask_at_; }

  const TransportKey& in_use() const { return uses_next_ ? *transport_.next : transport_.current; }
  bool is_pending() const { return transport_.next || asked_; }

 private:
  Transport transport_;
  Seconds interval_;
  model::AgentKey like_;
  bool asked_ = false;      // by the owner
  bool making_ = false;     // the driver draws a key
  bool uses_next_ = false;  // the connection is made with it
  std::optional<Uptime> ask_at_;
  unsigned asks_ = 0;  // since the last welcome
};

}  // namespace fleetsweep::agent
