#pragma once

// The parts of an order as people say them. Pure; text from a document is escaped.

#include <string>
#include <string_view>
#include <vector>

#include "protocol/model/order.h"

namespace fleetsweep::cli {

std::string mode_text(model::Mode mode);  // "dry-run"
std::string percent(unsigned permille);   // "20 %"
// "1d 2h 3m 4s" to the second, where to_human() rounds: what is signed is shown as it is.
std::string exactly(Seconds length);
std::string text_of(const model::Window& window);
std::string text_of(const model::Wave& wave);
// "3 objects, 20 bytes"; empty: the policy's own.
std::string text_of(const model::OrderLimits& limits);
std::string text_of(const model::Breaker& breaker);

std::string list_text(const std::vector<std::string>& values, std::string_view when_empty);

}  // namespace fleetsweep::cli
