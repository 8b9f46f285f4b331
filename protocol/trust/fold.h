#pragma once

// state = fold(entries). Invalid and unauthorised entries are skipped and reported, never fatal,
// and change nothing but State::size. The first entry that meets its quorum counts; the same
// document again is kKnown. A Root, Resume, EnrolBatch or Endpoints that meets its rule only
// because a root of the last day lowered it is kWaits: the older rule still holds, see
// State::waiting.

#include <string>

#include "protocol/trust/state.h"

namespace fleetsweep::trust {

enum class Taken : std::uint8_t { kAccepted, kKnown, kWaits, kRefused };

// What became of one entry. id and payload_type are empty when the entry is not an envelope.
struct Notice {
  std::uint64_t index = kNotLogged;
  DocumentId id;
  std::string payload_type;
  Taken taken = Taken::kRefused;
  bool sealed = false;  // taken, and only sealed keys gave it its quorum
  Refusal refusal;      // kNone unless refused
  bool operator==(const Notice&) const = default;
};

class Fold {
 public:
  // A host keeps no EnrolBatch but its own, so that its memory does not grow with the fleet; a
  // controller needs them all.
  enum class Keep : std::uint8_t { kForHost, kForController };
  Fold(const TenantId& tenant, Keep keep);

  // The next entry, exactly as logged; `seen` is the witness time of the checkpoint that covers it.
  Notice append(BytesView entry, Timestamp seen);

  // The next entry is there, and nobody may read it (kPoison).
  Notice skip(Timestamp seen);

  // A Stop that came another way (mirror, file): stopping needs less evidence than acting, so
  // neither inclusion nor freshness is asked, and whoever may stop by a root that is known `ahead`
  // of this fold may stop already. Any other document is refused.
  Notice take_stop(BytesView envelope, Timestamp seen, const VerifiedRoot* ahead = nullptr);

  // Witnesses say it is `now`: what waited for an older rule to end is taken. Notices only of what
  // was taken or refused; which of them a call gives depends on when it is made, what they amount
  // to does not.
  std::vector<Notice> settle(Timestamp now);

  const State& state() const { return state_; }

 private:
  Notice take(BytesView entry, const Logged& logged, bool only_stop,
              const VerifiedRoot* ahead = nullptr);

  Keep keep_;
  State state_;
};

}  // namespace fleetsweep::trust
