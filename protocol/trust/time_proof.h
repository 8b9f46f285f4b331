#pragma once

// A nonce round trip through a witness host: what a host whose clock is in doubt believes. The
// nonce commits to the boot and to the moment of the question, so that an answer can be verified
// again later, by act too, and an answer to another question is worth nothing.

#include "protocol/model/local.h"
#include "protocol/model/root.h"
#include "protocol/trust/clock.h"
#include "protocol/trust/verdict.h"

namespace fleetsweep::trust {

// The first 16 bytes of SHA-256("fleetsweep/time/v1" 00 || boot || asked, i64 big-endian || salt).
// `salt` is random and stays on this host: whoever could guess a nonce could ask for it beforehand.
Nonce time_nonce(const BootId& boot, Seconds asked, const Nonce& salt);

// The statement's time, with the moment of the question: a host counts on from there, and is ahead
// of the truth by no more than the answer took. kMalformed; kUntrusted: not signed by a time key of
// this root, or for another tenant; kClock: it answers another question, perhaps of another boot.
Checked<TimeFloor> verify_time(const model::TimeProof& proof, const model::Root& root,
                               const TenantId& tenant, const ClockReading& clock);

}  // namespace fleetsweep::trust
