#pragma once

// What makes an Order or an EnrolBatch sensible apart from who signed it. The same rules for the
// one who drafts, the controller and the host.

#include <string>
#include <string_view>
#include <vector>

#include "protocol/model/order.h"

namespace fleetsweep::trust {

// Everything that is wrong with it, each as a sentence; empty: nothing. Campaign name, waves
// ascending to 1000, times in order, windows not empty, the references its mode needs, authority
// filled in, lists within bounds.
std::vector<std::string> mistakes(const model::Order& order);
// A country that orders can name: without one, no order would ever be for its hosts.
std::vector<std::string> mistakes(const model::EnrolBatch& batch);

// ISO 3166-1 alpha-2 by its form.
bool is_country(std::string_view text);

}  // namespace fleetsweep::trust
