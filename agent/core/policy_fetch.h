#pragma once

// Gets policies and the parts of their hash sets by digest, one at a time, chunk after chunk, and
// believes nothing but the digest. Pure.

#include <functional>
#include <map>
#include <optional>

#include "agent/core/now.h"
#include "protocol/model/reason.h"
#include "protocol/model/wire.h"

namespace fleetsweep::agent {

class PolicyFetch {
 public:
  // Asks for this one unless another is on its way or it was missing a moment ago. Returns the
  // offset to want from.
  std::optional<std::uint64_t> want(const Digest& digest, std::uint64_t size, Uptime now);
  // What was missing and nobody wants any more.
  void forget_unless(const std::function<bool(const Digest&)>& is_wanted) {
    std::erase_if(missing_, [&](const auto& missing) { return !is_wanted(missing.first); });
  }
  // The edge may have forgotten what it was asked.
  void on_reconnect() { current_.reset(); }

  struct Taken {
    std::optional<std::uint64_t> want_offset;  // the next chunk
    std::optional<Bytes> complete;             // and its digest holds
    std::string problem;                       // the edge's fault: dropped, asked again later
  };
  Taken on_blob(const model::Blob& blob, Uptime now);

  // kPolicyMissing: the edge does not have it; kPolicyMismatch: it sent other bytes. Until it
  // comes.
  std::optional<model::Reason> problem(const Digest& digest) const;
  std::optional<Uptime> next_deadline() const;

 private:
  struct Current {
    Digest digest;
    std::uint64_t size = 0;
    Bytes bytes;
    Uptime asked{};
  };
  std::optional<Current> current_;
  struct Missing {
    Uptime retry{};
    model::Reason reason = model::Reason::kPolicyMissing;
  };
  std::map<Digest, Missing> missing_;
};

}  // namespace fleetsweep::agent
