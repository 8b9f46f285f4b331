#pragma once

// What makes an Order sensible apart from who signed it. The same rules for the one who drafts, the
// controller and the host.

#include <string>
#include <vector>

#include "protocol/model/order.h"

namespace fleetsweep::trust {

// Everything that is wrong with it, each as a sentence; empty: nothing. Campaign name, waves
// ascending to 1000, times in order, windows not empty, the references its mode needs, authority
// filled in, lists within bounds.
std::vector<std::string> mistakes(const model::Order& order);

}  // namespace fleetsweep::trust
