#pragma once

// The documents by which people steer a campaign that runs, made from what its log amounts to.
// Pure.

#include <string>
#include <vector>

#include "protocol/trust/state.h"

namespace fleetsweep::cli {

// Opens the gate before wave `wave` (1 is the first) of the campaign's newest order that has one,
// for as long as the order lasts. kNotFound: no order has; kConflict: people opened it already.
Result<model::Release> draft_release(const trust::State& state, const std::string& campaign,
                                     unsigned wave);

// Lifts every active Stop that names an order of the campaign, or its policy. kNotFound: there is
// none. kConflict: another one holds it too that is about more than campaigns, and that nobody is
// to lift by the way; the error names all of them for `stop lift`.
Result<model::Resume> draft_resume(const trust::State& state, const std::string& campaign,
                                   const std::string& reason);

// Orders of the campaign that go on, in hex.
std::vector<std::string> not_stopped(const trust::State& state, const std::string& campaign);

// Ends the campaign's results log after these receipts, in the order in which the controller stored
// them. kConflict: it is closed already, and only the first Close counts.
Result<model::Close> draft_close(const trust::State& state, const std::string& campaign,
                                 const std::vector<Digest>& leaves);
// A Stop that names every key of a holder, or the one key of this hex; the nonce is the caller's.
// kNotFound: the root names nobody so.
Result<model::Stop> draft_key_stop(const trust::State& state, const std::string& who,
                                   const std::string& reason, Timestamp now);
// Lifts every active Stop that names such a key.
Result<model::Resume> draft_key_resume(const trust::State& state, const std::string& who,
                                       const std::string& reason);

}  // namespace fleetsweep::cli
