#pragma once

// From an order that every gate let through to what the journal begins with.

#include "agent/act/files.h"
#include "agent/act/serve.h"
#include "agent/act/transaction.h"
#include "protocol/trust/act_check.h"
#include "protocol/trust/consent.h"

namespace fleetsweep::act {

// The word of the host's owner, beside act's folder, with the real path of each that he names.
// None says nothing; kConsent: it is there and cannot be read.
Checked<trust::Consent> read_consent(const Tree& tree, const std::string& state);

// Looks at the host and prints the plan for its owner; changes nothing.
Checked<Begin> plan_order(const Options& options, const Tree& tree, const crypto::MacKey& key,
                          const trust::VerifiedOrder& verified, const model::ActRequest& request,
                          const Nonce& transaction);

}  // namespace fleetsweep::act
