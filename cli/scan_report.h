#pragma once

// What fleetsweep-scan found, for a person. Pure: the JSON of agent/scan/report.h in, text out.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace fleetsweep::cli {

// A row a finding: verdict, detection, object, where. The first row is the head; only the head when
// nothing was found.
std::vector<std::vector<std::string>> scan_table(const nlohmann::json& report);

// "lookalike_confirmed (95): 7 findings", or why nothing was found; a line each.
std::vector<std::string> scan_summary(const nlohmann::json& report);

// What it did not look at, though it was asked to, and why; nothing: it saw all.
std::vector<std::string> unread_lines(const nlohmann::json& report);

// A report of nothing but the verdicts above informational and the findings that they rest on: on
// good software each is a false alarm.
nlohmann::json false_alarms(const nlohmann::json& report);

}  // namespace fleetsweep::cli
