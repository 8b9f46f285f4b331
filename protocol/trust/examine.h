#pragma once

// Shared by the fold and by admission: what one log entry would change, without changing it. Not
// for others.

#include <string>
#include <variant>

#include "protocol/trust/state.h"

namespace fleetsweep::trust {

struct NewRoot {
  VerifiedRoot root;
  Bytes envelope;
};
struct NewOrder {
  OrderEntry entry;
};
struct NewRelease {
  ReleaseKey key;
  ReleaseEntry entry;
};
struct NewStop {
  StopEntry entry;
};
struct NewResume {
  ResumeEntry entry;
  std::vector<DocumentId> stops;
};
struct NewEndpoints {
  model::Endpoints endpoints;
  Bytes envelope;
};
struct NewBatch {
  BatchEntry entry;
};
struct NewClose {
  model::Close close;
};
// It meets its rule but not yet an older one, which is asked until then.
struct NewWaiting {
  WaitingEntry entry;
  Timestamp until;
};
struct AlreadyKnown {};
using Change = std::variant<AlreadyKnown, NewWaiting, NewRoot, NewOrder, NewRelease, NewStop,
                            NewResume, NewEndpoints, NewBatch, NewClose>;

// An envelope that decodes, has a payload type of the control log and a size within that type's
// bound.
struct Opened {
  model::Envelope envelope;
  DocumentId id;
};
Checked<Opened> open_entry(BytesView entry);

// The order of checks is the design's: size, type, one valid signature of a current root key over
// the received bytes, only then the payload is parsed; then schema, tenant, sense, quorum.
Checked<Change> examine(const State& state, const Opened& opened, BytesView entry,
                        const Logged& logged);

// A Stop whose signers may stop by a root that the fold has not reached yet.
Checked<Change> examine_stop_by(const VerifiedRoot& ahead, const State& state, const Opened& opened,
                                BytesView entry, const Logged& logged);

}  // namespace fleetsweep::trust
