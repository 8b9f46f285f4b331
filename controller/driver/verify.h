#pragma once

// One host's receipts, checked before they are stored or acknowledged: form, signature by the
// identity key that enrolled, tenant, agent. Pure; runs on worker threads.

#include "controller/core/core.h"

namespace fleetsweep::controller {

std::vector<VerifiedReceipt> verify(const VerifyReceipts& work);

}  // namespace fleetsweep::controller
