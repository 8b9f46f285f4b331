#pragma once

// A campaign as a person watches it: a bar a wave, counts by state, rate, time left. Pure: the
// API's JSON in, text out.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/console.h"

namespace fleetsweep::cli {

std::string progress_view(const nlohmann::json& campaign, const Console& console);
std::string progress_line(const nlohmann::json& campaign);  // for a pipe: one line a change
// Every host has reached a state that no order in force will change.
bool is_settled(const nlohmann::json& campaign);
// Hosts that may still say more on an order in force: at work, or out of reach.
std::uint64_t pending_hosts(const nlohmann::json& campaign);
// Some host ended otherwise than well: refused, failed, residual, expired ...
bool has_unwell(const nlohmann::json& campaign);

}  // namespace fleetsweep::cli
